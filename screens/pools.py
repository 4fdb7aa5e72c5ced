"""Screen 2: each pool against its maximum, and below applications, sessions, the last hour, or check-outs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from backends.clients.errors import BackendError
from backends.pools.acts import PoolActs, Verb
from backends.pools.blocking import Branch, tree
from backends.pools.latency import PROBE_REFRESH_S
from backends.pools.model import AppConnections, Latency, OwnSide, Place, Pool, Published, Server, Session
from backends.pools.service import PoolsService
from backends.safety.gate import Consent
from backends.sampling.reading import Freshness
from screens import pools_parts as parts
from screens import pools_rows as rows
from screens.acting import agree, say_failure
from screens.base import LiveScreen
from screens.frame import Frame
from screens.pools_rows import View
from widgets.grid import Grid, Row
from widgets.lines import Lines
from widgets.panel import Panel
from widgets.tone import Cell

OWN = "pools of this console"
PUBLISHED = "pools of other processes"
ROOMY = 30
"""Rows of a terminal from which on a row of the table has two lines of details instead of one."""


class PoolsScreen(LiveScreen):
    """Every server is a source of its own, so that a slow one keeps no other waiting."""

    KEY = "2"
    COMMAND = "pools"
    DEFAULT_CSS = """
    PoolsScreen {
        overflow: hidden;
        & > #table { min-height: 3; }
        & > #details { background: $surface; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "next_view", "view", tooltip="Applications, sessions (who blocks whom), last hour, check-outs"),
        Binding("x", "end('cancel')", "cancel", tooltip="Cancel the session's statement; a Mongo operation is killed"),
        Binding("t", "end('terminate')", "terminate", tooltip="End the session's connection"),
    ]
    OLD: ClassVar = frozenset({Freshness.STALE, Freshness.DISCONNECTED})

    def __init__(self, frame: Frame, service: PoolsService, acts: Callable[[], PoolActs]) -> None:
        super().__init__(frame)
        self._service = service
        self._acts = acts
        self._own: OwnSide | None = None
        self._published = Published()
        self._servers: dict[Place, Server] = {}
        self._old: frozenset[Place] = frozenset()
        self._rows: dict[str, AppConnections | Branch | Pool] = {}
        self._view = View.APPS

    def body(self) -> ComposeResult:
        """Pools, servers, the table, and two lines on its row under the cursor."""
        yield Panel(OWN, Lines(classes="pools"), id="own")
        if self._service.publishes:
            yield Panel(PUBLISHED, Lines(classes="pools"), id="published")
        if self._service.has_content:
            yield Panel("content look-ups, p95", Lines(), id="latency")
        for number, place in enumerate(self._service.places):
            yield Panel(parts.server_title(place), Lines(classes="notes"), id=f"server-{number}")
        yield Lines(id="unconfigured")
        yield Grid(*rows.COLUMNS[View.APPS], empty="no server has answered yet", id="table")
        yield Lines(id="details")

    def on_mount(self) -> None:
        """Follows the own pools, the published ones and each server."""
        self.follow("own", self._service.own, self._show_own, self.query_one("#own", Panel))
        if self._service.publishes:
            panel = self.query_one("#published", Panel)
            self.follow("published", self._service.published, self._show_published, panel)
        for number, place in enumerate(self._service.places):
            panel = self.query_one(f"#server-{number}", Panel)
            read = partial(self._service.server, place)
            self.follow(self._source(place), read, self._show_server, panel, rest=lambda server: server.rest_s)
        if self._service.has_content:
            panel = self.query_one("#latency", Panel)
            self.follow("latency", self._service.latency, self._show_latency, panel, refresh=PROBE_REFRESH_S)
        self.query_one("#unconfigured", Lines).show(map(parts.unconfigured_line, self._service.unconfigured))

    def on_resize(self) -> None:
        """Lays the lines out for the new width."""
        self._draw_pools()
        self._draw_table()

    def filtered(self, text: str) -> None:
        """Keeps the rows that the text is in."""
        self._draw_table()

    def changed(self) -> None:
        """A server's numbers may have become old, or new again."""
        old = frozenset(filter(self._is_old, self._servers))
        if old != self._old:
            self._old = old
            for place in self._servers:
                self._draw_server(place)
            self._draw_pools()
        self._draw_table()

    def action_next_view(self) -> None:
        """Shows the next view in the table."""
        self._view = self._view.next
        self.query_one("#table", Grid).use_columns(*rows.COLUMNS[self._view])
        self._draw_table()

    @work(exit_on_error=False)
    async def action_end(self, verb: str) -> None:
        """Cancels or terminates the session under the cursor, once the person agreed to what that does."""
        seen = self._session_under_cursor()
        if seen is None:
            self.notify("v shows sessions; put the cursor on one", title=verb, severity="warning", markup=False)
            return
        place, session, others = seen
        try:
            change = self._acts().plan(Verb(verb), place, session, others)
        except BackendError as error:
            say_failure(self, verb, error)
            return

        async def send(consent: Consent) -> str:
            await self._acts().carry_out(change, consent)
            return f"{change.verb.value} was sent to {session.number}"

        if await agree(self, rows.consent_request(change, self._source(place)), send):
            self.read_now(self._source(place))

    def _session_under_cursor(self) -> tuple[Place, Session, tuple[Session, ...]] | None:
        key = self.query_one("#table", Grid).cursor_key or ""
        row = self._rows.get(key)
        if not isinstance(row, Branch):
            return None
        place = next(each for each in self._service.places if key.startswith(f"{self._source(each)}/"))
        return place, row.session, self._servers[place].sessions

    def _show_own(self, own: OwnSide) -> None:
        self._own = own
        self.query_one("#own", Panel).note(parts.cost_note(own.cost))
        self._draw_pools()

    def _show_published(self, published: Published) -> None:
        self._published = published
        self._draw_pools()

    def _show_latency(self, latency: Latency) -> None:
        panel = self.query_one("#latency", Panel)
        panel.note(*parts.latency_note(latency))
        panel.query_one(Lines).show(parts.latency_lines(latency))

    def _show_server(self, server: Server) -> None:
        self._servers[server.place] = server
        self._draw_server(server.place)

    def _draw_server(self, place: Place) -> None:
        server, old = self._servers[place], self._is_old(place)
        panel = self.query_one(f"#server-{self._service.places.index(place)}", Panel)
        panel.note(*parts.server_note(server, old))
        panel.query_one(Lines).show(parts.server_lines(server, self.content_size.width, old))
        panel.tick(self.frame.now())

    def _is_old(self, place: Place) -> bool:
        return self.reading(self._source(place)).freshness(self.frame.now()) in self.OLD

    def _as_old_as_its_server(self, pool: Pool) -> Pool:
        is_old = any(place.kind is pool.kind and place.name == pool.server for place in self._old)
        return replace(pool, answers=False) if is_old else pool

    def _draw_pools(self) -> None:
        width, height = self.content_size
        if self._own is not None:
            pools = map(self._as_old_as_its_server, self._own.pools)
            lines = [line for pool in pools for line in parts.pool_lines(pool, width)]
            self.query_one("#own Lines", Lines).show([parts.pool_heading(width), *lines])
        if self._service.publishes:
            room = max(height // 6, 3)
            self.query_one("#published Lines", Lines).show(parts.published_lines(self._published, width, room))

    def _draw_table(self) -> None:
        self._rows.clear()
        made = {View.HISTORY: self._history_rows, View.TIMES: self._times_rows}
        shown = made.get(self._view, self._server_rows)()
        grid = self.query_one("#table", Grid)
        on_top = not grid.rows or grid.cursor_key == grid.rows[0].key
        grid.show(shown, empty=self._empty())
        if on_top and shown:
            grid.move_to(shown[0].key)
        self._draw_details(grid.cursor_key)

    def _server_rows(self) -> list[Row]:
        found: list[Row] = []
        for server in filter(None, map(self._servers.get, self._service.places)):
            source, kind = self._source(server.place), server.place.kind.value
            old = self._is_old(server.place)
            if self._view is View.SESSIONS:
                for branch in tree(server.sessions):
                    if rows.session_matches(branch.session, self.filter_text):
                        key = f"{source}/{branch.session.number} {branch.session.started}"
                        self._rows[key] = branch
                        found.append(rows.session_row(kind, key, branch, old))
                continue
            for app in server.by_app:
                if rows.app_matches(app, self.filter_text):
                    key = f"{source}/{app.app or ''}"
                    self._rows[key] = app
                    found.append(rows.app_row(kind, key, app, old))
        return found

    def _history_rows(self) -> list[Row]:
        history, width = self._service.history, rows.line_width(self.content_size.width)
        found = []
        for series in filter(lambda name: self.filter_text in name.lower(), history.names):
            points = history.points(series)
            columns = history.columns(series, time.monotonic(), width)
            found.append(rows.history_row(series, columns, points[-1][1] if points else None))
        return found

    def _times_rows(self) -> list[Row]:
        own = map(self._as_old_as_its_server, self._own.pools if self._own is not None else ())
        poolers = (pool for server in self._servers.values() for pool in server.poolers)
        found = []
        for pool in (*own, *self._published.pools, *poolers):
            if pool.tells_times and self.filter_text in parts.pool_name(pool).lower():
                key = f"pool/{parts.pool_name(pool)}"
                self._rows[key] = pool
                found.append(rows.times_row(key, pool))
        return found

    def _empty(self) -> str | None:
        if self.filter_text and self._servers:
            return f"no {self._view.value} match" if self._view is not View.APPS else "no application matches"
        if self._view is View.SESSIONS and self._servers:
            return "nothing runs, and nobody holds a transaction open"
        return "no server has answered yet" if not self._servers else None

    @on(Grid.Highlighted)
    def _highlighted(self, message: Grid.Highlighted) -> None:
        self._draw_details(message.key)

    def _draw_details(self, key: str | None) -> None:
        row = self._rows.get(key or "")
        lines = 1 if self.content_size.height < ROOMY else 2
        self.query_one("#details", Lines).show(self._details(row, lines))

    def _details(self, row: AppConnections | Branch | Pool | None, lines: int) -> list[tuple[Cell, ...]]:
        if isinstance(row, Pool):
            return rows.times_details(row, lines)
        if isinstance(row, AppConnections):
            return rows.app_details(row, lines)
        return rows.session_details(row, lines) if row is not None else [("",)] * lines

    def _source(self, place: Place) -> str:
        return f"{place.kind.value} {place.name}"
