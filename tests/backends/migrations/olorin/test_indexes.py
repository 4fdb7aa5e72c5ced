"""Indexes compared by what they do: fields, their order, directions and options; whatever they are called."""

from __future__ import annotations

from typing import Any

from backends.migrations.olorin.indexes import declared, differences, lacking
from backends.migrations.olorin.model import IndexDifference


def index(name: str, key: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"v": 2, "key": key, "name": name, **options}


ID = index("_id_", {"_id": 1})


def test_the_same_index_under_another_name_is_the_same() -> None:
    assert differences([ID, index("a", {"x": 1, "y": -1})], [index("b", {"x": 1.0, "y": -1})]) == ()


def test_what_is_missing_or_does_otherwise_is_told() -> None:
    mine = [index("a", {"x": 1}, unique=True), index("b", {"y": 1}), index("c", {"t": 1}, expireAfterSeconds=5)]
    other = [index("a", {"x": 1}), index("c", {"t": 1}, expireAfterSeconds=5.0)]
    assert differences(mine, other) == (IndexDifference("x · unique", "different"), IndexDifference("y", "missing"))


def test_the_order_of_the_fields_counts() -> None:
    assert differences([index("a", {"x": 1, "y": 1})], [index("a", {"y": 1, "x": 1})])[0].what == "missing"


def test_the_order_within_options_does_not() -> None:
    mine = index("a", {"x": 1}, collation={"locale": "en", "strength": 2})
    other = index("a", {"x": 1}, collation={"strength": 2, "locale": "en"}, sparse=False)
    assert differences([mine], [other]) == ()


def test_what_the_platform_declares_and_is_not_there() -> None:
    there = [index("x", dict(each["key"])) for each in declared("integration_partners")]
    assert [each["key"] for each in lacking(declared("integration_partners"), there)] == [{"partner_id": 1}]
    assert len(lacking(declared("usage_records"), [])) == 7
