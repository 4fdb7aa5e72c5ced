"""One bot session: how it stands, its statuses in time, its pipeline, what is said, what happened, and the totals."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.timer import Timer

from backends.bots.audio import AudioFile, as_checked, checked_files, file_findings
from backends.bots.cursors import Cursor
from backends.bots.flow import Flow
from backends.bots.live_tail import LiveTail
from backends.bots.masked import masked
from backends.bots.model import Session, Stray
from backends.bots.page import Event, SessionPage, Statistics, Tail
from backends.bots.unmasking import UNMASKED_S, Sight
from backends.clients.errors import BackendError
from backends.safety.gate import Token
from backends.sampling.reading import Reading
from screens import bot_flow, bot_lines
from screens.acting import carry_out, say_failure
from screens.bot_control import BotControl, BotDesk
from screens.consent import ConsentRequest
from screens.frame import Frame
from widgets.grid import Column
from widgets.line import Line
from widgets.lines import Lines
from widgets.page import Page
from widgets.panel import Panel
from widgets.tail import Tail as TailGrid
from widgets.timeline import cells
from widgets.tone import Part, Tone

TAIL_LINES = 50
"""Transcript lines of one older page."""

TOTALS_REFRESH_S = 10.0
"""Seconds between two countings of totals and pipeline, whose cost grows with the session."""

WIDE = 110
"""Columns from which all parts stand side by side."""

PANES = ("said", "events", "details")
"""The parts of which a narrow screen shows one at a time."""


class BotSessionScreen(BotControl):
    """A session's page."""

    KEY = "5"
    COMMAND = "bots show"
    SOURCE = "session"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - the framework's own
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "next_pane", "view", tooltip="Transcript, events or details, where not all fit"),
        Binding("o", "older", "older", tooltip="Older transcript lines"),
        Binding("n", "newer", "newer", tooltip="Newer transcript lines, up to the live ones"),
        Binding("u", "unmask", "unmask", tooltip="Show this session's personal data for ten minutes; it is recorded"),
        Binding("a", "check_audio", "audio", tooltip="Check the audio files' sizes and hashes"),
        Binding("x", "stop", "stop", tooltip="End the bot"),
        Binding("t", "restart", "restart", tooltip="Put another bot in its place"),
        Binding("plus", "extend", "extend", tooltip="Let it run an hour longer"),
    ]
    DEFAULT_CSS = """
    BotSessionScreen {
        & #session {
            & #facts, & #findings, & #cells, & #spans, & #pipe, & #asked { margin: 0 1; }
            & #asked { display: none; &.-shown { display: block; } }
        }
        & #said { height: 1fr; & > .panel--body { height: 1fr; } }
        & #lower { height: 1fr; }
        & #events { height: 1fr; width: 1fr; & > .panel--body { height: 1fr; } }
        & #details { height: 1fr; width: 46; & > .panel--body { height: 1fr; } & #totals { margin: 0 1; } }
        &.-narrow #details { width: 1fr; }
        &.-narrow.-said { & #lower { display: none; } }
        &.-narrow.-events { & #said, & #details { display: none; } }
        &.-narrow.-details { & #said, & #events { display: none; } }
    }
    """
    SAID: ClassVar = (
        Column("time", 8),
        Column("speaker", 14, drop=1),
        Column("", 2),
        Column("said", 22, flexible=True),
        Column("translation", 22, flexible=True),
    )
    EVENTS: ClassVar = (
        Column("time", 8),
        Column("severity", 8),
        Column("event", 22),
        Column("type", 10, drop=1),
        Column("data", 16, flexible=True),
    )

    def __init__(self, frame: Frame, desk: BotDesk, session_id: str) -> None:
        super().__init__(frame, desk, session_id)
        self._bots = desk.bots
        self._session_id = session_id
        self._live = LiveTail(desk.bots, session_id)
        self._page: SessionPage | None = None
        self._statistics: Statistics | None = None
        self._flow: Flow | None = None
        self._tail: Tail | None = None
        self._sight: Sight | None = None
        self._masking: Timer | None = None
        self._files: tuple[AudioFile, ...] | None = None
        self._events: tuple[Event, ...] = ()
        self._cursors: list[Cursor] = []
        self._pane = PANES[0]

    def body(self) -> ComposeResult:
        """The session in a few lines; below what was said, the events and the details."""
        asked = Lines(id="asked")
        lines = (Line(id="facts"), Line(id="findings"), Line(id="cells"), Line(id="spans"), Line(id="pipe"), asked)
        yield Panel("session", *lines, id="session")
        yield Panel("said", TailGrid(*self.SAID), id="said")
        with Horizontal(id="lower"):
            yield Panel("events", TailGrid(*self.EVENTS), id="events")
            yield Panel("details", Page(id="totals"), id="details")

    def on_mount(self) -> None:
        """Follows what is going on, what is said, and, more slowly, the totals."""
        self.add_class(f"-{self._pane}")
        panels = {name: self.query_one(f"#{name}", Panel) for name in ("session", "said", "events", "details")}
        self.follow("session", self._read_session, self._show_page, panels["session"], panels["events"])
        self.follow("said", self._read_tail, self._show_tail, panels["said"])
        self.follow(
            "statistics", self._read_statistics, self._show_statistics, panels["details"], refresh=TOTALS_REFRESH_S
        )
        self.follow("flow", self._read_flow, self._show_flow, refresh=TOTALS_REFRESH_S)

    def command(self) -> str:
        """The command that reports this session."""
        return f"{self.COMMAND} {self._session_id}"

    def back(self) -> None:
        """Back to the list."""
        self.app.pop_screen()

    def filtered(self, text: str) -> None:
        """Keeps the lines and events that hold the text."""
        self._draw_said()
        self._draw_events()

    def on_resize(self) -> None:
        """Draws statuses and pipeline in the new width."""
        self._draw_timeline()
        self._draw_pipe()

    def action_next_pane(self) -> None:
        """Shows the next of the parts of which a narrow screen shows one."""
        self.remove_class(f"-{self._pane}")
        self._pane = PANES[(PANES.index(self._pane) + 1) % len(PANES)]
        self.add_class(f"-{self._pane}")
        self.query_one(f"#{self._pane} Tail, #{self._pane} #totals").focus()

    def chosen(self) -> Session | Stray | None:
        """This session."""
        return self._page.session if self._page is not None else None

    def told(self) -> None:
        """Something changed in this session."""
        super().told()
        if not self._cursors:
            self.read_now("said")

    def changed(self) -> None:
        """A reading or an age changed: what was asked for is watched."""
        self.draw_asked()

    def exported(self, reading: Reading[Any]) -> Reading[Any]:
        """A file holds personal data masked, whoever looks."""
        return replace(reading, value=masked(reading.value))

    def _see(self, sight: Sight) -> None:
        """Shows personal data until the sight is over, even where nothing can be read then or is drawn anew."""
        self._sight = sight
        if self._masking is not None:
            self._masking.stop()
        self._masking = self.set_timer(sight.until - time.monotonic(), self._mask)

    def _mask(self) -> None:
        self._sight = None
        self._tail, self._page = masked(self._tail), masked(self._page)
        self._events = tuple(masked(event) for event in self._events)
        self._draw_said()
        self._draw_events()
        self._draw_details()
        self.read_now("session")
        self.read_now("said")

    @work(exit_on_error=False)
    async def action_unmask(self) -> None:
        """Shows personal data for a while, once the person agreed."""
        try:
            act = self.desk.actions.unmask_act(self._session_id)
        except BackendError as error:
            say_failure(self, "unmask", error)
            return

        async def do(token: Token) -> str:
            self._see(self.desk.actions.unmask(token, self._session_id))
            return f"shown for {UNMASKED_S / 60:.0f} minutes"

        plan = [("Names, e-mail addresses and telephone numbers of this session are shown here,",)]
        plan += [(f"for {UNMASKED_S / 60:.0f} minutes. Nothing is changed; the audit log keeps who looked.",)]
        undo = "it is masked again by itself, and whenever this page is left"
        request = ConsentRequest("Unmask personal data", act.target, plan, self.command(), ("session",), undo)
        if await carry_out(self, act, request, do):
            self.read_now("session")
            self.read_now("said")

    @work(exit_on_error=False)
    async def action_check_audio(self) -> None:
        """Looks at the audio files, where this machine has them."""
        if self._flow is None or self._flow.audio.files is None:
            self.notify("no audio files to look at", title="audio", severity="warning", markup=False)
            return
        self._files = await checked_files(self._flow.audio.files)
        self._draw_findings()
        self._draw_details()

    def action_older(self) -> None:
        """The page of lines before this one."""
        if self._tail is None or self._tail.next is None:
            return
        cursor = Cursor.parse(self._tail.next)
        if cursor not in self._cursors:  # pressed again before the page came
            self._cursors.append(cursor)
            self.read_now("said")

    def action_newer(self) -> None:
        """The page of lines after this one; the newest is live."""
        if self._cursors:
            self._cursors.pop()
            self.read_now("said")

    async def _read_session(self) -> SessionPage:
        return await self._bots.session(self._session_id, self._sight)

    async def _read_tail(self) -> Tail:
        if self._cursors:
            return await self._bots.tail(self._session_id, TAIL_LINES, self._cursors[-1], sight=self._sight)
        return await self._live.read(self._sight)

    async def _read_statistics(self) -> Statistics:
        return await self._bots.statistics(self._session_id)

    async def _read_flow(self) -> Flow:
        return await self._bots.flow(self._session_id)

    def _show_page(self, page: SessionPage) -> None:
        # What was read for a sight may come, or come back, when it is over.
        page = page if self._sight is not None else masked(page)
        self._page = page
        self._events = bot_lines.grown(self._events, page.events or (), lambda event: event.event_id)
        self.query_one("#facts", Line).show(*bot_lines.fact_parts(page.session))
        self.query_one("#session", Panel).note(*bot_lines.name_parts(page.session), *self.feed_parts())
        self._draw_findings()
        self._draw_timeline()
        self._draw_events()
        self._draw_details()

    def _show_tail(self, tail: Tail) -> None:
        self._tail = tail if self._sight is not None else masked(tail)
        self._draw_said()

    def _show_statistics(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._draw_details()

    def _show_flow(self, flow: Flow) -> None:
        self._flow = flow
        if self._files is not None:
            self._files = as_checked(flow.audio.files or (), self._files)
        self._draw_pipe()
        self._draw_findings()
        self._draw_details()

    def _draw_pipe(self) -> None:
        if self._flow is not None:
            narrow = self.size.width < WIDE
            self.query_one("#pipe", Line).show(*bot_flow.pipe_parts(self._flow.pipeline, narrow=narrow))

    def _draw_findings(self) -> None:
        found = self._page.findings if self._page is not None else ()
        found += self._flow.audio.findings if self._flow is not None else ()
        found += file_findings(self._files or ())
        self.query_one("#findings", Line).show(*bot_lines.finding_parts(found))

    def _draw_timeline(self) -> None:
        if self._page is not None:
            timeline = self._page.timeline
            width = max(self.size.width - 2, 0)
            self.query_one("#cells", Line).show(*cells([bot_lines.stretch(span) for span in timeline], width))
            self.query_one("#spans", Line).show(*bot_lines.span_parts(timeline, width))

    def _draw_said(self) -> None:
        if self._tail is None:
            return
        place = Part("  the newest") if not self._cursors else Part("  older lines · n newer", Tone.WARNING)
        older = Part(" · o older", Tone.MUTED) if self._tail.next else Part("")
        panel = self.query_one("#said", Panel)
        shown = [Part(" · ▲ personal data shown", Tone.WARNING)] if self._sight is not None else []
        untimed = any(line.at is None for line in self._tail.lines)
        shown += [Part(" · lines without a time are in no order", Tone.WARNING)] if untimed else []
        panel.note(place, older, *shown)
        panel.tick(self.frame.now())
        rows = [bot_lines.said_row(line) for line in reversed(self._tail.lines)]
        empty = self._tail.missing[0] if self._tail.missing else "nothing was said"
        panel.query_one(TailGrid).show(bot_lines.matching(rows, self.filter_text), empty=empty)

    def _draw_events(self) -> None:
        if self._page is None:
            return
        rows = [bot_lines.event_row(event) for event in bot_lines.told_events(self._events, self._page)]
        panel = self.query_one("#events", Panel)
        number = f"{sum(self._page.severities.values()):,}"
        told = Part(f"  the newest of {number}, and the gravest" if self._page.more_events else f"  {number}")
        panel.note(told, *bot_lines.severity_parts(self._page.severities))
        empty = "no events" if self._page.events is not None else "this database can't tell"
        panel.query_one(TailGrid).show(bot_lines.matching(rows, self.filter_text), empty=empty)

    def _draw_details(self) -> None:
        flow = bot_flow.flow_lines(self._flow, self._files) if self._flow is not None else []
        self.query_one("#totals", Page).show(bot_lines.detail_lines(self._page, self._statistics, flow))
