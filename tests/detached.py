"""Processes that a console started to execute runs, which outlive it: waited for, and none left behind."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

END_S = 10.0


def detached(state: Path) -> list[psutil.Process]:
    """Those that work with this state folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "resume" in process.cmdline() and process.environ().get("OLORIN_CONSOLE_STATE") == str(state):
                found.append(process)
    return found


def end_detached(state: Path, within_s: float = 0.0) -> None:
    """Returns when none is left: those that don't end within the time are stopped, as by a person."""
    _, left = psutil.wait_procs(detached(state), timeout=within_s)
    for process in left:
        with suppress(psutil.Error):
            process.terminate()
    psutil.wait_procs(left, timeout=END_S)
