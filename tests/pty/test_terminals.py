"""The console on strange terminals: it starts, survives, and always gives the terminal back."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.pty.terminal import Terminal

OLORIN = (sys.executable, "-m", "console")


def assert_left_clean(terminal: Terminal, code: int) -> None:
    assert terminal.wait_for_end() == code
    assert not terminal.not_restored()


def test_q_ends_with_the_terminal_restored(bare_env: dict[str, str]) -> None:
    with Terminal(OLORIN, bare_env) as terminal:
        terminal.wait_for("0 overview")
        terminal.press("q")
        assert_left_clean(terminal, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_the_terminal_restored(bare_env: dict[str, str], number: int) -> None:
    with Terminal(OLORIN, bare_env) as terminal:
        terminal.wait_for("0 overview")
        terminal.process.send_signal(number)
        assert_left_clean(terminal, 128 + number)


def test_a_closed_terminal_ends_it(bare_env: dict[str, str]) -> None:
    with Terminal(OLORIN, bare_env) as terminal:
        terminal.wait_for("0 overview")
        terminal.hang_up()
        terminal.process.wait(10)


@pytest.mark.parametrize(
    "variables",
    [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"LANG": "C"}, {"TERM": "linux"}, {"TERM": "vt100"}, {"TERM": ""}],
    ids=lambda variables: "-".join(f"{name}={value}" for name, value in variables.items()),
)
def test_strange_terminals_work(bare_env: dict[str, str], variables: Mapping[str, str]) -> None:
    with Terminal(OLORIN, {**bare_env, **variables}) as terminal:
        terminal.wait_for("0 overview")
        terminal.press("1")
        terminal.wait_for("[1 config]")
        terminal.press("q")
        assert_left_clean(terminal, 0)


@pytest.mark.parametrize("size", [(40, 10), (20, 5), (60, 20), (300, 100)])
def test_every_screen_opens_at_any_size(bare_env: dict[str, str], size: tuple[int, int]) -> None:
    with Terminal(OLORIN, bare_env, *size) as terminal:
        terminal.wait_for("OLORIN")
        for key in "123456?":
            terminal.press(key)
            terminal.read(0.2)
        terminal.press("\x1b")
        terminal.read(0.3)
        terminal.press("q")
        assert_left_clean(terminal, 0)


def test_a_resize_storm_is_survived(bare_env: dict[str, str]) -> None:
    with Terminal(OLORIN, bare_env) as terminal:
        terminal.wait_for("0 overview")
        for step in range(200):
            terminal.resize(20 + step * 7 % 120, 5 + step * 3 % 50)
            terminal.read(0.002)
        terminal.resize(100, 30)
        terminal.wait_for("6 drafting")
        terminal.press("q")
        assert_left_clean(terminal, 0)


def test_without_a_terminal_it_says_so() -> None:
    result = subprocess.run(OLORIN, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert result.returncode == 4
    assert "terminal" in result.stderr
    assert not result.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OLORIN_CONSOLE_REFRESH", "often"),
        ("OLORIN_CONSOLE_REFRESH", "-1"),
        ("OLORIN_CONSOLE_REFRESH", "nan"),
        ("OLORIN_CONSOLE_ALLOW_WRITES", "maybe"),
        ("CHUNKS_DATABASE_URL", "mysql://ops:hunter22@db/x"),
        ("ORCHESTRATION_DATABASE_URL", "postgresql://ops:hunter22@db:port/x"),
        ("WHISPER_URL", "localhost:5001"),
        ("METRICS_URLS", "http://ok/metrics,ftp://bad"),
        ("BAYIT_CONTENT_COLLECTION", "$bad"),
        ("OLORIN_CONSOLE_PRICES", "free"),
    ],
)
def test_a_malformed_variable_is_named_in_one_line(bare_env: dict[str, str], name: str, value: str) -> None:
    with Terminal(OLORIN, {**bare_env, name: value}) as terminal:
        assert terminal.wait_for_end() == 5
        said = terminal.text().strip()
    assert name in said
    assert "hunter22" not in said
    assert "Traceback" not in said
    assert 1049 not in terminal.modes


def test_a_faulty_platform_configuration_does_not_stop_it(bare_env: dict[str, str]) -> None:
    faulty = {
        "MONGODB_URI": "nonsense",
        "OLORIN_USE_SEPARATE_DATABASE": "maybe",
        "DUBBING_MAX_CONCURRENT_SESSIONS": "x",
    }
    with Terminal(OLORIN, {**bare_env, **faulty}) as terminal:
        terminal.wait_for("0 overview")
        terminal.press("q")
        assert_left_clean(terminal, 0)


def test_a_crash_restores_the_terminal_and_leaves_a_masked_report(bare_env: dict[str, str], tmp_path: Path) -> None:
    program = """
import sys
from console.app import ConsoleApp
def fail(self): raise RuntimeError("crash with " + "canary-" + "9f31c2")
ConsoleApp.on_mount = fail
from console.__main__ import main
main()
"""
    secret = {"PINECONE_API_KEY": "canary-9f31c2"}
    with Terminal((sys.executable, "-c", program), {**bare_env, **secret}) as terminal:
        assert terminal.wait_for_end() == 70
        assert not terminal.not_restored()
        assert "the report is in" in terminal.text()
        received = bytes(terminal.received)
    reports = list((tmp_path / "state" / "reports").iterdir())
    assert len(reports) == 1
    assert "RuntimeError" in reports[0].read_text()
    assert b"canary-9f31c2" not in received + reports[0].read_bytes()
