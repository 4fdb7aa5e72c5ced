"""Restoring a backup into the main database: by `_id`, and nothing over what is there."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

from backends.clients.errors import NotThere, Refused
from backends.clients.mongo import mongo_errors
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.bringing_back import bring_back
from backends.migrations.olorin.names import CONFLICTS
from backends.migrations.olorin.order import sort_key
from backends.migrations.olorin.places import Places
from backends.migrations.olorin.putting import Group, How
from backends.migrations.olorin.raw import Value
from backends.migrations.olorin.streams import Entry, by_ids
from backends.migrations.olorin.writing import Writer, record
from backends.runs.job import Batch, Context, Job, Step
from backends.runs.model import Run, Unit
from backends.runs.sizing import Limits


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
        """Finds the backup's files, and brings back what a cleanup set aside. Raises NotThere and Refused."""
        places = self._places
        self._files = files_of(self._folder, places.source.database)
        self._names = tuple(name for name in OLORIN_COLLECTIONS if name in self._files)
        if not self._names:
            raise NotThere("None of the seven collections is in this backup.", where=str(self._folder))
        self._writer = Writer(context.run.id)
        context.expect(*[Unit(name) for name in self._names])
        async with places.reading_source() as source:
            self._source = source
            await bring_back(context, source, self._names)

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
            restored = self._writer.taken(name, missing)
            batch.did(name, restored, failed=len(conflicts))
            batch.count(restored=restored, conflicts=len(conflicts))

        listing = [record(context.run.id, name, id_, OTHER) for id_ in conflicts]
        if listing:
            async with context.batch() as batch:
                await batch.database[CONFLICTS].bulk_write(listing, ordered=False, session=batch.session)
        if missing:
            was = dict.fromkeys(entry.key for entry in missing)
            await self._writer.write(context, Group(name, missing, was=was), How.INSERT, finish)
        else:
            async with context.batch() as batch:
                finish(batch)


OTHER: Final = "the main database has another document of this _id; left as it is"


def files_of(folder: Path, database: str) -> dict[str, Path]:
    """Collection → its file in a backup: in the folder, or in the folder of a database inside it.

    Of several databases it is the one of this name. Raises Refused where there is none of it among them.
    """
    if found := _files_in(folder):
        return found
    if not folder.is_dir():
        return {}
    inside = {each.name: files for each in sorted(folder.iterdir()) if each.is_dir() and (files := _files_in(each))}
    if len(inside) < 2:
        return next(iter(inside.values()), {})
    if database not in inside:
        hint = "Name the folder of one of them."
        raise Refused(f"The backup is of several databases: {', '.join(inside)}.", where=str(folder), hint=hint)
    return inside[database]


def _files_in(folder: Path) -> dict[str, Path]:
    paths = {name: folder / f"{name}.bson" for name in OLORIN_COLLECTIONS}
    return {name: path for name, path in paths.items() if path.is_file()}


def _read(path: Path, offset: int, most: int) -> list[Entry]:
    from backends.backup.bson_files import read_batch
    from backends.migrations.olorin.raw import id_of

    with path.open("rb") as file:
        file.seek(offset)
        batch = read_batch(file, 8 * 1024 * 1024, most)
    return [Entry(sort_key(id_of(document)), id_of(document), document) for document in batch]
