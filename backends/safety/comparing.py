"""The audit log beside what databases keep of it, so that one that was removed, or begun anew, is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import BackendError
from backends.safety.chain import Chain, compared

if TYPE_CHECKING:
    from backends.safety.audit import AuditMirror, AuditTrail

ANSWER_S: Final = 15.0
"""Seconds that a database has to say what it keeps."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The chain as far as it is whole.

    beside: database → lines of this log that it keeps; unheard: database → why that is not known.
    """

    chain: Chain
    beside: Mapping[str, int]
    unheard: Mapping[str, str]


async def compare(trail: AuditTrail, mirrors: Mapping[str, AuditMirror]) -> Compared:
    """Reads the log, and what the databases keep of it, which is read first: a line is there after it is here.

    Raises AuditFailed where the log can't be read.
    """
    kept_there = await asyncio.gather(*(_kept(each, trail.log) for each in mirrors.values()))
    answers = dict(zip(mirrors, kept_there, strict=True))
    chain = await asyncio.to_thread(trail.read)
    for where, kept in answers.items():
        if not isinstance(kept, str):
            chain = compared(chain, kept, where)
    heard = {where: len(kept) for where, kept in answers.items() if not isinstance(kept, str)}
    return Compared(chain, heard, {where: kept for where, kept in answers.items() if isinstance(kept, str)})


async def _kept(mirror: AuditMirror, log: str) -> list[Mapping[str, Any]] | str:
    """The lines that are kept there, or why that is not known."""
    try:
        async with asyncio.timeout(ANSWER_S):
            return list(await mirror.of(log))
    except BackendError as error:
        return error.message
    except TimeoutError:
        return f"no answer within {ANSWER_S:g} s"
