"""Runs for screens: one of each kind of state, and a service that always answers with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from backends.clients.errors import NotThere
from backends.runs.model import Control, Halt, Progress, Run, Transition, Unit, Want
from backends.runs.service import RunPage, RunsService
from backends.runs.store import RunKey
from backends.safety.author import Author
from backends.sampling.reading import Problem
from tests.stage import NOW

NOBODY = Author("ops", "", "host", "demo", "staging", "olorin", 1, "")
UNITS = (
    Unit("usage_records", 1_203_114, 493_277, 0, 610_000_000, 4_812.0),
    Unit("dubbing_sessions", 88_310, 88_298, 12, 95_000_000),
    Unit("content_embeddings", None, 0),
)
HISTORY = (
    Transition("planned", NOW - timedelta(minutes=9), "eva@ops1"),
    Transition("running", NOW - timedelta(minutes=8), "eva@ops1", "started"),
    Transition("throttled", NOW - timedelta(minutes=5), "eva@ops1", "cpu 91.2 % above 80 %"),
    Transition("running", NOW - timedelta(minutes=4), "eva@ops1", "goes on"),
)
RUNNING = Run(
    "r-20260120-1", "olorin", "running",
    where="mongodb://ops:••••@db1:27017/ database olorin_platform",
    plan="5a1f0c2d4e5b6a7788",
    since=NOW - timedelta(minutes=4),
    created_at=NOW - timedelta(minutes=9),
    progress=Progress(
        UNITS, slow=4_000.0, fast=5_200.0, batch=2_400, lost_s={"cpu": 61.5, "pace": 12.0}, not_measured=("memory",)
    ),
    control=Control(Want.GO, pace=5_000.0, who="eva@ops1"),
    holder="eva@ops1 pid 4711 from 192.0.2.7",
    silent_s=2.4,
    history=HISTORY,
)  # fmt: skip
MEASURED = replace(RUNNING, progress=replace(RUNNING.progress, units=UNITS[:2]))
"""Whose total is known, so that its share and the time that is left are."""

FAILED = Run("r-20260119-1", "olorin", "failed", since=NOW, created_at=NOW - timedelta(days=1), why="disk full")
ABANDONED = Run("r-20260118-4", "chunks", "running", since=NOW, created_at=NOW - timedelta(days=2))
THROTTLED = replace(
    MEASURED, id="r-20260119-2", kind="chunks", state="throttled", why="cpu 91.2 % above 80 %", holder="max@ops2 pid 8"
)
PAGE = RunPage((MEASURED, THROTTLED, FAILED, ABANDONED), halts=(Halt("orphans", "max@ops2", "incident 7", NOW),))


NO_RUN = RunPage()


class FixedRuns(RunsService):
    """Always the same answers, whoever asks."""

    def __init__(self, page: RunPage = NO_RUN, runs: tuple[Run, ...] = ()) -> None:
        super().__init__((), NOBODY, Path("/nowhere"), lambda run_id, typed: ())
        self.fixed, self.known = page, runs

    async def page(self, limit: int = 50, after: RunKey | None = None) -> RunPage:
        return self.fixed

    async def run(self, run_id: str) -> Run:
        found = next((run for run in (*self.known, *self.fixed.runs) if run.id == run_id), None)
        if found is None:
            raise NotThere(f"There is no run {run_id}.")
        return found


DENIED = Problem("access denied", "permission denied for table console_runs")
