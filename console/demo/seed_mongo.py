"""Seeds the two Mongo databases: bayit_plus with the old copies of Olorin's collections, and olorin_platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pymongo import IndexModel, MongoClient, UpdateOne
from pymongo.database import Database

from console.demo import mongo_indexes, mongo_library, mongo_partners
from console.demo.mongo_bayit import bayit
from console.demo.mongo_differences import twice
from console.demo.seeding import Document, Fault, Size

MAIN: Final = "bayit_plus"
OLORIN: Final = "olorin_platform"
BATCH: Final = 1_000
_LIVE: Final[Document] = {"status": {"$in": ["active", "paused"]}}
_JUDGED_BY_AGE: Final[Sequence[tuple[str, Document, Sequence[str]]]] = (
    ("dubbing_sessions", _LIVE, ("started_at", "last_activity_at")),
    ("recap_sessions", _LIVE, ("started_at", "last_updated_at")),
    ("content", {"deleted_at": {"$ne": None}}, ("deleted_at",)),
    ("integration_partners", {"suspended_at": {"$ne": None}}, ("suspended_at",)),
)


@dataclass(frozen=True, slots=True)
class MongoSeed:
    """Collection → documents, a database each, and what was planted."""

    main: dict[str, list[Document]]
    olorin: dict[str, list[Document]]
    faults: list[Fault]


def mongo_seed(size: Size, now: datetime) -> MongoSeed:
    world = bayit(size, now)
    seeded = {
        "integration_partners": mongo_partners.partners(now),
        "usage_records": mongo_partners.usage_records(size, now),
        "dubbing_sessions": mongo_partners.dubbing_sessions(size, now),
        "webhook_deliveries": mongo_partners.webhook_deliveries(size, now),
        "content_embeddings": mongo_library.content_embeddings(size, world),
        "recap_sessions": mongo_library.recap_sessions(size, world),
        "cultural_references": mongo_library.cultural_references(size, now),
    }
    both = {name: twice(name, collection, size) for name, collection in seeded.items()}
    main = {
        "content": world.content,
        "live_channels": world.live_channels,
        "users": world.users,
        "profiles": world.profiles,
        **{name: pair.main for name, pair in both.items()},
    }
    olorin = {name: pair.target for name, pair in both.items()}
    faults = world.faults + [fault for collection in seeded.values() for fault in collection.faults]
    faults += [fault for pair in both.values() for fault in pair.faults]
    faults.append(Fault("ttl_index_on_two_keys.content", 1, "{deleted_at, expireAfterSeconds}: expires nothing"))
    return MongoSeed(main, olorin, faults + _rows(MAIN, main) + _rows(OLORIN, olorin))


def _rows(database: str, collections: Mapping[str, Sequence[Document]]) -> list[Fault]:
    return [Fault(f"rows.{database}.{name}", len(found), "documents") for name, found in collections.items()]


def _client(url: str) -> MongoClient[Document]:
    """The server is known to be up: one that has gone is given up quickly."""
    return MongoClient(url, appname="olorin-demo-seed", serverSelectionTimeoutMS=1_000)


def write(url: str, seed: MongoSeed) -> None:
    """Replace both databases. Indexes come after the documents, which is faster. Raises PyMongoError."""
    with _client(url) as client:
        for name in (MAIN, OLORIN):
            client.drop_database(name)
        _write(client[MAIN], seed.main, mongo_indexes.BAYIT | mongo_indexes.OLORIN)
        _write(client[OLORIN], seed.olorin, mongo_indexes.OLORIN)


def _write(
    database: Database[Document],
    collections: Mapping[str, list[Document]],
    indexes: Mapping[str, Sequence[IndexModel]],
) -> None:
    for name, documents in collections.items():
        for first in range(0, len(documents), BATCH):
            database[name].insert_many(documents[first : first + BATCH], ordered=False)
        database[name].create_indexes(indexes[name])


def shift(url: str, by: timedelta) -> None:
    """Move what is judged by its age forward, in both databases alike: live sessions, soft deletions, suspensions.

    Usage, deliveries and ended sessions keep their times: moving those costs as much as seeding. Raises PyMongoError.
    """
    with _client(url) as client:
        for name in (MAIN, OLORIN):
            for collection, filter_, fields in _JUDGED_BY_AGE:
                found = client[name][collection].find(filter_, fields)
                moved = [
                    UpdateOne({"_id": document["_id"]}, {"$set": _moved(document, fields, by)}) for document in found
                ]
                if moved:
                    client[name][collection].bulk_write(moved, ordered=False)


def _moved(document: Document, fields: Sequence[str], by: timedelta) -> Document:
    return {field: document[field] + by for field in fields if document.get(field) is not None}
