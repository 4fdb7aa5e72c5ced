"""After the last batch: vectors of cleaned embeddings, and quarantines whose time is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from backends.backup.model import BackupGate
from backends.clients.errors import BackendError
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans.allow_list import kept_in
from backends.orphans.clean_model import COUNTS
from backends.orphans.expired import Expired, drop, still_there, why_kept
from backends.orphans.quarantine import LISTS, about_name, parts
from backends.orphans.vectors import Vectors
from backends.runs.job import Context, Step
from backends.safety.files import private_folder

_log = logging.getLogger(__name__)

EMBEDDINGS: Final = "content_embeddings"
TOGETHER: Final = 500
"""Vectors that are deleted with one call."""

CHUNKS: Final = 100
"""Chunks of a list that are deleted together."""


def vectors_path(folder: Path, run_id: str) -> Path:
    """Where the vectors of a run's embeddings are listed, one a line."""
    return folder / f"{run_id}.vectors.txt"


@dataclass(frozen=True, slots=True)
class Finishing:
    """What a run needs at its end. expired: the quarantines that its plan names; backup: what must let them go."""

    mongo: MongoClients
    run_id: str
    vectors: Vectors | None
    folder: Path
    expired: tuple[Expired, ...]
    backup: BackupGate

    async def finish(self, context: Context, now: datetime) -> Step:
        """Each step once, in this order; what a crash repeats comes to the same."""
        if not context.checkpoint.get("vectors"):
            found, deleted, failed = await _vectors(context, self.mongo, self.run_id, self.vectors, self.folder)
            left = (found - deleted) * failed
            async with context.batch() as batch:
                batch.count(**dict.fromkeys(COUNTS, 0), vectors=found, vectors_deleted=deleted, vectors_left=left)
                # Settled is also the last batch: its list, which that takes, may be dropped from here on.
                batch.checkpoint = {**batch.checkpoint, "vectors": True, "unsettled": None}
        if not context.checkpoint.get("tidied"):
            await _drop_list(context, self.mongo, self.run_id)
            if self.expired and not await why_kept(self.backup):
                await drop(context, self.mongo, self.expired, now)
            async with context.batch() as batch:
                batch.count(quarantines_dropped=0)
                batch.checkpoint = {**batch.checkpoint, "tidied": True}
        return Step.DONE

    async def kept(self) -> str:
        """The quarantines that stayed although their time is over, and why, after a verdict's words."""
        still = await still_there(self.mongo, self.expired) if self.expired else ()
        if not still:
            return ""
        names = ", ".join(each["_id"] for each in still)
        return f"; kept although their time is over: {names}. {await why_kept(self.backup)}".rstrip()


async def _vectors(
    context: Context, mongo: MongoClients, run_id: str, vectors: Vectors | None, folder: Path
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
            failed, done = await _deleted(context, vectors, await _unused(mongo, ids))
            deleted += done
    return found, deleted, bool(failed)


async def _deleted(context: Context, vectors: Vectors, unused: list[str]) -> tuple[str, int]:
    """Why they could not be deleted ("" where they were), and how many were.

    A vector that is left makes a search find nothing: no reason to keep a clean-up from its end. The list has it.
    """
    async with context.batch():
        pass  # an index knows no fence: who lost the lease gets no further than here
    try:
        return "", await vectors.delete(context.token, unused) if unused else 0
    except BackendError as error:
        _log.warning("vectors are left in the index: %s", error.message)
        return error.message, 0


async def _unused(mongo: MongoClients, ids: list[str]) -> list[str]:
    """Those that no embedding names any more: an index run twice leaves two with one vector."""
    used: set[str] = set()
    async with mongo.settled(Role.OLORIN) as database:
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
    async with mongo.settled(Role.OLORIN) as database:
        cursor = database[about_name(run_id)].find({"vector": {"$exists": True}}, {"vector": 1}, batch_size=TOGETHER)
        while found := await cursor.to_list(TOGETHER):
            yield [each["vector"] for each in found]


async def _drop_list(context: Context, mongo: MongoClients, run_id: str) -> None:
    """Drops this run's own list, some chunks at a time: each may be large."""
    mine = {"_id": {"$gte": {"run": run_id}, "$lt": {"run": f"{run_id}\0"}}}
    while True:
        async with mongo.settled(Role.OLORIN) as database:
            ids = [each["_id"] for each in await database[LISTS].find(mine, {"_id": 1}, limit=CHUNKS).to_list(CHUNKS)]
        if not ids:
            return
        async with context.batch() as batch:
            await batch.database[LISTS].delete_many({"_id": {"$in": ids}}, session=batch.session)
