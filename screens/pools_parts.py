"""How pools and servers are written on the pools screen: values in, parts of lines and rows out."""

from __future__ import annotations

from typing import Final

from backends.clients.timings import Timings
from backends.pools.model import AppConnections, Cost, Latency, Place, Pool, Published, Server
from backends.pools.rules import (
    IN_TRANSACTION_WARNING_S,
    LATENCY_WARNING_MS,
    app_name,
    judge_pool,
    judge_server,
    judge_transactions,
)
from backends.sampling.reading import Problem
from backends.sampling.state import State
from widgets.gauge import bar
from widgets.grid import Column, Row
from widgets.line import fitted
from widgets.panel import duration
from widgets.tone import STATE_MARKS, Cell, Part, Tone, part, state_part

BAR: Final = 8
_STATE: Final = 11
_NUMBER: Final = 5
_TIME: Final = 9
_WIDE: Final = 100
"""Cells from which on the time to open a connection is shown too."""

COLUMNS: Final = (
    Column("server", 9),
    Column("application", 20, flexible=True),
    Column("total", 6, "right"),
    Column("active", 6, "right"),
    Column("idle", 6, "right"),
    Column("other", 6, "right"),
    Column("in trans.", 9, "right"),
    Column("hosts", 18, drop=1),
    Column("drivers", 22, drop=2),
)

NAMELESS: Final = "no application name: shells, probes and drivers that set none"


def pool_heading(width: int) -> tuple[Cell, ...]:
    """The names of the pool lines' columns."""
    texts = ("active", "idle", "wait", "max")
    numbers = "".join(text.rjust(_NUMBER + (text == "active")) for text in texts)
    times = "wait p95".rjust(_TIME) + ("open p95".rjust(_TIME) if width >= _WIDE else "")
    head = f"{' state'.ljust(_STATE)} {fitted('pool', _name_width(width))} {'in use'.ljust(BAR)}"
    return (Part(f"{head}{numbers}{times}", Tone.MUTED),)


def pool_line(pool: Pool, width: int) -> tuple[Cell, ...]:
    """A pool in one line: state, name, gauge, counts, times."""
    finding = judge_pool(pool)
    tone = Tone.OK if finding.state is State.OK else STATE_MARKS[finding.state][1]
    name = f"{pool.role} · {pool.name}" if pool.role else pool.name
    name = f"{pool.kind.value} {name}" if pool.kind is not None else name
    waiting = Part(_number(pool.waiting, _NUMBER), Tone.CRITICAL if pool.waiting else Tone.PLAIN)
    times = (pool.wait.p95_ms, pool.create.p95_ms) if width >= _WIDE else (pool.wait.p95_ms,)
    return (
        Part(fitted(f" {state_part(finding.state).text}", _STATE), tone),
        f" {fitted(name, _name_width(width))} ",
        *bar(pool.active or 0, pool.idle or 0, pool.max, BAR, tone),
        _number(pool.active, _NUMBER + 1) + _number(pool.idle, _NUMBER),
        waiting,
        _number(pool.max, _NUMBER) + "".join(_ms(time).rjust(_TIME) for time in times),
    )


def _name_width(width: int) -> int:
    times = 2 if width >= _WIDE else 1
    return max(width - _STATE - BAR - 4 * _NUMBER - 1 - times * _TIME - 3, 8)


def cost_note(cost: Cost) -> Cell:
    """What watching costs."""
    rate = "" if cost.queries_per_s is None else f", {cost.queries_per_s:.1f} queries/s"
    connections = "1 connection" if cost.connections == 1 else f"{cost.connections} connections"
    return Part(f"  watching: {connections}{rate}", Tone.MUTED)


def server_title(place: Place) -> str:
    """The server in at most 30 cells; of several hosts the first.

    >>> from backends.pools.model import Kind
    >>> server_title(Place(Kind.MONGO, "db1:27017,db2:27017,db3:27017"))
    'mongo db1:27017 +2'
    """
    first, *others = place.name.split(",")
    more = f" +{len(others)}" if others else ""
    name = first if len(first) <= 22 else f"{first[:21]}…"
    return f"{place.kind.value} {name}{more}"


def server_note(server: Server) -> tuple[Cell, ...]:
    """In use against the limit, and the state."""
    finding = judge_server(server)
    tone = Tone.OK if finding.state is State.OK else STATE_MARKS[finding.state][1]
    limit = f" of {server.limit}" if server.limit is not None else ", limit not told"
    return (
        "  ",
        *bar(server.current or 0, 0, server.limit, BAR, tone),
        f" {'–' if server.current is None else server.current}{limit}  ",
        state_part(finding.state),
    )


