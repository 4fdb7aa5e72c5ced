"""What `olorin migrate chunks` and its page ask for: preflight, plan, verification, what is kept, and dropping it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backends.backup.model import BackupGate
from backends.backup.rules import require
from backends.clients.errors import Refused, VerificationFailed
from backends.clients.postgres import PostgresClient
from backends.migrations.repartition import backups, book
from backends.migrations.repartition.board import Written, board, inserts_gate, write_everywhere
from backends.migrations.repartition.book import Migration, Stage
from backends.migrations.repartition.checking import checked
from backends.migrations.repartition.dropping import drop
from backends.migrations.repartition.errors import errors
from backends.migrations.repartition.facts import dependants, facts, revisions_here
from backends.migrations.repartition.filling import FlowMeter, filling
from backends.migrations.repartition.gates import Gate, Probe, Rehearsal, Status, gates, worst, writers
from backends.migrations.repartition.inserts import gain_of
from backends.migrations.repartition.job import PROOF_MS
from backends.migrations.repartition.probing import probe
from backends.migrations.repartition.proof import Comparison
from backends.migrations.repartition.shape import read_shape
from backends.migrations.repartition.standing import Progress, Proven, Standing, kept_things
from backends.runs.model import NEWEST, NewRun, new_id
from backends.runs.postgres_store import PostgresRunStore
from backends.runs.words import span
from backends.safety.gate import Act
from backends.safety.plans import Plan, PlanStore
from backends.safety.proofs import Proof, ProofStore
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.migrations.repartition.rehearsing import Rehearsed
    from backends.safety.gate import Token

KIND: Final = "chunks"
KINDS: Final = frozenset({KIND, "chunks-rollback"})
PROOF: Final = "chunks.verify"
WRITTEN: Final = "chunks.written"
BEFORE: Final = "chunks.before"
REHEARSAL: Final = "chunks.rehearsal"


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a dry run says. rows: None where a policy hides some. skew: over the new layout's keys, beside what chance
    gives; partitions: rows today.
    """

    layout_from: str
    layout_to: str
    rows: int | None
    gates: tuple[Gate, ...]
    dependants: tuple[Mapping[str, Any], ...]
    skew: Mapping[str, float | int | None]
    partitions: Mapping[str, int]
    formula: str
    shape: str
    tried: Probe | None = None

    @property
    def rows_said(self) -> str:
        """The rows for people."""
        return "no data" if self.rows is None else f"{self.rows:,}"

    @property
    def worst(self) -> Status:
        """The worst of its gates."""
        return worst(self.gates)


