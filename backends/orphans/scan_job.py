"""The scan as a run: a reference a batch. It only reads, so that its record lies in the state folder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from backends.clients.errors import StoppedByPerson
from backends.orphans.clean_model import SCAN
from backends.orphans.graph import Reference
from backends.orphans.history import result_of
from backends.orphans.model import ReferenceScan
from backends.orphans.passes import Pass
from backends.orphans.service import OrphansService
from backends.runs.job import Context, Job, Step, Verification
from backends.runs.model import NewRun, Run, Unit, new_id
from backends.runs.obeying import RESUMABLE
from backends.runs.sizing import Limits
from backends.sampling.jsonable import to_json


def scan_run(where: str, now: datetime) -> NewRun:
    """The run that scans. where: its records lie; it shares its scope with nobody, since it is in nobody's way."""
    run_id = new_id("scan", now)
    return NewRun(run_id, SCAN, where, scope=run_id)


class ScanJob(Job):
    """Scans every reference and keeps the result in the history."""

    kind: ClassVar[str] = SCAN
    act: ClassVar[str] = SCAN
    limits = Limits(1, 1, 1)

    def __init__(self, _: Run, service: OrphansService) -> None:
        self._service = service
        self._pass: Pass | None = None
        self._totals: dict[str, int | None] = {}

    def _expect(self, context: Context) -> None:
        context.expect(*(Unit(each.name, self._totals.get(each.name)) for each in self._service.graph))

    async def prepare(self, context: Context) -> None:
        self._pass = await self._service.begin()
        known = await self._service.latest()
        # What the scan before counted is the best guess of what this one has to read.
        self._totals = {each.name: each.documents for each in known.references} if known is not None else {}
        self._expect(context)

    async def batch(self, context: Context) -> Step:
        known = context.checkpoint.get("results", ())
        if self._pass is None or len(known) == len(self._service.graph):
            return Step.DONE
        reference = self._service.graph[len(known)]

        def told(_: Reference, __: int) -> None:
            if context.stopping:
                raise StoppedByPerson("Stopped within a reference, which is scanned again.", hint=RESUMABLE)

        found = await self._pass.judge(reference, told)
        self._totals[reference.name] = found.documents or 0
        self._expect(context)
        async with context.batch() as batch:
            batch.did(reference.name, found.documents or 0)
            batch.count(orphans=found.orphans or 0, unknown=int(found.problem is not None))
            started = context.checkpoint.get("started_at", self._service.now().isoformat())
            batch.checkpoint = {"started_at": started, "results": [*known, to_json(found)]}
        return Step.MORE

    async def verify(self, context: Context) -> Verification:
        results = _results(context.checkpoint)
        if self._pass is not None:
            self._pass.check(results)
        scan = await self._service.keep(datetime.fromisoformat(context.checkpoint["started_at"]), results)
        unknown = sum(each.problem is not None for each in results)
        return Verification(True, f"{scan.orphans:,} orphans, {unknown} of {len(results)} references unknown")


def _results(checkpoint: Mapping[str, Any]) -> list[ReferenceScan]:
    return [result_of(body) for body in checkpoint["results"]]
