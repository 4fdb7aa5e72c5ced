"""Servers that stop answering without ending: SIGSTOP, and SIGCONT afterwards."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stops a process with its children, and lets them go on."""
    process = psutil.Process(pid)
    pids = [pid, *(child.pid for child in process.children(recursive=True))]
    for each in pids:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in pids:
            os.kill(each, signal.SIGCONT)


def demo_pid(env: Mapping[str, str], name: str) -> int:
    """The process of one of the demo's servers."""
    found = re.search(rf"# pid: {name} = (\d+)", Path(env["OLORIN_DEMO_ENV_FILE"]).read_text())
    assert found is not None
    return int(found[1])
