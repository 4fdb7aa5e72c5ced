"""Scans as people ask for them: the newest result, the run under way, and a new run that outlives who asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from backends.clients.errors import Refused
from backends.orphans.clean_model import SCAN
from backends.orphans.model import Scan
from backends.orphans.scan_job import scan_run
from backends.orphans.service import OrphansService
from backends.runs.model import NEWEST, Run, RunState
from backends.runs.rules import LIVELY
from backends.runs.starting import RunStarter
from backends.runs.store import RunStore
from backends.safety.gate import Consent

FRESH: Final = timedelta(minutes=5)
"""How long a scan tells how things stand: it passes over whole indexes, so nobody makes one more often unasked."""

STARTING: Final = timedelta(seconds=30)
"""Within it a recorded run is taken up by its process; one that was not did not come up."""

LOOK_S: Final = 0.5
"""Seconds between two looks at a run that is waited for: it is another process, which announces nothing here."""


@dataclass(frozen=True, slots=True)
class Scans:
    """The newest scan that ended, and the newest run that scans: under way, or (ended) how it did not reach its end."""

    newest: Scan | None
    under_way: Run | None = None
    ended: Run | None = None

    def is_fresh(self, now: datetime) -> bool:
        """Whether the newest scan still tells how things stand."""
        return self.newest is not None and now - self.newest.finished_at < FRESH


class ScanDesk:
    """The scans of these databases, whoever makes them with this state folder.

    store: where runs are recorded that only read. starter: what starts their processes.
    """

    def __init__(self, service: OrphansService, store: RunStore, starter: Callable[[], RunStarter]) -> None:
        self._service, self._store, self._starter = service, store, starter
        self._starting = asyncio.Lock()

    async def look(self) -> Scans:
        """How they stand, from what is recorded on this machine. Raises BackendError."""
        run = await self._newest_run()
        newest = await self._service.latest()
        if run is None or run.known_state is RunState.DONE:
            return Scans(newest)
        if self._is_under_way(run):
            return Scans(newest, under_way=run)
        is_later = newest is None or run.created_at is None or run.created_at > newest.finished_at
        return Scans(newest, ended=run if is_later else None)

    async def start(self, consent: Consent) -> str:
        """Starts a scan in a process of its own, unless one is under way; its id. Raises Refused and BackendError."""
        async with self._starting:
            if (run := (await self.look()).under_way) is not None:
                return run.id
            await self._service.check()
            new = scan_run(self._store.where, self._service)
            await self._starter().start(new, SCAN, consent)
            return new.id

    async def fresh(self, consent: Consent) -> Scan:
        """A scan that tells how things stand: the newest, else one that is started (or under way) and waited for.

        Raises Refused where that one does not reach its end, and BackendError.
        """
        found = await self.look()
        if found.newest is not None and found.under_way is None and found.is_fresh(self._service.now()):
            return found.newest
        run_id = await self.start(consent)
        while (found := await self.look()).under_way is not None:  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(LOOK_S)
        if found.ended is not None or found.newest is None:
            why = (found.ended.why if found.ended is not None else "") or f"its process ({run_id}) did not come up"
            raise Refused(f"The scan did not reach its end: {why}", hint=f"olorin runs show {run_id} says more.")
        return found.newest

    async def _newest_run(self) -> Run | None:
        wanted = self._service.scanned
        # Nearly always the newest one is of these databases, and each costs a few files' reads.
        for limit in (1, NEWEST):
            for each in await self._store.page(limit):
                if each.kind == SCAN and dict(each.options) == wanted:
                    return each
        return None

    def _is_under_way(self, run: Run) -> bool:
        if run.holder is not None:
            return run.known_state in LIVELY or run.known_state is RunState.PLANNED
        is_new = run.created_at is not None and self._service.now() - run.created_at < STARTING
        return run.known_state is RunState.PLANNED and is_new
