"""Commands that no transaction takes (collections, indexes), as near behind the lease's fence as a server lets them be.

The lease, filtered by its token, is told how long the command may take; the command follows at once, in the session
of the lease, which a takeover ends with whatever runs in it. Without transactions a takeover waits for that long.
No server takes a condition with such a command: who is frozen between these two messages still sends the second.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pymongo.errors import PyMongoError

from backends.clients.deadlines import answer_within
from backends.runs.mongo_store import LEASES
from backends.runs.store import Fence, require_lease

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase

PROMPT_S: Final = 1.0
"""Seconds after which the lease is asked again before a command is sent: this process may have been frozen."""

RENAME: Final = "renameCollection"
"""The one command that is asked of another database, with whole names."""


async def send(
    database: AsyncIOMotorDatabase[dict[str, Any]],
    session: AsyncIOMotorClientSession | None,
    fence: Fence,
    command: Mapping[str, Any],
    lasts_s: float,
) -> Mapping[str, Any]:
    """Sends the command, which may take so many seconds. Raises LeaseLost and the driver's exceptions."""
    await _announce(database, fence, lasts_s)
    asked = database.client.admin if RENAME in command else database
    try:
        with answer_within(lasts_s):
            answer: Mapping[str, Any] = await asked.command(dict(command), session=session)
            return answer
    finally:
        with suppress(PyMongoError):  # a takeover waits the longer, and nothing else
            await _told(database, fence, 0.0)


async def _announce(database: AsyncIOMotorDatabase[dict[str, Any]], fence: Fence, lasts_s: float) -> None:
    while True:
        began = time.monotonic()
        require_lease(await _told(database, fence, lasts_s), fence)
        if time.monotonic() - began < PROMPT_S:
            return


async def _told(database: AsyncIOMotorDatabase[dict[str, Any]], fence: Fence, lasts_s: float) -> int:
    lease = {"_id": fence.scope, "token": fence.token}
    found = await database[LEASES].update_one(lease, {"$set": {"operation_s": lasts_s}})
    return found.matched_count
