"""What benchmarks share: a table of figures with their budgets, printed at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.detached import end_detached


class Figures:
    """Collects figures; a budget is what the founding documents allow, and a miss fails the whole at its end."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.missed = 0

    def add(self, name: str, value: float, unit: str, budget: float | None = None) -> None:
        """Notes a figure in its unit; at most `budget` is within it."""
        self.missed += budget is not None and value > budget
        verdict = "" if budget is None else f"   budget {budget:g} {unit}   {'ok' if value <= budget else 'MISSED'}"
        self._lines.append(f"{name:<58} {value:10.2f} {unit:<6}{verdict}")

    def text(self) -> str:
        """All figures as a table."""
        return "\n".join(self._lines)


_FIGURES = Figures()


@pytest.fixture
def figures() -> Figures:
    """The session's figures."""
    return _FIGURES


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Every figure is taken before a missed one fails them."""
    if _FIGURES.missed and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the figures at the end."""
    if _FIGURES.text():
        terminalreporter.section("figures")
        terminalreporter.write_line(_FIGURES.text())


@pytest.fixture
def console_env(demo_env: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """The demo's variables with a state folder of the test's own, as a program's environment."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    yield kept | demo_env | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "OLORIN_CONSOLE_STATE": str(tmp_path)}
    end_detached(tmp_path)
