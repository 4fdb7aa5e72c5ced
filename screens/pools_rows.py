"""The table of the pools screen: applications, sessions, the last hour or check-outs, as rows."""

from __future__ import annotations

from enum import Enum
from typing import Final

from backends.pools.acts import Change, Verb
from backends.pools.blocking import Branch
from backends.pools.model import AppConnections, Pool, Session
from backends.pools.rules import IN_TRANSACTION_WARNING_S, app_name, failed_in_words
from screens.consent import ConsentRequest
from screens.pools_parts import greyed, milliseconds, number, pool_name
from widgets.grid import Column, Row
from widgets.panel import duration
from widgets.tone import Cell, Part, Tone


class View(Enum):
    """What the table shows."""

    APPS = "applications"
    SESSIONS = "sessions"
    HISTORY = "the last hour"
    TIMES = "check-outs"

    @property
    def next(self) -> View:
        """The view that follows, around."""
        views = list(View)
        return views[(views.index(self) + 1) % len(views)]


COLUMNS: Final = {
    View.APPS: (
        Column("server", 9),
        Column("application", 20, flexible=True),
        Column("total", 6, "right"),
        Column("active", 6, "right"),
        Column("idle", 6, "right"),
        Column("other", 6, "right"),
        Column("in trans.", 9, "right"),
        Column("hosts", 18, drop=1),
        Column("drivers", 22, drop=2),
    ),
    View.SESSIONS: (
        Column("server", 8, drop=2),
        Column("who", 10),
        Column("application", 16),
        Column("state", 13),
        Column("for", 5, "right"),
        Column("behind", 6, "right"),
        Column("waits for", 18, drop=1),
        Column("runs, or ran last", 14, flexible=True),
    ),
    View.TIMES: (
        Column("pool", 20, flexible=True),
        Column("wait p50", 8, "right"),
        Column("wait p95", 8, "right"),
        Column("wait p99", 8, "right"),
        Column("open p50", 8, "right", drop=3),
        Column("open p95", 8, "right", drop=1),
        Column("open p99", 8, "right", drop=2),
        Column("opened", 6, "right"),
        Column("closed", 6, "right"),
        Column("got none", 14, drop=4),
    ),
    View.HISTORY: (
        Column("figure", 34),
        Column("now", 7, "right"),
        Column("most", 7, "right"),
        Column("the last hour", 20, flexible=True),
    ),
}

NAMELESS: Final = "no application name: shells, probes and drivers that set none"
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_BEFORE_LINE: Final = 34 + 7 + 7 + 4
"""Cells that the history's other columns take, gaps included."""


def app_row(server: str, key: str, app: AppConnections, old: bool) -> Row:
    """An application's row; old: the server's numbers are not the newest any more."""
    late = app.oldest_s >= IN_TRANSACTION_WARNING_S
    in_transaction = f"{app.in_transaction}, {duration(app.oldest_s)}" if app.in_transaction else ""
    cells: tuple[Cell, ...] = (
        Part(server, Tone.MUTED),
        app_name(app) if app.app is not None else Part(app_name(app), Tone.NO_DATA),
        str(app.total),
        number(app.active),
        number(app.idle),
        number(app.other),
        Part(in_transaction, Tone.WARNING if late else Tone.PLAIN),
        Part(" ".join(app.hosts), Tone.MUTED),
        Part(" ".join(app.drivers), Tone.MUTED),
    )
    return Row(key, greyed(cells) if old else cells)


def times_row(key: str, pool: Pool) -> Row:
    """How long a pool's check-outs and its connections' opening took, how many it opened and closed, who got none."""
    waits = (milliseconds(each) for each in (pool.wait.p50_ms, pool.wait.p95_ms, pool.wait.p99_ms))
    opens = (milliseconds(each) for each in (pool.create.p50_ms, pool.create.p95_ms, pool.create.p99_ms))
    failed = Part(failed_in_words(pool), Tone.WARNING)
    cells: tuple[Cell, ...] = (
        pool_name(pool), *waits, *opens, number(pool.opened), number(pool.closed), failed
    )  # fmt: skip
    return Row(key, greyed(cells) if pool.answers is False else cells)


def times_details(pool: Pool, lines: int) -> list[tuple[Cell, ...]]:
    """The same in words, for what a narrow screen leaves out."""
    opens = (milliseconds(each) for each in (pool.create.p50_ms, pool.create.p95_ms, pool.create.p99_ms))
    said = f"opening a connection took {' · '.join(opens)} (p50, p95, p99 of {pool.create.n} in 5 min)"
    failed = f"got none: {failed_in_words(pool) or '–'}"
    texts = [said, failed] if lines > 1 else [f"{failed} · {said}"]
    return [(Part(f" {text}", Tone.MUTED),) for text in texts]


