"""Whether somebody else wrote to the target since the run came to the hold: a switch that nobody recorded shows there.

The target's own changes tell it, where it is a replica set that remembers so far back; nothing is known elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.clients.changes import NoChangeStreams, TokenLost
from backends.clients.errors import Refused
from backends.migrations.olorin.following import STAGES

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase


async def mark(target: ReadingDatabase) -> bytes:
    """Stands for the moment; b"" where the target tells no changes. Raises the driver's exceptions."""
    feed = target.changes(STAGES)
    try:
        await feed.open()
    except NoChangeStreams:
        return b""
    finally:
        await feed.aclose()
    return feed.token


async def check_untouched(target: ReadingDatabase, since: bytes, where: str) -> None:
    """Raises Refused where one of the seven collections was written to since the mark, and the driver's exceptions."""
    feed = target.changes(STAGES)
    try:
        await feed.open(since)
        events, _ = await feed.take(1, 1)
    except (NoChangeStreams, TokenLost):
        return
    finally:
        await feed.aclose()
    if events:
        name = events[0].get("ns", {}).get("coll", "all of it")
        hint = (
            "Was the platform switched? Then record that (--verify --confirm NAME, with the flag on). To put the "
            "source over it, which sets it aside, make a new plan: --dry-run, then --execute --plan HASH."
        )
        raise Refused(f"The target was written to since the run came to the hold: {name}.", where=where, hint=hint)
