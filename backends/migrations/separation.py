"""Olorin's separation: both databases' collections, counted and compared."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from backends.clients.errors import BackendError, DeadlineExceeded
from backends.clients.mongo import MongoClients, require_collections
from backends.clients.targets import MongoTarget
from backends.migrations.identity import not_two
from backends.migrations.model import OLORIN_COLLECTIONS, Held, MovingCollection, Runs, Separation
from backends.runs.model import NEWEST
from backends.runs.mongo_store import MongoRunStore
from backends.safety.text import display_text
from backends.sampling.reading import Problem

COUNT_MS: Final = 10_000
"""The server's deadline for one count: mongod reads a number, other servers may scan."""

_TOLD_INDEX_OPTIONS: Final = ("unique", "sparse", "expireAfterSeconds", "partialFilterExpression", "collation")

Side = dict[str, Held]


@dataclass(frozen=True, slots=True)
class Move:
    """What the settings say of the separation: the flag (None where it is unclear) and the place to move to."""

    flag: bool | None
    target: MongoTarget | BackendError


async def separation(mongo: MongoClients, source: MongoTarget, move: Move) -> Separation:
    """Both sides as they are now, each with its own outcome. Raises BackendError where neither can be asked."""
    target = move.target if isinstance(move.target, MongoTarget) else None
    left, right = await asyncio.gather(
        _asked(mongo, source, required=True), _asked(mongo, move.target, required=move.flag is True)
    )
    if isinstance(left, BackendError) and isinstance(right, BackendError):
        raise left
    return Separation(
        move.flag,
        source.where,
        target.where if target else None,
        target.variable if target else None,
        await _are_one(mongo, source, target, problems=(left, right)),
        tuple(MovingCollection(name, _of(left, name), _of(right, name)) for name in OLORIN_COLLECTIONS),
        _problem(left),
        _problem(right),
        await _runs(mongo, move.target if not isinstance(right, BackendError) else right),
    )


async def _are_one(
    mongo: MongoClients, source: MongoTarget, target: MongoTarget | None, problems: Sequence[Side | BackendError]
) -> bool:
    """Whether both sides are one database, as far as they can be asked."""
    if target is None or any(isinstance(each, BackendError) for each in problems):
        return False
    try:
        return bool(await not_two(mongo, source, target))
    except BackendError:
        return False


async def _asked(mongo: MongoClients, target: MongoTarget | BackendError, required: bool) -> Side | BackendError:
    """One side's collections; a database that must be there and isn't is an error, not an empty side."""
    if isinstance(target, BackendError):
        return target
    try:
        async with mongo.reading_at(target) as database:
            present = set(await database.list_collection_names())
        if required:
            require_collections(present, target)
        # One after the other: a count may be a scan, and fourteen scans at once would be felt.
        return {name: await _held(mongo, target, name, name in present) for name in OLORIN_COLLECTIONS}
    except BackendError as error:
        return error


async def _held(mongo: MongoClients, target: MongoTarget, name: str, present: bool) -> Held:
    if not present:
        return Held(0, present=False)
    async with mongo.reading_at(target) as database:
        indexes = await database[name].index_information()
    told = sorted(index_text(about) for index, about in indexes.items() if index != "_id_")
    return Held(await _counted(mongo, target, name), True, tuple(told))


async def _counted(mongo: MongoClients, target: MongoTarget, name: str) -> int | None:
    """The server's estimate; None where even that took too long, so that the other collections are told."""
    try:
        async with mongo.reading_at(target) as database:
            return await database[name].estimated_document_count(maxTimeMS=COUNT_MS)
    except DeadlineExceeded:
        return None


def index_text(about: Mapping[str, Any]) -> str:
    """An index as text: what it is on, in which order, and the options that change what it does.

    >>> index_text({"key": [("partner_id", 1), ("period_start", -1)], "unique": True, "v": 2})
    'partner_id, period_start desc · unique'
    """
    fields = ", ".join(f"{name}{_DIRECTIONS.get(order, f' {order}')}" for name, order in about["key"])
    options = [_option(name, about[name]) for name in _TOLD_INDEX_OPTIONS if about.get(name) not in (None, False)]
    return display_text(" · ".join([fields, *options]))


_DIRECTIONS: Final[Mapping[Any, str]] = {1: "", -1: " desc"}


def _option(name: str, value: Any) -> str:
    return name if value is True else f"{name} {value}"


def _of(side: Side | BackendError, name: str) -> Held | None:
    return None if isinstance(side, BackendError) else side[name]


def _problem(side: Side | BackendError) -> Problem | None:
    return side.problem() if isinstance(side, BackendError) else None


async def _runs(mongo: MongoClients, target: MongoTarget | BackendError) -> Runs:
    if isinstance(target, BackendError):
        return Runs(problem=target.problem())
    try:
        return Runs(await MongoRunStore(mongo, target).page(NEWEST))
    except BackendError as error:
        return Runs(problem=error.problem())
