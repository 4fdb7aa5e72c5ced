"""Snapshots see nothing of the machine: no variables, no clock, no blinking."""

from __future__ import annotations

import os

import pytest

KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away every variable that could change a picture, or stand in a report of one."""
    for name in list(os.environ):
        if name not in KEPT and not name.startswith(("PYTEST", "TEXTUAL_SNAPSHOT")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
