"""What of the table could not be rebuilt, or would keep pointing at the old one: it has to go first. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from backends.migrations.repartition.shape import KEY_COLUMN, Shape
from backends.safety.text import display_text


def not_rebuilt(shape: Shape, layout: str, *, may_create: bool = True) -> Iterator[tuple[str, object, str]]:
    """Each by the id of its gate, whether it is so, and its sentence. may_create: a schema, for a moment."""
    lost = _lost_unique(shape, layout)
    yield "unique", lost, f"Unique indexes that the new table can't keep: {', '.join(lost) or 'none'}."
    single = shape["leaf_own"]
    said = ", ".join(map(display_text, single)) or "nothing"
    yield "partitions", single, f"What single partitions have by themselves, and new ones would not: {said}."
    identities = {shape["replica_identity"], *shape["leaf_identities"]}
    mixed = len(shape["leaf_identities"]) > 1 or "i" in identities
    yield "replica-identity", mixed, "An index as replica identity, or partitions that differ in it, can't be rebuilt."
    yield "sequences", shape["sequences"] > 1, f"{shape['sequences']} columns have a sequence; one can be moved."
    narrow = [key["name"] for key in shape["keys_in"] if KEY_COLUMN not in key["def"].partition("REFERENCES")[2]]
    yield "foreign-keys", narrow, f"Foreign keys that don't name the whole key: {', '.join(narrow) or 'none'}."
    whole = [key["name"] for key in shape["keys_in"] if key["partitioned"]]
    yield "partitioned-keys", whole, f"Foreign keys of partitioned tables: {', '.join(whole) or 'none'}."
    yield _matviews(shape, may_create)
    yield "leaf-views", shape["leaf_views"], f"Views on single partitions: {', '.join(shape['leaf_views']) or 'none'}."
    yield "functions", shape["functions"], f"Functions bound to the table: {', '.join(shape['functions']) or 'none'}."
    yield (
        "row-types",
        shape["typed_columns"],
        f"Columns of the table's type: {', '.join(shape['typed_columns']) or 'none'}.",
    )
    odd = (
        shape["rules"]
        + shape["children"]
        + shape["exclusions"]
        + shape["leaf_triggers"]
        + shape["filtered_publications"]
    )
    why = "Rules, inheriting tables, exclusion constraints, triggers on partitions, filtered publications"
    yield "rarities", odd, f"{why}: {odd}."
    keyless = shape["keyless_publications"] if layout == "hash" else []
    why = "Publications that send no generated columns, of which the key is one, so that updates would be refused"
    yield (
        "publications",
        keyless,
        f"{why}: {', '.join(keyless) or 'none'}. publish_generated_columns = stored (18) or --layout list avoids it.",
    )
    special = [
        each["name"]
        for each in shape["triggers"]
        if "CONSTRAINT TRIGGER" in each["def"] or " REFERENCING " in each["def"]
    ]
    yield "trigger-kinds", special, f"Triggers that a partitioned table can't have: {', '.join(special) or 'none'}."


def _lost_unique(shape: Shape, layout: str) -> list[str]:
    """A unique index has to name what the new table is partitioned by, and to be on the whole table, and in order."""
    column = "collection_id" if layout == "hash" else KEY_COLUMN
    lost = [
        display_text(index["name"])
        for index in shape["indexes"]
        if index["unique"] and not index["primary"] and (column not in index["columns"] or not index["valid"])
    ]
    return lost + [f"{each['number']} partitions' own" for each in shape["leaf_indexes"] if each["unique"]]


def _matviews(shape: Shape, may_create: bool) -> tuple[str, object, str]:
    """They are built anew beforehand and renamed, unless something hangs on them, or they can't be built."""
    views = shape["matviews"]
    names = ", ".join(display_text(each["name"]) for each in views) or "none"
    lost = [each for each in views if each["read_by"] or each["schema"] != shape["schema"]]
    said = ", ".join(display_text(each["name"]) for each in lost)
    if lost:
        return "materialized-views", lost, f"Materialized views in another schema, or that others read: {said}."
    if views and not may_create:
        return "materialized-views", views, f"CREATE on the database is needed to build anew: {names}."
    return "materialized-views", (), f"Materialized views that are built anew beforehand and renamed: {names}."
