"""What the console costs a person's terminal: time to first paint, bytes, memory, keys, the end."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from tests.benchmarks.conftest import Figures
from tests.faults.freeze import demo_pid, frozen
from tests.pty.terminal import Terminal

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

OLORIN = (sys.executable, "-m", "console")
EMPTY = (sys.executable, str(Path(__file__).with_name("empty_app.py")))
RUNS = 7
LIVE_WINDOW_S = 20.0
PATIENCE_S = 2.0
"""What a key that paints nothing counts as."""

STILL_WINDOW_S = 60.0
"""Every age takes a step in it."""
SCREENS = {
    "0": "overview",
    "1": "config",
    "2": "pools",
    "3": "migrations",
    "4": "orphans",
    "5": "bots",
    "6": "drafting",
}


def first_paint(command: tuple[str, ...], env: Mapping[str, str], text: str) -> tuple[float, int]:
    """Seconds until the text is on the screen, and the bytes of the first burst."""
    started = time.perf_counter()
    with Terminal(command, env) as terminal:
        terminal.wait_for(text)
        took = time.perf_counter() - started
        terminal.read(0.3)
        return took, len(terminal.received)


def test_first_paint(console_env: dict[str, str], figures: Figures) -> None:
    """In turn with the baseline, so that the machine's moods meet both."""
    pairs = [
        (first_paint(OLORIN, console_env, "OLORIN"), first_paint(EMPTY, console_env, "Empty")) for _ in range(RUNS)
    ]
    ratio = statistics.median(ours[0] / baseline[0] for ours, baseline in pairs)
    figures.add("time to first paint, to an empty Textual app", ratio, "x", 1.6)
    figures.add("first paint at 80x24", max(ours[1] for ours, _ in pairs), "bytes", 16 * 1024)


@pytest.mark.parametrize("key", SCREENS)
def test_bytes_while_live(console_env: dict[str, str], figures: Figures, key: str) -> None:
    """With the demo's life in it, at a refresh of 2 s; then frozen, once what it shows has become stale."""
    with Terminal(OLORIN, console_env, 80, 24) as small, Terminal(OLORIN, console_env, 120, 40) as large:
        for terminal in (small, large):
            terminal.wait_for("OLORIN")
            terminal.press(key)
            terminal.wait_for(f"[{key} {SCREENS[key]}]")
        received([small, large], 6)
        live = received([small, large], LIVE_WINDOW_S)
        for terminal in (small, large):
            terminal.press(" ")
        received([small, large], 60)
        still = received([small, large], STILL_WINDOW_S)
    for size, number in (("80x24", 0), ("120x40", 1)):
        name = f"{SCREENS[key]} at {size}"
        figures.add(f"{name}, live", live[number] / LIVE_WINDOW_S, "B/s", 2048)
        figures.add(f"{name}, frozen display", still[number] / STILL_WINDOW_S, "B/s", 50)


def received(terminals: list[Terminal], for_s: float) -> list[int]:
    """The bytes that each gets in so many seconds."""
    counts, end = [0] * len(terminals), time.perf_counter() + for_s
    while time.perf_counter() < end:
        for number, terminal in enumerate(terminals):
            counts[number] += terminal.read(0.2)
    return counts


def test_memory(console_env: dict[str, str], figures: Figures) -> None:
    """After every screen was open for a while."""
    with Terminal(OLORIN, console_env, 120, 40) as terminal:
        terminal.wait_for("OLORIN")
        for key in "1234560":
            terminal.press(key)
            terminal.read(4)
        resident = psutil.Process(terminal.process.pid).memory_info().rss / 2**20
    figures.add("resident memory, all screens open", resident, "MiB", 110)


def test_quit(console_env: dict[str, str], figures: Figures) -> None:
    """From the key to the end of the process."""
    took = []
    for _ in range(RUNS):
        with Terminal(OLORIN, console_env) as terminal:
            terminal.wait_for("OLORIN")
            terminal.read(3)
            started = time.perf_counter()
            terminal.press("q")
            terminal.wait_for_end()
            took.append(time.perf_counter() - started - 0.05)
    figures.add("q to the end of the process, median", statistics.median(took), "s", 0.4)


def test_keys_while_a_server_is_frozen(console_env: dict[str, str], figures: Figures) -> None:
    """Switching screens and moving the cursor, while Mongo is stopped."""
    with frozen(demo_pid(console_env, "mongo")), Terminal(OLORIN, console_env, 120, 40) as terminal:
        terminal.wait_for("OLORIN")
        terminal.read(3)
        took = [press_to_paint(terminal, key) for _ in range(6) for key in "1jjj25j3604"]
    figures.add("key to paint with Mongo frozen, p95", statistics.quantiles(took, n=20)[-1] * 1000, "ms", 100)


def press_to_paint(terminal: Terminal, key: str) -> float:
    """Seconds from a key to the first bytes that follow it, at most as long as is waited for them."""
    terminal.read(0.1)
    started = time.perf_counter()
    terminal.press(key)
    terminal.read_chunk(PATIENCE_S)
    return time.perf_counter() - started


def test_a_held_arrow_key_on_a_slow_line(console_env: dict[str, str], figures: Figures) -> None:
    """Thirty presses a second for six seconds on 64 KB/s: how long it still paints after the last."""
    with Terminal(OLORIN, console_env, 120, 40, bytes_per_s=64 * 1024) as terminal:
        terminal.wait_for("OLORIN")
        terminal.press("1")
        terminal.wait_for("[1 config]")
        terminal.read(4)
        terminal.press(" ")
        terminal.read(1)
        end = time.perf_counter() + 6
        while time.perf_counter() < end:
            terminal.press("j")
            terminal.read(1 / 30)
        released = last = time.perf_counter()
        while time.perf_counter() - last < 0.5:
            if terminal.read(0.1):
                last = time.perf_counter()
    figures.add("held arrow on 64 KB/s: painting after the release", last - released, "s", 0.5)
