"""The drafting screen in a real terminal: what is painted, what streams in, and what a killed console leaves."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.drafting.store import Store
from tests.backends.drafting.scripted import project
from tests.model_endpoint import KEY, demo_endpoint
from tests.pty.terminal import Terminal

OLORIN = (sys.executable, "-m", "console")
LONG = "\n".join(
    f"Line {number} of a draft that is longer than the screen and wide enough to wrap." for number in range(60)
)
KEYS = {
    "letters": "abc def, ghi.",
    "enter": "\r",
    "backspace": "\x7f",
    "delete": "\x1b[3~",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "left": "\x1b[D",
    "right": "\x1b[C",
    "page up": "\x1b[5~",
    "page down": "\x1b[6~",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "select": "\x1b[1;2A",
    "wide": "日本",
    "paste": "\x1b[200~pasted\nlines [red] that are long enough to be wrapped by the editor somewhere\x1b[201~",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo's model endpoint."""
    with demo_endpoint(tmp_path_factory.mktemp("endpoint")) as url:
        yield url


@pytest.fixture
def env(tmp_path: Path, url: str) -> dict[str, str]:
    """An environment with a state folder that holds one project, and the endpoint."""
    Store(tmp_path / "drafting").put(project(1, title="Salt", draft=LONG))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    own = {"OLORIN_CONSOLE_STATE": str(tmp_path), "OPENAI_BASE_URL": url, "OPENAI_API_KEY": KEY}
    return kept | own | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}


def draft(tmp_path: Path) -> str:
    return Store(tmp_path / "drafting").load().library.projects[0].draft


def settled(terminal: Terminal) -> list[str]:
    """The lines of the draft once nothing more comes."""
    while terminal.read(0.5):
        pass
    return terminal.screen.display[8:21]


def test_painting_what_changed_looks_like_painting_all(env: dict[str, str]) -> None:
    chance = random.Random(6)
    with Terminal(OLORIN, env) as terminal:
        terminal.wait_for("0 overview")
        terminal.press("6")
        terminal.wait_for("Line 59")
        for _ in range(4):
            terminal.press("i")
            terminal.wait_for("esc leaves the text")
            for _ in range(25):
                terminal.press(KEYS[chance.choice(list(KEYS))])
                terminal.read(0.01)
            seen = settled(terminal)
            terminal.press("\x1b")
            terminal.wait_for("w write")
            terminal.press("?")
            terminal.wait_for("Keys valid now")
            terminal.press("\x1b")
            terminal.wait_for(lambda text: "Keys valid now" not in text)
            assert settled(terminal) == seen


def test_a_write_streams_into_the_terminal_and_is_saved_on_quitting(env: dict[str, str], tmp_path: Path) -> None:
    with Terminal(OLORIN, {**env, "OPENAI_MODEL": "olorin-demo"}) as terminal:
        terminal.wait_for("0 overview")
        terminal.press("6")
        terminal.wait_for("Line 59")
        terminal.press("w")
        terminal.wait_for("Brief: write")
        terminal.press("\r")
        terminal.wait_for("no language model")
        terminal.wait_for("● whole")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert not terminal.not_restored()
    assert draft(tmp_path).startswith(LONG)
    assert "no language model" in draft(tmp_path)


def test_a_killed_console_loses_no_word_of_an_answer(env: dict[str, str], tmp_path: Path) -> None:
    env["OPENAI_MODEL"] = "fault-endless"
    with Terminal(OLORIN, env) as terminal:
        terminal.wait_for("0 overview")
        terminal.press("6")
        terminal.wait_for("Line 59")
        terminal.press("w")
        terminal.wait_for("Brief: write")
        terminal.press("\r")
        terminal.wait_for("and on and on and on")
        terminal.process.kill()
        terminal.wait_for_end()
    said = "".join(path.read_text() for path in (tmp_path / "drafting/journal").iterdir()).count(" and on")
    with Terminal(OLORIN, env) as terminal:
        terminal.wait_for("0 overview")
        terminal.press("6")
        terminal.wait_for("Line 59")
        terminal.press("i")
        terminal.wait_for("of an answer (write) that was interrupted")
        terminal.wait_for("esc leaves the text")
        terminal.press("\x1b")
        terminal.wait_for("w write")
        terminal.press("y")
        terminal.wait_for(lambda text: "interrupted" not in text)
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    assert draft(tmp_path).count("and on") == said >= 3


def test_a_rewrite_is_taken_and_undone_in_the_terminal(env: dict[str, str], tmp_path: Path) -> None:
    with Terminal(OLORIN, {**env, "OPENAI_MODEL": "olorin-demo"}) as terminal:
        terminal.wait_for("0 overview")
        terminal.press("6")
        terminal.wait_for("Line 59")
        terminal.press("a")
        terminal.wait_for("enter shows the brief")
        terminal.press("j", "\r")
        terminal.wait_for("Brief: rewrite")
        terminal.press("\r")
        terminal.wait_for("take the new text")
        terminal.press("\r")
        terminal.wait_for("Took rewrite; u undoes it.")
        terminal.press("u")
        terminal.wait_for("Undid rewrite")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        assert not terminal.not_restored()
    assert draft(tmp_path) == LONG
