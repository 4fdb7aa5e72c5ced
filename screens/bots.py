"""Screen 5: what every bot is doing. Enter opens a session's page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from backends.bots.effects import Asked
from backends.bots.managers.asking import request_of
from backends.bots.managers.model import ServiceRefused
from backends.bots.model import Session, Sessions, Stray
from backends.bots.monitor import HealthReport
from backends.bots.summary import worst_first
from backends.bots.trends import CountTrend
from backends.bots.watch import Watch
from backends.safety.gate import Token
from backends.sampling.reading import Freshness
from screens import bot_words
from screens.bot_asked import Entry
from screens.bot_control import BotControl, BotDesk
from screens.bot_rows import (
    COLUMNS,
    STRAY,
    count_parts,
    error_parts,
    fault_parts,
    missing_parts,
    request_command,
    request_plan,
    row,
    scope,
    service_line,
    socket_parts,
    stray_row,
)
from screens.bot_session import BotSessionScreen
from screens.frame import Frame
from widgets.grid import Grid
from widgets.line import Line
from widgets.lines import Lines
from widgets.panel import Panel, freshness_parts
from widgets.prompt import Prompt
from widgets.tone import Part, Tone

HEALTH_REFRESH_S = 10.0
"""Seconds between two looks at the services."""

HEALTH_DEADLINE_S = 10.0

RANKED_EVERY_S = 5.0
"""Seconds between two orderings of the sessions by how bad they are."""

REQUEST_LIMIT = 600
"""Characters of a request for a bot."""


class BotsScreen(BotControl):
    """The live sessions and the newest ones, with the health of what they need."""

    KEY = "5"
    COMMAND = "bots list"
    SOURCE = "sessions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "sort", tooltip="Worst first, or newest first"),
        Binding("f", "findings", "findings", tooltip="Only sessions with findings, or all"),
        Binding("x", "stop", "stop", tooltip="End the bot under the cursor"),
        Binding("t", "restart", "restart", tooltip="Put another bot in the place of the one under the cursor"),
        Binding("plus", "extend", "extend", tooltip="Let the session under the cursor run an hour longer"),
        Binding("b", "request", "bot", tooltip="Ask for a bot: the meeting's URL, languages, a title"),
    ]
    DEFAULT_CSS = """
    BotsScreen {
        & > #services, & > #service-error { margin: 0 1; }
        & > #service-error { display: none; &.-shown { display: block; } }
        & > Panel { height: 1fr; & > .panel--body { height: 1fr; } }
        & #counts, & #faults, & #asked { margin: 0 1; }
        & #faults, & #asked { display: none; }
        & #faults.-shown, & #asked.-shown { display: block; }
        & #missing { margin: 0 1; display: none; }
        & #missing.-shown { display: block; }
    }
    """

    def __init__(self, frame: Frame, desk: BotDesk) -> None:
        super().__init__(frame, desk)
        self._watch = Watch(desk.bots, self.feed)
        self._snapshot: Sessions | None = None
        self._trend = CountTrend()
        self._changed: Mapping[str, int] = {}
        self._newest_first = False
        self._ranks: tuple[str, ...] = ()
        self._ranked_at = 0.0
        self._only_findings = False

    def body(self) -> ComposeResult:
        """The services in a line; the sessions by status, and each of them."""
        yield Line(Part("services ◌ asking", Tone.MUTED), id="services")
        yield Line(id="service-error")
        lines = (Line(id="counts"), Line(id="faults"), Lines(id="asked"), Line(id="missing"))
        yield Panel("bot sessions", *lines, Grid(*COLUMNS))
        yield Prompt("meeting's URL, languages such as es,fr, title", limit=REQUEST_LIMIT)

    def on_mount(self) -> None:
        """Follows the sessions and, more slowly, the services."""
        self.follow("sessions", self._watch.read, self._show_sessions, self.query_one(Panel))
        self.follow(
            "services", self.desk.health.check, lambda _: None, refresh=HEALTH_REFRESH_S, deadline=HEALTH_DEADLINE_S
        )

    def changed(self) -> None:
        """A reading or an age changed: the services' line carries its own, and what was asked for is watched."""
        self.draw_asked()
        reading = self.reading("services")
        report: HealthReport | None = reading.value
        if report is None:
            return
        age = freshness_parts(reading, self.frame.now())
        live = reading.freshness(self.frame.now()) is Freshness.LIVE
        parts = service_line(report, age[1:] if live else (Part(" "), *age))
        self.query_one("#services", Line).show(*parts, *socket_parts(self.feed.state.socket))
        errors, failed = error_parts(report), self.query_one("#service-error", Line)
        failed.show(*errors)
        failed.set_class(bool(errors), "-shown")

    def filtered(self, text: str) -> None:
        """Keeps the sessions that match."""
        self._draw()

    def action_sort(self) -> None:
        """Worst first, or newest first."""
        self._newest_first = not self._newest_first
        self._ranks = ()
        self._draw()

    def action_findings(self) -> None:
        """Only sessions with findings, or all."""
        self._only_findings = not self._only_findings
        self._draw()

    @on(Grid.Selected)
    def _open(self, message: Grid.Selected) -> None:
        if message.key is not None:
            if message.key.startswith(STRAY):
                self.notify("no session tells of it; x ends the process", title=message.key, markup=False)
            else:
                self.app.push_screen(BotSessionScreen(self.frame, self.desk, message.key))

    def chosen(self) -> Session | Stray | None:
        """The bot under the cursor."""
        key, snapshot = self.query_one(Grid).cursor_key, self._snapshot
        if key is None or snapshot is None:
            return None
        strays = {STRAY + stray.bot_id: stray for stray in snapshot.strays}
        return strays.get(key) or next((each for each in snapshot.sessions if each.session_id == key), None)

    def action_request(self) -> None:
        """Asks what the bot is for."""
        self.query_one(Prompt).open()

    @on(Prompt.Given)
    def _asked_for(self, message: Prompt.Given) -> None:
        self.focus_first()
        if message.text:
            self._request(message.text)

    @work(exit_on_error=False)
    async def _request(self, text: str) -> None:
        """Asks for the bot, once the person agreed; over capacity the request waits, and w takes it back."""
        try:
            request = request_of(text)
        except ServiceRefused as error:
            self.refused("a bot", error)
            return
        asked = Asked("request", "", "", request.meeting_id, self.frame.now())

        async def do(token: Token, entry: Entry) -> str:
            entry.asked = await self.desk.bots.beforehand(asked)
            entry.handle = await self.desk.actions.request(token, request, wait=True)
            self.draw_asked()
            bot = await entry.handle.settled()
            entry.asked = replace(entry.asked, bot_id=bot.bot_id)
            return f"{bot.bot_id} was started"

        title, meeting = f"a bot for {request.meeting_id}", request.meeting_id
        await self.carry(title, "request", meeting, request_plan(request), do, request_command(request))

    def _show_sessions(self, snapshot: Sessions) -> None:
        self._snapshot = snapshot
        self._changed = self._trend.take(snapshot.at, snapshot.counts)
        self._draw()

    def _draw(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        shown = [session for session in snapshot.sessions if self._is_shown(session)]
        ordered = shown if self._newest_first else self._steady(worst_first(shown))
        panel, missing = self.query_one(Panel), self.query_one("#missing", Line)
        panel.note(*self._note(snapshot, len(shown)), *self.feed_parts())
        panel.tick(self.frame.now())
        self.query_one("#counts", Line).show(*count_parts(snapshot, self._changed))
        faults = self.query_one("#faults", Line)
        faults.show(*fault_parts(snapshot.faults))
        faults.set_class(bool(snapshot.faults), "-shown")
        missing.show(*missing_parts(snapshot.missing))
        missing.set_class(bool(snapshot.missing), "-shown")
        empty = "nothing matches" if snapshot.sessions else "no sessions yet"
        strays = [stray_row(stray) for stray in snapshot.strays if self.filter_text in stray.bot_id.lower()]
        rows = [row(session, snapshot.at) for session in ordered]
        self.query_one(Grid).show(rows + strays if self._newest_first else strays + rows, empty=empty)

    def _steady(self, ordered: list[Session]) -> list[Session]:
        """The order of a moment ago, new ones first, until it is old: a row that moves costs all between."""
        now = time.monotonic()
        if not self._ranks or now - self._ranked_at >= RANKED_EVERY_S:
            self._ranks, self._ranked_at = tuple(session.session_id for session in ordered), now
            return ordered
        places = {id_: place for place, id_ in enumerate(self._ranks)}
        return sorted(ordered, key=lambda session: places.get(session.session_id, -1))

    def _is_shown(self, session: Session) -> bool:
        if self._only_findings and not session.findings:
            return False
        return bot_words.matches(session, self.filter_text)

    def _note(self, snapshot: Sessions, shown: int) -> list[Part]:
        parts = [Part(f"  {shown} of {snapshot.total:,}{scope(snapshot)}")]
        parts += [Part(" · newest first")] if self._newest_first else []
        return [*parts, Part(" · only findings", Tone.WARNING)] if self._only_findings else parts
