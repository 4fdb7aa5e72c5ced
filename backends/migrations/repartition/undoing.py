"""Going back: before the swap what was built is taken away, after it the old table comes back with what was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from backends.clients.errors import Refused, VerificationFailed
from backends.clients.postgres import PostgresClient
from backends.migrations.repartition import backups, book, capture, ddl, exchange, matviews
from backends.migrations.repartition.book import UNDER_WAY, Migration, Stage
from backends.migrations.repartition.following import LITTLE, told_when_full
from backends.migrations.repartition.gates import Probe
from backends.migrations.repartition.job import PROOF_MS, ChunksJob
from backends.migrations.repartition.probing import probe
from backends.migrations.repartition.proof import compare
from backends.migrations.repartition.rows import Key, Prepared
from backends.migrations.repartition.watching import Watch
from backends.runs.job import Batch, Context, Step, Verification
from backends.runs.model import Run
from backends.runs.postgres_store import PostgresRunStore

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from backends.pools.machines import Machines


LISTED: Final = 20
"""Keys that are named where they can't be carried back."""


class ChunksUndo(ChunksJob):
    """The rollback of the newest re-partitioning."""

    kind: ClassVar[str] = "chunks-rollback"
    act: ClassVar[str] = "chunks.rollback"
    counted: ClassVar[str] = "carried_back"

    def __init__(self, run: Run, client: PostgresClient, machines: Machines | None = None) -> None:
        self._client = client
        self._watch = Watch(client, machines)
        self._judges_skew = self._copied = False
        self._stamp = str(run.options["stamp"])
        self._tries = self._smaller = 0
        self._phases = {
            "begin": self._begin,
            "abandon": self._abandon,
            "carry": self._carry,
            "prove": self._prove,
            "follow": self._follow,
            "swap": self._swap,
            "clear": self._clear,
            "check late": self.check_late,
            "whole late": self.whole_late,
            "keys in": self.validate_keys_in,
            "done": self._done,
        }

    async def prepare(self, context: Context) -> None:
        """Raises Refused where there is nothing to go back from."""
        self._migration = migration = await self._found()
        # One that is taken back goes on after the exchange; one whose backup was dropped meanwhile never can.
        goes_on = bool(context.checkpoint) and migration.stage is not Stage.DROPPED
        if migration.stage not in UNDER_WAY and not goes_on:
            raise Refused(f"The newest re-partitioning is {migration.stage.value}: there is nothing to undo.")
        self.target, self.route = migration.target, migration.back
        self.leaves = migration.target.shape.leaves
        if migration.stage is Stage.SWAPPED:
            self.leaves = migration.target.backup_leaves

    async def _found(self) -> Migration:
        async with self._client.reading() as session:
            migration = await book.newest(session)
        if migration is None or migration.target.stamp != self._stamp:
            raise Refused("There is no re-partitioning to undo.")
        return migration

    async def batch(self, context: Context) -> Step:
        """The phase that the checkpoint names."""
        with told_when_full():
            return await self._phases[str(context.checkpoint.get("phase", "begin"))](context)

    async def _begin(self, context: Context) -> Step:
        if self._migration.stage is not Stage.SWAPPED:
            return await self._abandon(context)

        async def retire(batch: Batch) -> None:
            # A swap that ended just behind its lock left it to whoever comes next.
            await self.run(batch, exchange.retired(self.target))
            batch.checkpoint = {"phase": "carry"}

        return await self.locked(context, retire)

    async def _abandon(self, context: Context) -> Step:
        """Takes away what was built and never used."""
        shape, target = self.target.shape, self.target

        async def away(batch: Batch) -> None:
            await self.run(batch, capture.drop_trigger_statements(capture.CHANGES, shape.table, self.leaves))
            await self.run(batch, (*matviews.drop_statements(shape), ddl.drop_next(shape)))
            for log in (capture.CHANGES, capture.SINCE):
                await self.run(batch, capture.drop_log_statements(shape, log))
            await book.move(batch.connection, target, Stage.UNDONE)

        return await self.locked(context, away, Step.DONE)

    # After the swap

    async def _carry(self, context: Context) -> Step:
        if await self.drain(context) >= LITTLE:
            return Step.MORE
        return await self._go(context, {**context.checkpoint, "phase": "prove"})

    async def carry(self, connection: Connection[Record] | Prepared, keys: list[Key]) -> None:
        """Raises Refused where a key's place in the old table is not known."""
        if self.route.key == "?":
            listed = ", ".join(f"({id_}, {collection})" for id_, collection in keys[:LISTED])
            rest = await connection.fetch(f"SELECT count(DISTINCT (id, collection_id)) AS n FROM {self.route.log}")
            hint = f"{len(keys) + rest[0]['n']} keys (id, collection), among them: {listed}"
            raise Refused("How the old key was computed is not known, and rows were written since the swap.", hint=hint)
        await super().carry(connection, keys)

    @property
    def leaves_in_use(self) -> list[str]:
        """The old table's, by the names that they have again."""
        return self.target.shape.leaves

    async def _prove(self, context: Context) -> Step:
        async with self._client.studying(PROOF_MS) as session:
            found = await compare(session, self.route)
        if not found.same:
            raise VerificationFailed(
                f"The old table is not the same: {found.said}.", hint="The new one is in use still."
            )
        return await self._go(context, {**context.checkpoint, "phase": "follow"})

    async def _follow(self, context: Context) -> Step:
        if await self.drain(context, check=True) >= LITTLE:
            return Step.MORE
        async with context.batch() as batch:
            await self.run(batch, matviews.refresh_statements(self.target))
            batch.checkpoint = {**batch.checkpoint, "phase": "swap"}
        return Step.MORE

    async def _swap(self, context: Context) -> Step:
        await self.drain(context, check=True)
        return await self.locked(context, self._exchange)

    async def _exchange(self, batch: Batch) -> None:
        connection, target = batch.connection, self.target
        shape = target.shape
        now, _, _ = await self.all_locked(batch, lambda live: exchange.unswap(target, live))
        triggers = {each["name"]: each["enabled"] for each in shape["triggers"]}
        await self.run(batch, exchange.statements(now, triggers))
        await backups.strike(connection, target)
        await book.move(connection, target, Stage.UNDONE)
        batch.checkpoint = {**batch.checkpoint, "phase": "clear", "keys_in": now.to_validate}

    async def _clear(self, context: Context) -> Step:
        """What the lock was too short for: the logs with their triggers; then the foreign keys of other tables."""
        shape, target = self.target.shape, self.target
        undone = shape.named(target.undone)

        async def clear(batch: Batch) -> None:
            await self.run(batch, exchange.unbound(shape, undone, self._partitions))
            await self.run(batch, capture.drop_trigger_statements(capture.SINCE, undone, self._partitions))
            for log in (capture.SINCE, capture.CHANGES):
                await self.run(batch, capture.drop_log_statements(shape, log))
            batch.checkpoint = {**batch.checkpoint, "phase": "check late"}

        return await self.locked(context, clear)

    async def _done(self, _: Context) -> Step:
        return Step.DONE

    async def verify(self, context: Context) -> Verification:
        """The rows were proven under the lock already; that inserts work as before is tried, and rolled back."""
        tried = await probe(context.token, self._client)
        run = await PostgresRunStore(self._client).run(self._migration.run_id)
        ok, before = as_before(tried, run.options if run is not None else {})
        said = (
            f"the old table is in use, and lets {tried.worked} of {tried.tried} inserts in, shaped as its rows{before}"
        )
        said += f": {tried.error}" if not ok else ""
        return Verification(ok, said, {"inserts_tried": tried.tried, "inserts_worked": tried.worked})


def as_before(now: Probe, options: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether inserts work as they did before the copy, and what is known of that.

    >>> as_before(Probe(20, 19), {"inserts_tried": 20, "inserts_worked": 20})
    (False, '; before, it let 20 of 20 in')
    >>> as_before(Probe(20, 1), {"inserts_tried": 20, "inserts_worked": 3})[0], as_before(Probe(20, 0), {})[1]
    (True, '; how many it let in before, is not known')
    """
    tried, worked = options.get("inserts_tried"), options.get("inserts_worked")
    if not tried or worked is None:
        return True, "; how many it let in before, is not known"
    # Of rows that differ from those tried before some may fail, where some failed before.
    ok = now.worked == now.tried if worked == tried else bool(now.worked) or not worked
    return ok, f"; before, it let {worked} of {tried} in"
