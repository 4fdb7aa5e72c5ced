"""Screen 5: what every bot is doing. Enter opens a session's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from backends.bots.model import Session, Sessions
from backends.bots.monitor import HealthReport
from backends.bots.probes import ServicesHealth
from backends.bots.service import LIVE_LIMIT, NEWEST_LIMIT, BotsService
from backends.bots.summary import worst_first
from backends.sampling.reading import Freshness
from screens import bot_words
from screens.base import LiveScreen
from screens.bot_session import BotSessionScreen
from screens.frame import Frame
from widgets.grid import Column, Grid, Row
from widgets.line import Line
from widgets.panel import Panel, freshness_parts
from widgets.tone import Part, Tone

HEALTH_REFRESH_S = 10.0
"""Seconds between two looks at the services."""

HEALTH_DEADLINE_S = 10.0

FIRST = ("active", "starting", "pending", "paused", "stopping", "failed", "completed")
"""The order in which the numbers by status are told; unknown words follow."""


class BotsScreen(LiveScreen):
    """The live sessions and the newest ones, with the health of what they need."""

    KEY = "5"
    COMMAND = "bots list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "sort", tooltip="Worst first, or newest first"),
        Binding("f", "findings", "findings", tooltip="Only sessions with findings, or all"),
    ]
    DEFAULT_CSS = """
    BotsScreen {
        & > #services { margin: 0 1; }
        & > Panel { height: 1fr; & > .panel--body { height: 1fr; } }
        & #counts { margin: 0 1; }
        & #missing { margin: 0 1; display: none; }
        & #missing.-shown { display: block; }
    }
    """
    COLUMNS: ClassVar = (
        Column("status", 11),
        Column("age", 5, "right"),
        Column("in state", 8, "right"),
        Column("health", 12),
        Column("platform", 11, drop=4),
        Column("people", 6, "right", drop=3),
        Column("words", 6, "right"),
        Column("last word", 9, "right", drop=5),
        Column("finding", 19),
        Column("bot, title", 11, flexible=True),
    )

    def __init__(self, frame: Frame, bots: BotsService, health: ServicesHealth) -> None:
        super().__init__(frame)
        self._bots = bots
        self._health = health
        self._snapshot: Sessions | None = None
        self._newest_first = False
        self._only_findings = False

    def body(self) -> ComposeResult:
        """The services in a line; the sessions by status, and each of them."""
        yield Line(Part("services ◌ asking", Tone.MUTED), id="services")
        yield Panel("bot sessions", Line(id="counts"), Line(id="missing"), Grid(*self.COLUMNS))

    def on_mount(self) -> None:
        """Follows the sessions and, more slowly, the services."""
        self.follow("sessions", self._bots.watch, self._show_sessions, self.query_one(Panel))
        self.follow(
            "services", self._health.check, lambda _: None, refresh=HEALTH_REFRESH_S, deadline=HEALTH_DEADLINE_S
        )

    def changed(self) -> None:
        """A reading or an age changed: the services' line carries its own."""
        reading = self.reading("services")
        report: HealthReport | None = reading.value
        if report is None:
            return
        age = freshness_parts(reading, self.frame.now())
        live = reading.freshness(self.frame.now()) is Freshness.LIVE
        self.query_one("#services", Line).show(*service_line(report, age[1:] if live else (Part(" "), *age)))

    def filtered(self, text: str) -> None:
        """Keeps the sessions that match."""
        self._draw()

    def action_sort(self) -> None:
        """Worst first, or newest first."""
        self._newest_first = not self._newest_first
        self._draw()

    def action_findings(self) -> None:
        """Only sessions with findings, or all."""
        self._only_findings = not self._only_findings
        self._draw()

    @on(Grid.Selected)
    def _open(self, message: Grid.Selected) -> None:
        if message.key is not None:
            self.app.push_screen(BotSessionScreen(self.frame, self._bots, message.key))

    def _show_sessions(self, snapshot: Sessions) -> None:
        self._snapshot = snapshot
        self._draw()

    def _draw(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        shown = [session for session in snapshot.sessions if self._is_shown(session)]
        ordered = shown if self._newest_first else worst_first(shown)
        panel, missing = self.query_one(Panel), self.query_one("#missing", Line)
        panel.note(*self._note(snapshot, len(shown)))
        panel.tick(self.frame.now())
        self.query_one("#counts", Line).show(*count_parts(snapshot))
        missing.show(*missing_parts(snapshot.missing))
        missing.set_class(bool(snapshot.missing), "-shown")
        empty = "nothing matches" if snapshot.sessions else "no sessions yet"
        self.query_one(Grid).show([row(session) for session in ordered], empty=empty)

    def _is_shown(self, session: Session) -> bool:
        if self._only_findings and not session.findings:
            return False
        return bot_words.matches(session, self.filter_text)

    def _note(self, snapshot: Sessions, shown: int) -> list[Part]:
        parts = [Part(f"  {shown} of {snapshot.total:,}{scope(snapshot)}")]
        parts += [Part(" · newest first")] if self._newest_first else []
        return [*parts, Part(" · only findings", Tone.WARNING)] if self._only_findings else parts


def service_line(report: HealthReport, age: Sequence[Part]) -> list[Part]:
    """The worst of the services, each that is configured, worst first, and the names of those that are not."""
    parts = [Part("services "), bot_words.health_part(report.overall), *age]
    for service in sorted(report.services, key=lambda each: -each.health.rank):
        parts += [Part("  "), *bot_words.service_parts(service)] if service.configured else []
    others = ", ".join(service.name for service in report.services if not service.configured)
    return [*parts, Part(f"  – not configured: {others}", Tone.MUTED)] if others else parts


def scope(snapshot: Sessions) -> str:
    """Which sessions are read, where that isn't all.

    >>> from datetime import UTC, datetime
    >>> scope(Sessions(datetime(2026, 1, 2, tzinfo=UTC), (), {"active": 700, "completed": 900}, None, ()))
    ' (newest 500 of 700 live + newest 100)'
    """
    if len(snapshot.sessions) >= snapshot.total:
        return ""
    live = f"newest {LIVE_LIMIT} of {snapshot.live} live" if snapshot.live > LIVE_LIMIT else "live"
    return f" ({live} + newest {NEWEST_LIMIT})"


def count_parts(snapshot: Sessions) -> list[Part]:
    """The number of sessions of each status, those without any left out, unknown words last."""
    words = [*FIRST, *sorted(word for word in snapshot.counts if word not in FIRST)]
    parts: list[Part] = []
    for word in words:
        if snapshot.counts.get(word) or word == "active":
            symbol, tone = bot_words.STATUS_MARKS.get(word, bot_words.UNKNOWN_STATUS)
            parts.append(Part(f"{symbol} {snapshot.counts.get(word, 0):,} {word}  ", tone))
    recovering = sum(bool(session.recovering) for session in snapshot.sessions)
    return [*parts, Part(f"↻ {recovering} recovering", Tone.WARNING)] if recovering else parts


def missing_parts(missing: tuple[str, ...]) -> list[Part]:
    """What this database can't tell: the first, and how many more there are."""
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return [Part(f"▲ {missing[0]}{more}", Tone.WARNING)] if missing else []


def row(session: Session) -> Row:
    """A session as a row of the table."""
    return Row(
        session.session_id,
        (
            bot_words.status_part(session.status, session.recovering),
            bot_words.coarse(session.age_s),
            bot_words.coarse(session.in_state_s),
            bot_words.health_part(session.health.state),
            session.platform,
            bot_words.number(session.participants),
            bot_words.number(session.words),
            bot_words.coarse(session.last_word_s) if session.lines else Part("–", Tone.MUTED),
            bot_words.finding_part(session.findings),
            f"{session.bot_id} {session.title}",
        ),
    )
