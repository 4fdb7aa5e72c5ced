"""Whether the process that an entry names is still there: said only where it can be told."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from backends.safety.author import process_start, this_author

AUTHOR = this_author("demo", "development", "olorin test")
_BOOT, _NUMBERING, _TICKS = AUTHOR.started.split("-")


def test_this_process_runs_and_one_that_ended_does_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    of_child = replace(AUTHOR, pid=child.pid, started=process_start(child.pid))
    assert (AUTHOR.still_runs(), of_child.still_runs()) == (True, True)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert of_child.still_runs() is False, "a zombie is over"
    child.communicate()
    assert of_child.still_runs() is False
    assert replace(AUTHOR, started=f"{_BOOT}-{_NUMBERING}-1").still_runs() is False, "its number is another's by now"


@pytest.mark.parametrize(
    "unknown",
    [
        {"host": "elsewhere"},
        {"started": ""},
        {"started": f"00000000-{_NUMBERING}-{_TICKS}"},
        {"started": f"{_BOOT}-1-{_TICKS}"},
        {"started": f"{_BOOT}-{_TICKS}"},
        {"pid": 0},
    ],
    ids=["another machine", "without /proc", "before a reboot", "another container", "another version", "no number"],
)
def test_what_cannot_be_told_is_not_taken_for_dead(unknown: dict[str, object]) -> None:
    gone = replace(AUTHOR, pid=2**22 + 1)
    assert gone.still_runs() is False
    assert replace(gone, **unknown).still_runs() is None  # type: ignore[arg-type]
