"""The toy's items in a database: planted by the test, and counted by it behind everybody's back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import asyncpg
from pymongo import MongoClient

from tests.faults.toy import hash_of


@dataclass
class Toys:
    """The items in one database. postgres: its URL, or "" for the Mongo database."""

    mongo_url: str
    mongo_database: str
    postgres: str = ""

    async def plant(self, items: int) -> None:
        """Puts the items into A; B and the swaps are there and empty."""
        rows = [(number, hash_of(number)) for number in range(items)]
        if not self.postgres:
            with MongoClient[dict[str, Any]](self.mongo_url) as client:
                database = client[self.mongo_database]
                for name in ("toy_b", "toy_swaps"):
                    database.create_collection(name)
                database.toy_a.insert_many([{"_id": number, "hash": hashed} for number, hashed in rows])
            return
        connection = await asyncpg.connect(self.postgres)
        await connection.execute("CREATE TABLE toy_a (id int PRIMARY KEY, hash text)")
        await connection.execute("CREATE TABLE toy_b (id int PRIMARY KEY, hash text); CREATE TABLE toy_swaps (id text)")
        await connection.executemany("INSERT INTO toy_a VALUES ($1, $2)", rows)
        await connection.close()

    async def clear(self) -> None:
        """Drops everything in the database, the runs' records too."""
        if not self.postgres:
            with MongoClient[dict[str, Any]](self.mongo_url) as client:
                client.drop_database(self.mongo_database)
            return
        connection = await asyncpg.connect(self.postgres)
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await connection.close()

    async def found(self) -> tuple[Counter[tuple[int, str]], Counter[tuple[int, str]], int]:
        """(id, hash) in A, in B, and how often it was swapped."""
        if not self.postgres:
            with MongoClient[dict[str, Any]](self.mongo_url) as client:
                database = client[self.mongo_database]
                a, b = (
                    Counter((each["_id"], each["hash"]) for each in database[name].find())
                    for name in ("toy_a", "toy_b")
                )
                return a, b, database.toy_swaps.count_documents({})
        connection = await asyncpg.connect(self.postgres)
        a, b = [
            Counter((row["id"], row["hash"]) for row in await connection.fetch(f"SELECT id, hash FROM {name}"))
            for name in ("toy_a", "toy_b")
        ]
        swaps = await connection.fetchval("SELECT count(*) FROM toy_swaps")
        await connection.close()
        return a, b, swaps

    async def check_conserved(self, items: int) -> None:
        """Every item is in exactly one place, as it was."""
        a, b, swaps = await self.found()
        assert a + b == Counter((number, hash_of(number)) for number in range(items))
        assert swaps <= 1

    async def check_moved(self, items: int) -> None:
        """Everything is in B, and B was swapped in once."""
        a, b, swaps = await self.found()
        assert (len(a), swaps) == (0, 1)
        assert b == Counter((number, hash_of(number)) for number in range(items))
