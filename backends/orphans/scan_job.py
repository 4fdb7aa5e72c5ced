"""The scan as a run, which is the one way to scan: a reference a batch. It only reads, so that its record lies in the
state folder.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from backends.clients.errors import Refused
from backends.orphans.clean_model import SCAN
from backends.orphans.graph import Reference
from backends.orphans.history import result_of
from backends.orphans.model import ReferenceScan
from backends.orphans.passes import Pass
from backends.orphans.scan import Progress
from backends.orphans.service import OrphansService
from backends.runs.job import Context, Job, Step, Verification
from backends.runs.model import NewRun, Run, Unit, new_id
from backends.runs.sizing import Limits
from backends.sampling.jsonable import to_json

TELL_S: Final = 1.0
"""Seconds between two notes of how far a reference is."""


def scan_run(where: str, service: OrphansService) -> NewRun:
    """The run that scans. where: its records lie; it shares its scope with nobody, since it is in nobody's way.

    Raises NotConfigured.
    """
    run_id = new_id("scan", service.now())
    return NewRun(run_id, SCAN, where, scope=run_id, options=service.scanned)


class ScanJob(Job):
    """Scans every reference and keeps the result in the history."""

    kind: ClassVar[str] = SCAN
    act: ClassVar[str] = SCAN
    limits = Limits(1, 1, 1)

    def __init__(self, run: Run, service: OrphansService) -> None:
        self._scanned = dict(run.options)
        self._service = service
        self._pass: Pass | None = None
        self._totals: dict[str, int | None] = {}

    def _expect(self, context: Context) -> None:
        context.expect(*(Unit(each.name, self._totals.get(each.name)) for each in self._service.graph))

    async def prepare(self, context: Context) -> None:
        if self._scanned != self._service.scanned:
            hint = "Go on with it where they are configured, or begin a scan here."
            raise Refused("This scan is one of other databases than are configured here.", hint=hint)
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
        found = await self._pass.judge(reference, _teller(context))
        self._totals[reference.name] = found.documents or 0
        self._expect(context)
        # What was told of a step that was cut short has been counted already.
        told = sum(unit.done for unit in context.progress.units if unit.name == reference.name)
        async with context.batch() as batch:
            batch.did(reference.name, (found.documents or 0) - told)
            batch.count(references=1, orphans=found.orphans or 0, unknown=int(found.problem is not None))
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


def _teller(context: Context) -> Progress:
    """What tells how far a reference is, and ends the pass over it where somebody wants that."""
    told_at = time.monotonic()

    async def tell(reference: Reference, documents: int) -> None:
        nonlocal told_at
        context.check()
        if time.monotonic() - told_at >= TELL_S:
            told_at = time.monotonic()
            await context.tell(reference.name, documents)

    return tell


def _results(checkpoint: Mapping[str, Any]) -> list[ReferenceScan]:
    return [result_of(body) for body in checkpoint["results"]]
