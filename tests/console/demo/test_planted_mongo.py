"""The planted counts of the Mongo databases, counted again from what the server holds."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from backends.safety.text import display_text

OLORIN_COLLECTIONS = (
    "integration_partners",
    "usage_records",
    "dubbing_sessions",
    "webhook_deliveries",
    "content_embeddings",
    "recap_sessions",
    "cultural_references",
)
Mongo = MongoClient[dict[str, Any]]


def values(mongo: Mongo, collection: str, field: str, database: str = "olorin_platform") -> list[Any]:
    return [found.get(field) for found in mongo[database][collection].find({}, [field])]


def parents(mongo: Mongo, collection: str) -> set[str]:
    return {str(found) for found in values(mongo, collection, "_id", "bayit_plus")}


def partners(mongo: Mongo, **filters: Any) -> set[str]:
    return {found["partner_id"] for found in mongo.olorin_platform.integration_partners.find(filters, ["partner_id"])}


@pytest.mark.parametrize(
    ("collection", "field", "parent"),
    [("content_embeddings", "content_id", "content"), ("recap_sessions", "channel_id", "live_channels")],
)
def test_orphans_of_the_main_database(
    demo_mongo: Mongo, planted: dict[str, int], collection: str, field: str, parent: str
) -> None:
    there = parents(demo_mongo, parent)
    found = [value for value in values(demo_mongo, collection, field) if value is not None]
    malformed = [value for value in found if not ObjectId.is_valid(value)]
    orphans = [value for value in found if ObjectId.is_valid(value) and value.lower() not in there]
    assert planted[f"orphans.{collection}.{field}"] == len(orphans) > 0
    assert planted[f"malformed.{collection}.{field}"] == len(malformed) > 0


def test_how_references_to_content_are_written(demo_mongo: Mongo, planted: dict[str, int], env_text: str) -> None:
    name = "content_embeddings.content_id"
    there = parents(demo_mongo, "content")
    valid = [value for value in values(demo_mongo, "content_embeddings", "content_id") if ObjectId.is_valid(value)]
    missing = [value for value in valid if value.lower() not in there]
    assert planted[f"orphans.{name}.parents"] == len({value.lower() for value in missing})
    assert planted[f"orphans.{name}.upper_case"] == sum(value != value.lower() for value in missing)
    assert planted[f"upper_case.{name}"] == sum(value != value.lower() for value in valid if value.lower() in there)
    (kept,) = [line.split()[-1] for line in env_text.splitlines() if f"intentional.{name}" in line]
    assert planted[f"intentional.{name}"] == valid.count(kept) > 0


def test_softly_deleted_content(demo_mongo: Mongo, planted: dict[str, int]) -> None:
    deleted = {
        str(found["_id"]): found["deleted_at"].replace(tzinfo=UTC)
        for found in demo_mongo.bayit_plus.content.find({"deleted_at": {"$ne": None}})
    }
    grace = datetime.now(UTC) - timedelta(days=7)
    assert planted["soft_deleted.content"] == len(deleted)
    assert planted["soft_deleted.content.past_grace"] == sum(at < grace for at in deleted.values())
    referring = values(demo_mongo, "content_embeddings", "content_id")
    assert planted["soft_deleted.content_embeddings.content_id"] == sum(value in deleted for value in referring)


@pytest.mark.parametrize(
    "collection",
    ["usage_records", "dubbing_sessions", "webhook_deliveries", "content_embeddings", "recap_sessions"],
)
def test_references_to_partners(demo_mongo: Mongo, planted: dict[str, int], collection: str) -> None:
    there, suspended = partners(demo_mongo), partners(demo_mongo, suspended_at={"$ne": None})
    found = [value for value in values(demo_mongo, collection, "partner_id") if value is not None]
    assert planted[f"orphans.{collection}.partner_id"] == sum(value not in there for value in found) > 0
    assert planted.get(f"suspended.{collection}.partner_id", 0) == sum(value in suspended for value in found)


def test_active_sessions_among_them(demo_mongo: Mongo, planted: dict[str, int]) -> None:
    live = {"status": {"$in": ["active", "paused"]}}
    there, suspended = partners(demo_mongo), partners(demo_mongo, suspended_at={"$ne": None})
    dubbing = [found["partner_id"] for found in demo_mongo.olorin_platform.dubbing_sessions.find(live)]
    recap = [found["channel_id"] for found in demo_mongo.olorin_platform.recap_sessions.find(live)]
    channels = parents(demo_mongo, "live_channels")
    assert planted["active_orphans.dubbing_sessions.partner_id"] == sum(partner not in there for partner in dubbing)
    assert planted["active_suspended.dubbing_sessions.partner_id"] == sum(partner in suspended for partner in dubbing)
    orphans = [channel for channel in recap if ObjectId.is_valid(channel) and channel not in channels]
    assert planted["active_orphans.recap_sessions.channel_id"] == len(orphans)
    assert planted["null.recap_sessions.channel_id"] == values(demo_mongo, "recap_sessions", "channel_id").count(None)


def test_partners_and_duplicates(demo_mongo: Mongo, planted: dict[str, int]) -> None:
    assert planted["suspended.integration_partners"] == len(
        partners(demo_mongo, suspended_at={"$ne": None}, is_active=True)
    )
    prefixes = Counter(values(demo_mongo, "integration_partners", "api_key_prefix"))
    assert planted["shared_prefix.integration_partners"] == sum(n for n in prefixes.values() if n > 1)
    for collection, key in (
        ("usage_records", ("partner_id", "capability", "period_start", "granularity")),
        ("content_embeddings", ("content_id", "embedding_type", "segment_index")),
    ):
        found = demo_mongo.olorin_platform[collection].find()
        counts = Counter(tuple(document[field] for field in key) for document in found)
        assert planted[f"duplicates.{collection}"] == sum(count - 1 for count in counts.values())


@pytest.mark.parametrize("collection", OLORIN_COLLECTIONS)
def test_differences_between_the_databases(demo_mongo: Mongo, planted: dict[str, int], collection: str) -> None:
    main = {found["_id"]: found for found in demo_mongo.bayit_plus[collection].find()}
    target = {found["_id"]: found for found in demo_mongo.olorin_platform[collection].find()}
    both = main.keys() & target.keys()
    different = [key for key in both if main[key] != target[key]]
    newer = [key for key in different if latest(target[key]) > latest(main[key])]
    assert {
        "missing": len(main.keys() - target.keys()),
        "different": len(different),
        "newer": len(newer),
        "extra": len(target.keys() - main.keys()),
    } == {kind: planted[f"migration.{collection}.{kind}"] for kind in ("missing", "different", "newer", "extra")}
    assert all(list(main[key]) == list(target[key]) for key in both), "the order of fields is the same"


def latest(document: dict[str, Any]) -> datetime:
    fields = ("updated_at", "last_activity_at", "last_attempt_at", "last_updated_at", "created_at")
    times: list[datetime] = [document[field] for field in fields if document.get(field) is not None]
    return max(times)


def test_indexes_are_the_declared_ones(demo_mongo: Mongo, planted: dict[str, int]) -> None:
    def keys(database: str, collection: str) -> dict[str, Any]:
        return {index["name"]: dict(index["key"]) for index in demo_mongo[database][collection].list_indexes()}

    for collection in OLORIN_COLLECTIONS:
        assert keys("bayit_plus", collection) == keys("olorin_platform", collection)
    assert len(keys("olorin_platform", "usage_records")) == 8
    content = keys("bayit_plus", "content").values()
    assert planted["ttl_index_on_two_keys.content"] == sum("expireAfterSeconds" in key for key in content)


def test_every_collection_has_as_many_documents_as_said(demo_mongo: Mongo, planted: dict[str, int]) -> None:
    for database in ("bayit_plus", "olorin_platform"):
        for collection in demo_mongo[database].list_collection_names(
            filter={"name": {"$not": {"$regex": "^console_"}}}
        ):
            said = planted[f"rows.{database}.{collection}"]
            assert demo_mongo[database][collection].count_documents({}) == said, collection


def test_nasty_titles_are_nasty(demo_mongo: Mongo, planted: dict[str, int]) -> None:
    titles = values(demo_mongo, "content", "title_en", "bayit_plus")
    assert planted["nasty.content.title_en"] == sum("[" in title or display_text(title) != title for title in titles)


def test_ids_are_slugs_and_lower_case_hex(demo_mongo: Mongo) -> None:
    assert partners(demo_mongo) == {partner.lower().replace(" ", "-") for partner in partners(demo_mongo)}
    assert parents(demo_mongo, "content") == {content.lower() for content in parents(demo_mongo, "content")}
