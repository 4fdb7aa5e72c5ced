"""The run's last part, once a person said so: prove, follow, lock, exchange, and prove again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from backends.clients.errors import BackendError, Refused, StoppedByThreshold, VerificationFailed
from backends.clients.postgres import PostgresClient
from backends.migrations.repartition import book, capture, exchange, matviews
from backends.migrations.repartition.book import Stage
from backends.migrations.repartition.checking import checked
from backends.migrations.repartition.following import LITTLE
from backends.migrations.repartition.inserts import gain_of
from backends.migrations.repartition.job import PROOF_MS, ChunksJob
from backends.migrations.repartition.shape import Shape
from backends.runs.job import Batch, Context, Step, Verification
from backends.runs.model import Run

if TYPE_CHECKING:
    from backends.pools.machines import Machines

STRUCTURE: Final = (
    *("kind", "key", "leaves", "columns", "checks", "keys_out", "indexes", "leaf_indexes", "row_security"),
    *("triggers", "matviews"),
)
"""What the new table was built from; had it changed meanwhile, the new one would not be what it should be."""

_BACKUPS: Final = """
    INSERT INTO {table} (backup_table_name, original_table_name, record_count, migration_revision, retention_until)
    SELECT $1, 'chunks', least($2::bigint, 2147483647)::int, $3, clock_timestamp() + make_interval(secs => $4)
"""


class ChunksRun(ChunksJob):
    """The whole run: it ends by holding, and by the swap where the book says that one was ordered."""

    def __init__(self, run: Run, client: PostgresClient, machines: Machines | None = None) -> None:
        super().__init__(run, client, machines)
        self._began = self._lock_ms = 0.0
        self._swapping = {
            "ready": self._begin,
            "views": self._views,
            "reprove": self._reprove,
            "follow": self._follow,
            "arm": self._arm,
            "swap": self._swap,
        }
        self._phases |= {"validate": self._validate, "keys in": self.validate_keys_in, "done": self._done}

    async def prepare(self, context: Context) -> None:
        """Raises Refused where the table is not as planned, or the run has nothing to go on with."""
        await super().prepare(context)
        if self.migration is not None:
            self._lock_ms = self.migration.lock_ms or 0.0
            if self.migration.stage is Stage.SWAPPING:
                self._phases |= self._swapping

    async def batch(self, context: Context) -> Step:
        """The phase that the checkpoint names; a swap that can't go on leaves everything as it was."""
        try:
            return await super().batch(context)
        except (Refused, VerificationFailed, StoppedByThreshold) as error:
            await context.reread()
            if context.checkpoint.get("armed"):
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
            if not await batch.connection.fetchval("SELECT to_regclass($1) IS NOT NULL", shape.named(capture.SINCE)):
                await self.run(batch, capture.log_statements(shape, capture.SINCE))
            batch.checkpoint = {**batch.checkpoint, "phase": "views", "view": 0, "armed": True, "late": False}
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
        return await self._go(context, {**context.checkpoint, "phase": "keys", "late": True})

    async def _arm(self, context: Context) -> Step:
        """Gives the new table its triggers; nobody but this run writes to it yet."""
        shape = self.target.shape
        leaves = [shape.named(each) for each in self.target.partitions]
        async with context.batch() as batch:
            await self.run(batch, capture.trigger_statements(shape, capture.SINCE, shape.next, leaves))
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
        await self._record(batch, rows)
        await book.note_swap(connection, target, rows, (time.monotonic() - self._began) * 1000)
        batch.count(applied_under_lock=applied)
        batch.checkpoint = {**batch.checkpoint, "phase": "validate", "armed": False}
        batch.checkpoint = {**batch.checkpoint, "keys_in": list(now.live["keys_in"])}

    def _checked(self, live: Shape) -> Shape:
        changed = [part for part in STRUCTURE if live[part] != self.target.shape[part]]
        if changed:
            hint = "Roll back and begin anew: the new table was built from what it was."
            raise Refused(f"The table was changed meanwhile: {', '.join(changed)}.", hint=hint)
        return live

    async def _record(self, batch: Batch, rows: int) -> None:
        table = self.target.shape.named("migration_backups")
        if await batch.connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table):
            retain_s = (self.migration.retain_h if self.migration else book.RETAIN_H) * 3600
            await batch.connection.execute(
                _BACKUPS.format(table=table), self.target.backup, rows, self.target.stamp, retain_s
            )

    # After it

    async def _validate(self, context: Context) -> Step:
        """What the lock was too short for: the backup's triggers and keys; then the foreign keys of other tables."""
        target = self.target

        async def finish(batch: Batch) -> None:
            await self.run(batch, exchange.retired(target))
            await book.note_lock(batch.connection, target, self._lock_ms)
            batch.count(lock_ms=round(self._lock_ms))
            batch.checkpoint = {**batch.checkpoint, "phase": "keys in"}

        return await self.locked(context, finish)

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