def app_details(app: AppConnections, lines: int) -> list[tuple[Cell, ...]]:
    """One application in one line or two: what its numbers mean, and where it connects from."""
    # First, since it may be cut, and the row says the name.
    said = [f"{app.difference}: its clients count {app.counted}, the server {app.total}"] if app.difference else []
    said.append(NAMELESS if app.app is None else app.app)
    if app.active is None:
        said.append("which are active isn't told")
    if app.waits:
        said.append("waiting for " + ", ".join(f"{name} {n}" for name, n in sorted(app.waits.items())))
    if app.in_transaction:
        said.append(f"{app.in_transaction} idle in transaction, the oldest for {duration(app.oldest_s)}")
    places = [_from(app), f"driver {', '.join(app.drivers) or '–'}"]
    texts = [said, places] if lines > 1 else [[*said, *places]]
    return [(Part(f" {' · '.join(text)}", Tone.MUTED),) for text in texts]


def _from(app: AppConnections) -> str:
    """The hosts, each with its driver where there are several, and how many connections come from there."""
    several = len(app.drivers) > 1
    named = [f"{each.host or '–'}{f' {each.driver}' if several else ''} ×{each.n}" for each in app.origins]
    return f"from {', '.join(named) or ' '.join(app.hosts) or '–'}"


def session_row(server: str, key: str, branch: Branch, old: bool) -> Row:
    """A session's row, indented below the one that it waits for."""
    session = branch.session
    indent = f"{'  ' * (branch.depth - 1)}└ " if branch.depth else ""
    blocks = Part(str(branch.behind), Tone.CRITICAL) if branch.behind else Part("")
    late = session.state.startswith("idle in") and (session.for_s or 0.0) >= IN_TRANSACTION_WARNING_S
    cells: tuple[Cell, ...] = (
        Part(server, Tone.MUTED),
        f"{indent}{session.number}",
        session.app or Part("no name", Tone.NO_DATA),
        Part(session.state.replace("idle in transaction", "idle in tr."), Tone.WARNING if late else Tone.PLAIN),
        "–" if session.for_s is None else duration(session.for_s),
        blocks,
        Part(session.waits, Tone.WARNING if session.blocked_by else Tone.PLAIN),
        session.query,
    )
    return Row(key, greyed(cells) if old else cells)


def session_details(branch: Branch, lines: int) -> list[tuple[Cell, ...]]:
    """One session: who it is, whom it waits for, how many move when it ends, and what it runs."""
    session = branch.session
    who = f"{session.user or '–'}@{session.host or '–'}{f' on {session.database}' if session.database else ''}"
    said = [f"{session.number} {who}"]
    if session.blocked_by:
        said.append("waits for " + ", ".join(str(each or "a prepared transaction") for each in session.blocked_by))
    if branch.behind:
        said.append(f"{branch.behind} move when it ends" if branch.behind > 1 else "1 moves when it ends")
    texts = [" · ".join(said), session.query] if lines > 1 else [" · ".join([*said, session.query])]
    return [(Part(f" {text}", Tone.MUTED),) for text in texts]


def consent_request(change: Change, source: str) -> ConsentRequest:
    """What a person is asked before a session is cancelled, terminated or killed: what it is, and what that does."""
    session = change.session
    how_long = "" if session.for_s is None else f" for {duration(session.for_s)}"
    plan: list[tuple[Cell, ...]] = [
        (f"{session.app or 'no application name'}, {session.user or '–'}@{session.host or '–'}",),
        (f"{session.state}{how_long}{f', waits for {session.waits}' if session.waits else ''}",),
        (f"{'by connection' if change.verb is Verb.KILL else 'began'} {session.started}",),
        (Part(session.query, Tone.MUTED),),
        ("",),
        (Part(f"▲ {change.effect}", Tone.WARNING),),
    ]
    if change.behind:
        plan.append((f"{change.behind} that wait for it move then",))
    title = f"{change.verb.value.capitalize()} {session.number}"
    return ConsentRequest(title, change.act.target, plan, command="", sources=(source,))


def history_row(series: str, values: tuple[float | None, ...], now: float | None) -> Row:
    """A series' row: its newest value, its largest, and a line of cells."""
    most = max((value for value in values if value is not None), default=None)
    return Row(series, (series, figure(now), figure(most), Part(cells(values, most or 0.0), Tone.OK)))


def line_width(width: int) -> int:
    """Cells of a history line on a screen of this width."""
    return max(width - _BEFORE_LINE, 20)


def cells(values: tuple[float | None, ...], scale: float) -> str:
    """A cell for each value, higher for more; a dot where there was none.

    >>> cells((None, 0.0, 4.0, 8.0), 8.0)
    '·▁▅█'
    """
    last = len(_BLOCKS) - 1
    heights = (None if value is None else int(value / scale * last + 0.5) if scale else 0 for value in values)
    return "".join("·" if height is None else _BLOCKS[min(height, last)] for height in heights)


def figure(value: float | None) -> str:
    """A number in at most seven cells.

    >>> [figure(value) for value in (None, 12.0, 0.34, 51200.0)]
    ['–', '12', '0.34', '51200']
    """
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2g}"


def app_matches(app: AppConnections, text: str) -> bool:
    """Whether the filter's text (lower case) is in its name, hosts or drivers."""
    return any(text in each.lower() for each in (app_name(app), *app.hosts, *app.drivers))


def session_matches(session: Session, text: str) -> bool:
    """Whether the filter's text (lower case) is in what is shown of it."""
    shown = (str(session.number), session.app or "no name", session.state, session.user, session.host, session.query)
    return any(text in each.lower() for each in shown)
