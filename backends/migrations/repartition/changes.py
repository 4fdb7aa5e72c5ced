"""What the page and the command may change: each thing with its act, carried out by a run or at once."""

from __future__ import annotations

from collections.abc import Callable

from backends.clients.errors import Refused
from backends.migrations.repartition.board import Written
from backends.migrations.repartition.book import RETAIN_H
from backends.migrations.repartition.cloning import ROWS
from backends.migrations.repartition.gates import Gate, Probe, Status
from backends.migrations.repartition.rehearsing import Rehearsal, Rehearsed
from backends.migrations.repartition.service import KIND, Preflight, RepartitionService
from backends.runs.service import RunsService
from backends.runs.starting import RunStarter
from backends.safety.gate import Act, Consent, Token
from backends.safety.gate import Gate as SafetyGate
from backends.safety.plans import Plan
from backends.sampling.reading import utc_now

Heard = Callable[[Gate], None]


class RepartitionChanges:
    """Plans, starts, swaps, goes back and clears away."""

    def __init__(
        self,
        service: RepartitionService,
        starter: Callable[[], RunStarter],
        runs: Callable[[], RunsService],
        gate: SafetyGate,
        rehearsal: Callable[[], Rehearsal],
    ) -> None:
        self._service, self._starter, self._runs, self._gate = service, starter, runs, gate
        self._rehearsal = rehearsal

    @property
    def where(self) -> str:
        """What is changed, masked. Raises NotConfigured."""
        return self._service.where

    # Before

    async def planned(self, layout: str, consent: Consent | None = None) -> tuple[Plan, Preflight]:
        """A dry run, kept as a plan. consent: to try inserts as well, which are rolled back. Raises BackendError."""
        tried: Probe | None = None
        if consent is not None:
            async with self._gate.act(self._service.probe_act(), consent) as token:
                tried = await self._service.probe(token)
        found = await self._service.preflight(layout, tried)
        return await self._service.plan(layout, found), found

    async def to_start(
        self, layout: str, hash_: str | None, consent: Consent, heard: Heard
    ) -> tuple[Plan, Probe | None]:
        """The named plan, or a fresh one, and what trying showed; its gates are looked at again, and those that are
        not green are told.

        Raises Refused and BackendError.
        """
        named = await self._service.planned(hash_) if hash_ else None
        plan, found = await self.planned(named.body["layout"] if named else layout, consent)
        wrong = [gate for gate in found.gates if gate.status is not Status.OK]
        for gate in wrong:
            heard(gate)
        if found.worst is Status.RED:
            red = "; ".join(gate.why for gate in wrong if gate.status is Status.RED)
            raise Refused(f"A gate is red: {red}", where=self.where)
        if named is not None and named.body["shape"] != plan.body["shape"]:
            raise Refused("The table is not as it was when this was planned.", hint="Make a new plan with --dry-run.")
        return named or plan, found.tried

    async def rehearse(self, consent: Consent, layout: str = "hash", rows: int = ROWS) -> Rehearsed:
        """Plays execute, swap and rollback on a sampled clone; the result is kept for the gate.

        A halt of the kind keeps it from beginning, and ends it. Raises Refused, StoppedByPerson and BackendError.
        """
        rehearsal = self._rehearsal()
        await self._runs().check_halt(KIND, self.where)
        async with self._gate.act(rehearsal.act(), consent, lifetime_s=None) as token:
            found = await self._runs().unless_halted(KIND, self.where, rehearsal.play(token, consent, layout, rows))
            await self._service.keep_rehearsal(found)
            token.outcome(rows=found.rows, passed=found.passed)
        return found

    # Runs of their own, which outlive the console

    async def execute(self, plan: Plan, consent: Consent) -> str:
        """Starts the copy by the plan, and says where its log is. Raises Refused and BackendError."""
        checked, tried = await self.to_start("", plan.hash, consent, lambda _: None)
        run = self._service.new_run(checked, utc_now(), tried)
        return f"{run.id} started; its log is {await self._starter().start(run, 'chunks.execute', consent)}"

    async def swap(self, consent: Consent, hours: float = RETAIN_H) -> str:
        """Orders the swap and lets the run go on, in a process of its own; where it may not start nothing is ordered.

        Raises Refused, LeaseHeld and BackendError.
        """
        await self._runs().check_start((await self._service.to_swap()).run_id)
        async with self._gate.act(self._service.act("swap"), consent) as token:
            run_id = await self._service.order_swap(token, hours)
        async with self._gate.act(await self._runs().order_act("resume", run_id), consent) as token:
            return await self._runs().go_on(token, run_id, consent.typed)

    async def roll_back(self, consent: Consent) -> str:
        """Starts the rollback, and says where its log is. Raises Refused and BackendError."""
        run = self._service.undo_run(await self._service.newest(), utc_now())
        return f"{run.id} started; its log is {await self._starter().start(run, 'chunks.rollback', consent)}"

    # At once

    def act(self, name: str) -> Act:
        """An act on the table, for the gate."""
        return self._service.act(name)

    async def extend(self, token: Token, hours: float) -> str:
        """Keeps the backup at least so many hours from now. Raises Refused where there is none."""
        return f"kept until {await self._service.extend(token, hours):%Y-%m-%d %H:%M} UTC"

    async def drop_backup(self, token: Token) -> str:
        """Drops the old table after a proof of just now. Raises Refused, VerificationFailed and BackendError."""
        dropped = await self._service.drop_backup(token)
        token.outcome(statements=len(dropped))
        return f"{len(dropped)} statements dropped the old table and what belonged to it"

    async def write_everywhere(self, token: Token) -> Written:
        """Inserts into each partition and rolls back. Raises Refused and BackendError."""
        found = await self._service.write_everywhere(token)
        token.outcome(partitions=found.partitions, worked=found.worked)
        return found