class RepartitionService:
    """Re-partitioning the chunks table of one database; what executes is a run (`job`, `swapping`, `undoing`).

    backup: the database's. production: a rehearsal is asked for.
    """

    def __init__(self, client: PostgresClient, state: Path, backup: BackupGate, *, production: bool = False) -> None:
        self._client = client
        self._backup = backup
        self._production = production
        self._plans = PlanStore(state)
        self._proofs = ProofStore(state)
        self._flow = FlowMeter()

    @property
    def where(self) -> str:
        """The database, masked. Raises NotConfigured."""
        return self._client.target.where

    # Before

    async def preflight(self, layout: str, tried: Probe | None = None) -> Preflight:
        """Reads the table, counts its rows and judges. Raises NotThere and BackendError."""
        found = await facts(self._client)
        data = found.data
        skew = {
            "skew": _rounded(data.skew),
            "by_chance": _rounded(data.chance),
            "collections": data.collections,
            "today": _rounded(today(found.partition_rows, len(found.shape.leaves))),
        }
        return Preflight(
            found.shape.layout,
            f"{layout.upper()} 100",
            None if found.hidden else data.rows,
            gates(found, layout, tried, await self._rehearsed(found.shape.hash)),
            tuple(dependants(found.shape)),
            skew,
            found.partition_rows,
            data.formula,
            found.shape.hash,
            tried,
        )

    async def _rehearsed(self, shape: str) -> Rehearsal:
        proof = await self._proof(REHEARSAL)
        if proof is None:
            return Rehearsal(self._production)
        said = f"{span((utc_now() - proof.made_at).total_seconds())} ago, {proof.body['said']}"
        return Rehearsal(self._production, proof.passed, said, proof.body.get("shape") == shape)

    async def keep_rehearsal(self, found: Rehearsed) -> None:
        """Keeps what a rehearsal came to, for the gate. Raises NotKept and BackendError."""
        async with self._client.reading() as session:
            shape = await read_shape(session)
        body = {**asdict(found), "said": found.said, "shape": shape.hash}
        await asyncio.to_thread(self._proofs.save, REHEARSAL, self.where, found.passed, body)

    def probe_act(self) -> Act:
        """The act of trying inserts that are rolled back, for the gate."""
        return Act("chunks.probe", self.where)

    async def probe(self, token: Token) -> Probe:
        """Tries today's inserts and rolls them back. Raises BackendError."""
        token.require("chunks.probe")
        return await probe(token, self._client)

    async def plan(self, layout: str, found: Preflight) -> Plan:
        """Keeps what was found as a plan to start from."""
        body = {
            **{"layout": layout, "formula": found.formula, "shape": found.shape, "rows": found.rows},
            "collections": found.skew["collections"],
        }
        return await asyncio.to_thread(self._plans.save, KIND, self.where, body)

    async def planned(self, hash_: str) -> Plan:
        """The plan of this hash, to start from. Raises Refused."""
        return await asyncio.to_thread(self._plans.load_to_start, hash_, KIND, self.where)

    def new_run(self, plan: Plan, now: datetime, tried: Probe | None = None) -> NewRun:
        """The run that carries the plan out; its stamp names all that it makes. tried: just before."""
        stamp = f"{now:%Y%m%d_%H%M%S}"
        before = tried.inserts.each_us if tried and tried.inserts else None
        options = {**plan.body, "stamp": stamp, "insert_us": before or 0}
        if tried is not None:
            options |= {"inserts_tried": tried.tried, "inserts_worked": tried.worked}
        return NewRun(f"chunks-{stamp}", KIND, self.where, plan.hash, options=options)

    def undo_run(self, migration: Migration, now: datetime) -> NewRun:
        """The run that takes it back."""
        stamp = migration.target.stamp
        return NewRun(new_id("chunks-rollback", now), "chunks-rollback", self.where, options={"stamp": stamp})

    # After

    async def newest(self) -> Migration:
        """The newest re-partitioning. Raises Refused where there is none, and BackendError."""
        async with self._client.reading() as session:
            found = await book.newest(session)
        if found is None:
            raise Refused("The table was never re-partitioned here.", where=self.where)
        return found

    async def verify(self) -> tuple[Migration, Comparison]:
        """Compares old and new table, what is being changed left out, and keeps the proof. Raises BackendError."""
        migration = await self.newest()
        if migration.stage in {Stage.UNDONE, Stage.DROPPED}:
            raise Refused(
                f"The newest re-partitioning is {migration.stage.value}: there is one table.", where=self.where
            )
        in_use = migration.stage is Stage.SWAPPED
        route = migration.after if in_use else migration.route
        async with self._client.studying(PROOF_MS) as session:
            found = await checked(session, route, migration.formula, in_use=in_use)
        slower = [each.said for each in found.reads if each.slower or not each.same]
        body = {"rows": found.new_rows, "said": found.said, "stamp": migration.target.stamp}
        if any(each.new_rows for each in found.reads):
            body["worse_reads"] = slower
        await asyncio.to_thread(self._proofs.save, PROOF, self.where, found.ok, body)
        return migration, found

    async def standing(self) -> Standing:
        """How far the newest re-partitioning is, and all that any left behind. Raises BackendError."""
        return (await self.progress()).standing

    async def progress(self) -> Progress:
        """The same with its run, its partitions and the changes of others. Raises BackendError."""
        runs = await PostgresRunStore(self._client).page(NEWEST)
        own = next((run for run in runs if run.kind in KINDS), None)
        async with self._client.reading() as session:
            found = await book.newest(session)
            flow = await self._flow.look(session)
            kept = await kept_things(session, found)
            if found is None:
                return Progress(Standing(None, None, None, flow.backlog, kept), flow, own)
            copied = next((run for run in runs if run.id == found.run_id), None)
            rows = int(copied.options.get("rows") or 0) if copied is not None else 0
            full = await filling(session, found.stage, found.rows or rows or None)
        standing = Standing(
            found.stage.value,
            found.run_id,
            found.retention_until,
            flow.backlog,
            kept,
            found.swapped_at,
            found.rows,
            found.lock_ms,
            found.now,
            writers(found.target.shape, found.target.layout, found.formula),
            gain_of(copied.progress.counts) if copied is not None else None,
            found.target.layout,
        )
        return Progress(standing, flow, own, full)

    async def proven(self) -> Proven:
        """The proofs that are kept here, and after a swap the board. Raises BackendError."""
        verified, rehearsed = await self._proof(PROOF), await self._proof(REHEARSAL)
        async with self._client.reading() as session:
            found = await book.newest(session)
        if found is None or found.swapped_at is None or found.stage not in {Stage.SWAPPED, Stage.DROPPED}:
            return Proven((), verified, rehearsed)
        wrote, before = await self._proof(WRITTEN), await self._proof(BEFORE)
        run = await PostgresRunStore(self._client).run(found.run_id)
        checks = await board(self._client, found, wrote, before)
        checks += [inserts_gate(gain_of(run.progress.counts if run is not None else {})), *_reads_gate(verified, found)]
        return Proven(tuple(checks), verified, rehearsed)

    async def write_everywhere(self, token: Token) -> Written:
        """Inserts into each partition and rolls back; what came of it is kept for the board. Raises BackendError."""
        token.require("chunks.probe")
        migration = await self.newest()
        if migration.stage not in {Stage.SWAPPED, Stage.DROPPED}:
            raise Refused(f"The newest re-partitioning is {migration.stage.value}, not swapped.", where=self.where)
        found = await write_everywhere(token, self._client, migration)
        body = {**asdict(found), "stamp": migration.target.stamp}
        await asyncio.to_thread(self._proofs.save, WRITTEN, self.where, found.worked == found.partitions, body)
        return found

    async def _proof(self, kind: str) -> Proof | None:
        return await asyncio.to_thread(self._proofs.newest, kind, self.where)

    async def _note_errors(self, stamp: str) -> None:
        """Keeps the counters as they are before the swap, for the board after it."""
        async with self._client.reading() as session:
            body = {**(await errors(session)).body, "stamp": stamp}
        await asyncio.to_thread(self._proofs.save, BEFORE, self.where, True, body)

    def act(self, name: str) -> Act:
        """An act on the table, for the gate."""
        return Act(f"chunks.{name}", self.where)

    async def to_swap(self) -> Migration:
        """The re-partitioning that a swap would end. Raises Refused where none is ready for it, and BackendError."""
        migration = await self.newest()
        if migration.stage not in {Stage.READY, Stage.SWAPPING}:
            raise Refused(f"The re-partitioning is {migration.stage.value}, not ready to swap.", where=self.where)
        async with self._client.reading() as session:
            pending = (await revisions_here(session)).pending
        if pending:
            hint = "olorin migrate schema --upgrade, then swap."
            raise Refused(f"Revisions are pending: {', '.join(pending)}.", where=self.where, hint=hint)
        return migration

    async def order_swap(self, token: Token, hours: float) -> str:
        """Lets the run that holds go on to the swap, whoever executes it next; its id. Raises Refused.

        The order stays until it is carried out: give it once the run may start only. hours: that the old table is kept
        after the swap.
        """
        token.require("chunks.swap")
        migration = await self.to_swap()
        await self._note_errors(migration.target.stamp)
        async with self._client.writing(token, 5_000) as connection:
            await connection.execute(
                f"UPDATE {migration.target.shape.named(book.BOOK)} SET state = $2, retain_h = $3"
                " WHERE stamp = $1 AND state IN ('ready', 'swapping')",
                migration.target.stamp,
                Stage.SWAPPING.value,
                hours,
            )
        return migration.run_id

    async def extend(self, token: Token, hours: float) -> datetime | None:
        """Keeps the backup at least so many hours from now. Raises Refused where there is none."""
        token.require("chunks.retain")
        migration = await self.newest()
        if migration.stage is not Stage.SWAPPED:
            raise Refused(f"The newest re-partitioning is {migration.stage.value}: it has no backup.", where=self.where)
        async with self._client.writing(token, 5_000) as connection, connection.transaction():
            until: datetime | None = await connection.fetchval(
                f"UPDATE {migration.target.shape.named(book.BOOK)} SET retention_until ="
                " greatest(retention_until, clock_timestamp() + make_interval(secs => $2)) WHERE stamp = $1"
                " RETURNING retention_until",
                migration.target.stamp,
                hours * 3600,
            )
            await backups.extend(connection, migration.target, until)
        return until

    async def drop_backup(self, token: Token) -> tuple[str, ...]:
        """Drops the old table once its time is over and a proof of just now holds; after a rollback the table that it
        put aside. Never what depends on them.

        Gives what was dropped. Raises Refused and VerificationFailed (nothing was dropped), and BackendError.
        """
        token.require("chunks.drop_backup")
        migration = await self.newest()
        if migration.stage in {Stage.UNDONE, Stage.DROPPED}:
            return await self._drop_undone(token, migration)
        if migration.stage is not Stage.SWAPPED or migration.retention_until is None:
            raise Refused(f"The newest re-partitioning is {migration.stage.value}: it has no backup.", where=self.where)
        async with self._client.reading() as session:
            others = await backups.kept_until(session, migration.target)
        until = max(filter(None, (migration.retention_until, others)))
        if migration.now < until:
            hint = f"It is kept until {until:%Y-%m-%d %H:%M} UTC."
            raise Refused("The backup's time is not over.", where=self.where, hint=hint)
        _, found = await self.verify()
        if not found.right:
            raise VerificationFailed(f"Old and new table differ: {found.said}.", where=self.where)
        require(await self._backup(False), self.where)
        return await drop(token, self._client, migration)

    async def _drop_undone(self, token: Token, migration: Migration) -> tuple[str, ...]:
        """What rollbacks put aside was proven to be the same under their lock; the table in use has moved on since."""
        require(await self._backup(False), self.where)
        dropped = await drop(token, self._client, migration)
        if not dropped:
            stage = migration.stage.value
            raise Refused(f"The newest re-partitioning is {stage}: nothing is left to drop.", where=self.where)
        return dropped


def _reads_gate(verified: Proof | None, found: Migration) -> list[Gate]:
    """The fixed set of reads, by the newest comparison of both tables; nothing while there is none of these two."""
    if verified is None or verified.body.get("stamp") != found.target.stamp:
        return []
    if "worse_reads" not in verified.body:
        return [Gate("reads", Status.WARNING, "No read was made: the table had no row to read by.")]
    worse = verified.body["worse_reads"]
    if worse:
        return [Gate("reads", Status.RED, f"Worse than on the old table: {'; '.join(worse)}.")]
    return [Gate("reads", Status.OK, "The fixed set of reads gives the same rows, and none is markedly slower.")]


def today(rows: Mapping[str, int], partitions: int) -> float | None:
    """The fullest partition over the mean, as the table is now; None without rows or partitions.

    >>> today({"a": 3, "b": 1}, 2), today({}, 2)
    (1.5, None)
    """
    total = sum(rows.values())
    return max(rows.values()) * partitions / total if total and partitions > 1 else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
