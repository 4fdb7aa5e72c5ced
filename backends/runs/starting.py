"""Beginning a run from the console: recorded, then executed by a process of its own that outlives the console."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from backends.clients.errors import NotThere
from backends.runs.model import NewRun, Progress
from backends.runs.runner import Runner
from backends.runs.service import RunsService
from backends.runs.store import RunStore
from backends.safety.gate import Consent, Gate


class Unheard:
    """Nobody is told how a run goes on: it is recorded only."""

    def state(self, state: str, why: str) -> None:
        """Nobody."""

    def progress(self, progress: Progress) -> None:
        """Nobody."""

    def say(self, text: str) -> None:
        """Nobody."""


class RunStarter:
    """Starts runs. runner: of the store in which a run is recorded."""

    def __init__(
        self, runs: RunsService, stores: Sequence[RunStore], runner: Callable[[RunStore], Runner], gate: Gate
    ) -> None:
        self._runs, self._stores, self.runner, self._gate = runs, stores, runner, gate

    async def start(self, run: NewRun, act: str, consent: Consent) -> Path:
        """Records the run and starts its process; answers with its log. Raises Refused and BackendError."""
        store = next((each for each in self._stores if each.where == run.where), None)
        if store is None:
            raise NotThere("No database is configured that such a run could change.", where=run.where)
        made = await self.runner(store).create(run, act, consent)
        async with self._gate.act(self._runs.act("resume", store, made), consent) as token:
            return await self._runs.start(token, run.id, consent.typed)

    async def go_on(self, run_id: str, consent: Consent) -> str:
        """Lets a recorded run go on, in a process of its own unless somebody executes it; says which.

        Raises Refused and BackendError.
        """
        async with self._gate.act(await self._runs.order_act("resume", run_id), consent) as token:
            return f"{run_id} {await self._runs.go_on(token, run_id, consent.typed)}"
