"""After the last batch: vectors of cleaned embeddings, and quarantines whose time is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from backends.backup.model import BackupGate
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans.clean_model import COUNTS
from backends.orphans.cleaned_vectors import left_before, listed_and_deleted, vectors_path
from backends.orphans.expired import Expired, drop, still_there, why_kept
from backends.orphans.quarantine import LISTS, QUARANTINES
from backends.orphans.vectors import Vectors
from backends.runs.job import Context, Step

CHUNKS: Final = 100
"""Chunks of a list that are deleted together."""


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
            await self._vectors(context)
        if not context.checkpoint.get("tidied"):
            await _drop_list(context, self.mongo, self.run_id)
            if self.expired and not await why_kept(self.backup):
                await drop(context, self.mongo, self.expired, now)
            async with context.batch() as batch:
                batch.count(quarantines_dropped=0)
                batch.checkpoint = {**batch.checkpoint, "tidied": True}
        return Step.DONE

    async def _vectors(self, context: Context) -> None:
        late = await left_before(context, self.mongo, self.vectors, self.run_id) if self.vectors is not None else 0
        done = await listed_and_deleted(context, self.mongo, self.run_id, self.vectors, self.folder)
        async with context.batch() as batch:
            batch.count(**dict.fromkeys(COUNTS, 0), vectors=done.found, vectors_deleted=done.deleted)
            batch.count(vectors_left=done.left, **({"vectors_deleted_late": late} if late else {}))
            if done.left:
                batch.did("vectors", failed=done.left)
            left = {"$set": {"vectors_left": done.left}}
            await batch.database[QUARANTINES].update_one({"_id": self.run_id}, left, session=batch.session)
            # Settled is also the last batch: its list, which that takes, may be dropped from here on.
            more = {"vectors": True, "vectors_why": done.why, "unsettled": None}
            batch.checkpoint = {**batch.checkpoint, **more}

    def about_vectors(self, context: Context) -> str:
        """Where vectors are listed that were not deleted, and why not, after a verdict's words."""
        counts, path = context.progress.counts, vectors_path(self.folder, self.run_id)
        if left := counts.get("vectors_left", 0):
            why = context.checkpoint.get("vectors_why")
            return f"; {left:,} vectors are left in the index, for the next clean-up to delete: {why}"
        listed = counts.get("vectors", 0) and self.vectors is None and path.exists()
        return f"; the vectors are listed in {path}" if listed else ""

    async def kept(self) -> str:
        """The quarantines that stayed although their time is over, and why, after a verdict's words."""
        still = await still_there(self.mongo, self.expired) if self.expired else ()
        if not still:
            return ""
        names = ", ".join(each["_id"] for each in still)
        return f"; kept although their time is over: {names}. {await why_kept(self.backup)}".rstrip()


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
