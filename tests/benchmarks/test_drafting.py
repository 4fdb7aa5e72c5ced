"""What drafting costs: retrieval, the first token on screen, keys in a long draft, and saving while one types."""

from __future__ import annotations

import json
import os
import random
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from backends.drafting.bibles import Bibles, Lane, Sample, Style, StyleBank, Voice
from backends.drafting.limits import STYLE_CAP, VOICE_CAP
from backends.drafting.model import Project
from backends.drafting.records import decode, encode
from backends.drafting.retrieval import style_exemplars, voice_exemplars
from backends.drafting.store import Store
from backends.drafting.vectors import vector
from tests.backends.drafting.scripted import AT, project
from tests.benchmarks.conftest import Figures
from tests.pty.terminal import Terminal

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(600)]

OLORIN = (sys.executable, "-m", "console")
WORDS = ("salt", "rope", "lamp", "wall", "keeper", "storm", "harbour", "night", "counted", "waited", "said", "cold")
LONG = 500_000
RUNS = 15


def prose(characters: int, seed: int) -> str:
    """So many characters of sentences, in paragraphs."""
    chance = random.Random(seed)
    parts: list[str] = []
    size = 0
    while size < characters:
        sentence = " ".join(chance.choices(WORDS, k=12)).capitalize() + (".\n\n" if chance.random() < 0.2 else ". ")
        parts.append(sentence)
        size += len(sentence)
    return "".join(parts)[:characters]


def full_bibles() -> Bibles:
    """Every lane of a voice and of a style at its cap, samples of about 800 characters."""
    numbers = iter(range(10_000))
    voice = [Sample(lane, prose(800, next(numbers)), AT) for lane in Lane for _ in range(VOICE_CAP)]
    style = [Sample(lane, prose(800, next(numbers)), AT) for lane in Lane for _ in range(STYLE_CAP)]
    start = Bibles(voices=(Voice("Ana", AT, tuple(voice)),), banks=(StyleBank(Style.LYRICAL, AT, tuple(style)),))
    chosen = replace(start.voice, trained_voice="Ana", writing_style=Style.LYRICAL, style_intensity=1.0)
    return replace(start, voice=chosen)


def middle(work: Callable[[], object], runs: int = RUNS) -> float:
    """The median seconds of the work."""
    took = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def test_retrieval(figures: Figures) -> None:
    """From vectors that are there already, with a query that is not; and from nothing."""
    bibles = full_bibles()
    queries = iter(prose(2_500, 90_000 + number) for number in range(100))

    def retrieve() -> None:
        query = next(queries)
        assert len(voice_exemplars(bibles, query, Lane.ACTION)) == 3
        assert len(style_exemplars(bibles, query, Lane.ACTION)) == 3

    vector.cache_clear()
    cold = middle(retrieve, 1)
    retrieve()
    baseline = middle(lambda: vector.__wrapped__(next(queries)))
    figures.add("retrieval over 60 × 4 and 250 × 4 samples, cached", middle(retrieve) * 1000, "ms", 10)
    figures.add("retrieval, the first time", cold * 1000, "ms")
    figures.add("retrieval, to making the query's own vector", middle(retrieve) / baseline, "x")


def test_saving_a_long_draft(figures: Figures, tmp_path: Path) -> None:
    """The save runs in a thread; what it holds the interpreter for is what a key could wait for."""
    start = project(1, draft=prose(LONG, 1), bibles=full_bibles())
    store = Store(tmp_path)
    store.put(start)
    changed = (replace(start, draft=f"{start.draft}{number}") for number in range(RUNS * 2))
    data = encode(store.load().library, AT)
    figures.add("save of 500,000 characters and full banks", middle(lambda: store.put(next(changed))) * 1000, "ms")
    figures.add("… of that, reading what others saved", middle(lambda: decode(data)) * 1000, "ms")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A program's environment with a state folder of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    own = {"OLORIN_CONSOLE_STATE": str(tmp_path), "OPENAI_API_KEY": "sk-test-0123456789"}
    return kept | own | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}


def keys_to_paint(terminal: Terminal, count: int) -> list[float]:
    """Seconds from each of so many letters to the first bytes that follow it."""
    took = []
    for number in range(count):
        terminal.read(0.03)
        started = time.perf_counter()
        terminal.press("abcdefgh "[number % 9])
        assert terminal.read_chunk(5.0)
        took.append(time.perf_counter() - started)
    return took


