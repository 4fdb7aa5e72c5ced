"""Whether two targets are one database, by the servers' own word: an address says little, as a server has many.

Each collection has an id that its server gave it when it was made, the same on every member and router of a cluster.
Two lists without a common id are of two databases; with one, of one (or one is a copy of the other's files).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backends.clients.errors import Refused
from backends.clients.mongo import MongoClients
from backends.clients.targets import MongoTarget

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase

ONE: Final = "source and target are one database"
SAME_IDS: Final = (
    "source and target are one database, or one is a copy of the other's files: they hold the same collections by the "
    "servers' own ids"
)
UNTOLD: Final = "nothing shows that source and target are two databases: they have one name, and no ids of collections"


async def not_two(mongo: MongoClients, source: MongoTarget, target: MongoTarget) -> str:
    """Why they are one database, or can't be told apart; "" where they are two. Raises BackendError."""
    # No server has two databases whose names differ in case alone.
    if source.database.casefold() != target.database.casefold():
        return ""
    if (source.server, source.database) == (target.server, target.database):
        return ONE
    async with mongo.reading_at(source) as database:
        mine = await _ids(database.settled())
    async with mongo.reading_at(target) as database:
        return judged(mine, await _ids(database.settled()))


async def require_two(mongo: MongoClients, source: MongoTarget, target: MongoTarget) -> None:
    """Raises Refused unless they are shown to be two databases; BackendError."""
    if why := await not_two(mongo, source, target):
        raise Refused(f"{why[0].upper()}{why[1:]}.", where=target.where)


def judged(mine: frozenset[bytes] | None, other: frozenset[bytes] | None) -> str:
    """What follows from the ids of both sides' collections; None where one has none. "" for two databases.

    >>> judged(frozenset({b"1", b"2"}), frozenset()), judged(frozenset({b"1"}), frozenset({b"1"})) == SAME_IDS
    ('', True)
    """
    if mine is None or other is None or not (mine or other):
        return UNTOLD
    return SAME_IDS if mine & other else ""


async def _ids(database: ReadingDatabase) -> frozenset[bytes] | None:
    from backends.backup.mongo_dump import collections_of, holds

    ids = [each.get("info", {}).get("uuid") for each in await collections_of(database) if holds(each)]
    return None if None in ids else frozenset(bytes(id_) for id_ in ids)
