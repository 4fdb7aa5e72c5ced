"""The same scale gives the same data: the same ids and contents, with times the same distance from the start."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pymongo import MongoClient

from console.demo.bots_seed import bots
from console.demo.seed_mongo import mongo_seed
from console.demo.seeding import Size
from console.demo.semantik_seed import semantik

MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FRIDAY = datetime(2026, 10, 16, 22, 5, 7, 41_000, tzinfo=UTC)
SIZE = Size(0.1)


def relative(value: Any, now: datetime) -> Any:
    """The value with every time replaced by its distance from the start; hours of usage are whole ones."""
    if isinstance(value, datetime):
        return round((now - value).total_seconds() // 3_600)
    if isinstance(value, dict):
        return {key: relative(each, now) for key, each in value.items()}
    return [relative(each, now) for each in value] if isinstance(value, list) else value


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if not isinstance(each, datetime)}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def test_bot_sessions_and_chunks_repeat() -> None:
    assert relative(bots(SIZE, MONDAY).rows, MONDAY) == relative(bots(SIZE, FRIDAY).rows, FRIDAY)
    first, second = semantik(SIZE, MONDAY), semantik(SIZE, FRIDAY)
    first.rows.pop("migration_backups"), second.rows.pop("migration_backups")  # its table's name holds a date
    assert relative(first.rows, MONDAY) == relative(second.rows, FRIDAY)


def test_documents_repeat() -> None:
    first, second = mongo_seed(SIZE, MONDAY), mongo_seed(SIZE, FRIDAY)
    assert first.faults == second.faults
    assert without_times(first.main) == without_times(second.main)
    assert without_times(first.olorin) == without_times(second.olorin)
    content = [relative(seed.main["content"], now) for seed, now in ((first, MONDAY), (second, FRIDAY))]
    assert content[0] == content[1]


def test_another_process_wrote_the_same_documents(
    demo_env: dict[str, str], demo_mongo: MongoClient[dict[str, object]]
) -> None:
    seed = mongo_seed(SIZE, MONDAY)
    for collection, documents in seed.olorin.items():
        stored = {found["_id"]: without_times(found) for found in demo_mongo.olorin_platform[collection].find()}
        assert stored == {document["_id"]: without_times(document) for document in documents}, collection


def test_scale_decides_the_size() -> None:
    assert len(bots(Size(2), MONDAY).rows["bot_sessions"]) > len(bots(Size(1), MONDAY).rows["bot_sessions"])
    assert len(mongo_seed(Size(0.01), MONDAY).olorin["content_embeddings"]) < 400
    assert len(semantik(Size(0.5), MONDAY).rows["chunks"]) > len(semantik(SIZE, MONDAY).rows["chunks"]) * 4
