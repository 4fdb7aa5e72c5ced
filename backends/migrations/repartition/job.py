"""The run that copies the chunks table: a chain of phases, each a transaction with its checkpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from backends.clients.errors import BackendError, Refused, VerificationFailed
from backends.clients.postgres import PostgresClient
from backends.migrations.repartition import book, capture, ddl, matviews
from backends.migrations.repartition.book import Migration, Stage
from backends.migrations.repartition.checking import checked
from backends.migrations.repartition.ddl import Target
from backends.migrations.repartition.following import LITTLE, FollowingJob, told_when_full
from backends.migrations.repartition.inserts import measured
from backends.migrations.repartition.proof import PROOF_S, Comparison
from backends.migrations.repartition.rights import revoke
from backends.migrations.repartition.rows import behind, copy_range, differing, forget_logged, forward
from backends.migrations.repartition.shape import quoted, read_shape
from backends.migrations.repartition.watching import RULES, Watch
from backends.migrations.rules import SKEW_COLLECTIONS
from backends.runs.job import Batch, Context, Step, Verification
from backends.runs.model import Run, Unit
from backends.runs.sizing import Limits
from backends.safety.text import display_text

if TYPE_CHECKING:
    from backends.pools.machines import Machines

BATCH: Final = 10_000
AFTER: Final = frozenset({"validate", "check late", "whole late", "keys in", "done"})
"""The phases behind the swap."""

PROOF_MS: Final = int(PROOF_S * 1000)


class ChunksJob(FollowingJob):
    """From nothing to a proven copy, which others' changes keep flowing into; a person says when it is swapped."""

    kind: ClassVar[str] = "chunks"
    act: ClassVar[str] = "chunks.execute"
    limits = Limits(BATCH, 100, BATCH)
    cuttable: ClassVar[bool] = True
    rules = RULES

    def __init__(self, run: Run, client: PostgresClient, machines: Machines | None = None) -> None:
        self._client = client
        self._watch = Watch(client, machines)
        self._judges_skew = int(run.options.get("collections", 0)) >= SKEW_COLLECTIONS
        self._layout = str(run.options["layout"])
        self._stamp = str(run.options["stamp"])
        self._formula = str(run.options["formula"])
        self._expected = str(run.options["shape"])
        self._tries = self._smaller = 0
        self._copied = False
        self.migration: Migration | None = None
        self._phases: dict[str, Callable[[Context], Awaitable[Step]]] = {
            "build": self._build,
            "capture": self._capture,
            "copy": self._copy,
            "settle": self._settle,
            "index": self._index,
            "analyze": self._analyze,
            "keys": self._keys,
            "drain": self._drain,
            "check": self._check,
            "whole": self._whole,
            "prove": self._prove,
            "ready": self._ready,
        }

    async def prepare(self, context: Context) -> None:
        """Finds what was built, or the shape to build from. Raises Refused where the table is not as planned."""
        async with self._client.reading() as session:
            migration = await book.newest(session)
            if migration is not None and migration.target.stamp == self._stamp:
                self.target = migration.target
                self.migration = migration
                self._check_stage(context, migration.stage)
            else:
                self.target = Target(await read_shape(session), self._layout, self._stamp)
        if self.target.shape.hash != self._expected:
            raise Refused("The table is not as it was when this was planned.", hint="Make a new plan with --dry-run.")
        shape = self.target.shape
        self.route = forward(shape, shape.table, shape.next, shape.named(capture.CHANGES), self._layout)
        self.leaves = shape.leaves
        context.expect(*await self._units())

    def _check_stage(self, context: Context, stage: Stage) -> None:
        if stage not in {Stage.BUILDING, Stage.READY, Stage.SWAPPING} and context.checkpoint.get("phase") not in AFTER:
            raise Refused(f"This re-partitioning is {stage.value}: there is nothing to go on with.")

    async def _units(self) -> list[Unit]:
        """The old table's partitions, with the rows that the planner believes in; none of it where it knows nothing."""
        async with self._client.reading() as session:
            rows = await session.fetch(
                "SELECT name, (SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(name)) AS number"
                " FROM unnest($1::text[]) AS name",
                self.leaves,
            )
        return [Unit(row["name"], row["number"] if (row["number"] or -1) > 0 else None) for row in rows]

    async def batch(self, context: Context) -> Step:
        """The phase that the checkpoint names."""
        phase = str(context.checkpoint.get("phase", "build"))
        self._copied = phase not in {"build", "capture", "copy", *AFTER}
        # What only a swap does is not gone on with where nobody asked for the swap again.
        with told_when_full():
            return await self._phases.get(phase, self._ready)(context)

    async def sample(self) -> Mapping[str, float | None]:
        """What its rules judge; the new table's skew once it is copied, where there are collections enough."""
        judged = self._judges_skew and self._copied
        return await self._watch.sample(self.target.shape.next if judged else None)

    def detail(self, measurement: str) -> str:
        """Who blocks whom, of lock waits."""
        return self._watch.detail(measurement)

    # Building

    async def _build(self, context: Context) -> Step:
        shape = self.target.shape
        async with context.batch() as batch:
            if await batch.connection.fetchval("SELECT to_regclass($1) IS NOT NULL", shape.next):
                raise Refused("There is a chunks_next already.", hint="olorin migrate chunks --rollback takes it away.")
            await book.enter(batch.connection, self.target, context.run.id, self._formula)
            await self.run(batch, capture.log_statements(shape, capture.CHANGES))
            await self.run(batch, ddl.table_statements(self.target))
            await revoke(batch.connection, [shape.next, *self._partitions, shape.named(capture.CHANGES)])
            batch.checkpoint = {"phase": "capture"}
        return Step.MORE

    async def _capture(self, context: Context) -> Step:
        """From here on every change is logged; what wrote before is waited for, so that the copy sees it."""
        shape = self.target.shape

        async def take_on(batch: Batch) -> None:
            await self.run(batch, capture.trigger_statements(shape, capture.CHANGES, shape.table, self.leaves))
            batch.checkpoint = {"phase": "copy", "leaf": 0, "after": None}

        return await self.locked(context, take_on)

    async def _copy(self, context: Context) -> Step:
        place, after = int(context.checkpoint["leaf"]), context.checkpoint["after"]
        if place >= len(self.leaves):
            return await self._go(context, {**context.checkpoint, "phase": "settle"})
        size = max(1, min(context.size, BATCH) >> self._smaller)
        key = (after[0], after[1]) if after else None
        try:
            async with context.batch() as batch:
                rows, last = await copy_range(batch.connection, self.route, self.leaves[place], key, size)
                batch.did(self.leaves[place], rows)
                batch.checkpoint = {**batch.checkpoint, "leaf": place + (last is None), "after": last}
        except BackendError as error:
            if not _about_a_row(error):
                raise
            return await self._bad_row(context, place, key, size, error)
        self._smaller = max(self._smaller - 1, 0)
        return Step.MORE

    async def _bad_row(self, context: Context, place: int, key: Any, size: int, error: BackendError) -> Step:
        """Narrows a batch down to the row that the new table refuses, notes it and goes on behind it."""
        if size > 1:
            self._smaller += 1
            return Step.MORE
        leaf = self.leaves[place]
        where, values = behind(self.route, key)
        async with context.batch() as batch:
            row = await batch.connection.fetchrow(
                "SELECT o.id::text, o.collection_id::text"
                f" FROM ONLY {leaf} o {where} ORDER BY o.id, o.collection_id LIMIT 1",
                *values,
            )
            if row is not None:
                bad = [*batch.checkpoint.get("bad", []), {"key": list(row), "why": _why(error)}]
                batch.did(leaf, failed=1)
                batch.checkpoint = {**batch.checkpoint, "after": list(row), "bad": bad}
        self._smaller = max(self._smaller - 1, 0)
        return Step.MORE

    async def _settle(self, context: Context) -> Step:
        """Before the keys: a row that moved between partitions while they were copied may be there twice."""
        async with context.batch() as batch:
            batch.count(moved_while_copied=await forget_logged(batch.connection, self.route))
            await self.run(batch, ddl.furniture(self.target))
            batch.checkpoint = {**batch.checkpoint, "phase": "index", "index": 0}
        return Step.MORE

    async def _index(self, context: Context) -> Step:
        """One index of all partitions at a time, the primary key among them."""
        built, number = ddl.indexes(self.target), int(context.checkpoint["index"])
        if number >= len(built):
            return await self._go(context, {**context.checkpoint, "phase": "analyze"})
        async with context.batch() as batch:
            await batch.connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
            await batch.connection.execute(built[number].statement)
            batch.checkpoint = {**batch.checkpoint, "index": number + 1}
        return Step.MORE

    async def _analyze(self, context: Context) -> Step:
        """The server itself never gathers statistics of a partitioned table as a whole."""
        async with context.batch() as batch:
            await batch.connection.execute(f"ANALYZE {self.target.shape.next}")
            batch.checkpoint = {**batch.checkpoint, "phase": "keys"}
        return Step.MORE

    # Foreign keys: asked of new rows first, then of those that are there, once these have caught up. Those that would
    # refuse writers while the copy lags come with the exchange.

    async def _keys(self, context: Context) -> Step:
        async def ask(batch: Batch) -> None:
            await self.run(batch, ddl.keys_asked(self._partitions, ddl.keys(self.target.shape, late=False)))
            batch.checkpoint = {**batch.checkpoint, "phase": "drain", "then": "check"}

        return await self.locked(context, ask)

    async def _check(self, context: Context) -> Step:
        async with context.batch() as batch:
            await self.run(batch, ddl.keys_checked(self._partitions, ddl.keys(self.target.shape, late=False)))
            batch.checkpoint = {**batch.checkpoint, "phase": "whole"}
        return Step.MORE

    async def _whole(self, context: Context) -> Step:
        shape = self.target.shape

        async def add(batch: Batch) -> None:
            await self.run(batch, ddl.keys_whole(shape.next, self._partitions, ddl.keys(shape, late=False)))
            batch.checkpoint = {**batch.checkpoint, "phase": "drain", "then": "prove"}

        return await self.locked(context, add)

    @property
    def _partitions(self) -> list[str]:
        return [self.target.shape.named(each) for each in self.target.partitions]

    async def step_back(self, context: Context) -> None:
        """Takes off again what the new table was given for a swap that did not come to its end. Raises Refused."""
        shape = self.target.shape

        async def off(batch: Batch) -> None:
            await self.run(batch, capture.drop_trigger_statements(capture.SINCE, shape.next, self._partitions))
            mirrored = [f"DROP TRIGGER IF EXISTS {quoted(each['name'])} ON {shape.next}" for each in shape["triggers"]]
            await self.run(batch, mirrored)
            await self.run(batch, matviews.drop_statements(shape))
            await book.move(batch.connection, self.target, Stage.READY)
            batch.checkpoint = {**batch.checkpoint, "phase": "ready", "armed": False}

        self._tries = 0
        while await self.locked(context, off, Step.HOLD) is not Step.HOLD:
            continue

    # Catching up and proving

    async def _drain(self, context: Context) -> Step:
        """Applies what is logged until hardly anything is left."""
        taken = await self.drain(context)
        if taken < LITTLE:
            return await self._go(context, {**context.checkpoint, "phase": context.checkpoint["then"]})
        return Step.MORE

    async def _prove(self, context: Context) -> Step:
        if bad := await self._still_bad(context):
            named = "; ".join(f"id {each['key'][0]}: {each['why']}" for each in bad[:5])
            hint = "They are in the old table. Mend them there, and resume."
            raise VerificationFailed(f"{len(bad)} rows could not be copied: {named}", hint=hint)
        found = await self.proven()
        shape = self.target.shape
        async with context.batch() as batch:
            inserts = await measured(batch.connection, shape, shape.next, key=self.route.key)
            before = int(context.run.options.get("insert_us", 0))
            batch.count(insert_us_before=before, insert_us_after=inserts.each_us or 0)
            await book.move(batch.connection, self.target, Stage.READY)
            batch.checkpoint = {**batch.checkpoint, "phase": "ready", "proven": found.new_rows}
        return Step.MORE

    async def _still_bad(self, context: Context) -> list[Mapping[str, Any]]:
        """Of the rows that could not be copied those that nobody mended or deleted since, which is followed."""
        bad = {(str(each["key"][0]), str(each["key"][1])): each for each in context.checkpoint.get("bad", [])}
        if not bad:
            return []
        async with context.batch() as batch:
            return [bad[key] for key in await differing(batch.connection, self.route, list(bad))]

    async def proven(self) -> Comparison:
        """Old and new table now. Raises VerificationFailed where they differ, Refused where reads are worse."""
        async with self._client.studying(PROOF_MS) as session:
            found = await checked(session, self.route, self._formula, in_use=False)
        if not found.same:
            raise VerificationFailed(f"The copy is not the same: {found.said}.", hint="Everything is as it was.")
        if not found.ok:
            raise Refused(f"The new table is worse: {found.said}.", hint="Everything is as it was.")
        return found

    async def _ready(self, context: Context) -> Step:
        """Makes the backlog small, and leaves the rest to a person."""
        if context.checkpoint.get("armed"):
            await self.step_back(context)
        while await self.drain(context) >= LITTLE:
            if context.stopping:
                break
        return Step.HOLD

    async def verify(self, context: Context) -> Verification:
        """Nothing to verify: it ends by holding."""
        return Verification(True)


def _why(error: BackendError) -> str:
    """Why a row was refused, in the server's first sentence: what follows tells the row's contents."""
    cause = error.__cause__
    return display_text(str(cause.args[0] if cause is not None and cause.args else error.message).splitlines()[0])[:200]


def _about_a_row(error: BackendError) -> bool:
    """Whether the new table refused a row; a full disk or a lost server says nothing of rows."""
    from asyncpg import DataError, IntegrityConstraintViolationError

    return isinstance(error.__cause__, DataError | IntegrityConstraintViolationError)
