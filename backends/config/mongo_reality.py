"""What a Mongo server says to the configuration: versions, databases, indexes, connections. Cheap commands only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import BackendError
from backends.clients.mongo import MongoClients
from backends.clients.targets import MongoTarget, Role
from backends.config.model import Finding, Status
from backends.config.mongo_connections import Connections, about_connections, connections
from backends.config.rule import assign, name_of
from backends.config.rules_needed import (
    MAIN_SERVER,
    MAIN_URL,
    MIGRATE_FIRST,
    OLORIN_NAME,
    OLORIN_SERVER,
    OLORIN_URL,
    ONE_DATABASE,
    SEPARATE,
    TARGET_SILENT,
)
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
    expire documents and never will. connections: of a server that the platform uses. process: what the server process
    that answered calls itself (processId of hello's topologyVersion); empty where it doesn't tell.
    """

    role: Role
    version: str
    database: str
    collections: frozenset[str]
    holding: frozenset[str]
    ttl: tuple[tuple[str, str], ...]
    connections: Connections | None
    process: str = ""


async def mongo_facts(
    clients: MongoClients, place: Role | MongoTarget, content: str, database: str | None = None
) -> MongoFacts:
    """Asks one database. content: the parents' collection; database: another than the place's, on its server.

    Raises BackendError.
    """
    role = place if isinstance(place, Role) else Role.OLORIN
    async with clients.reading(place) if isinstance(place, Role) else clients.reading_at(place) as own:
        asked = own if database is None else own.beside(database)
        build = await own.command("buildInfo", maxTimeMS=QUERY_MS)
        hello = await own.command("hello", maxTimeMS=QUERY_MS)
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
            await connections(clients, role) if place is role and database is None else None,
            str((hello.get("topologyVersion") or {}).get("processId") or ""),
        )


async def _holds(database: ReadingDatabase, name: str) -> bool:
    return await database[name].find_one({}, {"_id": 1}, max_time_ms=QUERY_MS) is not None


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
    yield Finding(MAIN_SERVER, "server answers", Status.OK, f"version {main.version}, {count:,} collections")
    if not main.collections:
        message = f"the database {main.database} does not exist or is empty"
        yield Finding(MAIN_NAME, "database exists", Status.WARN, message, why="The main database holds the platform.")
    yield from _about_ttl(main, "servers.mongo.main.indexes")
    if main.connections is not None:
        yield about_connections(main.connections, main_server_pools(values))


def olorin_findings(olorin: MongoFacts, main: MongoFacts | None, values: Values) -> Iterator[Finding]:
    """What the answer of Olorin's own database means. main: None where it could not be asked."""
    held = f"version {olorin.version}, {len(olorin.holding)} of {len(OLORIN_COLLECTIONS)} collections in use"
    yield Finding(OLORIN_SERVER, "server answers", Status.OK, held)
    if values[SEPARATE]:
        yield from _about_ttl(olorin, "servers.mongo.olorin.indexes")
    one_server = main is not None and main.process != "" and main.process == olorin.process
    if one_server and main is not None:
        yield from _about_one_server(olorin, main, values)
    elif olorin.connections is not None and not servers(values.text(MAIN_URL)) & servers(values.text(OLORIN_URL)):
        yield about_connections(olorin.connections, OLORIN_POOL, "servers.mongo.olorin.connections")
    if not olorin.holding:
        yield _about_empty_target(olorin, main, values)


def _about_one_server(olorin: MongoFacts, main: MongoFacts, values: Values) -> Iterator[Finding]:
    """Both URLs lead to one server process (its processId is the same), however they name it."""
    flag, one = name_of(SEPARATE), "hello tells the same processId"
    if main.database == olorin.database:
        yield Finding(
            SEPARATE,
            ONE_DATABASE,
            Status.FAIL if values[SEPARATE] else Status.OK,
            f"Olorin's database {olorin.database} is the main one: both URLs lead to one server process ({one})",
            assign(OLORIN_NAME, "olorin_platform"),
            "While the flag is on, Olorin's database is another than the main one.",
            "the migration, which would copy a database into itself",
            (f"{flag}={str(bool(values[SEPARATE])).lower()}", "one server process", f"one database {main.database}"),
        )
    url, main_url = values.text(OLORIN_URL), values.text(MAIN_URL)
    if url not in {"", main_url} and not servers(url) & servers(main_url):
        yield Finding(
            OLORIN_URL,
            "one server, two pools",
            Status.WARN,
            f"{name_of(OLORIN_URL)} leads to the server of {name_of(MAIN_URL)} ({one}): two pools share its limit",
            why="Pools on one server add up.",
            breaks="the server's connection limit",
        )


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


def main_server_pools(values: Values) -> int:
    """Connections that one process of the platform opens to the main server at most."""
    if not values[SEPARATE]:
        return MAIN_POOL
    main, olorin = values.text(MAIN_URL), values.text(OLORIN_URL)
    if not olorin or olorin == main:
        return MAIN_POOL + OLORIN_POOL
    shared = OLORIN_POOL if servers(main) & servers(olorin) else 0
    return MAIN_POOL + OLORIN_POOL + shared


def olorin_place(values: Values) -> tuple[Role | MongoTarget, str | None]:
    """Where to ask for Olorin's own database: a role and a database beside its own, or a target.

    While the flag is off no role leads there, but what the variables name can be asked all the same.
    """
    if values[SEPARATE]:
        return Role.OLORIN, None
    url, name = values.text(OLORIN_URL), values.text(OLORIN_NAME)
    elsewhere = url not in {"", values.text(MAIN_URL)}
    return (MongoTarget(url, name, name_of(OLORIN_URL)), None) if elsewhere else (Role.MAIN, name)


def silent_target(error: BackendError) -> Finding:
    """What keeps the flag, which is off, from being turned on: its database can't be asked."""
    return Finding(
        SEPARATE,
        TARGET_SILENT,
        Status.OK,
        f"the server of {name_of(OLORIN_URL)} gives no answer: {error.kind}: {error.message}",
        why="The database that Olorin will use answers before the flag is turned on.",
        breaks="every partner's sign-in, and all of Olorin's data",
    )
