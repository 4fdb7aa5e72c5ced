"""Writers on a chunks table, and what they committed: the oracle of the re-partitioning's campaigns."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from tests.faults.campaign import WHOLE

Connection = asyncpg.Connection
PAUSE_S: Final = 0.004 if WHOLE else 0.04
"""Seconds at most between two transactions of a writer."""
SAFE = "(abs(hashtext({})::bigint) % 100)::int"
HASH = (
    "md5(ROW(collection_id, document_id, chunking_config_id, chunk_index, content, metadata, created_at)::text) AS hash"
)
"""Of all that a row holds but its id and its key."""


@dataclass
class Writers:
    """Tasks that insert, update, move and delete rows, each of its own, until they are told to stop.

    rows: id → hash, of all that was committed. They name the key as long as the table wants it, and don't once it
    computes it by itself.
    """

    url: str
    seed: str
    pause_s: float = PAUSE_S
    rows: dict[int, str] = field(default_factory=dict)
    committed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    _stop: bool = False
    _names_key: bool = True
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self, number: int) -> None:
        """Divides the rows that are there among so many writers, and lets them work."""
        connection = await asyncpg.connect(self.url)
        found = await connection.fetch(f"SELECT id, {HASH} FROM chunks ORDER BY id")
        await connection.close()
        self.rows = {row["id"]: row["hash"] for row in found}
        ids = list(self.rows)
        for place in range(number):
            own = ids[place::number]
            self._tasks.append(asyncio.create_task(self._work(random.Random(f"{self.seed} {place}"), own)))

    async def stop(self) -> None:
        """Ends them; what failed unexpectedly in one is raised."""
        self._stop = True
        await asyncio.gather(*self._tasks)

    async def check(self) -> None:
        """The table holds exactly what was committed."""
        connection = await asyncpg.connect(self.url)
        found = Counter((row["id"], row["hash"]) for row in await connection.fetch(f"SELECT id, {HASH} FROM chunks"))
        await connection.close()
        wanted = Counter(self.rows.items())
        assert found == wanted, (list((found - wanted).items())[:5], list((wanted - found).items())[:5])

    async def _work(self, chance: random.Random, own: list[int]) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            while not self._stop:
                changes: dict[int, str | None] = {}
                try:
                    async with connection.transaction():
                        for _ in range(chance.choice((1, 1, 3))):
                            await self._change(connection, chance, own, changes)
                        if chance.random() < 0.1:
                            raise _Undone
                except _Undone:
                    continue
                except (
                    asyncpg.GeneratedAlwaysError,
                    asyncpg.CheckViolationError,
                    asyncpg.NotNullViolationError,
                ) as error:
                    self.refused[type(error).__name__] += 1
                    self._names_key = not self._names_key
                    continue
                except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
                    self.refused[type(error).__name__] += 1
                    continue
                self._commit(own, changes)
                await asyncio.sleep(self.pause_s * chance.random())
        finally:
            await connection.close()

    def _commit(self, own: list[int], changes: dict[int, str | None]) -> None:
        self.committed += 1
        for id_, content in changes.items():
            if content is None:
                self.rows.pop(id_, None)
                if id_ in own:
                    own.remove(id_)
            else:
                if id_ not in self.rows:
                    own.append(id_)
                self.rows[id_] = content

    async def _change(
        self, connection: Connection, chance: random.Random, own: list[int], changes: dict[int, str | None]
    ) -> None:
        kinds = ("insert", "insert", "update", "move", "delete", "collect", "drop")
        kind, content = chance.choice(kinds), f"{chance.getrandbits(64):x}"
        collection = f"collection-{chance.randint(1, 40)}"
        free = [id_ for id_ in (chance.choice(own) for _ in range(3)) if id_ not in changes] if own else []
        if kind == "collect":
            collection = f"own-{chance.getrandbits(64):x}"
            await connection.execute("INSERT INTO collections VALUES ($1)", collection)
            for _ in range(3):
                await self._insert(connection, collection, content, changes)
        elif kind == "drop" and free:
            await self._drop(connection, free[0], changes)
        elif kind == "insert" or not free:
            await self._insert(connection, collection, content, changes)
        elif kind == "update":
            statement = f"UPDATE chunks SET content = $2 WHERE id = $1 RETURNING {HASH}"
            changes[free[0]] = await connection.fetchval(statement, free[0], content)
        elif kind == "move":
            key = f", partition_key = {SAFE.format('$3::varchar')}" if self._names_key else ""
            statement = f"UPDATE chunks SET content = $2, collection_id = $3::varchar{key} WHERE id = $1"
            changes[free[0]] = await connection.fetchval(f"{statement} RETURNING {HASH}", free[0], content, collection)
        else:
            await connection.execute("DELETE FROM chunks WHERE id = $1", free[0])
            changes[free[0]] = None

    async def _drop(self, connection: Connection, id_: int, changes: dict[int, str | None]) -> None:
        """Deletes the collection of a row if it is a writer's own, with all rows that are in it."""
        collection = await connection.fetchval("SELECT collection_id FROM chunks WHERE id = $1", id_)
        if str(collection).startswith("own-"):
            gone = await connection.fetch("SELECT id FROM chunks WHERE collection_id = $1", collection)
            await connection.execute("DELETE FROM collections WHERE id = $1", collection)
            changes.update((row["id"], None) for row in gone)

    async def _insert(
        self, connection: Connection, collection: str, content: str, changes: dict[int, str | None]
    ) -> None:
        columns, values = ("partition_key, ", f"{SAFE.format('$1::varchar')}, ") if self._names_key else ("", "")
        row = await connection.fetchrow(
            f"INSERT INTO chunks ({columns}collection_id, chunk_index, content)"
            f" VALUES ({values}$1::varchar, 1, $2) RETURNING id, {HASH}",
            collection,
            content,
        )
        assert row is not None
        changes[row["id"]] = row["hash"]


_OTHER_LAYOUT = (asyncpg.GeneratedAlwaysError, asyncpg.CheckViolationError, asyncpg.NotNullViolationError)
"""The table computes the key by itself now, or not any more."""


class _Undone(Exception):
    """A transaction that its writer takes back."""
