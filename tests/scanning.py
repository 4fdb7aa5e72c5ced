"""Scans of a test: the run of `olorin orphans scan`, in the test's own process; and a desk that starts others."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from backends.orphans.model import Scan
from backends.orphans.scan_job import ScanJob, scan_run
from backends.orphans.scans import ScanDesk
from backends.orphans.service import OrphansService
from backends.runs.folder_store import FolderRunStore
from backends.runs.runner import Runner
from backends.runs.service import RunsService
from backends.runs.starting import RunStarter, Unheard
from backends.runs.store import Timing
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Consent, Gate
from console.jobs import READING

AUTHOR = this_author("demo", "development", "olorin test")
QUICK = Timing(heartbeat_s=0.2, expiry_s=1.5)
ASKED = Consent("command", explicit=True)


def nobody(run_id: str, _: str) -> Sequence[str]:
    """What starts a process that ends at once, and executes nothing."""
    return (sys.executable, "-c", "pass")


def console(run_id: str, _: str) -> Sequence[str]:
    """What starts the program itself, configured by the environment."""
    return (sys.executable, "-m", "console", "runs", "resume", run_id, "--json")


def scanning_runner(service: OrphansService, state: Path) -> Runner:
    """What executes scans of the service in this process."""
    gate = Gate(AuditTrail(state), AUTHOR, Arming(), production=False)
    return Runner(FolderRunStore(state, QUICK), lambda run: ScanJob(run, service), gate, AUTHOR, "1", Unheard(), QUICK)


async def scan_now(service: OrphansService) -> Scan:
    """Scans, to the end. Raises what kept it from that."""
    state = service.history().path.parent.parent
    runner = scanning_runner(service, state)
    new = scan_run(FolderRunStore(state).where, service)
    await runner.create(new, new.kind, ASKED)
    verdict = await runner.execute(new.id, ASKED)
    if verdict.error is not None:
        raise verdict.error
    found = await service.latest()
    assert found is not None
    return found


def scan_desk(service: OrphansService, state: Path, process: Callable[[str, str], Sequence[str]] = nobody) -> ScanDesk:
    """The desk over a state folder. process: what it starts for a run."""
    store = FolderRunStore(state, QUICK)
    runner = scanning_runner(service, state)
    gate = Gate(AuditTrail(state), AUTHOR, Arming(), production=False)
    runs = RunsService([store], AUTHOR, state, process, QUICK, READING)
    return ScanDesk(service, store, lambda: RunStarter(runs, [store], lambda _: runner, gate))
