"""Arming on a real terminal: off by default, ten minutes with !, for good where the start says so."""

from __future__ import annotations

import sys

import pytest

from tests.pty.terminal import Terminal

OLORIN = (sys.executable, "-m", "console")


def test_exclamation_mark_arms_and_disarms(bare_env: dict[str, str]) -> None:
    with Terminal(OLORIN, bare_env, 80, 24) as terminal:
        terminal.wait_for("overview")
        assert "ARMED" not in terminal.text()
        terminal.press("!")
        terminal.wait_for("ARMED 10:00")
        terminal.wait_for("ARMED 9:5")
        terminal.press("2")
        terminal.wait_for(lambda text: "[2 pools]" in text and "ARMED 9:5" in text)
        terminal.press("!")
        terminal.wait_for(lambda text: "ARMED" not in text)
        terminal.press("q")
        assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("how", ["option", "variable"])
def test_the_start_may_allow_changes(bare_env: dict[str, str], how: str) -> None:
    command = (*OLORIN, "--allow-writes") if how == "option" else OLORIN
    more = {"OLORIN_CONSOLE_ALLOW_WRITES": "true"} if how == "variable" else {}
    with Terminal(command, bare_env | more, 80, 24) as terminal:
        terminal.wait_for("WRITES ALLOWED")
        terminal.press("!")
        terminal.wait_for("when the console was started")
        assert "WRITES ALLOWED" in terminal.text()
        terminal.press("q")
        assert terminal.wait_for_end() == 0
