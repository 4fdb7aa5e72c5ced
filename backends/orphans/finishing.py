"""After the last batch: vectors of cleaned embeddings, and quarantines whose time is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from backends.clients.errors import BackendError
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans.allow_list import kept_in
from backends.orphans.clean_model import COUNTS
from backends.orphans.quarantine import LISTS, QUARANTINES, about_name, copies_name, parts, skipped_name
from backends.orphans.vectors import Vectors
from backends.runs.job import Context, Step
from backends.safety.files import private_folder
from backends.safety.gate import Token

_log = logging.getLogger(__name__)

EMBEDDINGS: Final = "content_embeddings"
TOGETHER: Final = 500
"""Vectors that are deleted with one call."""


def vectors_path(folder: Path, run_id: str) -> Path:
    """Where the vectors of a run's embeddings are listed, one a line."""
    return folder / f"{run_id}.vectors.txt"


async def finish(
    context: Context, mongo: MongoClients, run_id: str, vectors: Vectors | None, folder: Path, now: datetime
) -> Step:
    """Each step once, in this order; what a crash repeats comes to the same."""
    if not context.checkpoint.get("vectors"):
        found, deleted, failed = await _vectors(context.token, mongo, run_id, vectors, folder)
        async with context.batch() as batch:
            batch.count(
                **dict.fromkeys(COUNTS, 0),
                vectors=found,
                vectors_deleted=deleted,
                vectors_left=(found - deleted) * failed,
            )
            batch.checkpoint = {**batch.checkpoint, "vectors": True}
    if not context.checkpoint.get("tidied"):
        dropped = await _drop_old(context, mongo, run_id, now)
        async with context.batch() as batch:
            batch.count(quarantines_dropped=dropped)
            batch.checkpoint = {**batch.checkpoint, "tidied": True}
    return Step.DONE


async def _vectors(
    token: Token, mongo: MongoClients, run_id: str, vectors: Vectors | None, folder: Path
) -> tuple[int, int, bool]:
    """Lists the vectors of what was removed, and deletes them where there is a key and no embedding has them still."""
    found = deleted = 0
    failed = ""
    path = vectors_path(folder, run_id)
    await asyncio.to_thread(_begin, path)
    async for ids in vectors_of(mongo, run_id):
        found += len(ids)
        await asyncio.to_thread(_add, path, ids)
        if vectors is not None and not failed:
            failed, done = await _deleted(token, vectors, await _unused(mongo, ids))
            deleted += done
    return found, deleted, bool(failed)


async def _deleted(token: Token, vectors: Vectors, unused: list[str]) -> tuple[str, int]:
    """Why they could not be deleted ("" where they were), and how many were.

    A vector that is left makes a search find nothing: no reason to keep a clean-up from its end. The list has it.
    """
    try:
        return "", await vectors.delete(token, unused) if unused else 0
    except BackendError as error:
        _log.warning("vectors are left in the index: %s", error.message)
        return error.message, 0


async def _unused(mongo: MongoClients, ids: list[str]) -> list[str]:
    """Those that no embedding names any more: an index run twice leaves two with one vector."""
    used: set[str] = set()
    async with mongo.reading(Role.OLORIN) as database:
        for part in parts(ids):
            query = {"pinecone_vector_id": {"$in": part}}
            cursor = database[EMBEDDINGS].find(query, {"pinecone_vector_id": 1, "_id": 0})
            used |= {each["pinecone_vector_id"] for each in await cursor.to_list(None)}
    return [each for each in dict.fromkeys(ids) if each not in used]


def _begin(path: Path) -> None:
    with kept_in(path.parent):
        private_folder(path.parent)
        path.write_text("")


def _add(path: Path, ids: list[str]) -> None:
    with kept_in(path.parent), path.open("a", encoding="utf-8", errors="backslashreplace") as out:
        out.write("".join(f"{each}\n" for each in ids))


async def vectors_of(mongo: MongoClients, run_id: str) -> AsyncIterator[list[str]]:
    """The vectors of a run's embeddings, in lists. Raises BackendError."""
    async with mongo.reading(Role.OLORIN) as database:
        cursor = database[about_name(run_id)].find({"vector": {"$exists": True}}, {"vector": 1}, batch_size=TOGETHER)
        while found := await cursor.to_list(TOGETHER):
            yield [each["vector"] for each in found]


async def _drop_old(context: Context, mongo: MongoClients, run_id: str, now: datetime) -> int:
    """Drops this run's list, and the quarantines whose time is over."""
    async with mongo.writing(context.token, Role.OLORIN) as database:
        await database[LISTS].delete_many({"_id": {"$gte": {"run": run_id}, "$lt": {"run": f"{run_id}\0"}}})
        old: list[dict[str, Any]] = (
            await database[QUARANTINES].find({"dropped_at": None, "expires_at": {"$lte": now}}).to_list(None)
        )
        for each in old:
            names = [copies_name(each["_id"], name) for name in each["collections"]]
            for name in (*names, skipped_name(each["_id"]), about_name(each["_id"])):
                await database[name].drop()
            await database[QUARANTINES].update_one({"_id": each["_id"]}, {"$set": {"dropped_at": now}})
    return len(old)
