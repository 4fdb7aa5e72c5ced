"""Vectors of the embeddings that a clean-up removed: listed, and deleted where a key is set, by a later one at last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from backends.clients.errors import BackendError
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans.allow_list import kept_in
from backends.orphans.graph import EMBEDDINGS
from backends.orphans.quarantine import QUARANTINES, about_name, parts
from backends.orphans.vectors import Vectors
from backends.runs.job import Context
from backends.safety.files import private_folder

TOGETHER: Final = 500
"""Vectors that are deleted with one call."""


def vectors_path(folder: Path, run_id: str) -> Path:
    """Where the vectors of a run's embeddings are listed, one a line."""
    return folder / f"{run_id}.vectors.txt"


@dataclass(frozen=True, slots=True)
class Deleted:
    """What became of a run's vectors. left: that nothing uses any more and that are in the index still, with why."""

    found: int = 0
    deleted: int = 0
    left: int = 0
    why: str = ""


async def listed_and_deleted(
    context: Context, mongo: MongoClients, run_id: str, vectors: Vectors | None, folder: Path
) -> Deleted:
    """Lists the vectors of what the run removed, and deletes them where there is a key and no embedding has them still.

    A vector that is left makes a search find nothing: no reason to keep a clean-up from its end.
    """
    path, done = vectors_path(folder, run_id), Deleted()
    async for ids in vectors_of(mongo, run_id):
        await asyncio.to_thread(_write, path, ids, begins=not done.found)
        done = await _deleted(context, mongo, vectors, ids, done)
    return done


async def left_before(context: Context, mongo: MongoClients, vectors: Vectors, run_id: str) -> int:
    """Deletes what clean-ups before this one had to leave in the index, and returns how many. Raises BackendError."""
    async with mongo.settled(Role.OLORIN) as database:
        wanted = {"vectors_left": {"$gt": 0}, "dropped_at": None, "_id": {"$ne": run_id}}
        others = [each["_id"] for each in await database[QUARANTINES].find(wanted, {"_id": 1}).to_list(None)]
    deleted = 0
    for other in others:
        done = Deleted()
        async for ids in vectors_of(mongo, other):
            done = await _deleted(context, mongo, vectors, ids, done)
        async with context.batch() as batch:
            left = {"$set": {"vectors_left": done.left}}
            await batch.database[QUARANTINES].update_one({"_id": other}, left, session=batch.session)
        deleted += done.deleted
    return deleted


async def _deleted(
    context: Context, mongo: MongoClients, vectors: Vectors | None, ids: list[str], done: Deleted
) -> Deleted:
    """What is done with these besides. After a failure none is tried any more, only counted."""
    done = replace(done, found=done.found + len(ids))
    unused = await _unused(mongo, ids) if vectors is not None else []
    if vectors is None or not unused:
        return done
    if done.why:
        return replace(done, left=done.left + len(unused))
    async with context.batch():
        pass  # an index knows no fence: who lost the lease gets no further than here
    try:
        return replace(done, deleted=done.deleted + await vectors.delete(context.token, unused))
    except BackendError as error:
        return replace(done, left=len(unused), why=error.message)


async def _unused(mongo: MongoClients, ids: list[str]) -> list[str]:
    """Those that no embedding names any more: an index run twice leaves two with one vector."""
    used: set[str] = set()
    async with mongo.settled(Role.OLORIN) as database:
        for part in parts(ids):
            query = {"pinecone_vector_id": {"$in": part}}
            cursor = database[EMBEDDINGS].find(query, {"pinecone_vector_id": 1, "_id": 0})
            used |= {each["pinecone_vector_id"] for each in await cursor.to_list(None)}
    return [each for each in dict.fromkeys(ids) if each not in used]


def _write(path: Path, ids: list[str], *, begins: bool) -> None:
    with kept_in(path.parent):
        private_folder(path.parent)
        with path.open("w" if begins else "a", encoding="utf-8", errors="backslashreplace") as out:
            out.write("".join(f"{each}\n" for each in ids))


async def vectors_of(mongo: MongoClients, run_id: str) -> AsyncIterator[list[str]]:
    """The vectors of a run's embeddings, in lists. Raises BackendError."""
    async with mongo.settled(Role.OLORIN) as database:
        cursor = database[about_name(run_id)].find({"vector": {"$exists": True}}, {"vector": 1}, batch_size=TOGETHER)
        while found := await cursor.to_list(TOGETHER):
            yield [each["vector"] for each in found]
