"""The run's last part, once a person said so: prove, follow, lock, exchange, and prove again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from backends.clients.errors import BackendError, CannotConnect, DeadlineExceeded, LeaseHeld, Refused
from backends.clients.postgres import PostgresClient
from backends.migrations.repartition import backups, book, capture, exchange, matviews
from backends.migrations.repartition.book import Stage
from backends.migrations.repartition.checking import checked
from backends.migrations.repartition.following import LITTLE
from backends.migrations.repartition.inserts import gain_of
from backends.migrations.repartition.job import AFTER, PROOF_MS, ChunksJob
from backends.migrations.repartition.rebuilding import not_rebuilt
from backends.migrations.repartition.rights import not_ours, revoke
from backends.migrations.repartition.shape import Shape, read_shape
from backends.runs.job import Batch, Context, Step, Verification
from backends.runs.model import Run
from backends.runs.store import TryAgain

if TYPE_CHECKING:
    from backends.pools.machines import Machines

FOLLOWS: Final = frozenset(
    {
        *("keys_in", "views", "grants", "publications", "sequence", "left_behind"),
        *("keyless_publications", "filtered_publications"),
    }
)
"""What the exchange takes over as it is by then, or judges anew. All else the new table was built from; had it changed
meanwhile, the new one would not be what it should be.
"""

RECOVERABLE: Final = (TryAgain, CannotConnect, DeadlineExceeded, LeaseHeld)
"""What ends no swap: the batch is repeated, or the run is somebody else's by now."""


