"""What a long job says of itself, and what it is given to work with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final

from backends.clients.errors import BackendError
from backends.runs.model import Checkpoint, Progress, Run, Unit
from backends.runs.sizing import Limits
from backends.runs.store import Fence, Work, Worker
from backends.runs.throttle import Rule

if TYPE_CHECKING:
    from asyncpg import Connection, Record
    from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase

    from backends.safety.gate import Token


COMMAND_S: Final = 60.0
"""Seconds that a command of a job may take, unless it says otherwise."""


class Step(Enum):
    """What comes after a batch."""

    MORE = "there is more to do"
    FOLLOW = "all is done for now; it follows what others change, and a person decides how to go on"
    HOLD = "a person decides how to go on; the run ends here until it is resumed"
    DONE = "nothing is left but to verify"


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether what was written is what should be there, and the counts that say so."""

    ok: bool
    why: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


class Batch:
    """A batch's transaction, open, and what it adds to the run once it is committed.

    On Postgres everything goes through `connection`; on Mongo every operation takes `session=batch.session`.
    """

    def __init__(self, work: Work, body: Mapping[str, Any], progress: Progress) -> None:
        self._work = work
        self.checkpoint: Mapping[str, Any] = body
        self.progress = progress
        self.items = 0

    @property
    def connection(self) -> Connection[Record]:
        """Postgres' connection, inside the transaction; savepoints are made in words, as it was begun in words too."""
        return self._work.connection

    @property
    def database(self) -> AsyncIOMotorDatabase[dict[str, Any]]:
        """Mongo's database."""
        return self._work.database

    @property
    def session(self) -> AsyncIOMotorClientSession | None:
        """Mongo's session, inside the transaction; None where the server has none."""
        return self._work.session

    def did(self, name: str, done: int = 0, *, failed: int = 0, size_bytes: int = 0) -> None:
        """Items of a unit that this batch does, or gives up, and their bytes."""
        old = next((unit for unit in self.progress.units if unit.name == name), None)
        unit = old or Unit(name)
        new = replace(unit, done=unit.done + done, failed=unit.failed + failed, bytes=unit.bytes + size_bytes)
        units = [new if each.name == name else each for each in self.progress.units]
        self.progress = replace(self.progress, units=tuple(units if old else [*units, new]))
        self.items += done + failed

    def count(self, **counts: int) -> None:
        """Adds to the job's own counts, as the server gave them."""
        known = dict(self.progress.counts)
        for name, more in counts.items():
            known[name] = known.get(name, 0) + more
        self.progress = replace(self.progress, counts=known)


class Context:
    """What a job is given: its run, its token, where it goes on, and batches to write in.

    size: items that the next batch should have. stopping: the run has to stop, so a long step should end. version: the
    tool's, kept with what it writes. check: raises Stopped where people, a halt or the time limit want the run's end,
    for steps that take minutes.
    """

    def __init__(self, run: Run, token: Token, worker: Worker, fence: Fence, version: str) -> None:
        self.run = run
        self._version = version
        self.token = token
        self.size = 1
        self.stopping = False
        self.check: Callable[[], None] = lambda: None
        self.progress = Progress()
        self.items = 0
        self._worker = worker
        self._fence = fence
        self._checkpoint = Checkpoint()

    @property
    def checkpoint(self) -> Mapping[str, Any]:
        """What the job's newest committed batch left for the next one."""
        return self._checkpoint.body

    def expect(self, *units: Unit) -> None:
        """The run's units with their totals; what is done of them already stays."""
        known = {unit.name: unit for unit in self.progress.units}
        expected = tuple(replace(known.get(unit.name, unit), total=unit.total) for unit in units)
        self.progress = replace(self.progress, units=expected)

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[Batch]:
        """A transaction that is committed with the checkpoint and the counts left in it; it may be empty.

        Raises BackendError; TryAgain and lost connections are the runner's to handle, by calling the job again.
        """
        async with self._worker.work(self._fence, self._checkpoint) as work:
            batch = Batch(work, self.checkpoint, self.progress)
            yield batch
            work.save(batch.checkpoint, batch.progress)
        self._checkpoint = replace(self._checkpoint, number=self._checkpoint.number + 1, body=batch.checkpoint)
        self.progress = batch.progress
        self.items += batch.items

    async def command(self, command: Mapping[str, Any], lasts_s: float = COMMAND_S) -> Mapping[str, Any]:
        """Mongo's command that no transaction takes: collections, indexes. lasts_s: seconds that it may take.

        What is written besides belongs into a batch. Raises LeaseLost.
        """
        return await self._worker.command(self._fence, command, lasts_s)

    async def tell(self, name: str, done: int) -> None:
        """Lets others see how far a unit is within a long step; what counts is what its batch commits."""
        units = tuple(replace(unit, done=done) if unit.name == name else unit for unit in self.progress.units)
        # Nobody is worse off without it, and a lost lease is noticed by the heart.
        with suppress(BackendError):
            await self._worker.note(self._fence, replace(self.progress, units=units))

    async def reread(self) -> Checkpoint:
        """Takes the state from the store again: at the start, and where a batch's outcome is not known."""
        found, saved = await self._worker.resumed(self._fence)
        self._checkpoint = replace(found, version=self._version)
        totals = {unit.name: unit.total for unit in self.progress.units}
        units = tuple(replace(unit, total=totals.get(unit.name, unit.total)) for unit in saved.units)
        fresh = tuple(unit for unit in self.progress.units if unit.name not in {each.name for each in units})
        empty = tuple(Unit(unit.name, unit.total) for unit in fresh)
        self.progress = replace(self.progress, units=(*units, *empty), counts=saved.counts)
        self.progress = replace(self.progress, window=self.progress.window or saved.window)
        if not self.progress.lost_s:
            self.progress = replace(self.progress, lost_s=saved.lost_s)
        return self._checkpoint


class Job(ABC):
    """A long job. A batch that is repeated after a crash must come to the same as one that was not.

    kind: as it is registered. act: what the gate and the audit log call it. limits: items a batch. rules: when it has
    to wait, over what `sample` measures. cuttable: `prepare` and `verify` may be cancelled anywhere, since they write
    nothing; those of other jobs are waited for, and an order is obeyed after them.
    """

    kind: ClassVar[str]
    act: ClassVar[str]
    cuttable: ClassVar[bool] = False
    limits: Limits = Limits(100, 1, 1000)
    rules: Sequence[Rule] = ()

    async def prepare(self, context: Context) -> None:
        """Before the first batch of every start: what it needs to know, and `context.expect`. Raises BackendError."""
        return

    @abstractmethod
    async def batch(self, context: Context) -> Step:
        """One batch of about `context.size` items, in `context.batch()`. Raises BackendError."""

    async def verify(self, context: Context) -> Verification:
        """Whether the result is right, once all is done. Raises BackendError."""
        return Verification(True)

    async def sample(self) -> Mapping[str, float | None]:
        """What the rules judge, by name: None where a configured measurement gave nothing, absent if not configured."""
        return {}

    def detail(self, measurement: str) -> str:
        """What more is to be said of the newest value, for a warning: who it is about."""
        return ""
