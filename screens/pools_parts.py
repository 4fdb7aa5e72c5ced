"""How pools and servers are written on the pools screen: values in, parts of lines and rows out."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from backends.pools.model import Cost, Latency, Place, Pool, Published, Server
from backends.pools.rules import (
    about,
    failed_in_words,
    judge_blocked,
    judge_pool,
    judge_poolers,
    judge_server,
    judge_transactions,
)
from backends.pools.rules_latency import look_ups
from backends.sampling.reading import Problem
from backends.sampling.state import State
from widgets.gauge import bar
from widgets.line import fitted
from widgets.panel import duration
from widgets.tone import STATE_MARKS, Cell, Part, Tone, part, state_part

BAR: Final = 8
_STATE: Final = 11
_NUMBER: Final = 5
_LIMIT: Final = 7
_TIME: Final = 9
_WIDE: Final = 100
"""Cells from which on the time to open a connection is shown too."""

_ORDINARY: Final = 76
"""Cells from which on the server's limit is shown beside the pool's own."""


def pool_heading(width: int) -> tuple[Cell, ...]:
    """The names of the pool lines' columns."""
    texts = ("active", "idle", "wait", "max")
    numbers = "".join(text.rjust(_NUMBER + (text == "active")) for text in texts)
    wide = width >= _WIDE
    limit = "≤ srv".rjust(_LIMIT) if width >= _ORDINARY else ""
    opening = "open p95".rjust(_TIME) if wide else ""
    times = f"{limit}{'wait p95'.rjust(_TIME)}{opening}"
    head = f"{' state'.ljust(_STATE)} {fitted('pool', _name_width(width))} {'in use'.ljust(BAR)}"
    return (Part(f"{head}{numbers}{times}", Tone.MUTED),)


def pool_line(pool: Pool, width: int) -> tuple[Cell, ...]:
    """A pool in one line: state, name, gauge, counts in use ≤ its maximum ≤ what its server takes, times."""
    finding = judge_pool(pool)
    tone = Tone.OK if finding.state is State.OK else STATE_MARKS[finding.state][1]
    name = pool_name(pool)
    waiting = Part(number(pool.waiting, _NUMBER), Tone.CRITICAL if pool.waiting else Tone.PLAIN)
    wide = width >= _WIDE
    wait = pool.wait.p95_ms if pool.longest_wait_s is None else pool.longest_wait_s * 1000
    state = Part(fitted(f" {state_part(finding.state).text}", _STATE), tone)
    counts: tuple[Cell, ...] = (
        f" {fitted(name, _name_width(width))} ",
        *bar(pool.active or 0, pool.idle or 0, pool.max, BAR, tone),
        number(pool.active, _NUMBER + 1) + number(pool.idle, _NUMBER),
        waiting,
        number(pool.max, _NUMBER) + (number(pool.limit, _LIMIT) if width >= _ORDINARY else ""),
        milliseconds(wait).rjust(_TIME) + (milliseconds(pool.create.p95_ms).rjust(_TIME) if wide else ""),
    )
    return (state, *(greyed(counts) if pool.answers is False else counts))


def pool_name(pool: Pool) -> str:
    """What it goes to, what it is for, and its name."""
    name = f"{pool.role} · {pool.name}" if pool.role else pool.name
    return f"{pool.kind.value} {name}" if pool.kind is not None else name


def pool_lines(pool: Pool, width: int) -> list[tuple[Cell, ...]]:
    """A pool's line and, below it, why it is not as it should be: who holds it, when it is full, what failed."""
    said = [judge_pool(pool).why] if not pool.own or pool.holders else []
    if pool.failures:
        said.append(f"got none: {failed_in_words(pool)}")
    if pool.own and pool.waiting and pool.holders:
        said.append("held by " + ", ".join(str(each.number) for each in pool.holders))
    text = " · ".join(filter(None, said))
    below = [(Part(f"   ▲ {text}", Tone.WARNING),)] if text and (pool.active or pool.idle or pool.failures) else []
    return [pool_line(pool, width), *below]


def _name_width(width: int) -> int:
    times = (2 if width >= _WIDE else 1) * _TIME + (_LIMIT if width >= _ORDINARY else 0)
    return max(width - _STATE - BAR - 4 * _NUMBER - 1 - times - 3, 8)


def cost_note(cost: Cost) -> Cell:
    """What watching costs."""
    rate = "" if cost.queries_per_s is None else f", {cost.queries_per_s:.1f} q/s"
    busy = "" if cost.busy_ms_per_s is None else f", {cost.busy_ms_per_s:.0f} ms/s"
    sockets = "1 socket" if cost.connections == 1 else f"{cost.connections} sockets"
    return Part(f"  watching: {sockets}{rate}{busy}", Tone.MUTED)


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