class ChunksRun(ChunksJob):
    """The whole run: it ends by holding, and by the swap where the book says that one was ordered."""

    def __init__(self, run: Run, client: PostgresClient, machines: Machines | None = None) -> None:
        super().__init__(run, client, machines)
        self._began = self._lock_ms = 0.0
        self._swaps = False
        self._swapping = {
            "ready": self._begin,
            "views": self._views,
            "reprove": self._reprove,
            "follow": self._follow,
            "arm": self._arm,
            "swap": self._swap,
        }
        self._phases |= {
            "validate": self._validate,
            "check late": self.check_late,
            "whole late": self.whole_late,
            "keys in": self.validate_keys_in,
            "done": self._done,
        }

    async def prepare(self, context: Context) -> None:
        """Raises Refused where the table is not as planned, or the run has nothing to go on with."""
        await super().prepare(context)
        if self.migration is not None:
            self._lock_ms = self.migration.lock_ms or 0.0
            self._swaps = self.migration.stage is Stage.SWAPPING
            self._phases |= self._swapping if self._swaps else {}

    async def batch(self, context: Context) -> Step:
        """The phase that the checkpoint names; a swap that can't go on leaves everything as it was."""
        try:
            return await super().batch(context)
        except RECOVERABLE:
            raise
        except BackendError as error:
            await context.reread()
            if self._swaps and context.checkpoint.get("phase") not in AFTER:
                await self._back_from(context, error)
            raise

    async def _back_from(self, context: Context, error: BackendError) -> None:
        """Steps back; where that is not to be had, the error says so too."""
        try:
            await self.step_back(context)
        except BackendError as also:
            said = "What the new table was given for the swap is still on it: resume, or roll back."
            error.hint = " ".join(filter(None, (error.hint, said, also.hint)))

    # Before the lock

    async def _begin(self, context: Context) -> Step:
        shape = self.target.shape
        async with context.batch() as batch:
            if foreign := await not_ours(batch.connection, await read_shape(batch.connection)):
                raise Refused(f"This role can't swap the table: {'; '.join(foreign)}.")
            if not await batch.connection.fetchval("SELECT to_regclass($1) IS NOT NULL", shape.named(capture.SINCE)):
                await self.run(batch, capture.log_statements(shape, capture.SINCE))
                await revoke(batch.connection, [shape.named(capture.SINCE)])
            batch.checkpoint = {**batch.checkpoint, "phase": "views", "view": 0, "armed": True}
        return Step.MORE

    async def _views(self, context: Context) -> Step:
        """One materialized view, which may read the whole table."""
        number, views = int(context.checkpoint["view"]), self.target.shape["matviews"]
        if number >= len(views):
            return await self._go(context, {**context.checkpoint, "phase": "drain", "then": "reprove"})
        async with context.batch() as batch:
            await matviews.build(batch.connection, self.target, number)
            batch.checkpoint = {**batch.checkpoint, "view": number + 1}
        return Step.MORE

    async def _reprove(self, context: Context) -> Step:
        """The full proof, before any lock; what is applied from now on is proven as it is applied."""
        found = await self.proven()
        return await self._go(context, {**context.checkpoint, "phase": "follow", "proven": found.new_rows})

    async def _follow(self, context: Context) -> Step:
        if await self.drain(context, check=True) >= LITTLE:
            return Step.MORE
        return await self._go(context, {**context.checkpoint, "phase": "arm"})

    async def _arm(self, context: Context) -> Step:
        """Gives the new table its triggers; nobody but this run writes to it yet."""
        shape = self.target.shape
        async with context.batch() as batch:
            await self.run(batch, capture.trigger_statements(shape, capture.SINCE, shape.next, self._partitions))
            await self.run(batch, exchange.mirrored(shape, shape.next))
            batch.checkpoint = {**batch.checkpoint, "phase": "swap"}
        return Step.MORE

    async def _swap(self, context: Context) -> Step:
        async with context.batch() as batch:
            # What was applied so far is no change since the swap; what is applied until then is few.
            await batch.connection.execute(f"TRUNCATE {self.target.shape.named(capture.SINCE)}")
        await self.drain(context, check=True)
        step = await self.locked(context, self._exchange)
        self._lock_ms = (time.monotonic() - self._began) * 1000
        return step

    # Under the lock

    async def _exchange(self, batch: Batch) -> None:
        """Drains and proves what is left, renames, and captures the other way round from now on."""
        connection, target = batch.connection, self.target
        shape = target.shape
        now, self._began, applied = await self.all_locked(
            batch, lambda live: exchange.swap(target, self._checked(live))
        )
        await connection.execute(f"DELETE FROM {shape.named(capture.SINCE)}")
        await self.run(batch, exchange.statements(now, exchange.kept_triggers(shape)))
        rows = int(batch.checkpoint["proven"])
        retain_h = self.migration.retain_h if self.migration else book.RETAIN_H
        await backups.enter(connection, target, rows, retain_h)
        await book.note_swap(connection, target, rows, (time.monotonic() - self._began) * 1000)
        batch.count(applied_under_lock=applied)
        batch.checkpoint = {**batch.checkpoint, "phase": "validate", "armed": False}
        batch.checkpoint = {**batch.checkpoint, "keys_in": now.to_validate}

    def _checked(self, live: Shape) -> Shape:
        """Raises Refused where the new table is not what the one in use is by now, or could not take its place."""
        known = self.target.shape
        changed = [part for part in known.said if part not in FOLLOWS and live[part] != known[part]]
        if changed:
            hint = "Roll back and begin anew: the new table was built from what it was."
            raise Refused(f"The table was changed meanwhile: {', '.join(changed)}.", hint=hint)
        if red := [why for _, bad, why in not_rebuilt(live, self._layout) if bad]:
            raise Refused(f"The table can't be swapped as it is by now: {' '.join(red)}")
        return live

    # After it

    async def _validate(self, context: Context) -> Step:
        """What the lock was too short for: the backup's triggers and keys; then the foreign keys of other tables."""
        target = self.target

        async def finish(batch: Batch) -> None:
            await self.run(batch, exchange.retired(target))
            await book.note_lock(batch.connection, target, self._lock_ms)
            batch.count(lock_ms=round(self._lock_ms))
            batch.checkpoint = {**batch.checkpoint, "phase": "check late"}

        return await self.locked(context, finish)

    @property
    def leaves_in_use(self) -> list[str]:
        """The new partitions."""
        return self._partitions

    async def _done(self, _: Context) -> Step:
        return Step.DONE

    async def verify(self, context: Context) -> Verification:
        """The backup and the table in use, what was written since left out."""
        async with self._client.studying(PROOF_MS) as session:
            migration = await book.newest(session)
            if migration is None:
                return Verification(False, "the book of re-partitionings is gone")
            found = await checked(session, migration.after, migration.formula, in_use=True)
        why = f"{found.said}; an insert: {gain_of(context.progress.counts).short}"
        return Verification(found.right, why, {"rows": found.new_rows, "changed_since": found.logged})