def typed(env: dict[str, str], folder: Path, start: Project, interval_s: str, count: int = 120) -> list[float]:
    """What keys wait for at the end of a draft that is saved that often."""
    Store(folder / "drafting").put(start)
    own = {**env, "AUTOSAVE_INTERVAL": interval_s, "OLORIN_CONSOLE_STATE": str(folder)}
    with Terminal(OLORIN, own, 120, 40) as terminal:
        terminal.wait_for("0 overview")
        terminal.press("6")
        terminal.wait_for("words")
        terminal.wait_for("● saved")
        terminal.press("i")
        terminal.wait_for("esc leaves the text")
        terminal.read(2.0)
        took = keys_to_paint(terminal, count)
        RESIDENT.append(psutil.Process(terminal.process.pid).memory_info().rss / 2**20)
        return took


RESIDENT: list[float] = []
"""MiB of each console in which keys were timed."""


def p95(took: list[float]) -> float:
    """The 95th percentile in milliseconds."""
    return statistics.quantiles(took, n=20)[-1] * 1000


def test_keys_in_a_long_draft(env: dict[str, str], figures: Figures, tmp_path: Path) -> None:
    """A draft of 500,000 characters against one of 500; saved every second against never while it is typed."""
    text = prose(LONG, 2)
    short = typed(env, tmp_path / "short", project(1, draft=text[:500]), "600")
    still = typed(env, tmp_path, project(1, draft=text), "600")
    saving = typed(env, tmp_path, project(1, draft=text), "1")
    figures.add("key to paint in 500,000 characters, p95", p95(still), "ms", 100)
    figures.add("… saved every second, p95", p95(saving), "ms", 100)
    figures.add("… saved every second, slowest", max(saving) * 1000, "ms", 500)
    figures.add("… to a draft of 500 characters", p95(still) / p95(short), "x")
    figures.add("resident memory with 500,000 characters", RESIDENT[-1], "MiB")
    figures.add("… to a draft of 500 characters", RESIDENT[-1] / RESIDENT[-3], "x")


class Slow:
    """An endpoint that sends one token when it is told to, and says when it did."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.go = threading.Event()
        self.asked = threading.Event()
        self.sent_at = 0.0

    def serve(self) -> None:
        """Answers the one question that is asked."""
        while True:
            connection, _ = self._listening.accept()
            with connection:
                request = connection.recv(65536)
                if b"chat/completions" not in request:
                    connection.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    continue
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
                self.asked.set()
                self.go.wait(30)
                self.sent_at = time.perf_counter()
                for delta, reason in (({"content": "ZEBRA"}, None), ({}, "stop")):
                    choice = {"index": 0, "delta": delta, "finish_reason": reason}
                    connection.sendall(b"data: " + json.dumps({"model": "m", "choices": [choice]}).encode() + b"\n\n")
                connection.sendall(b"data: [DONE]\n\n")
                return


@contextmanager
def slow_endpoint() -> Iterator[tuple[Slow, str]]:
    """The endpoint, in a thread, and its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        served = Slow(listening)
        thread = threading.Thread(target=served.serve, daemon=True)
        thread.start()
        yield served, f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        thread.join(5)


def test_the_first_token(env: dict[str, str], figures: Figures, tmp_path: Path) -> None:
    """From the endpoint's sending it to its standing in the terminal."""
    took = []
    for number in range(5):
        folder = tmp_path / str(number)
        Store(folder / "drafting").put(project(1, draft="He waited."))
        with slow_endpoint() as (endpoint, url):
            own = {**env, "OLORIN_CONSOLE_STATE": str(folder), "OPENAI_BASE_URL": url}
            with Terminal(OLORIN, own) as terminal:
                terminal.wait_for("0 overview")
                terminal.press("6")
                terminal.wait_for("He waited.")
                terminal.press("w")
                terminal.wait_for("Brief: write")
                terminal.press("\r")
                assert endpoint.asked.wait(15)
                terminal.read(0.3)
                endpoint.go.set()
                terminal.wait_for("ZEBRA")
                took.append(time.perf_counter() - endpoint.sent_at)
    figures.add("first token: from its sending to the screen, median", statistics.median(took) * 1000, "ms", 50)
