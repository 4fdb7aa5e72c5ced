"""Making the target ready: its collections with the source's options, and the source's indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import BackendError
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.indexes import Index, differences, said, to_build
from backends.migrations.olorin.places import indexes_at, kinds_of

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase
    from backends.runs.job import Context

INDEX_S: Final = 6 * 3600.0
"""Seconds that building a collection's indexes may take."""

DUPLICATES: Final = 11000
"""DuplicateKey."""

_ID: Final = "_id_"
_NOT_COPIED: Final = frozenset({"autoIndexId", "uuid"})


async def make_collections(source: ReadingDatabase, target: ReadingDatabase, context: Context) -> tuple[str, ...]:
    """Makes those of the source's collections that the target lacks; the names of all that are to be copied."""
    here, there = await kinds_of(source), await kinds_of(target)
    names = tuple(name for name in OLORIN_COLLECTIONS if name in here)
    for name in names:
        if name not in there:
            await context.command({"create": name, **options_of(here[name])})
    return names


async def copy_all_indexes(
    source: ReadingDatabase, target: ReadingDatabase, context: Context, names: Sequence[str]
) -> int:
    """Builds the source's indexes in the target; how many. Raises BackendError."""
    return sum(
        [
            await copy_indexes(await indexes_at(source, name), await indexes_at(target, name), context, name)
            for name in names
        ]
    )


def has_duplicates(error: BackendError) -> bool:
    """Whether a unique index could not be built because two documents have the same value."""
    return getattr(error.__cause__, "code", None) == DUPLICATES


async def copy_indexes(mine: list[Index], other: list[Index], context: Context, name: str) -> int:
    """Builds the source's indexes that the target lacks or has otherwise; how many. Raises BackendError."""
    wanted = {each.text: each.what for each in differences(mine, other)}
    missing = [each for each in mine if each["name"] != _ID and said(each) in wanted]
    fields = [list(each["key"].items()) for each in missing]
    names = {each["name"] for each in missing}
    in_the_way = [
        each["name"]
        for each in other
        if each["name"] != _ID and (list(each["key"].items()) in fields or each["name"] in names)
    ]
    for index in in_the_way:
        await context.command({"dropIndexes": name, "index": index})
    if missing:
        await context.command({"createIndexes": name, "indexes": [to_build(each) for each in missing]}, INDEX_S)
    return len(missing)


def options_of(kind: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options to make a collection of the same kind with."""
    return {key: value for key, value in kind.get("options", {}).items() if key not in _NOT_COPIED}
