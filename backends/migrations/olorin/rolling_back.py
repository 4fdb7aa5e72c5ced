"""Rolling back: what was written to the target since the switch is carried back, compared three ways with the manifest.

A document is carried back where the source still has what it had at the hold, or has none any more; one that changed
on both sides is a conflict, which is listed and left as the source has it. What is overwritten or removed there is set
aside first, and so is what a conflict leaves behind in the target. Where no manifest tells who changed a document, or
no switch is known since which it may have, nothing is carried back: each that the target has otherwise is a conflict.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from backends.clients.errors import Refused
from backends.clients.mongo import mongo_errors
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.bringing_back import bring_back
from backends.migrations.olorin.copying import position, positioned
from backends.migrations.olorin.manifest import Manifest
from backends.migrations.olorin.memory import BACK, TICK, record
from backends.migrations.olorin.model import Seen
from backends.migrations.olorin.names import CONFLICTS, REFUSED
from backends.migrations.olorin.places import Places, indexes_at, kinds_of
from backends.migrations.olorin.planning import BATCH_BYTES
from backends.migrations.olorin.preparing import copy_indexes
from backends.migrations.olorin.putting import Group, How
from backends.migrations.olorin.raw import Value
from backends.migrations.olorin.streams import in_order
from backends.migrations.olorin.three_ways import Does, Three, behind, three_ways
from backends.migrations.olorin.writing import Writer
from backends.migrations.olorin.writing import record as record_of
from backends.runs.job import Batch, Context, Job, Step, Verification
from backends.runs.model import Unit
from backends.runs.sizing import Limits
from backends.sampling.reading import utc_now
from backends.sampling.words import counted

if TYPE_CHECKING:
    from datetime import datetime

ROLLBACK: Final = "separation.rollback"
LOOKED_AT: Final = 20_000

BOTH: Final = "changed on both sides since the hold; left as the main database has it"
EITHER: Final = "not the same, and nothing tells which side changed; left as the main database has it"
NO_MANIFEST: Final = "no manifest of the hold is on this machine: nothing was carried back, what differs is listed"
NO_SWITCH: Final = "no switch is recorded: nothing was carried back, what differs is listed"


@dataclass(slots=True)
class Stretch:
    """Documents in order: those to act on, how many were passed over, and the last of them."""

    found: list[tuple[Three, Does]] = field(default_factory=list)
    looked_at: int = 0
    bytes: int = 0
    last: Value | None = None

    def add(self, three: Three, does: Does) -> None:
        """Counts the document in, and keeps it where there is something to do."""
        self.looked_at += 1
        self.last = three.one.id
        if does is not Does.NOTHING:
            self.found.append((three, does))
            self.bytes += sum(len(each.data) for each in (three.source, three.target) if each is not None)

    def of(self, does: Does) -> list[Three]:
        """The documents with which this is to be done."""
        return [three for three, each in self.found if each is does]


class RollbackJob(Job):
    """Carries back what the target got since the switch. seen: what is known of it.

    The checkpoint: collection, after, made (collections that were gone, whose indexes are to be built).
    """

    kind: ClassVar[str] = ROLLBACK
    act: ClassVar[str] = "separation.rollback"
    limits = Limits(500, 50, 1000)

    def __init__(self, places: Places, state: Path, seen: Callable[[Places], Awaitable[Seen]]) -> None:
        self._places = places
        self._see = seen
        self._manifest = Manifest(state, places.target.where)
        self._names: tuple[str, ...] = ()
        self._reading: AsyncIterator[list[Three]] | None = None
        self._waiting: list[Three] = []

    async def prepare(self, context: Context) -> None:
        """Brings collections back that were moved away or dropped. Raises Refused with the flag on; BackendError."""
        places = self._places
        check_flag(places)
        await places.require_two()
        has_manifest = any(self._manifest.has(name) for name in OLORIN_COLLECTIONS)
        self._switched_at = (await self._see(places)).on_since
        self._unknown = "" if has_manifest and self._switched_at else NO_SWITCH if has_manifest else NO_MANIFEST
        self._writer = Writer(context.run.id)
        async with places.reading_source() as source, places.reading_target() as target:
            self._source, self._target = source, target
            here, there = await kinds_of(source), await kinds_of(target)
            self._names = tuple(name for name in OLORIN_COLLECTIONS if name in here or name in there)
            context.expect(*[Unit(name) for name in self._names])
            await self._begin(context, await bring_back(context, source, OLORIN_COLLECTIONS, there))

    async def batch(self, context: Context) -> Step:
        """The next documents that have to be carried back. Raises BackendError."""
        try:
            with mongo_errors(self._places.source):
                return await self._step(context)
        except BaseException:
            self._reading, self._waiting = None, []
            raise

    async def verify(self, context: Context) -> Verification:
        """Takes the switch back if everything in the target is here too. Raises BackendError."""
        with mongo_errors(self._places.source):
            await self._build_indexes(context)
            lacking = sum([await self._lacking(name) for name in self._names])
            if lacking:
                why = f"{counted(lacking, 'document')} of the target are not in the main database, or not as they are"
                return Verification(False, "; ".join(filter(None, (why, self._unknown))), {"lacking": lacking})
            await self._take_back(context)
        return Verification(True, self._unknown)

    async def _begin(self, context: Context, made: Sequence[str]) -> None:
        async with context.batch() as batch:
            if not context.checkpoint:
                # What an earlier way back was refused is met again by this one.
                others = {"r": {"$ne": context.run.id}}
                await batch.database[REFUSED].delete_many(others, session=batch.session)
            batch.checkpoint = {**batch.checkpoint, "made": [*batch.checkpoint.get("made", ()), *made]}
        await self._writer.load(self._source)

    async def _step(self, context: Context) -> Step:
        place = context.checkpoint.get("collection", 0)
        if place == len(self._names):
            return Step.DONE
        name = self._names[place]
        stretch = await self._next(name, position(context.checkpoint), context.size)
        if stretch.last is None:
            async with context.batch() as batch:
                batch.checkpoint = {**batch.checkpoint, "collection": place + 1, "after": None}
            self._reading = None
            return Step.MORE
        await self._carry(context, name, stretch)
        return Step.MORE

    async def _next(self, name: str, after: Value | None, most: int) -> Stretch:
        """The next documents up to so many that are not as they should be, or a long way without any."""
        if self._reading is None:
            self._reading = self._three_ways(name, after)
        stretch = Stretch()
        while stretch.looked_at < LOOKED_AT and len(stretch.found) < most and stretch.bytes < BATCH_BYTES:
            if not self._waiting:
                self._waiting = (await anext(self._reading, []))[::-1]
                if not self._waiting:
                    break
            three = self._waiting.pop()
            stretch.add(three, self._does(three))
        return stretch

    def _three_ways(self, name: str, after: Value | None = None) -> AsyncIterator[list[Three]]:
        source, target = self._source[name], self._target[name]
        return three_ways(behind(self._manifest.read(name), after), in_order(source, after), in_order(target, after))

    def _does(self, three: Three) -> Does:
        return three.untold if self._unknown else three.after_switch

    async def _carry(self, context: Context, name: str, stretch: Stretch) -> None:
        carried, conflicts = stretch.of(Does.CARRY), stretch.of(Does.CONFLICT)
        entries = [each.target for each in carried if each.target is not None]
        gone = [each.source.id for each in carried if each.target is None and each.source is not None]
        keep = [each.source for each in carried if each.source is not None]
        keep += [each.target for each in conflicts if each.target is not None]

        def finish(batch: Batch) -> None:
            place = {"collection": self._names.index(name), "after": positioned(stretch.last)}
            batch.checkpoint = {**batch.checkpoint, **place}
            refused = len(entries) - self._writer.taken(name, entries)
            batch.did(name, stretch.looked_at - len(conflicts) - refused, failed=len(conflicts))
            batch.count(carried=len(carried) - refused, conflicts=len(conflicts))

        if conflicts:
            await self._list(context, name, [each.one.id for each in conflicts])
        if carried or keep:
            was = {each.one.key: each.source and each.source.data for each in carried}
            await self._writer.write(context, Group(name, entries, gone, keep, was=was), How.AGAIN, finish)
        else:
            async with context.batch() as batch:
                finish(batch)

    async def _list(self, context: Context, name: str, conflicts: Sequence[Value]) -> None:
        why = EITHER if self._unknown else BOTH
        listing = [record_of(context.run.id, name, id_, why) for id_ in conflicts]
        async with context.batch() as batch:
            await batch.database[CONFLICTS].bulk_write(listing, ordered=False, session=batch.session)

    # At the end

    async def _lacking(self, name: str) -> int:
        """Documents that the target has and the main database lacks, or has not as they were to be carried back."""
        found = 0
        async for threes in self._three_ways(name):
            found += sum(three.is_lacking or self._does(three) is Does.CARRY for three in threes)
        return found

    async def _build_indexes(self, context: Context) -> None:
        for name in context.checkpoint.get("made", ()):
            mine, other = await indexes_at(self._target, name), await indexes_at(self._source, name)
            await copy_indexes(mine, other, context, name)

    async def _take_back(self, context: Context) -> None:
        """Whatever the clock of the console that saw the switch said, this comes after it."""
        now: datetime = utc_now()
        at = now if self._switched_at is None else max(now, self._switched_at + TICK)
        async with context.batch() as batch:
            await record(batch.database, BACK, at, batch.session)


def check_flag(places: Places) -> None:
    """Raises Refused where the platform may still write to the target."""
    if places.move.flag is not False:
        hint = "Turn OLORIN_USE_SEPARATE_DATABASE off for every process of the platform and restart it first."
        raise Refused(
            "The flag is not off: the platform may write to the target.", where=places.source.where, hint=hint
        )
