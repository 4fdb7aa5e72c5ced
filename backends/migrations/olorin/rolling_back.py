"""Rolling back: what was written to the target since the switch is carried back, compared three ways with the manifest.

A document is carried back only where the source still has what it had at the hold; one that changed on both sides is a
conflict, which is listed and left as the source has it. What is overwritten or removed there is set aside first, and
so is what a conflict leaves behind in the target. Without a manifest nothing tells who changed a document: nothing is
carried back then, and each that the target has otherwise is a conflict.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from backends.clients.errors import NotThere
from backends.clients.mongo import mongo_errors
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.copying import position, positioned
from backends.migrations.olorin.manifest import Manifest, hashed
from backends.migrations.olorin.memory import Memory
from backends.migrations.olorin.merge import Side
from backends.migrations.olorin.names import CONFLICTS, moved_name
from backends.migrations.olorin.order import sort_key
from backends.migrations.olorin.places import Places, kinds_of
from backends.migrations.olorin.raw import Value
from backends.migrations.olorin.streams import Entry, by_ids, in_order
from backends.migrations.olorin.writing import Group, How, Writer, record
from backends.runs.job import Batch, Context, Job, Step, Verification
from backends.runs.model import Run, Unit
from backends.runs.sizing import Limits
from backends.runs.store import TryAgain

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingCollection

ROLLBACK: Final = "separation.rollback"
LOOKED_AT: Final = 20_000


class Does(Enum):
    """What follows from comparing a document three ways."""

    NOTHING = "nothing"
    CARRY = "carry"
    CONFLICT = "conflict"


class Three(NamedTuple):
    """A document as the manifest has it (its hash), and as it is in the source and in the target; None: not there."""

    manifest: Entry | None
    source: Entry | None
    target: Entry | None

    @property
    def one(self) -> Entry:
        """The document, wherever it is."""
        entry = self.target or self.source or self.manifest
        assert entry is not None
        return entry

    @property
    def does(self) -> Does:
        """Carried back is what only the target changed."""
        was = self.manifest and self.manifest.data
        here = self.source and hashed(self.source).data
        there = self.target and hashed(self.target).data
        if there in (here, was):
            return Does.NOTHING
        return Does.CARRY if here == was else Does.CONFLICT


async def three_ways(*lists: AsyncIterator[list[Entry]]) -> AsyncIterator[list[Three]]:
    """Manifest, source and target side by side in the order of `_id`. Each is passed over once."""
    sides = [Side(each) for each in lists]
    while True:
        filled = [await side.fill() for side in sides]
        if not any(filled):
            return
        found: list[Three] = []
        while any(side.ready for side in sides) and all(
            side.ready or not has for side, has in zip(sides, filled, strict=True)
        ):
            least = min(side.next.key for side in sides if side.ready)
            found.append(Three(*(_take(side, least) for side in sides)))
        yield found


class RollbackJob(Job):
    """Carries back what the target got since the switch. The checkpoint: collection, after."""

    kind: ClassVar[str] = ROLLBACK
    act: ClassVar[str] = "separation.rollback"
    limits = Limits(500, 50, 1000)

    def __init__(self, places: Places, state: Path) -> None:
        self._places = places
        self._manifest = Manifest(state, places.target.where)
        self._memory = Memory(state, places.target.where)
        self._names: tuple[str, ...] = ()
        self._reading: AsyncIterator[list[Three]] | None = None
        self._waiting: list[Three] = []

    async def prepare(self, context: Context) -> None:
        """Brings collections back that were moved away. Raises BackendError."""
        places = self._places
        self._names = tuple(name for name in OLORIN_COLLECTIONS if self._manifest.has(name))
        self._has_manifest = bool(self._names)
        self._writer = Writer(context.run.id)
        async with places.reading_source() as source, places.reading_target() as target:
            self._source, self._target = source, target
            here, there = await kinds_of(source), await kinds_of(target)
            self._names = self._names or tuple(name for name in OLORIN_COLLECTIONS if name in there)
            context.expect(*[Unit(name) for name in self._names])
            for name in self._names:
                away, into = moved_name(name, here), places.source.database
                if name not in here and away:
                    await context.command({"renameCollection": f"{into}.{away}", "to": f"{into}.{name}"})
                elif name not in here:
                    await context.command({"create": name})

    async def batch(self, context: Context) -> Step:
        """The next documents that have to be carried back. Raises BackendError."""
        try:
            with mongo_errors(self._places.source):
                return await self._step(context)
        except BaseException:
            self._reading, self._waiting = None, []
            raise

    async def verify(self, context: Context) -> Verification:
        """Forgets the switch, as nothing is in the target that is not here too. Raises NotKept."""
        await asyncio.to_thread(self._memory.forget_switch)
        return Verification(True, "" if self._has_manifest else UNKNOWN)

    async def _step(self, context: Context) -> Step:
        place = context.checkpoint.get("collection", 0)
        if place == len(self._names):
            return Step.DONE
        name = self._names[place]
        found = await self._next(name, position(context.checkpoint), context.size)
        if not found:
            async with context.batch() as batch:
                batch.checkpoint = {"collection": place + 1, "after": None}
            self._reading = None
            return Step.MORE
        await self._carry(context, name, found)
        return Step.MORE

    async def _next(self, name: str, after: Value | None, most: int) -> list[tuple[Three, Does]]:
        """The next documents up to so many that are not as they should be, or a long way without any."""
        if self._reading is None:
            source, target = self._source[name], self._target[name]
            lists = _behind(self._manifest.read(name), after), in_order(source, after), in_order(target, after)
            self._reading = three_ways(*lists)
        found: list[tuple[Three, Does]] = []
        left = most
        while len(found) < LOOKED_AT and left:
            if not self._waiting:
                self._waiting = (await anext(self._reading, []))[::-1]
                if not self._waiting:
                    break
            three = self._waiting.pop()
            found.append((three, self._does(three)))
            left -= found[-1][1] is not Does.NOTHING
        return found

    def _does(self, three: Three) -> Does:
        if three.does is Does.CARRY and not self._has_manifest:
            return Does.CONFLICT
        return three.does

    async def _carry(self, context: Context, name: str, found: Sequence[tuple[Three, Does]]) -> None:
        carried = [each for each, does in found if does is Does.CARRY]
        conflicts = [each for each, does in found if does is Does.CONFLICT]
        entries = [each.target for each in carried if each.target is not None]
        gone = [each.source.id for each in carried if each.target is None and each.source is not None]
        keep = [each.source for each in carried if each.source is not None]
        keep += [each.target for each in conflicts if each.target is not None]

        def finish(batch: Batch) -> None:
            batch.checkpoint = {**batch.checkpoint, "collection": self._names.index(name)}
            batch.checkpoint = {**batch.checkpoint, "after": positioned(found[-1][0].one.id)}
            batch.did(name, len(found) - len(conflicts), failed=len(conflicts))
            batch.count(carried=len(carried), conflicts=len(conflicts))

        await self._still(self._source[name], carried)
        if conflicts:
            await self._list(context, name, [each.one.id for each in conflicts])
        if carried or keep:
            await self._writer.write(context, Group(name, entries, gone, keep), How.AGAIN, finish)
        else:
            async with context.batch() as batch:
                finish(batch)

    async def _still(self, source: ReadingCollection, carried: Sequence[Three]) -> None:
        """Raises TryAgain where somebody wrote one of them in the source since it was compared."""
        was = {each.one.key: each.source and each.source.data for each in carried}
        now: dict[Any, bytes] = {}
        async for entries in by_ids(source, [each.one.id for each in carried]):
            now |= {entry.key: entry.data for entry in entries}
        if any(now.get(key_) != data for key_, data in was.items()):
            raise TryAgain("The source was written to meanwhile; it is compared again.")

    async def _list(self, context: Context, name: str, conflicts: Sequence[Value]) -> None:
        listing = [record(context.run.id, name, id_, BOTH if self._has_manifest else EITHER) for id_ in conflicts]
        async with context.batch() as batch:
            await batch.database[CONFLICTS].bulk_write(listing, ordered=False, session=batch.session)


BOTH: Final = "changed on both sides since the hold; left as the main database has it"
EITHER: Final = "not the same, and no manifest tells which side changed; left as the main database has it"
UNKNOWN: Final = "no manifest of the hold is on this machine: nothing was carried back, what differs is listed"


def _take(side: Side, least: Any) -> Entry | None:
    return side.take() if side.ready and side.next.key == least else None


async def _behind(lists: AsyncIterator[list[Entry]], after: Value | None) -> AsyncIterator[list[Entry]]:
    least = None if after is None else sort_key(after)
    async for entries in lists:
        kept = [entry for entry in entries if least is None or entry.key > least]
        if kept:
            yield kept


class RestoreJob(Job):
    """Puts a backup's documents back where the source has none of their `_id`. The checkpoint: collection, done.

    A document that is there and is another one is a conflict, which is listed and left as it is.
    """

    kind: ClassVar[str] = "separation.restore"
    act: ClassVar[str] = "separation.restore"
    limits = Limits(500, 50, 1000)

    def __init__(self, places: Places, run: Run) -> None:
        self._places = places
        self._folder = Path(str(run.options.get("from", "")))
        self._names: tuple[str, ...] = ()

    async def prepare(self, context: Context) -> None:
        """Finds the backup's files. Raises NotThere."""
        places = self._places
        self._files = files_of(self._folder)
        self._names = tuple(name for name in OLORIN_COLLECTIONS if name in self._files)
        if not self._names:
            raise NotThere("None of the seven collections is in this backup.", where=str(self._folder))
        self._writer = Writer(context.run.id)
        context.expect(*[Unit(name) for name in self._names])
        async with places.reading_source() as source:
            self._source = source

    async def batch(self, context: Context) -> Step:
        """The next documents of a file. Raises BackendError."""
        said = context.checkpoint
        place, offset = said.get("collection", 0), said.get("offset", 0)
        if place == len(self._names):
            return Step.DONE
        name = self._names[place]
        with mongo_errors(self._places.source):
            entries = _read(self._files[name], offset, context.size)
            if not entries:
                async with context.batch() as batch:
                    batch.checkpoint = {"collection": place + 1, "offset": 0}
                return Step.MORE
            there = {
                entry.key: entry.data
                async for found in by_ids(self._source[name], [entry.id for entry in entries])
                for entry in found
            }
            missing = [entry for entry in entries if entry.key not in there]
            conflicts = [entry.id for entry in entries if there.get(entry.key, entry.data) != entry.data]
            await self._put(context, name, missing, conflicts, offset + sum(len(entry.data) for entry in entries))
        return Step.MORE

    async def _put(
        self, context: Context, name: str, missing: list[Entry], conflicts: list[Value], offset: int
    ) -> None:
        def finish(batch: Batch) -> None:
            batch.checkpoint = {"collection": self._names.index(name), "offset": offset}
            batch.did(name, len(missing), failed=len(conflicts))
            batch.count(restored=len(missing), conflicts=len(conflicts))

        listing = [record(context.run.id, name, id_, OTHER) for id_ in conflicts]
        if listing:
            async with context.batch() as batch:
                await batch.database[CONFLICTS].bulk_write(listing, ordered=False, session=batch.session)
        if missing:
            await self._writer.write(context, Group(name, missing), How.INSERT, finish)
        else:
            async with context.batch() as batch:
                finish(batch)


OTHER: Final = "the main database has another document of this _id; left as it is"


def files_of(folder: Path) -> dict[str, Path]:
    """Collection → its file in a backup: in the folder, or in the one folder of a database inside it."""
    found = {path.stem: path for path in (*folder.glob("*/*.bson"), *folder.glob("*.bson"))}
    return {name: found[name] for name in OLORIN_COLLECTIONS if name in found}


def _read(path: Path, offset: int, most: int) -> list[Entry]:
    from backends.backup.bson_files import read_batch
    from backends.migrations.olorin.raw import id_of

    with path.open("rb") as file:
        file.seek(offset)
        batch = read_batch(file, 8 * 1024 * 1024, most)
    return [Entry(sort_key(id_of(document)), id_of(document), document) for document in batch]
