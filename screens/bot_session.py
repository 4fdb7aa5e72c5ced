"""One bot session: how it stands, its statuses in time, what was said, what happened, and the totals."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from backends.bots.cursors import Cursor
from backends.bots.page import Event, SessionPage, Statistics, Tail
from backends.bots.page import Line as TranscriptLine
from backends.bots.service import BotsService
from screens import bot_lines
from screens.base import LiveScreen
from screens.frame import Frame
from widgets.grid import Column
from widgets.line import Line
from widgets.page import Page
from widgets.panel import Panel
from widgets.tail import Tail as TailGrid
from widgets.timeline import cells
from widgets.tone import Part, Tone

TAIL_LINES = 50
"""Transcript lines of one page."""

STATISTICS_REFRESH_S = 10.0
"""Seconds between two countings of the totals, whose cost grows with the session."""

PANES = ("said", "events", "details")
"""The parts of which a narrow screen shows one at a time."""


class BotSessionScreen(LiveScreen):
    """A session's page."""

    KEY = "5"
    COMMAND = "bots show"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - the framework's own
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "next_pane", "view", tooltip="Transcript, events or details, where not all fit"),
        Binding("o", "older", "older", tooltip="Older transcript lines"),
        Binding("n", "newer", "newer", tooltip="Newer transcript lines, up to the live ones"),
    ]
    DEFAULT_CSS = """
    BotSessionScreen {
        & #session { & #facts, & #findings, & #cells, & #spans { margin: 0 1; } }
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

    def __init__(self, frame: Frame, bots: BotsService, session_id: str) -> None:
        super().__init__(frame)
        self._bots = bots
        self._session_id = session_id
        self._page: SessionPage | None = None
        self._statistics: Statistics | None = None
        self._tail: Tail | None = None
        self._live: tuple[TranscriptLine, ...] = ()
        self._events: tuple[Event, ...] = ()
        self._cursors: list[Cursor] = []
        self._pane = PANES[0]

    def body(self) -> ComposeResult:
        """The session in a few lines; below what was said, the events and the details."""
        lines = (Line(id="facts"), Line(id="findings"), Line(id="cells"), Line(id="spans"))
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
            "statistics", self._read_statistics, self._show_statistics, panels["details"], refresh=STATISTICS_REFRESH_S
        )

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
        """Draws the statuses in the new width."""
        self._draw_timeline()

    def action_next_pane(self) -> None:
        """Shows the next of the parts of which a narrow screen shows one."""
        self.remove_class(f"-{self._pane}")
        self._pane = PANES[(PANES.index(self._pane) + 1) % len(PANES)]
        self.add_class(f"-{self._pane}")
        self.query_one(f"#{self._pane} Tail, #{self._pane} #totals").focus()

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
        return await self._bots.session(self._session_id)

    async def _read_tail(self) -> Tail:
        return await self._bots.tail(self._session_id, TAIL_LINES, self._cursors[-1] if self._cursors else None)

    async def _read_statistics(self) -> Statistics:
        return await self._bots.statistics(self._session_id)

    def _show_page(self, page: SessionPage) -> None:
        self._page = page
        self._events = bot_lines.grown(self._events, page.events or (), lambda event: event.event_id)
        self.query_one("#facts", Line).show(*bot_lines.fact_parts(page.session))
        self.query_one("#findings", Line).show(*bot_lines.finding_parts(page.findings))
        self.query_one("#session", Panel).note(*bot_lines.name_parts(page.session))
        self._draw_timeline()
        self._draw_events()
        self._draw_details()

    def _show_tail(self, tail: Tail) -> None:
        self._tail = tail
        self._live = () if self._cursors else bot_lines.grown(self._live, tail.lines, lambda line: line.transcript_id)
        self._draw_said()

    def _show_statistics(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._draw_details()

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
        panel.note(place, older)
        panel.tick(self.frame.now())
        rows = [bot_lines.said_row(line) for line in self._live or tuple(reversed(self._tail.lines))]
        empty = self._tail.missing[0] if self._tail.missing else "nothing was said"
        panel.query_one(TailGrid).show(bot_lines.matching(rows, self.filter_text), empty=empty)

    def _draw_events(self) -> None:
        if self._page is None:
            return
        rows = [bot_lines.event_row(event) for event in self._events]
        panel = self.query_one("#events", Panel)
        panel.note(Part("  the newest" if self._page.more_events else f"  {len(rows)}"))
        empty = "no events" if self._page.events is not None else "this database can't tell"
        panel.query_one(TailGrid).show(bot_lines.matching(rows, self.filter_text), empty=empty)

    def _draw_details(self) -> None:
        lines = bot_lines.detail_lines(self._page, self._statistics)
        self.query_one("#totals", Page).show(lines)
