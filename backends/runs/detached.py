"""Starting a run's execution as a process of its own, which outlives the terminal and the console that started it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from backends.clients.errors import Refused
from backends.safety.files import private_folder


def log_path(state: Path, run_id: str) -> Path:
    """Where a detached execution writes what a person would have seen."""
    return state / "runs" / f"{run_id}.log"


def start_detached(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> int:
    """Starts the command in a session of its own, without a terminal; returns its process id. Blocks for a moment.

    Its output is added to the log. Raises Refused where that can't be written: nothing was started then.
    """
    try:
        private_folder(log.parent)
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        hint = "Free space or correct the rights of the state folder; nothing was started."
        raise Refused(f"The run's log can't be written: {error.strerror}.", where=str(log), hint=hint) from error
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            env=dict(environment),
            start_new_session=True,
        )
    finally:
        os.close(handle)
    # It is nobody's child to wait for: the kernel reaps it when this process ends.
    process.returncode = 0
    return process.pid
