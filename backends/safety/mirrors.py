"""Audit entries beside what they changed: a collection or a table `console_audit` in the database itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from backends.clients.queries import query
from backends.clients.targets import MongoTarget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backends.clients.mongo import MongoClients
    from backends.clients.postgres import PostgresClient
    from backends.clients.targets import Role
    from backends.safety.audit import Entry
    from backends.safety.gate import Token

AUDIT: Final = "console_audit"
"""The collection's and the table's name."""

WRITE_MS: Final = 5_000
READ_MS: Final = 30_000
_CREATING: Final = 0x6F6C6F72696E  # "olorin": whoever creates our tables holds this lock


class MongoMirror:
    """Entries in a collection of the database that the act changes; `_id` is the entry's hash."""

    def __init__(self, mongo: MongoClients, target: Role | MongoTarget) -> None:
        self._mongo = mongo
        self._target = target

    async def write(self, token: Token, entry: Entry) -> None:
        """Keeps the entry; a second time changes nothing. Raises BackendError."""
        async with self._mongo.writing(token, self._target) as database:
            await database[AUDIT].replace_one({"_id": entry["hash"]}, dict(entry), upsert=True)

    async def of(self, log: str) -> Sequence[Entry]:
        """The entries of this log. Raises BackendError."""
        target = self._target if isinstance(self._target, MongoTarget) else self._mongo.target(self._target)
        async with self._mongo.reading_at(target) as database:
            cursor = database[AUDIT].find({"log": log}, {"_id": 0, "n": 1, "hash": 1}, max_time_ms=READ_MS)
            return list(await cursor.to_list(None))


class PostgresMirror:
    """Entries in a table of the database that the act changes; it is made with the first one."""

    def __init__(self, client: PostgresClient) -> None:
        self._client = client

    async def write(self, token: Token, entry: Entry) -> None:
        """Keeps the entry; a second time changes nothing. Raises BackendError."""
        values = (entry["hash"], entry["id"], entry["step"], entry["at"], entry["run_id"], json.dumps(entry))
        async with self._client.writing(token, WRITE_MS) as connection, connection.transaction():
            if not await connection.fetchval(query(__file__, "audit_there")):
                # Two that create it at once would fail on the catalogue's own keys.
                await connection.execute(f"SELECT pg_advisory_xact_lock({_CREATING})")
                await connection.execute(query(__file__, "audit_table"))
            await connection.execute(query(__file__, "audit_entry"), *values)

    async def of(self, log: str) -> Sequence[Entry]:
        """The entries of this log. Raises BackendError."""
        async with self._client.reading(READ_MS) as connection:
            if not await connection.fetchval(query(__file__, "audit_there")):
                return []
            return [dict(row) for row in await connection.fetch(query(__file__, "audit_log"), log)]
