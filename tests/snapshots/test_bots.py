"""Screen 5 and a session's page, at both sizes, with fixed data."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from backends.bots.audio import Audio, AudioFile
from backends.bots.cursors import Cursor
from backends.bots.feed import Feed, FeedState
from backends.bots.flow import Flow
from backends.bots.model import (
    Activity,
    Children,
    FaultCount,
    Finding,
    Health,
    SessionRow,
    Sessions,
    Side,
    Speech,
    Stray,
)
from backends.bots.monitor import HealthReport, ServiceHealth, not_configured, overall
from backends.bots.page import Event, Line, Participant, SessionPage, Statistics, Tail, Translated
from backends.bots.pipeline import Arrow, Chunks, Pipeline, Stage, Step, Window
from backends.bots.probes import ServicesHealth
from backends.bots.rules import judged
from backends.bots.service import BotsService
from backends.bots.socket import SocketState
from backends.bots.status import counts_as_shown
from backends.bots.timeline import spans
from backends.bots.unmasking import Sight
from backends.clients.errors import CannotConnect
from backends.clients.http import HttpClient
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget
from backends.sampling.state import State
from screens.bot_control import BotDesk
from screens.bots import BotsScreen
from screens.frame import Frame
from tests.screens.bot_desk import desk_of
from tests.stage import NOW, shown, staged

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def row(number: int, status: str, **values: Any) -> SessionRow:
    """A session that started a quarter of an hour ago, unless told otherwise."""
    defaults: dict[str, Any] = {
        "session_id": f"00000000-0000-0000-0000-{number:012}", "bot_id": f"bot-{number:04}", "meeting_id": "abc-defg",
        "title": "Weekly sync", "platform": "google_meet", "raw_status": status, "recovering": False,
        "created_at": ago(minutes=15, seconds=20), "started_at": ago(minutes=15), "ended_at": None,
        "target_languages": ("es",), "transcribes": True, "error": "",
    }  # fmt: skip
    return SessionRow(**{**defaults, **values})


def children(words: int = 480, quiet_s: float = 5, errors: int = 0, people: int = 4) -> Children:
    """What a bot's children say that spoke and was seen so many seconds ago."""
    seen = ago(seconds=quiet_s)
    activity = Activity(60, errors, seen, None)
    speech = Speech(words // 8, words, seen, ("en", "he")) if words else Speech()
    return Children(speech, activity, activity, people, 0.4)


DAY = {"created_at": ago(days=1), "started_at": ago(hours=23), "ended_at": ago(hours=22)}
ROWS = (
    (row(1, "running"), children()),
    (row(2, "recording", title="Budget 2027 [draft] ערוץ הילדים", recovering=True), children(1_250)),
    (row(3, "active", title="Customer call", platform="zoom", created_at=ago(hours=3), started_at=ago(hours=3)),
     children(9_340, quiet_s=4_100)),
    (row(4, "active", title="Incident retrospective"), children(errors=9)),
    (row(5, "joining", title="Quarterly review", started_at=None, created_at=ago(seconds=30)),
     children(0, 20, people=0)),
    (row(6, "paused"), children(77, quiet_s=900)),
    (row(7, "error", title="Dubbing pilot", error="browser crashed: out of memory", **DAY), children(320, 80_000)),
    (row(8, "ended", title="Partner onboarding", **DAY), children(0, 80_000)),
    (row(9, "hibernating", title="Subtitle quality"), children(12)),
    (row(10, "completed", **DAY), children(5_000, 80_000)),
)  # fmt: skip
SESSIONS = tuple(judged(each, said, NOW) for each, said in ROWS)
COUNTS = counts_as_shown({"active": 4, "joining": 1, "paused": 1, "error": 6, "ended": 4_970, "hibernating": 1})


class FixedBots(BotsService):
    """Gives fixed data."""

    def __init__(self, missing: tuple[str, ...] = ()) -> None:
        self._missing = missing

    async def watch(self) -> Sessions:
        faults = (FaultCount(Side.US, 3, 11), FaultCount(Side.HOST, 0, 6))
        stray = Finding("stray", State.CRITICAL, "the service runs it, and no session tells of it")
        strays = (Stray("bot-stray", "", "str-aybo-tto", "google_meet", "active", 7_200.0, stray),)
        return Sessions(NOW, SESSIONS, COUNTS, None, self._missing, strays, faults)

    async def session(self, session_id: str, sight: Sight | None = None) -> SessionPage:
        place = next(index for index, session in enumerate(SESSIONS) if session.session_id == session_id)
        changes = [(ago(minutes=15), "active"), (ago(minutes=6), "recovering"), (ago(minutes=4), "active")]
        people = tuple(
            Participant(
                f"p{n}",
                " ".join(f"{word[0]}••••" for word in name.split()),
                f"{name[0].lower()}••••@customer.example",
                f"s{n}",
                NOW,
                None,
                60.0,
                90,
            )
            for n, name in enumerate(("Ana Ruiz", "Lior Biton", "Tamar Cohen"))
        )
        events = tuple(
            Event(f"e{n}", ago(seconds=n * 11), "pipeline", "sentence_aggregated", severity, "service", f'{{"n": {n}}}')
            for n, severity in enumerate(("info", "warning", "error", "info", "info"))
        )
        timeline = spans(ROWS[place][0], changes, NOW)
        found, severities = SESSIONS[place].findings, Counter(event.severity for event in events)
        return SessionPage(
            NOW, SESSIONS[place], timeline, people, events, False, False, found, self._missing, (), severities
        )

    async def statistics(self, session_id: str) -> Statistics:
        return Statistics(
            None, session_id, 900.0, 3, 12, 60, 58, 12, 712.5, 22_800_044, 0.9, 480, 2_710, 0.87, ("en", "he"), 0.8,
            58 / 60, 3, {"Ana Ruiz": 30}, 61.2, 0.75, NOW,
        )  # fmt: skip

    async def tail(
        self, session_id: str, limit: int = 50, before: Cursor | None = None, *, sight: Sight | None = None
    ) -> Tail:
        said = (
            ("Good morning everyone, let us begin the meeting with the numbers of last week.", "en", 0.95),
            ("אפשר לעבור לשקופית הבאה בבקשה.", "he", 0.9),
            ("I am not sure the [customer] will agree to that.", "en", 0.41),
        )
        lines = tuple(
            Line(
                f"t{n}",
                ago(seconds=9 * n),
                "A•••• R••••",
                language,
                text,
                sure,
                "whisper",
                (Translated("es", "Buenos días."),),
            )
            for n, (text, language, sure) in enumerate(said * 4)
        )
        return Tail(lines, "more", ())

    async def lines_since(
        self, session_id: str, since: Cursor | None, anchor: Cursor | None, limit: int, *, sight: Sight | None = None
    ) -> tuple[tuple[Line, ...], int]:
        lines = (await self.tail(session_id)).lines
        return lines, len(lines)

    async def flow(self, session_id: str) -> Flow:
        numbers = {"audio": 12, "transcript": 60, "translation": 58, "correlation": 12}
        steps = tuple(Step(name, number, NOW) for name, number in numbers.items())
        arrows = (Arrow(0, 12, 3.0), Arrow(2, 60, 4.0), Arrow(48, 60, 41.0))
        stages = (
            Stage("vad", 40, 4.2, 9.0, 20.0, 0, 3, 0),
            Stage("noise_reduction", 40, 31.0, 58.4, 20.0, 9, 0, 2),
        )
        windows = (Window(5, NOW, 210, 88.0, 140.2, 0.01, 0.03), Window(60, NOW, 0, None, None, 0.0, 0.0))
        pipeline = Pipeline(steps, arrows, stages, Chunks(40, 0.041, 0.062, 3, 2, 2), windows)
        files = tuple(
            AudioFile(f"f{n}", f"chunk_{n:05}.wav", "/data/x", 960_044, "ab12cd34ef", 30.0, 16_000, 1, NOW)
            for n in range(2)
        )
        finding = Finding("out of range", State.WARNING, "1 of 12 audio files break AudioChunkMetadata")
        return Flow(NOW, pipeline, Audio(files, (finding,)), ())


class FixedFeed(Feed):
    """Tells of nothing."""

    @property
    def state(self) -> FeedState:
        return FeedState(True, "", SocketState.CONNECTED)

    async def run(self, tell: Callable[[], object]) -> None:
        await asyncio.Event().wait()


class AwayBots(FixedBots):
    """Nobody answers; whoever asks again waits."""

    asked = False

    async def watch(self) -> Sessions:
        if self.asked:
            await asyncio.Event().wait()
        self.asked = True
        raise CannotConnect(
            "No server answers: connection refused", where="postgresql://ops:••••@db/x", hint="Is it running?"
        )


class FixedHealth(ServicesHealth):
    """Gives fixed data."""

    def __init__(self) -> None:
        self._services = (
            ServiceHealth("whisper", Health.HEALTHY, 12.0, successes=9),
            ServiceHealth("translation", Health.DEGRADED, 5_600.0, successes=1),
            not_configured("orchestration"),
            ServiceHealth("postgres", Health.HEALTHY, 1.0, successes=9),
            ServiceHealth("mongo", Health.UNHEALTHY, None, failures=4, last_error="cannot connect"),
        )

    async def check(self) -> HealthReport:
        return HealthReport(overall(self._services), self._services)


def bots(service: FixedBots) -> Callable[[Frame], BotsScreen]:
    client = PostgresClient(PostgresTarget("postgresql://db/x", "ORCHESTRATION_DATABASE_URL"))
    made = desk_of(client, HttpClient(), FixedHealth(), bots=service)
    desk = BotDesk(made.bots, made.health, made.actions, lambda _: FixedFeed(client))
    return lambda frame: BotsScreen(frame, desk)


def pressing(*keys: str, until: str) -> Callable[[Pilot[Any]], Any]:
    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, "mongo unhealthy")
        await shown(pilot, "bot sessions  ")
        for key in keys:
            await pilot.press(key)
        await shown(pilot, until)

    return before