def greyed(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """The cells as ones whose server's numbers are old."""
    return tuple(Part(part(cell).text, Tone.MUTED) for cell in cells)


def server_note(server: Server, old: bool = False) -> tuple[Cell, ...]:
    """In use against the limit, and the state; of old numbers none is known, and they are greyed."""
    state = State.NO_DATA if old else judge_server(server).state
    tone = Tone.OK if state is State.OK else STATE_MARKS[state][1]
    limit = f" of {server.limit}" if server.limit is not None else ", limit not told"
    counts: tuple[Cell, ...] = (
        "  ",
        *bar(server.current or 0, 0, server.limit, BAR, tone),
        f" {'–' if server.current is None else server.current}{limit}  ",
    )
    return (*(greyed(counts) if old else counts), state_part(state))


def server_lines(server: Server, width: int, old: bool = False) -> list[tuple[Cell, ...]]:
    """What is wrong beside the gauge, what the numbers leave out, and the pools of a PgBouncer before it."""
    said = [judge(server).why for judge in (judge_transactions, judge_blocked, judge_poolers)]
    if server.full_in_s is not None:
        said.append(f"full in {about(server.full_in_s)}")
    if server.limit is not None and (server.pools_max or 0) > server.limit:
        said.append(f"its pools may open {server.pools_max} of {server.limit}")
    if server.rest_s:
        said.append(f"hot ({server.took_s * 1000:.0f} ms to answer): left alone for {duration(server.rest_s)} more")
    # What is hidden is a note, and why a state isn't known.
    texts = filter(None, dict.fromkeys((*said, *server.notes)))
    tone = Tone.MUTED if old else Tone.WARNING
    poolers = (pool_line(replace(pool, answers=False if old else pool.answers), width) for pool in server.poolers)
    return [*((Part(f"  ▲ {text}", tone),) for text in texts), *poolers]


def problem_line(problem: Problem) -> tuple[Cell, ...]:
    """An endpoint that gave no pools, in one line."""
    return (Part(f" ✖ {problem.kind}: ", Tone.CRITICAL), f"{problem.message} ({problem.where}) {problem.hint}")


def unconfigured_line(problem: Problem) -> tuple[Cell, ...]:
    """What isn't configured, and the variable to set."""
    return (Part(f" – {problem.message} {problem.hint}", Tone.MUTED),)


def latency_note(latency: Latency) -> tuple[Cell, ...]:
    """Why the look-ups are not measured, or how much this console's own cache answers, which is not the platform's."""
    if latency.problem is not None:
        return (Part(f"  {latency.problem.kind}: {latency.problem.message}", Tone.WARNING),)
    if not latency.get_content.n:
        return (Part("  the content collection is empty", Tone.MUTED),)
    rate = "" if latency.hit_rate is None else f"  own cache: {latency.hit_rate:.0%} hits"
    return (Part(rate, Tone.MUTED),)


def latency_lines(latency: Latency) -> list[tuple[Cell, ...]]:
    """The 95th percentiles of the look-ups, beside those that take longer than promised what was promised; and what to
    do where they could not be measured.
    """
    cells: list[Cell] = []
    for each in look_ups(latency):
        promised = f" > {each.target_ms:.0f}" if each.missed else ""
        shown = Part(milliseconds(each.timings.p95_ms) + promised, Tone.WARNING if each.missed else Tone.PLAIN)
        cells += [Part(f"  {each.name} ", Tone.MUTED), shown]
    shown_cells = greyed(tuple(cells)) if latency.problem is not None else tuple(cells)
    hint = latency.problem.hint if latency.problem is not None else ""
    return [
        *([shown_cells] if latency.get_content.n or latency.find_contents.n else []),
        *([(Part(f"  ▲ {hint}", Tone.WARNING),)] if hint else []),
    ]


def published_lines(published: Published, width: int, room: int) -> list[tuple[Cell, ...]]:
    """Endpoints that gave nothing, then the pools with the worst on top; at most `room` lines."""
    pools = sorted(published.pools, key=lambda pool: -judge_pool(pool).state.rank)
    lines = [*map(problem_line, published.problems), *(line for pool in pools for line in pool_lines(pool, width))]
    if len(lines) <= room:
        return lines
    return [*lines[: room - 1], (Part(f"   … and {len(lines) - room + 1} more, none of them worse", Tone.MUTED),)]


def number(value: int | None, width: int = 0) -> str:
    """A count at the right of its column; – where it isn't told."""
    return ("–" if value is None else str(value)).rjust(width)


def milliseconds(value: float | None) -> str:
    """Milliseconds in at most eight cells.

    >>> [milliseconds(value) for value in (None, 0.034, 12.34, 5012.0)]
    ['–', '0.03 ms', '12 ms', '5012 ms']
    """
    if value is None:
        return "–"
    return f"{value:.2f} ms" if value < 1 else f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"
