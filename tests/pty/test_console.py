"""The real program on the real, seeded stack: each screen opens by its key and shows what was planted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.detached import end_detached
from tests.faults.freeze import demo_pid, frozen
from tests.pty.terminal import Terminal

OLORIN = (sys.executable, "-m", "console")
SEEDED = {
    "1": "PARTNER_API_KEY_SALT",
    "2": "bayit-api",
    "3": "cultural_references",
    "4": "content_embeddings",
    "5": "bot-ghost",
}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_every_screen_shows_a_seeded_value(console_env: dict[str, str], size: tuple[int, int]) -> None:
    with Terminal(OLORIN, console_env, *size) as terminal:
        terminal.wait_for(lambda text: all(name in text for name in ("migrations", "orphans", "▲", "✖")))
        for key, value in SEEDED.items():
            terminal.press(key)
            terminal.wait_for(value)
        terminal.press("6", "n")
        terminal.wait_for("title of the new project")
        terminal.press("Night watch", "\r")
        terminal.wait_for("Night watch")
        terminal.press("\x1b")
        terminal.read(0.5)
        terminal.press("w")
        terminal.wait_for("Brief: write")
        terminal.press("\r")
        terminal.wait_for("language model", within_s=60)
        terminal.press("\x1b")
        terminal.read(0.5)  # escape and q at once would be alt-q
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert not terminal.not_restored()


def test_a_scan_lives_on_when_the_terminal_closes(console_env: dict[str, str]) -> None:
    """Started by the first visit to the screen; the next console, or a command, finds what it found."""

    def olorin(*command: str) -> dict[str, Any]:
        done = subprocess.run([*OLORIN, *command, "--json"], env=console_env, capture_output=True, check=False)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    with Terminal(OLORIN, console_env, 120, 40) as terminal:
        terminal.wait_for("OLORIN")
        terminal.press("4")
        terminal.wait_for("scanning")
        terminal.hang_up()
        terminal.process.wait(10)
    end_detached(Path(console_env["OLORIN_CONSOLE_STATE"]), within_s=30)
    (run,) = olorin("runs", "list")["runs"]
    assert (run["kind"], run["state"]) == ("orphans.scan", "done")
    assert olorin("orphans", "list", "--limit", "1")["items"]


def test_a_frozen_server_is_said_and_found_again(console_env: dict[str, str]) -> None:
    with Terminal(OLORIN, console_env, 120, 40) as terminal:
        terminal.wait_for("OLORIN")
        terminal.press("2")
        terminal.wait_for("bayit-api")
        with frozen(demo_pid(console_env, "mongo")):
            terminal.wait_for(lambda text: "disconnected" in text or "too slow" in text or "cannot connect" in text)
            terminal.press("1")
            terminal.wait_for("[1 config]", within_s=5)
            terminal.press("2")
            terminal.wait_for("semantik-api", within_s=10)
        terminal.wait_for(lambda text: "disconnected" not in text and "too slow" not in text, within_s=60)
        terminal.press("q")
        assert terminal.wait_for_end() == 0
