"""Takes backups, proves them by restoring, records those taken elsewhere, and says whether one is good enough."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from backends.backup import mongo_dump, mongo_restore, postgres
from backends.backup.book import BackupBook
from backends.backup.model import (
    MONGO_TARGETS,
    POSTGRES_TARGETS,
    TARGETS,
    TEST_SUFFIX,
    Backup,
    BackupVerdict,
    Light,
    Part,
)
from backends.backup.mongo_dump import Tell
from backends.backup.rules import backup_gate, differences
from backends.clients.deadlines import answer_within
from backends.clients.errors import BackendError, NotConfigured, Refused
from backends.clients.mongo import MongoClients, require_collections
from backends.clients.postgres import PostgresClient
from backends.clients.targets import MongoTarget, PostgresTarget
from backends.safety.files import private_folder, sync_folder
from backends.safety.gate import Act, Token
from backends.safety.records import NotKept
from backends.sampling.reading import utc_now

TAKE: Final = "backup.take"
RECORD: Final = "backup.record"
COUNTING_S: Final = 120.0
"""Seconds that a server may take to say how large a database is."""

_log = logging.getLogger(__name__)


def _silent(_: str, __: int) -> None:
    """Nobody listens."""


class BackupsService:
    """Backups of the databases, kept in `state/backups`.

    postgres: system → client, for POSTGRES_TARGETS.
    """

    def __init__(
        self,
        mongo: MongoClients,
        postgres_clients: Mapping[str, PostgresClient],
        state: Path,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._mongo = mongo
        self._postgres = postgres_clients
        self._folder = state / "backups"
        self._book = BackupBook(state)
        self._clock = clock

    def act(self, name: str, target: str, **details: object) -> Act:
        """What the gate is asked for: TAKE or RECORD. Both may write `<name>_test`, and nothing else in the server."""
        place, test = self._places(target)
        # Postgres makes and drops a database from inside another one.
        beside = (place.where,) if isinstance(place, PostgresTarget) else ()
        return Act(name, test.where, {"backup of": place.where, **details}, beside=beside)

    async def take(self, token: Token, target: str, *, keep_test: bool = False, tell: Tell = _silent) -> Backup:
        """Takes a backup and proves it. One that could not be proven is kept and says what differs.

        keep_test: leaves `<name>_test` for a look. Raises BackendError; then no half backup is left.
        """
        token.require(TAKE)
        taken_at = self._clock()
        place, _ = self._places(target)
        path = self._folder / f"{target}-{_id(taken_at)}"
        with _files(self._folder):
            parts = await self._written(target, path, tell)
        backup = Backup(_id(taken_at), target, place.where, "console", str(path), taken_at, None, parts)
        await asyncio.to_thread(self._book.write, backup)
        proven = await self._proven(token, backup, keep_test, tell)
        token.outcome(parts=len(parts), documents=sum(part.documents for part in parts), proven=proven.proven)
        return proven

    async def record(
        self,
        token: Token,
        target: str,
        place: str,
        taken_at: datetime,
        *,
        keep_test: bool = False,
        tell: Tell = _silent,
    ) -> Backup:
        """Records a backup taken elsewhere: a path or a note. A folder of mongodump's, or a file of pg_dump's custom
        format, is proven as our own are.
        """
        token.require(RECORD)
        if taken_at > self._clock():
            raise Refused("A backup can't be of the future.", hint="Give the time when it was taken.")
        where = self._places(target)[0].where
        backup = Backup(_id(taken_at), target, where, "recorded", place, taken_at, None, ())
        await asyncio.to_thread(self._book.write, backup)
        dumped = self._dumped(backup)
        if await asyncio.to_thread(dumped.is_dir if target in MONGO_TARGETS else dumped.is_file):
            backup = await self._proven(token, backup, keep_test, tell)
        token.outcome(proven=backup.proven)
        return backup

    async def backups(self, target: str) -> list[Backup]:
        """The backups of the target's database, the oldest first. Raises BackendError."""
        return await asyncio.to_thread(self._book.of, self._places(target)[0].where)

    async def gate(self, target: str, undoable: bool) -> BackupVerdict:
        """Whether a step that changes the target may go on: red, warning or ok, and why. Raises BackendError.

        undoable: the console keeps what is needed to undo the step.
        """
        return backup_gate(await self.backups(target), target, undoable, self._clock())

    async def warning(self, where: str) -> str:
        """What the gate says before a step on the database (masked) that keeps its own undo; "" where all is well."""
        for target in TARGETS:
            with suppress(NotConfigured):
                if self._places(target)[0].where == where:
                    verdict = await self.gate(target, undoable=True)
                    return "" if verdict.light is Light.OK else f"{verdict.sentence} {verdict.hint}"
        return ""

    def _places(self, target: str) -> tuple[MongoTarget | PostgresTarget, MongoTarget | PostgresTarget]:
        """The database, and the one beside it that its backups are restored into. Raises NotConfigured."""
        if target in MONGO_TARGETS:
            place = self._mongo.target(MONGO_TARGETS[target])
            return place, _test(place)
        if target not in POSTGRES_TARGETS:
            raise Refused(f"There is no target {target}.", hint=f"It is one of {', '.join(TARGETS)}.")
        database = self._postgres[target].target
        return database, postgres.restored_target(database)

    async def _written(self, target: str, path: Path, tell: Tell) -> tuple[Part, ...]:
        """Writes the backup to a folder that has its name once it is whole."""
        partial = path.with_name(f"{path.name}.partial")
        await asyncio.to_thread(_fresh, partial)
        try:
            parts = await self._dump(target, partial, tell)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, partial, ignore_errors=True)
            raise
        await asyncio.to_thread(_finished, partial, path)
        return parts

    async def _dump(self, target: str, folder: Path, tell: Tell) -> tuple[Part, ...]:
        if target in POSTGRES_TARGETS:
            return await postgres.dump_database(self._postgres[target], folder / "database.dump", tell)
        place = self._mongo.target(MONGO_TARGETS[target])
        async with self._mongo.reading_at(place, MONGO_TARGETS[target]) as database:
            require_collections(await database.list_collection_names(), place)
            with answer_within(COUNTING_S):
                size = int((await database.command("dbStats"))["dataSize"])
            await _require_room(size, folder)
            with _files(folder):
                return await mongo_dump.dump_database(database, folder / place.database, tell)

    async def _proven(self, token: Token, backup: Backup, keep_test: bool, tell: Tell) -> Backup:
        """Restores the backup, compares, and keeps what was found."""
        try:
            taken, restored = await self._restored(token, backup, tell)
        finally:
            if not keep_test:
                await self._cleared(token, backup)
        parts = backup.parts or taken or restored
        found = (*differences(parts, taken), *differences(parts, restored)) if taken else differences(parts, restored)
        found = (*found, *await self._lacking(backup, parts))
        proven_at = None if found else self._clock()
        proven = replace(backup, proven_at=proven_at, parts=parts, differences=tuple(dict.fromkeys(found)))
        await asyncio.to_thread(self._book.write, proven)
        return proven

    async def _restored(self, token: Token, backup: Backup, tell: Tell) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
        """What the backup's files hold (nothing for Postgres, whose tool reads them), and what the restored ones do."""
        if backup.target in POSTGRES_TARGETS:
            client = self._postgres[backup.target]
            return (), await postgres.restore_database(token, client, self._dumped(backup), tell)
        test = _test(self._mongo.target(MONGO_TARGETS[backup.target]))
        async with self._mongo.writing(token, test) as database:
            await mongo_restore.clear(database)
            with _files(self._dumped(backup)):
                held = await mongo_restore.restore_database(database, self._dumped(backup), backup.id, tell)
            async with self._mongo.reading_at(test) as reading:
                restored = tuple([await mongo_dump.digest_of(reading[part.name], tell) for part in held])
        return held, restored

    async def _lacking(self, backup: Backup, parts: Sequence[Part]) -> tuple[str, ...]:
        """The collections (tables) that are there now and not in a backup from elsewhere, which may be another's."""
        if backup.how != "recorded":
            return ()
        there = await self._there(backup.target)
        names = {part.name for part in parts}
        return tuple(f"{name}: not in the backup" for name in there if name not in names)

    async def _there(self, target: str) -> list[str]:
        """The collections or tables that hold something now."""
        if target in POSTGRES_TARGETS:
            async with self._postgres[target].reading() as session:
                return await postgres.tables_of(session)
        async with self._mongo.reading(MONGO_TARGETS[target]) as database:
            return [each["name"] for each in await mongo_dump.collections_of(database) if mongo_dump.holds(each)]

    async def _cleared(self, token: Token, backup: Backup) -> None:
        """Drops the restored copy, also after a failure; what can't be dropped now is dropped by the next backup."""
        try:
            if backup.target in POSTGRES_TARGETS:
                await postgres.clear(token, self._postgres[backup.target])
                return
            async with self._mongo.writing(token, _test(self._mongo.target(MONGO_TARGETS[backup.target]))) as database:
                await mongo_restore.clear(database)
        except BackendError as error:
            _log.warning("the restored copy of %s was not dropped: %s", backup.target, error.message)

    def _dumped(self, backup: Backup) -> Path:
        """The folder of the database inside a mongodump's, or pg_dump's file; a recorded path may also be it itself."""
        if backup.target in POSTGRES_TARGETS:
            return Path(backup.place) if Path(backup.place).is_file() else Path(backup.place) / "database.dump"
        inside = Path(backup.place) / self._mongo.target(MONGO_TARGETS[backup.target]).database
        return inside if inside.is_dir() else Path(backup.place)


def _test(place: MongoTarget) -> MongoTarget:
    return MongoTarget(place.url, f"{place.database}{TEST_SUFFIX}", place.variable)


def _id(taken_at: datetime) -> str:
    return f"{taken_at:%Y%m%dT%H%M%S.%fZ}"


def _fresh(folder: Path) -> None:
    private_folder(folder.parent)
    folder.mkdir(mode=0o700)


def _finished(partial: Path, path: Path) -> None:
    partial.rename(path)
    sync_folder(path.parent)


async def _require_room(needed: int, folder: Path) -> None:
    free = (await asyncio.to_thread(shutil.disk_usage, folder)).free
    if needed > free:
        text = f"The backup needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free."
        raise Refused(text, where=str(folder), hint="Free space, or set OLORIN_CONSOLE_STATE to a larger disk.")


@contextmanager
def _files(folder: Path) -> Iterator[None]:
    """Says of a file's failure that it is one, before a client takes it for its own."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError as error:
        hint = "Free space, or correct the rights."
        raise NotKept(f"A file can't be read or written: {error}.", where=str(folder), hint=hint) from error
