"""The run's last part, once a person said so: prove, follow, lock, exchange, and prove again."""

from __future__ import annotations

import time
from typing import Final

from backends.clients.errors import Refused, VerificationFailed
from backends.clients.postgres import PostgresClient
from backends.migrations.repartition import book, capture, exchange
from backends.migrations.repartition.book import Stage
from backends.migrations.repartition.job import DRAIN, LITTLE, PROOF_MS, ChunksJob
from backends.migrations.repartition.proof import compare
from backends.migrations.repartition.rows import apply, take
from backends.migrations.repartition.shape import Shape, read_shape
from backends.runs.job import Batch, Context, Step, Verification
from backends.runs.model import Run

STRUCTURE: Final = ("kind", "key", "leaves", "columns", "checks", "keys_out", "indexes", "leaf_indexes", "row_security")
"""What the new table was built from; had it changed meanwhile, the new one would not be what it should be."""

_BACKUPS: Final = """
    INSERT INTO {table} (backup_table_name, original_table_name, record_count, migration_revision, retention_until)
    SELECT $1, 'chunks', least($2::bigint, 2147483647)::int, $3, clock_timestamp() + make_interval(secs => $4)
"""


class ChunksRun(ChunksJob):
    """The whole run: it ends by holding, and by the swap where the book says that one was ordered."""

    def __init__(self, run: Run, client: PostgresClient) -> None:
        super().__init__(run, client)
        self._swapping = {
            "ready": self._begin,
            "reprove": self._reprove,
            "follow": self._follow,
            "swap": self._swap,
        }
        self._phases["validate"] = self._validate

    async def prepare(self, context: Context) -> None:
        """Raises Refused where the table is not as planned, or the run has nothing to go on with."""
        await super().prepare(context)
        if self.migration is not None and self.migration.stage is Stage.SWAPPING:
            self._phases |= self._swapping

    async def _begin(self, context: Context) -> Step:
        shape = self.target.shape
        async with context.batch() as batch:
            if not await batch.connection.fetchval("SELECT to_regclass($1) IS NOT NULL", shape.named(capture.SINCE)):
                await self._run(batch, capture.log_statements(shape, capture.SINCE))
            batch.checkpoint = {**batch.checkpoint, "phase": "drain", "then": "reprove", "late": False}
        return Step.MORE

    async def _reprove(self, context: Context) -> Step:
        """The full proof, before any lock; what is applied from now on is proven as it is applied."""
        found = await self.compared()
        if not found.same:
            raise VerificationFailed(f"The copy is not the same: {found.said}.", hint="Everything is as it was.")
        return await self._go(context, {**context.checkpoint, "phase": "follow", "proven": found.new_rows})

    async def _follow(self, context: Context) -> Step:
        if await self.drain(context, check=True) >= LITTLE:
            return Step.MORE
        return await self._go(context, {**context.checkpoint, "phase": "keys", "late": True})

    async def _swap(self, context: Context) -> Step:
        try:
            await self.drain(context, check=True)
            return await self.locked(context, self._exchange)
        except (Refused, VerificationFailed):
            await context.reread()
            await self._drop_late_keys(context)
            raise

    async def _exchange(self, batch: Batch) -> None:
        """Under the lock: drains and proves what is left, renames, and captures the other way round from now on."""
        connection, target = batch.connection, self.target
        shape = target.shape
        before = exchange.swap(target, await read_shape(connection, shape.table))
        await connection.execute(f"LOCK TABLE {before.locked} IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        now = exchange.swap(target, await self._checked(await read_shape(connection, shape.table)))
        applied = await self._last(batch)
        await self._run(batch, capture.drop_trigger_statements(capture.CHANGES, shape.table, self.leaves))
        await self._run(batch, exchange.statements(now, None))
        leaves = [shape.named(each) for each in target.partitions]
        await self._run(batch, capture.trigger_statements(shape, capture.SINCE, shape.table, leaves))
        rows = int(batch.checkpoint["proven"])
        lock_ms = (time.monotonic() - began) * 1000
        await book.note_swap(connection, target, rows, lock_ms)
        await self._record(batch, rows)
        batch.count(applied_under_lock=applied, lock_ms=round(lock_ms))
        batch.checkpoint = {**batch.checkpoint, "phase": "validate", "keys_in": list(now.live["keys_in"])}

    async def _checked(self, live: Shape) -> Shape:
        changed = [part for part in STRUCTURE if live[part] != self.target.shape[part]]
        if changed:
            hint = "Roll back and begin anew: the new table was built from what it was."
            raise Refused(f"The table was changed meanwhile: {', '.join(changed)}.", hint=hint)
        return live

    async def _last(self, batch: Batch) -> int:
        applied = 0
        while True:
            taken, keys = await take(batch.connection, self.route, DRAIN)
            if not taken:
                return applied
            await apply(batch.connection, self.route, keys)
            await self.same(batch, keys)
            applied += taken

    async def _record(self, batch: Batch, rows: int) -> None:
        table = self.target.shape.named("migration_backups")
        if await batch.connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table):
            retain_s = (self.migration.retain_h if self.migration else book.RETAIN_H) * 3600
            await batch.connection.execute(
                _BACKUPS.format(table=table), self.target.backup, rows, self.target.stamp, retain_s
            )

    async def _validate(self, context: Context) -> Step:
        """The foreign keys of other tables, which were taken over unread so that the lock was short."""
        async with context.batch() as batch:
            for key in batch.checkpoint.get("keys_in", []):
                await batch.connection.execute(f'ALTER TABLE {key["table"]} VALIDATE CONSTRAINT "{key["name"]}"')
            batch.checkpoint = {**batch.checkpoint, "keys_in": []}
        return Step.DONE

    async def verify(self, context: Context) -> Verification:
        """The backup and the table in use, what was written since left out."""
        async with self._client.reading(PROOF_MS) as session:
            migration = await book.newest(session)
            if migration is None:
                return Verification(False, "the book of re-partitionings is gone")
            found = await compare(session, migration.after)
        return Verification(found.same, found.said, {"rows": found.new_rows, "changed_since": found.logged})
