"""A gate of the test's own, open to commands, and tokens from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Act, Consent, Gate, Token

BY_COMMAND = Consent("command", explicit=True)


def gate_in(folder: Path, arming: Arming | None = None) -> Gate:
    """A development gate whose audit trail lies in the folder."""
    author = this_author("test", "development", "olorin test")
    return Gate(AuditTrail(folder), author, arming or Arming(), production=False)


@asynccontextmanager
async def token_for(gate: Gate, act: str, target: str) -> AsyncIterator[Token]:
    """A token for the act on the target."""
    async with gate.act(Act(act, target), BY_COMMAND) as token:
        yield token
