"""Both databases on one data folder: started side by side, seeded side by side, or copied from a seeded folder."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from console.demo import bots_seed, datafolder, folders, seed_mongo, seed_orchestration, seed_semantik, semantik_seed
from console.demo.datafolder import SeedRecord
from console.demo.processes import Supervisor
from console.demo.seeding import Fault, Size, start_of_run
from console.demo.servers import MongoServer, PostgresServer

Say = Callable[[str], None]
"""Where progress goes, a line at a time."""

POSTGRES_DATABASES = (seed_orchestration.DATABASE, seed_semantik.DATABASE)


class Databases:
    """`kept` data is shut down gently, other data is thrown away and its server just killed."""

    def __init__(self, data: Path, supervisor: Supervisor, *, kept: bool) -> None:
        self.mongo = MongoServer(data / "mongo", durable=kept, supervisor=supervisor)
        self.postgres = PostgresServer(data / "postgres", supervisor=supervisor)

    async def start(self, say: Say) -> None:
        """Return once both answer. Raises ServerFailed."""

        async def start(server: MongoServer | PostgresServer) -> None:
            await server.start()
            say(f"{server.name} answers")

        async with asyncio.TaskGroup() as group:
            group.create_task(start(self.mongo))
            group.create_task(start(self.postgres))

    async def stop(self) -> None:
        for server in (self.mongo, self.postgres):
            await server.stop()

    async def seed(self, size: Size, now: datetime, say: Say) -> list[Fault]:
        """Fill every database; returns what was planted. Raises the drivers' errors."""
        mongo, bots = seed_mongo.mongo_seed(size, now), bots_seed.bots(size, now)
        semantik = semantik_seed.semantik(size, now)
        connection = await asyncpg.connect(self.postgres.url())
        for database in POSTGRES_DATABASES:
            await connection.execute(f"CREATE DATABASE {database}")
        await connection.close()

        async def mongo_databases() -> None:
            await asyncio.to_thread(seed_mongo.write, self.mongo.url, mongo)
            say(f"seeded {seed_mongo.MAIN} and {seed_mongo.OLORIN}")

        async def postgres_databases() -> None:
            await seed_orchestration.write(self.postgres.url(seed_orchestration.DATABASE), bots.rows)
            say(f"seeded {seed_orchestration.DATABASE}")
            await seed_semantik.write(self.postgres.url(seed_semantik.DATABASE), semantik.rows)
            say(f"seeded {seed_semantik.DATABASE}")

        async with asyncio.TaskGroup() as group:
            group.create_task(mongo_databases())
            group.create_task(postgres_databases())
        return [*mongo.faults, *bots.faults, *semantik.faults]

    async def shift(self, data: Path, record: SeedRecord) -> SeedRecord:
        """Make data that was seeded earlier look as if seeded now."""
        now = start_of_run()
        by = now - record.seeded_at
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(seed_mongo.shift, self.mongo.url, by))
            group.create_task(seed_orchestration.shift(self.postgres.url(seed_orchestration.DATABASE), by))
        shifted = SeedRecord(record.digest, record.scale, now, record.faults)
        shifted.write(data)
        return shifted


async def prepare(data: Path, size: Size, supervisor: Supervisor, say: Say) -> SeedRecord:
    """Have seeded data lie in `data`: as found, or copied from the cache, which is filled first where it is empty.

    Raises ForeignFolder, ServerFailed and the drivers' errors.
    """
    record = SeedRecord.read(data)
    if record is not None and record.fits(size.scale):
        say(f"the data of {record.seeded_at:%Y-%m-%d %H:%M} UTC is used again")
        return record
    datafolder.clear(data)
    kept = datafolder.cached(size.scale)
    source = kept or await _seeded(size, supervisor, say)
    await asyncio.to_thread(datafolder.copy, source, data)
    if kept is None:
        await asyncio.to_thread(shutil.rmtree, source)
    record = SeedRecord.read(data)
    if record is None:
        raise RuntimeError(f"the seed in {data} is not whole")
    say(f"seeded {data}, as of {record.seeded_at:%Y-%m-%d %H:%M} UTC")
    return record


async def _seeded(size: Size, supervisor: Supervisor, say: Say) -> Path:
    """Seed a folder of its own and keep it in the cache; it is whole once the servers have stopped."""
    folder = supervisor.own(folders.fresh("seed", size.scale))
    databases = Databases(folder, supervisor, kept=True)
    now = start_of_run()
    say(f"seeding for the first time at scale {size.scale:g}")
    await databases.start(say)
    faults = await databases.seed(size, now, say)
    await databases.stop()
    SeedRecord(datafolder.seed_digest(), size.scale, now.astimezone(UTC), tuple(faults)).write(folder)
    with suppress(OSError):  # without a cache the next start takes as long as this one
        await asyncio.to_thread(datafolder.keep, folder, size.scale)
    return folder
