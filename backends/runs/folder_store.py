"""Runs that only read. Their records lie in the state folder: nothing of the platform is written for their sake.

Whoever shares the folder sees them and may end them; all times are this machine's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from backends.runs.folder_records import FolderRecords, Record
from backends.runs.model import Checkpoint, Control, Halt, Holder, Lease, NewRun, Progress, Run, RunState
from backends.runs.records import (
    control_of,
    control_record,
    halt_of,
    lease_of,
    progress_of,
    progress_record,
    run_of,
    time,
)
from backends.runs.store import Fence, LeaseLost, Orders, RunKey, RunStore, Timing, TryAgain, Work, Worker
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.safety.audit import AuditMirror, Entry
    from backends.safety.gate import Token

KEPT: Final = 20
"""Runs whose records are kept: few, so that they push none that changes data off the first page of all runs."""


class FolderRunStore(RunStore):
    """The runs of one state folder that only read."""

    reads: ClassVar[bool] = True

    def __init__(self, state: Path, timing: Timing | None = None, now: Callable[[], datetime] = utc_now) -> None:
        self._folder = state / "runs"
        self._records = FolderRecords(self._folder / "reading.sqlite3")
        self._timing, self._now = timing or Timing(), now

    @property
    def where(self) -> str:
        return f"records in {self._folder}"

    async def page(self, limit: int, after: RunKey | None = None) -> tuple[Run, ...]:
        below = None if after is None else (after.created_at, after.id)
        found = await asyncio.to_thread(self._records.newest, "run", limit, below)
        return tuple([await self._known({**each, "history": ()}) for each in found])

    async def run(self, run_id: str) -> Run | None:
        found = await asyncio.to_thread(self._records.one, "run", run_id)
        return None if found is None else await self._known(found)

    async def lease(self, scope: str) -> Lease | None:
        found = await asyncio.to_thread(self._records.one, "lease", scope)
        heard = time(found["heard_at"]) if found is not None else None
        if found is None or heard is None:
            return None
        return lease_of({**found, "age_s": (self._now() - heard).total_seconds(), "since": time(found["since"])})

    async def halts(self) -> tuple[Halt, ...]:
        return tuple(halt_of(each) for each in await asyncio.to_thread(self._records.every, "halt"))

    async def create(self, token: Token, run: NewRun, who: str, version: str) -> None:
        token.require_target(self.where)
        at = self._now()
        planned = {"state": RunState.PLANNED.value, "at": at, "who": who, "why": ""}
        said = {"id": run.id, "kind": run.kind, "place": run.where, "scope": run.scope, "options": run.options}
        record = {**said, "plan": run.plan, "version": version, "created_at": at, "since": at, "why": ""}
        await self._put("checkpoint", run.id, {"number": 0, "body": {}, "plan": run.plan, "version": version})
        await self._put("control", run.id, {"want": "go", "who": who, "why": ""})
        await self._put("run", run.id, {**record, "state": RunState.PLANNED.value, "history": [planned]})
        await asyncio.to_thread(self._records.keep, dict.fromkeys(("run", "checkpoint", "control", "lease"), KEPT))

    async def control(
        self, token: Token, run_id: str, fields: Mapping[str, object], seen: Control | None = None
    ) -> None:
        token.require_target(self.where)
        said = control_record(fields) | ({"at": self._now()} if "want" in fields else {})

        def make(found: Record | None) -> Record | None:
            return {**(found or {}), **said} if seen is None or control_of(found or {}).at == seen.at else None

        await asyncio.to_thread(self._records.change, "control", run_id, self._now(), make)

    async def halt(self, token: Token, halt: Halt) -> None:
        token.require_target(self.where)
        await self._put("halt", halt.kind, {"kind": halt.kind, "who": halt.who, "why": halt.why, "at": self._now()})

    async def lift(self, token: Token, kind: str) -> bool:
        token.require_target(self.where)
        return await asyncio.to_thread(self._records.drop, "halt", kind)

    @asynccontextmanager
    async def worker(self, token: Token) -> AsyncIterator[Worker]:
        token.require_target(self.where)
        yield FolderWorker(self, self._records, self._now)

    def mirror(self) -> AuditMirror:
        return _Nowhere()

    async def _known(self, record: Record) -> Run:
        checkpoint = await asyncio.to_thread(self._records.one, "checkpoint", record["id"])
        control = await asyncio.to_thread(self._records.one, "control", record["id"])
        lease = await self.lease(record["scope"])
        return run_of(record, checkpoint or {}, control or {}, lease, self._timing.expiry_s)

    async def _put(self, kind: str, id_: str, record: Record) -> None:
        await asyncio.to_thread(self._records.change, kind, id_, self._now(), lambda _: record)


class _Nowhere:
    """The audit log lies in the state folder already."""

    async def write(self, token: Token, entry: Entry) -> None:
        """Nothing."""

    async def of(self, log: str) -> Sequence[Entry]:
        """Nothing."""
        return ()


@dataclass(slots=True)
class FolderWork(Work):
    """What a batch will save; there is nothing else that it could write to."""

    saved: Record = field(default_factory=dict)

    @property
    def connection(self) -> Any:
        raise TypeError("this run only reads: there is no Postgres connection")

    @property
    def database(self) -> Any:
        raise TypeError("this run only reads: there is no Mongo database")

    @property
    def session(self) -> Any:
        raise TypeError("this run only reads: there is no Mongo session")

    def save(self, body: Mapping[str, Any], progress: Progress) -> None:
        self.saved = {"body": dict(body), "progress": progress_record(progress)}


class FolderWorker(Worker):
    """Executes runs of a state folder."""

    def __init__(self, store: FolderRunStore, records: FolderRecords, now: Callable[[], datetime]) -> None:
        self._store, self._records, self._now = store, records, now

    async def claim(self, run: Run, holder: Holder, seen: Lease | None) -> Fence | None:
        at, before = self._now(), 0 if seen is None else seen.token

        def take(found: Record | None) -> Record | None:
            if (found or {}).get("token", 0) != before:
                return None
            said = {"id": run.scope, "token": before + 1, "run_id": run.id, "holder": asdict(holder)}
            return {**said, "since": at, "heard_at": at, "beats": 0, "released": False}

        taken = await self._change("lease", run.scope, take)
        return None if taken is None else Fence(run.scope, run.id, before + 1)

    async def beat(self, fence: Fence) -> bool:
        return await self._hold(fence, lambda lease: {"beats": lease["beats"] + 1, "heard_at": self._now()})

    async def release(self, fence: Fence) -> None:
        await self._hold(fence, lambda _: {"released": True})

    async def enter(self, fence: Fence, state: RunState, who: str, why: str) -> None:
        entered = {"state": state.value, "at": self._now(), "who": who, "why": why}
        said = {"state": state.value, "why": why, "since": entered["at"]}
        await self._check(fence)
        await self._change(
            "run", fence.run_id, lambda run: run and {**run, **said, "history": [*run["history"], entered]}
        )

    async def resumed(self, fence: Fence) -> tuple[Checkpoint, Progress]:
        await self._check(fence)
        found = await asyncio.to_thread(self._records.one, "checkpoint", fence.run_id) or {}
        checkpoint = Checkpoint(
            found.get("number", 0), found.get("body", {}), found.get("plan", ""), found.get("version", "")
        )
        return checkpoint, progress_of(found.get("progress", {}))

    async def orders(self, run: Run) -> Orders:
        control = await asyncio.to_thread(self._records.one, "control", run.id)
        halt = await asyncio.to_thread(self._records.one, "halt", run.kind)
        return Orders(control_of(control or {}), None if halt is None else halt_of(halt), self._now())

    async def note(self, fence: Fence, progress: Progress) -> None:
        await self._check(fence)
        said = {"progress": progress_record(progress), "at": self._now()}
        await self._change("checkpoint", fence.run_id, lambda found: {**(found or {}), **said})

    @asynccontextmanager
    async def work(self, fence: Fence, before: Checkpoint) -> AsyncIterator[Work]:
        work = FolderWork()
        yield work
        await self._check(fence)
        said = {**work.saved, "number": before.number + 1, "version": before.version, "at": self._now()}
        saved = await self._change(
            "checkpoint", fence.run_id, lambda found: found and _next(found, before.number, said)
        )
        if saved is None:
            raise TryAgain("The checkpoint is another one by now.", where=self._store.where)

    async def reopen(self) -> None:
        """There is no connection."""

    async def _hold(self, fence: Fence, change: Callable[[Record], Record]) -> bool:
        def make(lease: Record | None) -> Record | None:
            held = lease is not None and lease["token"] == fence.token
            return {**lease, **change(lease)} if lease is not None and held else None

        return await self._change("lease", fence.scope, make) is not None

    async def _check(self, fence: Fence) -> None:
        if not await self._hold(fence, lambda _: {}):
            raise LeaseLost(f"The run {fence.run_id} was taken over by another process.")

    async def _change(self, kind: str, id_: str, make: Callable[[Record | None], Record | None]) -> Record | None:
        return await asyncio.to_thread(self._records.change, kind, id_, self._now(), make)


def _next(found: Record, number: int, said: Record) -> Record | None:
    return {**found, **said} if found["number"] == number else None
