"""Quarantines whose time is over: what a clean-up's plan says of them, and how its run drops them.

Nothing brings back what was in one, so they are dropped only while a backup is proven, and kept and named without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from backends.backup.model import BackupGate, Light
from backends.clients.errors import BackendError
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans.quarantine import QUARANTINES, about_name, copies_name, skipped_name
from backends.runs.job import Context
from backends.sampling.words import counted

OPTION: Final = "expired"
"""Where a plan and its run name them."""


@dataclass(frozen=True, slots=True)
class Expired:
    """A quarantine whose time is over. documents: that are still in it."""

    run_id: str
    documents: int
    expires_at: str


async def find(mongo: MongoClients, now: datetime) -> tuple[Expired, ...]:
    """Those that are there now. Raises BackendError."""
    async with mongo.settled(Role.OLORIN) as database:
        query = {"dropped_at": None, "expires_at": {"$lte": now}}
        found = await database[QUARANTINES].find(query).sort("_id", 1).to_list(None)
        counts = [await database[about_name(each["_id"])].count_documents({}) for each in found]
    return tuple(Expired(each["_id"], n, f"{each['expires_at']}") for each, n in zip(found, counts, strict=True))


def said(found: Sequence[Expired]) -> list[dict[str, Any]]:
    """As a plan's body holds them."""
    return [asdict(each) for each in found]


def of(body: Mapping[str, Any]) -> tuple[Expired, ...]:
    """Those that a plan, or the run that carries it out, names."""
    return tuple(Expired(**each) for each in body.get(OPTION, ()))


async def why_kept(backup: BackupGate) -> str:
    """Why none may be dropped now, with what to do; "" where they may."""
    try:
        verdict = await backup(False)
    except BackendError as error:
        return error.message
    return f"{verdict.sentence} {verdict.hint}" if verdict.light is Light.RED else ""


def words(each: Expired, kept: str) -> str:
    """What becomes of one.

    >>> old = Expired("clean-1", 3, "2026-01-02 00:00:00+00:00")
    >>> words(old, "")
    'quarantine of clean-1, over since 2026-01-02: its 3 documents are dropped for good'
    >>> words(old, "There is no backup of olorin.")
    'quarantine of clean-1, over since 2026-01-02: its 3 documents stay. There is no backup of olorin.'
    """
    fate = f"stay. {kept}" if kept else "are dropped for good"
    its = counted(each.documents, "document")
    return f"quarantine of {each.run_id}, over since {each.expires_at[:10]}: its {its} {fate}"


async def still_there(mongo: MongoClients, planned: Sequence[Expired]) -> list[Mapping[str, Any]]:
    """The records of those that were not dropped yet. Raises BackendError."""
    async with mongo.settled(Role.OLORIN) as database:
        query = {"_id": {"$in": [each.run_id for each in planned]}, "dropped_at": None}
        return [*await database[QUARANTINES].find(query).sort("_id", 1).to_list(None)]


async def drop(context: Context, mongo: MongoClients, planned: Sequence[Expired], now: datetime) -> None:
    """Drops those that the plan names, as far as their time is over still. Raises BackendError."""
    for each in await still_there(mongo, planned):
        if each["expires_at"] > now:
            continue
        run_id = each["_id"]
        names = {copies_name(run_id, name) for name in each["collections"]} | {about_name(run_id), skipped_name(run_id)}
        async with mongo.settled(Role.OLORIN) as database:
            there = names & set(await database.list_collection_names())
        for name in sorted(there):
            await context.command({"drop": name})
        async with context.batch() as batch:
            dropped = {"$set": {"dropped_at": now}}
            await batch.database[QUARANTINES].update_one({"_id": run_id}, dropped, session=batch.session)
            batch.count(quarantines_dropped=1)