@SIZES
def test_sessions(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Every status, the worst first."""
    app = staged(tmp_path, "5", bots(FixedBots()))
    assert snap_compare(app, terminal_size=size, run_before=pressing(until="ghost"))


@SIZES
def test_only_findings_of_an_older_schema(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """What the database lacks is said."""
    missing = ("the table participants does not exist: no telling the number of participants", "and another")
    app = staged(tmp_path, "5", bots(FixedBots(missing)), kind="production")
    assert snap_compare(app, terminal_size=size, run_before=pressing("f", until="only findings"))


@SIZES
def test_server_away(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The problem stands in the place of the sessions; the services stay."""
    monkeypatch.setattr(random, "uniform", lambda *_: 1.0)
    app = staged(tmp_path, "5", bots(AwayBots()))
    assert snap_compare(app, terminal_size=size, run_before=pressing(until="Is it running?"))


@SIZES
def test_a_session(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """A session's page."""
    app = staged(tmp_path, "5", bots(FixedBots()))
    assert snap_compare(app, terminal_size=size, run_before=pressing("down", "enter", until="Good morning"))


@SIZES
def test_a_sessions_details(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """The third part of the page; a narrow screen shows it alone."""
    app = staged(tmp_path, "5", bots(FixedBots()))
    assert snap_compare(app, terminal_size=size, run_before=pressing("down", "enter", "v", "v", until="22.8 MB"))
