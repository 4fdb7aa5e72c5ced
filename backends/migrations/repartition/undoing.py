"""Going back: before the swap what was built is taken away, after it the old table comes back with what was written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from backends.clients.errors import Refused, VerificationFailed
from backends.clients.postgres import PostgresClient
from backends.migrations.repartition import book, capture, ddl, exchange
from backends.migrations.repartition.book import UNDER_WAY, Migration, Stage
from backends.migrations.repartition.job import DRAIN, LITTLE, PROOF_MS, ChunksJob
from backends.migrations.repartition.probing import probe
from backends.migrations.repartition.proof import Comparison, compare
from backends.migrations.repartition.rows import Key, apply, take
from backends.migrations.repartition.shape import read_shape
from backends.runs.job import Batch, Context, Step, Verification
from backends.runs.model import Run


class ChunksUndo(ChunksJob):
    """The rollback of the newest re-partitioning."""

    kind: ClassVar[str] = "chunks-rollback"
    act: ClassVar[str] = "chunks.rollback"

    def __init__(self, run: Run, client: PostgresClient) -> None:
        self._client = client
        self._stamp = str(run.options["stamp"])
        self._tries = self._smaller = 0
        self._phases = {
            "begin": self._begin,
            "abandon": self._abandon,
            "carry": self._carry,
            "keys": self._keys,
            "check": self._check,
            "whole": self._whole,
            "prove": self._prove,
            "follow": self._follow,
            "swap": self._swap,
        }

    async def prepare(self, context: Context) -> None:
        """Raises Refused where there is nothing to go back from."""
        self._migration = migration = await self._found()
        if migration.stage not in UNDER_WAY and not context.checkpoint:
            raise Refused(f"The newest re-partitioning is {migration.stage.value}: there is nothing to undo.")
        self.target, self.route = migration.target, migration.back
        self.leaves = migration.target.shape.leaves
        if migration.stage is Stage.SWAPPED:
            self.leaves = [self._moved(each) for each in self.leaves]

    def _moved(self, leaf: str) -> str:
        """The old table's partitions keep their names; a table that is not partitioned is its own, renamed."""
        shape = self.target.shape
        return shape.named(self.target.backup) if shape["kind"] == "r" else leaf

    async def _found(self) -> Migration:
        async with self._client.reading() as session:
            migration = await book.newest(session)
        if migration is None or migration.target.stamp != self._stamp:
            raise Refused("There is no re-partitioning to undo.")
        return migration

    async def batch(self, context: Context) -> Step:
        """The phase that the checkpoint names."""
        return await self._phases[str(context.checkpoint.get("phase", "begin"))](context)

    async def _begin(self, context: Context) -> Step:
        if self._migration.stage is not Stage.SWAPPED:
            return await self._abandon(context)
        return await self._go(context, {"phase": "carry", "then": "keys"})

    async def _abandon(self, context: Context) -> Step:
        """Takes away what was built and never used."""
        shape, target = self.target.shape, self.target

        async def away(batch: Batch) -> None:
            await self._run(batch, capture.drop_trigger_statements(capture.CHANGES, shape.table, self.leaves))
            for log in (capture.CHANGES, capture.SINCE):
                await self._run(batch, capture.drop_log_statements(shape, log))
            await batch.connection.execute(ddl.drop_next(shape))
            await book.move(batch.connection, target, Stage.UNDONE)

        return await self.locked(context, away, Step.DONE)

    # After the swap

    async def _carry(self, context: Context) -> Step:
        if await self._carry_some(context) >= LITTLE:
            return Step.MORE
        return await self._go(context, {**context.checkpoint, "phase": context.checkpoint["then"]})

    async def _carry_some(self, context: Context, *, check: bool = False) -> int:
        async with context.batch() as batch:
            await self._yield_to_writers(batch)
            taken, keys = await take(batch.connection, self.route, DRAIN)
            await self._carry_keys(batch, keys, check=check)
            batch.count(carried_back=taken)
        return taken

    async def _carry_keys(self, batch: Batch, keys: list[Key], *, check: bool) -> None:
        if keys and self.route.key == "?":
            listed = ", ".join(f"({id_}, {collection})" for id_, collection in keys[:5])
            hint = f"The first of them (id, collection): {listed}"
            raise Refused("How the old key was computed is not known, and rows were written since the swap.", hint=hint)
        await apply(batch.connection, self.route, keys)
        if check:
            await self.same(batch, keys)

    def _key_lines(self, late: bool) -> Iterable[str]:
        """Those that the swap took off the old table, so that it would refuse nobody's delete."""
        shape = self.target.shape
        for key in shape["keys_out"]:
            if ddl.may_refuse_writers(key):
                yield from ddl.key_statements(self.route.into, self.leaves, key)

    async def _keys(self, context: Context) -> Step:
        async def ask(batch: Batch) -> None:
            await self._run(batch, (line for line in self._key_lines(True) if line.endswith("NOT VALID")))
            batch.checkpoint = {**batch.checkpoint, "phase": "carry", "then": "check"}

        return await self.locked(context, ask)

    async def _whole(self, context: Context) -> Step:
        async def add(batch: Batch) -> None:
            if self.leaves != [self.route.into]:
                on_whole = f"ALTER TABLE {self.route.into} ADD"
                await self._run(batch, (line for line in self._key_lines(True) if line.startswith(on_whole)))
            batch.checkpoint = {**batch.checkpoint, "phase": "prove"}

        return await self.locked(context, add)

    async def compared(self) -> Comparison:
        """The table in use and the old one now."""
        async with self._client.reading(PROOF_MS) as session:
            return await compare(session, self.route)

    async def _prove(self, context: Context) -> Step:
        found = await self.compared()
        if not found.same:
            raise VerificationFailed(
                f"The old table is not the same: {found.said}.", hint="The new one is in use still."
            )
        return await self._go(context, {**context.checkpoint, "phase": "follow"})

    async def _follow(self, context: Context) -> Step:
        if await self._carry_some(context, check=True) >= LITTLE:
            return Step.MORE
        return await self._go(context, {**context.checkpoint, "phase": "swap"})

    async def _swap(self, context: Context) -> Step:
        await self._carry_some(context, check=True)
        return await self.locked(context, self._exchange, Step.DONE)

    async def _exchange(self, batch: Batch) -> None:
        connection, target = batch.connection, self.target
        shape = target.shape
        before = exchange.unswap(target, await read_shape(connection, shape.table))
        await connection.execute(f"LOCK TABLE {before.locked} IN ACCESS EXCLUSIVE MODE")
        now = exchange.unswap(target, await read_shape(connection, shape.table))
        while True:
            taken, keys = await take(connection, self.route, DRAIN)
            if not taken:
                break
            await self._carry_keys(batch, keys, check=True)
            batch.count(carried_back=taken)
        partitions = [shape.named(each) for each in target.partitions]
        await self._run(batch, capture.drop_trigger_statements(capture.SINCE, shape.table, partitions))
        triggers = {each["name"]: each["enabled"] for each in shape["triggers"]}
        await self._run(batch, exchange.statements(now, triggers))
        for key in now.live["keys_in"]:
            await connection.execute(f'ALTER TABLE {key["table"]} VALIDATE CONSTRAINT "{key["name"]}"')
        await self._run(batch, capture.drop_log_statements(shape, capture.SINCE))
        await self._run(batch, capture.drop_log_statements(shape, capture.CHANGES))
        await book.move(connection, target, Stage.UNDONE)

    async def verify(self, context: Context) -> Verification:
        """The rows were proven under the lock already; that inserts work as before is tried, and rolled back."""
        tried = await probe(context.token, self._client)
        said = f"the old table is in use, and lets {tried.worked} of {tried.tried} inserts in, shaped as its rows"
        return Verification(True, said, {"inserts_tried": tried.tried, "inserts_worked": tried.worked})
