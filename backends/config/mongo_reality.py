"""What a Mongo server says to the configuration: versions, databases, indexes, connections. Cheap commands only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import AccessDenied, BadAnswer
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.config.model import Finding, Status
from backends.config.rule import assign, name_of
from backends.config.rules_needed import MAIN_URL, MIGRATE_FIRST, OLORIN_NAME, OLORIN_URL, SEPARATE
from backends.config.rules_urls import MAIN_NAME
from backends.config.urls import servers
from backends.config.values import Values
from backends.migrations.model import OLORIN_COLLECTIONS

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase

QUERY_MS: Final = 2_000
"""The server's own deadline for one command."""

MAIN_POOL: Final = 100
OLORIN_POOL: Final = 50
"""The platform's largest pools, connections."""


@dataclass(frozen=True, slots=True)
class MongoFacts:
    """What one database and its server say.

    holding: those of Olorin's collections that hold a document. ttl: (collection, index) of indexes that were meant to
    expire documents and never will. connections: the server's limit, None where it doesn't tell.
    """

    role: Role
    version: str
    database: str
    collections: frozenset[str]
    holding: frozenset[str]
    ttl: tuple[tuple[str, str], ...]
    connections: int | None


async def mongo_facts(clients: MongoClients, role: Role, content: str, database: str | None = None) -> MongoFacts:
    """Asks one database. content: the parents' collection; database: another than the role's, on its server.

    Raises BackendError.
    """
    async with clients.reading(role) as own:
        asked = own if database is None else own.beside(database)
        build = await own.command("buildInfo", maxTimeMS=QUERY_MS)
        collections = frozenset(await asked.list_collection_names())
        ours = sorted(collections & {*OLORIN_COLLECTIONS, content, "live_channels"})
        holding = [name for name in ours if name in OLORIN_COLLECTIONS and await _holds(asked, name)]
        indexes = {name: await asked[name].index_information() for name in ours}
        return MongoFacts(
            role,
            str(build.get("version", "")),
            asked.name,
            collections,
            frozenset(holding),
            tuple(dead_ttl_indexes(indexes)),
            await _connections(own),
        )


async def _holds(database: ReadingDatabase, name: str) -> bool:
    return await database[name].find_one({}, {"_id": 1}, max_time_ms=QUERY_MS) is not None


async def _connections(database: ReadingDatabase) -> int | None:
    try:
        status = await database.beside("admin").command("serverStatus", maxTimeMS=QUERY_MS)
    except (AccessDenied, BadAnswer):
        return None
    connections: Mapping[str, Any] = status.get("connections") or {}
    available = connections.get("available") or 0
    return int(connections.get("current") or 0) + int(available) if available else None


def dead_ttl_indexes(indexes: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Collection and name of indexes with several keys that were meant to expire documents: none ever will.

    >>> list(dead_ttl_indexes({"content": {"d_1": {"key": [("deleted_at", 1), ("expireAfterSeconds", 2592000)]}}}))
    [('content', 'd_1')]
    """
    for collection, by_name in indexes.items():
        for name, index in by_name.items():
            keys = [key for key, _ in index.get("key", ())]
            if len(keys) > 1 and ("expireAfterSeconds" in index or "expireAfterSeconds" in keys):
                yield collection, name


def main_findings(main: MongoFacts, values: Values) -> Iterator[Finding]:
    """What the main server's answer means."""
    count = len(main.collections)
    yield Finding("servers.mongo.main", "server answers", Status.OK, f"version {main.version}, {count:,} collections")
    if not main.collections:
        message = f"the database {main.database} does not exist or is empty"
        yield Finding(MAIN_NAME, "database exists", Status.WARN, message, why="The main database holds the platform.")
    yield from _about_ttl(main, "servers.mongo.main.indexes")
    if main.connections is not None:
        yield _about_connections(main.connections, values)


def olorin_findings(olorin: MongoFacts, main: MongoFacts | None, values: Values) -> Iterator[Finding]:
    """What the answer of Olorin's own database means. main: None where it could not be asked."""
    if values[SEPARATE]:
        held = f"version {olorin.version}, {len(olorin.holding)} of {len(OLORIN_COLLECTIONS)} collections in use"
        yield Finding("servers.mongo.olorin", "server answers", Status.OK, held)
        yield from _about_ttl(olorin, "servers.mongo.olorin.indexes")
    if not olorin.holding:
        yield _about_empty_target(olorin, main, values)


def _about_empty_target(olorin: MongoFacts, main: MongoFacts | None, values: Values) -> Finding:
    flag, left = name_of(SEPARATE), sorted(main.holding) if main is not None else []
    behind = f"; {len(left)} collections hold documents in {main.database}" if left and main is not None else ""
    message = f"the database {olorin.database} holds none of Olorin's documents{behind}"
    if values[SEPARATE]:
        status, message = Status.FAIL if left else Status.WARN, f"{flag} is on, but {message}"
    else:
        status = Status.OK
    return Finding(
        SEPARATE,
        MIGRATE_FIRST if left else "target not empty",
        status,
        message,
        assign(SEPARATE, "false") if status is Status.FAIL else "",
        "The database that Olorin uses holds its documents: migrate first, then turn the flag on.",
        "every partner's sign-in, and all of Olorin's data: it seems lost",
        (f"{flag}=true", f"Olorin reads {olorin.database}", "nothing is there"),
    )


def _about_ttl(facts: MongoFacts, id_: str) -> Iterator[Finding]:
    for collection, index in facts.ttl:
        yield Finding(
            id_,
            "ttl index",
            Status.WARN,
            f"{facts.database}.{collection}: the index {index} has several keys, so it expires nothing",
            why="MongoDB expires documents by indexes of one field only.",
            breaks="the end of deleted documents' grace period: they stay for ever",
        )


def _about_connections(limit: int, values: Values) -> Finding:
    """How the platform's largest pools fit the main server's limit."""
    pools = main_server_pools(values)
    processes = limit // pools
    message = f"{limit:,} connections: room for {processes:,} processes of {pools} each"
    return Finding(
        "servers.mongo.connections",
        "pools fit the server",
        Status.OK if processes else Status.WARN,
        message if processes else f"one process may open {pools} connections, the server allows {limit:,}",
        why="All processes' largest pools together stay below the server's limit.",
        breaks="connecting, under load",
    )


def main_server_pools(values: Values) -> int:
    """Connections that one process of the platform opens to the main server at most."""
    if not values[SEPARATE]:
        return MAIN_POOL
    main, olorin = values.text(MAIN_URL), values.text(OLORIN_URL)
    if not olorin or olorin == main:
        return MAIN_POOL + OLORIN_POOL
    shared = OLORIN_POOL if servers(main) & servers(olorin) else 0
    return MAIN_POOL + OLORIN_POOL + shared


def olorin_place(values: Values) -> tuple[Role, str | None] | None:
    """Role and database to ask for Olorin's own database; None where no client leads to its server.

    While the flag is off, its future database can be looked at where it is on the main server.
    """
    if values[SEPARATE]:
        return Role.OLORIN, None
    elsewhere = values.text(OLORIN_URL) not in {"", values.text(MAIN_URL)}
    return None if elsewhere else (Role.MAIN, values.text(OLORIN_NAME))
