"""The order of `_id` over every type that one can have, as the server sorts it, and going on behind any of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import bson
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp

from backends.backup.bson_files import documents
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.migrations.olorin.order import sort_key
from backends.migrations.olorin.raw import id_of
from backends.migrations.olorin.streams import Entry, in_order
from tests.olorin import Platform

IDS: Final[tuple[Any, ...]] = (
    MinKey(), None, float("nan"), float("-inf"), -5, 0, 3.5, Decimal128("3.6"), Int64(7), 7.5, Int64(2**62),
    Decimal128("1E+30"), float("inf"), "", "a", "a\0b", "abc", "b", "é", "𐍈", {}, {"a": 1}, {"a": 1, "b": 2}, {"b": 1},
    {"a": "x"}, {"a": {"b": [1, "x"]}}, Binary(b"az"), Binary(b"zz"), ObjectId("0" * 24),
    ObjectId("f" * 24), False, True, datetime(1960, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC),
    Timestamp(1, 1), Timestamp(2**31, 0), Code("x"), MaxKey(),
)  # fmt: skip


def planted(platform: Platform) -> list[bytes]:
    """Every id, as the server sorts them."""
    platform.bayit.mixed.insert_many([{"_id": each, "x": 1} for each in reversed(IDS)])
    found: Any = platform.bayit.mixed.find_raw_batches().sort("_id", 1)
    return [bytes(document) for batch in found for document in documents(batch)]


async def read(mongo: MongoClients, start: Entry | None) -> list[bytes]:
    async with mongo.reading(Role.MAIN) as database:
        lists = in_order(database["mixed"], start and start.id)
        return [entry.data async for entries in lists for entry in entries]


async def test_every_type_sorts_here_as_on_the_server(platform: Platform, mongo: MongoClients) -> None:
    ordered = planted(platform)
    assert len(ordered) == len(IDS)
    keys = [sort_key(id_of(document)) for document in ordered]
    assert keys == sorted(keys)
    assert await read(mongo, None) == ordered


async def test_a_reading_goes_on_behind_any_of_them(platform: Platform, mongo: MongoClients) -> None:
    ordered = planted(platform)
    async with mongo.reading(Role.MAIN) as database:
        entries = [entry async for each in in_order(database["mixed"]) for entry in each]
    for place, entry in enumerate(entries):
        assert await read(mongo, entry) == ordered[place + 1 :], entry.id


async def test_a_document_is_given_as_it_is(platform: Platform, mongo: MongoClients) -> None:
    odd = bson.encode({"_id": "k\x01", "at": datetime(1, 1, 1, tzinfo=UTC), "n": Int64(1), "one": 1.0, "text": "a\0"})
    platform.bayit.mixed.insert_one(bson.raw_bson.RawBSONDocument(odd))
    assert await read(mongo, None) == [odd]
