"""The toy job: moves numbered documents or rows from A to B, then swaps B into place; with points to fail at.

`TOY_FAIL=point:n[:signal]` sends this process a signal (KILL unless it says otherwise) the n-th time that it comes
by the point. `TOY_SLOW` are seconds that each batch takes longer.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from backends.runs.job import Context, Job, Step, Verification
from backends.runs.model import Run, Unit
from backends.runs.mongo_worker import MongoWorker
from backends.runs.postgres_worker import PostgresWorker
from backends.runs.sizing import Limits
from backends.runs.throttle import Does, Rule

POINTS = ("before write", "after write", "after checkpoint", "after commit", "in the swap", "after the swap")
_seen: Counter[str] = Counter()


def point(name: str) -> None:
    """Fails here, if this is the place and the time to."""
    wanted, number, *named = os.environ.get("TOY_FAIL", ":0").split(":")
    _seen[name] += 1
    if (name, _seen[name]) == (wanted, int(number)):
        os.kill(os.getpid(), signal.Signals[f"SIG{(named or ['KILL'])[0]}"])


def hash_of(number: int) -> str:
    """What an item must hold."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:16]


class Toy(Job):
    """Moves the items of A to B in the order of their numbers.

    options: items, skip (numbers), hold, load, does, slow_s (of "prepare" and "verify"), cuttable.
    """

    kind: ClassVar[str] = "toy"
    act: ClassVar[str] = "toy.move"
    cuttable: ClassVar[bool] = True
    limits = Limits(7, 1, 50)

    def __init__(self, run: Run) -> None:
        point("start")
        self.items = int(run.options.get("items", 0))
        self.skip = set(run.options.get("skip", ()))
        self.bad_proof = bool(run.options.get("bad_proof"))
        self.slow_s: Mapping[str, float] = run.options.get("slow_s", {})
        self.cuttable = bool(run.options.get("cuttable", True))  # type: ignore[misc]
        self.hold = bool(run.options.get("hold"))
        self.load: float | None = run.options.get("load")
        self.rules = (Rule("load", Does[run.options.get("does", "PAUSE")], 80, 70, hold_off_s=0.1),)

    async def prepare(self, context: Context) -> None:
        context.expect(Unit("numbers", self.items))
        await self._take_time("prepare", context)

    async def _take_time(self, place: str, context: Context) -> None:
        """As long as the options say; what can't be cut ends once it is told to."""
        until = time.monotonic() + self.slow_s.get(place, 0.0)
        while time.monotonic() < until and (self.cuttable or not context.stopping):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    async def sample(self) -> Mapping[str, float | None]:
        return {} if self.load is None else {"load": self.load if self.load >= 0 else None}

    async def batch(self, context: Context) -> Step:
        if float(os.environ.get("TOY_SLOW", "0")):
            await asyncio.sleep(float(os.environ["TOY_SLOW"]))
        last = context.checkpoint.get("last", -1)
        if last >= self.items - 1:
            if self.hold and not context.checkpoint.get("held"):
                async with context.batch() as batch:
                    batch.checkpoint = {**batch.checkpoint, "held": True}
                return Step.HOLD
            await self._swap(context)
            return Step.DONE
        wanted = list(range(last + 1, min(last + 1 + context.size, self.items)))
        async with context.batch() as batch:
            point("before write")
            moved = await self.move(batch, [number for number in wanted if number not in self.skip])
            point("after write")
            batch.did("numbers", moved, failed=len(wanted) - moved, size_bytes=16 * moved)
            batch.count(moved=moved)
            batch.checkpoint = {"last": wanted[-1]}
        point("after commit")
        return Step.MORE

    async def _swap(self, context: Context) -> None:
        if not context.checkpoint.get("swapped"):
            async with context.batch() as batch:
                await self.swap(batch)
                point("in the swap")
                batch.checkpoint = {**batch.checkpoint, "swapped": True}
        point("after the swap")

    async def move(self, batch: Any, numbers: list[int]) -> int:
        """Moves them, and says how many there were."""
        raise NotImplementedError

    async def swap(self, batch: Any) -> None:
        """Puts B into its place."""
        raise NotImplementedError

    async def verify(self, context: Context) -> Verification:
        await self._take_time("verify", context)
        return Verification(not self.bad_proof, "two items differ" if self.bad_proof else "", {"verified": self.items})


class MongoToy(Toy):
    """Documents."""

    async def move(self, batch: Any, numbers: list[int]) -> int:
        database, session = batch.database, batch.session
        found = await database.toy_a.find({"_id": {"$in": numbers}}, session=session).to_list(None)
        if not found:
            return 0
        await database.toy_b.insert_many(found, session=session)
        deleted = await database.toy_a.delete_many({"_id": {"$in": [each["_id"] for each in found]}}, session=session)
        return int(deleted.deleted_count)

    async def swap(self, batch: Any) -> None:
        await batch.database.toy_swaps.insert_one({"_id": "swap"}, session=batch.session)


class PostgresToy(Toy):
    """Rows."""

    async def move(self, batch: Any, numbers: list[int]) -> int:
        taking = "WITH moved AS (DELETE FROM toy_a WHERE id = ANY($1) RETURNING id, hash)"
        status = await batch.connection.execute(f"{taking} INSERT INTO toy_b SELECT * FROM moved", numbers)
        return int(status.split()[-1])

    async def swap(self, batch: Any) -> None:
        await batch.connection.execute("INSERT INTO toy_swaps VALUES ('swap')")


def fail_after_checkpoints() -> None:
    """Adds the point between a batch's checkpoint and its commit, which lies outside of the job."""
    saving: Any = MongoWorker._save

    async def save(self: Any, *args: Any) -> None:
        await saving(self, *args)
        point("after checkpoint")

    async def commit(self: Any, fence: Any, work: Any) -> None:
        """The same two statements, in two messages."""
        await work.connection.execute(self._saving(fence, work))
        point("after checkpoint")
        await work.connection.execute("COMMIT")

    mongo: Any = MongoWorker
    postgres: Any = PostgresWorker
    mongo._save, postgres._commit = save, commit


def toy_job(run: Run, is_mongo: bool) -> Toy:
    """The job of the run."""
    return MongoToy(run) if is_mongo else PostgresToy(run)
