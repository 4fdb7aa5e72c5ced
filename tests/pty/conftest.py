"""Environments for programs on a terminal: of nothing, and of the running demo."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.detached import end_detached


@pytest.fixture
def bare_env(tmp_path: Path) -> dict[str, str]:
    """An environment with nothing configured."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    return kept | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "OLORIN_CONSOLE_STATE": str(tmp_path / "state")}


@pytest.fixture
def console_env(demo_env: dict[str, str], bare_env: dict[str, str]) -> Iterator[dict[str, str]]:
    """The demo's variables, with a state folder of the test's own; what was started on it ends with the test."""
    state = bare_env["OLORIN_CONSOLE_STATE"]
    yield bare_env | demo_env | {"OLORIN_CONSOLE_STATE": state}
    end_detached(Path(state))
