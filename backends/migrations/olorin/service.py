"""What the page and `olorin migrate olorin` ask for: dry run, verification, and what is known of the switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backends.backup.model import BackupGate, BackupVerdict
from backends.backup.mongo_dump import Tell
from backends.backup.rules import require
from backends.clients.errors import AccessDenied, BackendError, BadAnswer, DeadlineExceeded, Refused
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin import choosing
from backends.migrations.olorin.gates import check_disk, check_gates
from backends.migrations.olorin.memory import SWITCH_ACT, Memory, record_switch, recorded
from backends.migrations.olorin.model import (
    KIND,
    Board,
    BuiltIndex,
    DryRun,
    FieldDifference,
    Held,
    LeftOut,
    Process,
    Seen,
    SoftDelete,
    Verified,
)
from backends.migrations.olorin.names import REFUSED
from backends.migrations.olorin.places import Places
from backends.migrations.olorin.processes import LOOKS as PROCESS_LOOKS
from backends.migrations.olorin.processes import Processes, check_nobody_writes, processes_gate
from backends.migrations.olorin.standing import Standing, collections_of
from backends.migrations.separation import Move
from backends.runs.model import NewRun, Run, RunState, new_id
from backends.safety.gate import Act, Token
from backends.safety.plans import Plan, PlanStore
from backends.safety.proofs import Proof, ProofStore
from backends.sampling.reading import utc_now

LOOKS: Final = 10
LOOK_S: Final = 0.3
"""How often, and after how many seconds, it is looked for a run that somebody else is just beginning."""

if TYPE_CHECKING:
    from backends.runs.job import Job
    from backends.runs.runner import Runner
    from backends.runs.store import RunStore
    from backends.safety.gate import Consent


def silent(_: str, __: int) -> None:
    """Nobody listens."""


class SeparationService:
    """Olorin's separation.

    state: where plans and proofs are kept. backup: the main database's. environment: the profile's kind, kept with
    proofs.
    """

    def __init__(
        self,
        mongo: MongoClients,
        move: Move,
        state: Path,
        backup: BackupGate,
        clock: Callable[[], datetime] = utc_now,
        *,
        environment: str = "",
    ) -> None:
        self._mongo = mongo
        self._move = move
        self._state = state
        self._environment = environment
        self._backup = backup
        self._plans = PlanStore(state, clock)
        self._proofs = ProofStore(state, clock)
        self._clock = clock
        self._processes = Processes(mongo, move.target, clock)
        self.stay: bool | None = None
        """Whether a run that this process executes goes on following at the hold; None: as the run was begun."""

    @property
    def places(self) -> Places:
        """From where to where. Raises NotConfigured."""
        return Places(self._mongo, self._mongo.target(Role.MAIN), self._move)

    async def dry_run(self, tell: Tell = silent) -> DryRun:
        """What an execution would do, with every gate; its plan is kept. Raises BackendError."""
        from backends.migrations.olorin.planning import dry_run

        places = self.places
        target = places.target.where

        def save(body: Mapping[str, object]) -> str:
            return self._plans.save(KIND, target, body).hash

        return await dry_run(places, self._switched, save, tell)

    async def verify(self, tell: Tell = silent) -> Verified:
        """Compares every document and index of both sides; the proof is kept. Raises BackendError."""
        from backends.migrations.olorin.manifest import Manifest
        from backends.migrations.olorin.verifying import verify

        places = self.places
        target = places.target.where
        proofs = await verify(places, Manifest(self._state, target), tell)
        found = Verified(self._clock(), places.source.where, target, proofs, await self._refused(places))
        await self._see(places)
        body = {
            "collections": found.collections, "refused": found.refused, "environment": self._environment,
            "flag": self.is_on,
        }  # fmt: skip
        await asyncio.to_thread(self._proofs.save, KIND, target, found.passed, body)
        return found

    @property
    def is_on(self) -> bool:
        """Whether the platform is switched, as the settings say."""
        return self._move.flag is True

    def switch_act(self) -> Act:
        """What the gate is asked for before the switch is recorded beside the data. Raises NotConfigured."""
        return Act(SWITCH_ACT, self.places.target.where)

    async def record_switch(self, token: Token) -> None:
        """Lets the consoles of other machines know of the switch. Raises BackendError."""
        await record_switch(token, self.places, await self._see(self.places))

    def indexes_act(self) -> Act:
        """What the gate is asked for before declared indexes are built. Raises NotConfigured."""
        from backends.migrations.olorin.declaring import INDEXES

        return Act(INDEXES, self.places.target.where)

    async def build_declared(self, token: Token) -> tuple[BuiltIndex, ...]:
        """Builds in the target what the platform's models declare and it lacks. Raises BackendError."""
        from backends.migrations.olorin.declaring import build_declared

        return await build_declared(token, self.places)

    async def board(self, store: RunStore, looks: int = 1) -> Board:
        """What must be green for the switch and after it, and the ways back. Raises BackendError.

        looks: how often to look for the platform's processes on the servers.
        """
        return await self._board(await choosing.newest(store), looks)

    async def _board(self, run: Run | None, looks: int = 1) -> Board:
        from backends.migrations.olorin.board import board

        seen = await self._see(self.places)
        verdict = await self.backup_verdict(undoable=True)
        proofs = await self.newest_proof(), await asyncio.to_thread(self._staging)
        processes = await self._look(looks)
        return board(run, proofs, verdict, seen, self._move.flag, self._clock(), processes)

    async def standing(self, store: RunStore) -> Standing:
        """Run, board and newest verification, collection by collection. Raises BackendError."""
        places, run = self.places, await choosing.newest(store)
        board, proof = await self._board(run), await self.newest_proof()
        at = proof.made_at if proof is not None else None
        collections = collections_of(run, proof)
        return Standing(places.source.where, places.target.where, run, board, collections, at, await self.left_out())

    async def left_out(self) -> LeftOut:
        """What the target refused, and what rollbacks left as it was. Raises BackendError."""
        from backends.migrations.olorin.left_out import left_out

        return await left_out(self.places)

    async def _look(self, looks: int) -> tuple[Process, ...] | BackendError:
        if not self._move.flag:
            return ()
        try:
            return await self._processes.look(looks)
        except BackendError as error:
            return error

    async def backup_verdict(self, *, undoable: bool) -> BackupVerdict:
        """What the backup gate says to a step on the main database.

        undoable: the console keeps what is needed to undo the step. Raises BackendError.
        """
        return await self._backup(undoable)

    async def _see(self, places: Places) -> Seen:
        memory, said = Memory(self._state, places.target.where), await recorded(places)
        return await asyncio.to_thread(memory.see, self._move.flag, self._clock(), said)

    async def _switched(self, places: Places) -> str:
        """When a switch was seen that was not rolled back; "" for none."""
        return (await self._see(places)).said

    def _staging(self) -> Proof | None:
        """The newest passed verification of a staging environment that is kept here."""
        proofs = self._proofs.all(KIND)
        return next((each for each in proofs if each.passed and each.body.get("environment") == "staging"), None)

    async def newest_proof(self) -> Proof | None:
        """The newest verification that is kept. Raises BackendError."""
        return await asyncio.to_thread(self._proofs.newest, KIND, self.places.target.where)

    async def difference(self, collection: str, id_json: str) -> tuple[FieldDifference, ...]:
        """A document of both sides, field by field. id_json: as a proof names it. Raises BackendError."""
        from bson import encode
        from bson.json_util import CANONICAL_JSON_OPTIONS, loads

        from backends.migrations.olorin.fields import field_differences
        from backends.migrations.olorin.raw import id_of
        from backends.migrations.olorin.streams import one_of

        id_ = id_of(encode({"_id": loads(id_json, json_options=CANONICAL_JSON_OPTIONS)}))
        places = self.places
        async with places.reading_source() as source, places.reading_target() as target:
            mine, other = await one_of(source[collection], id_), await one_of(target[collection], id_)
        return field_differences(mine and mine.data, other and other.data)

    async def _refused(self, places: Places) -> int:
        async with places.reading_target() as database:
            return await database[REFUSED].count_documents({})

    # Executing

    def job(self, run: Run) -> Job:
        """The job of one of the separation's runs. Raises NotConfigured."""
        if run.kind == KIND:
            from backends.migrations.olorin.job import SeparationJob

            stay = run.options.get("follow") is True if self.stay is None else self.stay
            return SeparationJob(self.places, seen=self._see, stay=stay)
        if run.kind in {"soft-delete", "soft-delete.undo"}:
            from backends.migrations.olorin.soft_delete import SoftDeleteJob, UndoJob

            undoes = run.kind == "soft-delete.undo"
            return UndoJob(self.places, run) if undoes else SoftDeleteJob(self.places, run, self._clock())
        from backends.migrations.olorin.rolling_back import ROLLBACK, RollbackJob

        if run.kind == ROLLBACK:
            return RollbackJob(self.places, self._state, self._see)
        from backends.migrations.olorin.restoring import RestoreJob

        return RestoreJob(self.places, run)

    async def run_to_execute(
        self, runner: Runner, store: RunStore, consent: Consent, plan: str = "", *, follow: bool = False
    ) -> str:
        """The run that is under way, or a new one, by its id.

        plan: the hash of the one to carry out; "" for a new one. follow: a new one stays at the hold and follows the
        source, until it is told to stop. Raises Refused, AccessDenied and BackendError.
        """
        places = self.places
        await check_gates(places, await self._switched(places))
        open_run = await choosing.open_run(store, places.source, plan)
        if open_run is not None:
            return open_run.id
        kept = await asyncio.to_thread(self._plan, places, plan)
        await check_disk(places)
        runs = [run async for run in choosing.runs_of(store, KIND)]
        # Two that begin at once ask for the same id, which only one of them gets.
        options = {choosing.SOURCE: choosing.origin(places.source), **({"follow": True} if follow else {})}
        run_id = f"sep-{self._clock():%Y%m%d}-{len(runs) + 1}"
        run = NewRun(run_id, KIND, store.where, plan=kept.hash, options=options)
        try:
            return (await runner.create(run, "separation.plan", consent)).id
        except BackendError:
            for _ in range(LOOKS):
                open_run = await choosing.open_run(store, places.source, plan)
                if open_run is not None:
                    return open_run.id
                await asyncio.sleep(LOOK_S)
            raise

    # After the switch

    async def run_to_roll_back(self, runner: Runner, store: RunStore, consent: Consent, folder: Path | None) -> str:
        """A new run that carries back what the target got since the switch, or that restores a backup; its id.

        store: the main database's. A run of the same kind that was stopped goes on; after one that failed a new one
        compares everything again. Raises Refused and BackendError.
        """
        if folder is None:
            from backends.migrations.olorin.rolling_back import check_flag

            check_flag(self.places)
            await self._check_nobody_writes()
        kind = "separation.rollback" if folder is None else "separation.restore"
        options = {} if folder is None else {"from": str(folder)}
        async for run in choosing.runs_of(store, kind):
            over = {RunState.DONE, RunState.FAILED}
            if run.known_state not in over and dict(run.options) == options:
                return run.id
        run_id = new_id(kind.replace(".", "-"), self._clock())
        return (await runner.create(NewRun(run_id, kind, store.where, options=options), f"{kind}.plan", consent)).id

    async def _check_nobody_writes(self) -> None:
        """Raises Refused where the platform is seen at the target; where nobody tells, the run's proof has to do."""
        with suppress(AccessDenied, BadAnswer, DeadlineExceeded):
            looked = await self._processes.look(2)
            check_nobody_writes(looked, self._clock(), self.places.target.where)

    async def cleanup_preview(self, run_id: str, *, dropping: bool = False) -> tuple[Held, ...]:
        """What a cleanup would set aside, or drop. Raises BackendError."""
        from backends.migrations.olorin.cleaning import preview

        return await preview(self.places, run_id, dropping)

    def cleanup_act(self, run_id: str, *, dropping: bool = False) -> Act:
        """What the gate is asked for. Raises NotConfigured."""
        from backends.migrations.olorin.cleaning import CLEANUP, DROP

        return Act(DROP if dropping else CLEANUP, self.places.source.where, run_id=run_id)

    async def clean_up(self, token: Token, run_id: str) -> int:
        """Sets the main database's collections aside; how many. Raises Refused and BackendError."""
        from backends.migrations.olorin import cleaning

        places, now = self.places, self._clock()
        seen = await self._see(places)
        cleaning.check(places, await self.newest_proof(), seen, now)
        looked = await self._look(PROCESS_LOOKS)
        gate = processes_gate(self._move.flag, looked, self._clock())
        cleaning.check_processes(places, gate, are_told=not isinstance(looked, BackendError))
        return await cleaning.set_aside(token, places, run_id, seen.on_since or now)

    async def drop(self, token: Token, run_id: str) -> int:
        """Drops what a cleanup set aside; how many. Raises Refused and BackendError."""
        from backends.migrations.olorin import cleaning

        places, proof = self.places, await self.newest_proof()
        cleaning.check(places, proof, await self._see(places), self._clock())
        require(await self._backup(False), places.source.where)
        return await cleaning.drop(token, places, run_id, proof)

    async def newest_run(self, store: RunStore) -> Run:
        """The newest run of the migration. Raises NotThere where there is none."""
        return await choosing.require_newest(store)

    # Soft delete

    async def soft_delete(self, collection: str) -> SoftDelete:
        """What the soft-delete plan would do; its plan is kept. Raises BackendError."""
        from backends.migrations.olorin.soft_delete import SOFT_DELETE, look

        found = await look(self.places, collection, self._clock())
        body = {"collection": collection, "missing": found.missing, "expired": found.expired, "works": found.works}
        plan = await asyncio.to_thread(self._plans.save, SOFT_DELETE, found.where, body)
        return replace(found, plan=plan.hash)

    async def run_to_soft_delete(
        self,
        runner: Runner,
        store: RunStore,
        consent: Consent,
        collection: str,
        *,
        typed: bool,
        undo: bool = False,
        plan: str = "",
    ) -> str:
        """A new run of the plan (or of its undo), or the one that was stopped; its id.

        plan: the hash of the one to carry out; "" for a new one. typed: whether the environment's name was typed, which
        agrees to what the index deletes at once.
        """
        kind = "soft-delete.undo" if undo else "soft-delete"
        found = None if undo else await self.soft_delete(collection)
        options: dict[str, object] = {"collection": collection}
        if found is not None:
            if plan:
                await asyncio.to_thread(self._plans.load_to_start, plan, kind, found.where)
            plan, options["expired"] = plan or found.plan, found.expired if typed else 0
        open_run = await choosing.open_soft_delete(store, kind, collection, found.expired if found else 0)
        if open_run is not None:
            return open_run.id
        if found is not None:
            choosing.check_soft_delete(found, typed=typed)
        run_id = new_id(kind.replace(".", "-"), self._clock())
        new = NewRun(run_id, kind, store.where, plan=plan, options=options)
        return (await runner.create(new, "softdelete.plan", consent)).id

    def _plan(self, places: Places, hash_: str) -> Plan:
        target = places.target.where
        if hash_:
            plan = self._plans.load_to_start(hash_, KIND, target)
            if plan.body.get("source") != places.source.where:
                raise Refused(f"The plan {hash_} copies from {plan.body.get('source')}.", where=places.source.where)
            return plan
        return self._plans.save(KIND, target, {"source": places.source.where, "collections": OLORIN_COLLECTIONS})
