"""What is known of the flag: in the state folder what this console saw, beside the data what any console recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backends.migrations.olorin.model import Seen
from backends.migrations.olorin.names import SWITCH
from backends.safety.records import Records, content_hash

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase
    from backends.migrations.olorin.places import Places
    from backends.safety.gate import Token

SWITCH_ACT: Final = "separation.switch"
ON: Final = "on"
BACK: Final = "taken back"

TICK: Final = timedelta(milliseconds=1)
"""What a database tells two times apart by."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded beside the data: when the switch was seen, and when it was taken back; None for never."""

    on: datetime | None = None
    back: datetime | None = None

    def stands(self, on: datetime | None) -> bool:
        """Whether a switch of this time was not taken back."""
        return on is not None and (self.back is None or on > self.back)


async def recorded(places: Places) -> Recorded:
    """What both databases say: the target and the main one each may have a switch. Raises BackendError."""
    async with places.reading_source() as source:
        here, back = await _at(source, ON), await _at(source, BACK)
    async with places.reading_target() as target:
        there = await _at(target, ON)
    return Recorded(max((each for each in (here, there) if each is not None), default=None), back)


async def record(database: Any, what: str, at: datetime, session: Any = None) -> None:
    """Records a switch, or that it was taken back, through a session that writes."""
    await database[SWITCH].replace_one({"_id": what}, {"at": at}, upsert=True, session=session)


async def record_switch(token: Token, places: Places, seen: Seen) -> None:
    """Records in the target that the platform was switched. Raises BackendError."""
    token.require(SWITCH_ACT, places.target.where)
    async with places.mongo.writing(token, places.target) as writing:
        if seen.on_since is not None:
            await record(writing, ON, seen.on_since)
    token.outcome(recorded=seen.said)


async def _at(database: ReadingDatabase, what: str) -> datetime | None:
    found = await database[SWITCH].find_one({"_id": what})
    return None if found is None else found["at"].astimezone(UTC)


class Memory:
    """What was seen of one target. Its methods block: call them in a thread."""

    def __init__(self, state: Path, target: str) -> None:
        self._records = Records(state / "separation" / "seen")
        self._name = content_hash(target)[:16]

    def see(self, flag: bool | None, now: datetime, said: Recorded = Recorded()) -> Seen:
        """What is known by now; the first time of each is remembered. Raises NotKept."""
        before = self._seen()
        ons = [on for on in (before.on_since, said.on) if on is not None and said.stands(on)]
        on_since = min(ons, default=None)
        if flag is True and on_since is None:
            on_since = now if said.back is None else max(now, said.back + TICK)
        off_since = now if flag is False and before.off_since is None else before.off_since
        seen = Seen(off_since, on_since, said.stands(said.on))
        if (seen.off_since, seen.on_since) != (before.off_since, before.on_since):
            self._records.write(self._name, {"off_since": seen.off_since, "on_since": seen.on_since})
        return seen

    def _seen(self) -> Seen:
        said = self._records.read(self._name) or {}
        times = {key: datetime.fromisoformat(value) for key, value in said.items() if value}
        return Seen(times.get("off_since"), times.get("on_since"))
