"""Scanning in a command's own process: the same run as a screen starts, so that it is listed, followed and stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from backends.clients.errors import Stopped
from console.cli.consenting import consent
from console.cli.executing import Execution, carried_out
from console.cli.reporting import say

if TYPE_CHECKING:
    from backends.orphans.model import Scan
    from backends.runs.runner import Verdict
    from console.wiring import Services

UNLIMITED: Final = Execution(60.0, None, None)


async def scan_here(services: Services, execution: Execution) -> tuple[Verdict, Scan | None]:
    """How the scan's run ended, and its result: None where it was stopped. Raises what else kept it from its end."""
    from backends.orphans.scan_job import scan_run

    run = scan_run(services.reading_runs.where, services.orphans)
    say(f"{run.id}: olorin runs stop {run.id} ends it")
    verdict = await carried_out(services, run, consent(""), execution)
    if verdict.error is not None and not isinstance(verdict.error, Stopped):
        raise verdict.error
    return verdict, None if verdict.error is not None else await services.orphans.latest()


def left_of(execution: Execution) -> Callable[[], Execution]:
    """What is left of the time limit whenever it is asked for: a scan and what follows it share one."""
    began = time.monotonic()

    def left() -> Execution:
        minutes = execution.max_minutes
        spent = (time.monotonic() - began) / 60
        return execution if minutes is None else replace(execution, max_minutes=max(minutes - spent, 0.0))

    return left
