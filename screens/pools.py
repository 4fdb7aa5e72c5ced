"""Screen 2: each pool against its maximum, and below each server's connections by application."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from backends.pools.model import AppConnections, Latency, OwnSide, Place, Published, Server
from backends.pools.service import PoolsService
from backends.sampling.reading import Freshness
from screens import pools_parts as parts
from screens.base import LiveScreen
from screens.frame import Frame
from widgets.grid import Grid, Row
from widgets.lines import Lines
from widgets.panel import Panel

OWN = "pools of this console"
PUBLISHED = "pools of other processes"
ROOMY = 30
"""Rows of a terminal from which on an application has two lines of details instead of one."""

PROBE_REFRESH = 10.0
"""Seconds between two measurements of the content look-ups."""


class PoolsScreen(LiveScreen):
    """Every server is a source of its own, so that a slow one keeps no other waiting."""

    KEY = "2"
    COMMAND = "pools"
    DEFAULT_CSS = """
    PoolsScreen {
        overflow: hidden;
        & > #apps { min-height: 3; }
        & > #details { background: $surface; }
    }
    """
    OLD: ClassVar = frozenset({Freshness.STALE, Freshness.DISCONNECTED})

    def __init__(self, frame: Frame, service: PoolsService) -> None:
        super().__init__(frame)
        self._service = service
        self._own: OwnSide | None = None
        self._published = Published()
        self._servers: dict[Place, Server] = {}
        self._apps: dict[str, AppConnections] = {}

    def body(self) -> ComposeResult:
        """Pools, servers, applications, and two lines on the application under the cursor."""
        yield Panel(OWN, Lines(classes="pools"), id="own")
        if self._service.publishes:
            yield Panel(PUBLISHED, Lines(classes="pools"), id="published")
        if self._service.has_content:
            yield Panel("content look-ups, p95", id="latency")
        for number, place in enumerate(self._service.places):
            yield Panel(parts.server_title(place), Lines(classes="notes"), id=f"server-{number}")
        yield Lines(id="unconfigured")
        yield Grid(*parts.COLUMNS, empty="no server has answered yet", id="apps")
        yield Lines(id="details")

    def on_mount(self) -> None:
        """Follows the own pools, the published ones and each server."""
        self.follow("own", self._service.own, self._show_own, self.query_one("#own", Panel))
        if self._service.publishes:
            panel = self.query_one("#published", Panel)
            self.follow("published", self._service.published, self._show_published, panel)
        for number, place in enumerate(self._service.places):
            panel = self.query_one(f"#server-{number}", Panel)
            show = partial(self._show_server, panel)
            self.follow(self._source(place), partial(self._service.server, place), show, panel)
        if self._service.has_content:
            panel = self.query_one("#latency", Panel)
            self.follow("latency", self._service.latency, self._show_latency, panel, refresh=PROBE_REFRESH)
        self.query_one("#unconfigured", Lines).show(map(parts.unconfigured_line, self._service.unconfigured))

    def on_resize(self) -> None:
        """Lays the lines out for the new width."""
        self._draw_pools()

    def filtered(self, text: str) -> None:
        """Keeps the applications that the text is in."""
        self._draw_apps()

    def changed(self) -> None:
        """A server's numbers may have become old."""
        self._draw_apps()

    def _show_own(self, own: OwnSide) -> None:
        self._own = own
        self.query_one("#own", Panel).note(parts.cost_note(own.cost))
        self._draw_pools()

    def _show_published(self, published: Published) -> None:
        self._published = published
        self._draw_pools()

    def _show_latency(self, latency: Latency) -> None:
        self.query_one("#latency", Panel).note(*parts.latency_note(latency))

    def _show_server(self, panel: Panel, server: Server) -> None:
        self._servers[server.place] = server
        panel.note(*parts.server_note(server))
        panel.query_one(Lines).show(parts.server_lines(server))

    def _draw_pools(self) -> None:
        width, height = self.content_size
        if self._own is not None:
            lines = [parts.pool_line(pool, width) for pool in self._own.pools]
            self.query_one("#own Lines", Lines).show([parts.pool_heading(width), *lines])
        if self._service.publishes:
            room = max(height // 6, 3)
            self.query_one("#published Lines", Lines).show(parts.published_lines(self._published, width, room))

    def _draw_apps(self) -> None:
        rows: list[Row] = []
        self._apps.clear()
        for server in filter(None, map(self._servers.get, self._service.places)):
            place = server.place
            old = self.reading(self._source(place)).freshness(self.frame.now()) in self.OLD
            for app in server.by_app:
                key = f"{self._source(place)}/{app.app or ''}"
                if parts.matches(app, self.filter_text):
                    self._apps[key] = app
                    rows.append(parts.app_row(place.kind.value, key, app, old))
        grid = self.query_one("#apps", Grid)
        on_top = not grid.rows or grid.cursor_key == grid.rows[0].key
        grid.show(rows, empty="no application matches" if self.filter_text and self._servers else None)
        if on_top and rows:
            grid.move_to(rows[0].key)
        self._draw_details(grid.cursor_key)

    @on(Grid.Highlighted)
    def _highlighted(self, message: Grid.Highlighted) -> None:
        self._draw_details(message.key)

    def _draw_details(self, key: str | None) -> None:
        app = self._apps.get(key or "")
        lines = 1 if self.content_size.height < ROOMY else 2
        self.query_one("#details", Lines).show(parts.app_details(app, lines) if app is not None else [("",)] * lines)

    def _source(self, place: Place) -> str:
        return f"{place.kind.value} {place.name}"