def server_lines(server: Server) -> list[tuple[Cell, ...]]:
    """What is wrong beside the gauge, and what the numbers leave out."""
    left_open = judge_transactions(server).why
    return [(Part(f"  ▲ {text}", Tone.WARNING),) for text in filter(None, (left_open, *server.notes))]


def app_row(server: str, key: str, app: AppConnections, old: bool) -> Row:
    """An application's row; old: the server's numbers are not the newest any more."""
    late = app.oldest_s >= IN_TRANSACTION_WARNING_S
    in_transaction = f"{app.in_transaction}, {duration(app.oldest_s)}" if app.in_transaction else ""
    cells: tuple[Cell, ...] = (
        Part(server, Tone.MUTED),
        app_name(app) if app.app is not None else Part(app_name(app), Tone.NO_DATA),
        str(app.total),
        _number(app.active),
        _number(app.idle),
        _number(app.other),
        Part(in_transaction, Tone.WARNING if late else Tone.PLAIN),
        Part(" ".join(app.hosts), Tone.MUTED),
        Part(" ".join(app.drivers), Tone.MUTED),
    )
    return Row(key, tuple(Part(part(cell).text, Tone.MUTED) for cell in cells) if old else cells)


def app_details(app: AppConnections, lines: int) -> list[tuple[Cell, ...]]:
    """One application in one line or two: what its numbers mean, and where it connects from."""
    said = [NAMELESS] if app.app is None else [app.app]
    if app.active is None:
        said.append("which are active isn't told")
    if app.waits:
        said.append("waiting for " + ", ".join(f"{name} {n}" for name, n in sorted(app.waits.items())))
    if app.in_transaction:
        said.append(f"{app.in_transaction} idle in transaction, the oldest for {duration(app.oldest_s)}")
    places = [f"from {' '.join(app.hosts) or '–'}", f"driver {', '.join(app.drivers) or '–'}"]
    texts = [said, places] if lines > 1 else [[*said, *places]]
    return [(Part(f" {' · '.join(text)}", Tone.MUTED),) for text in texts]


def problem_line(problem: Problem) -> tuple[Cell, ...]:
    """An endpoint that gave no pools, in one line."""
    return (Part(f" ✖ {problem.kind}: ", Tone.CRITICAL), f"{problem.message} ({problem.where}) {problem.hint}")


def unconfigured_line(problem: Problem) -> tuple[Cell, ...]:
    """What isn't configured, and the variable to set."""
    return (Part(f" – {problem.message} {problem.hint}", Tone.MUTED),)


def latency_note(latency: Latency) -> tuple[Cell, ...]:
    """The probe's 95th percentiles, against their limit, or why there are none."""
    if latency.problem is not None:
        return (Part(f"  {latency.problem.kind}: {latency.problem.message}", Tone.WARNING),)
    if not latency.get_content.n:
        return (Part("  the content collection is empty", Tone.MUTED),)
    cells: list[Cell] = []
    for name, timings in (("get", latency.get_content), ("batch of 50", latency.get_contents_batch)):
        cells += [Part(f"  {name} ", Tone.MUTED), _percentile(timings)]
    return tuple(cells)


def _percentile(timings: Timings) -> Cell:
    slow = timings.p95_ms is not None and timings.p95_ms > LATENCY_WARNING_MS
    return Part(_ms(timings.p95_ms), Tone.WARNING if slow else Tone.PLAIN)


def matches(app: AppConnections, text: str) -> bool:
    """Whether the filter's text (lower case) is in its name, hosts or drivers."""
    return any(text in each.lower() for each in (app_name(app), *app.hosts, *app.drivers))


def published_lines(published: Published, width: int, room: int) -> list[tuple[Cell, ...]]:
    """Endpoints that gave nothing, then the pools with the worst on top; at most `room` lines."""
    pools = sorted(published.pools, key=lambda pool: -judge_pool(pool).state.rank)
    lines = [*map(problem_line, published.problems), *(pool_line(pool, width) for pool in pools)]
    if len(lines) <= room:
        return lines
    return [*lines[: room - 1], (Part(f"   … and {len(lines) - room + 1} more, none of them worse", Tone.MUTED),)]


def _number(value: int | None, width: int = 0) -> str:
    return ("–" if value is None else str(value)).rjust(width)


def _ms(value: float | None) -> str:
    """Milliseconds in at most eight cells.

    >>> [_ms(value) for value in (None, 0.034, 12.34, 5012.0)]
    ['–', '0.03 ms', '12 ms', '5012 ms']
    """
    if value is None:
        return "–"
    return f"{value:.2f} ms" if value < 1 else f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"
