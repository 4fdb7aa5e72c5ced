"""`olorin pools`: connection pools, servers by application, and what watching costs."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backends.clients.targets import separation
from backends.sampling.state import State
from console.cli.check import EXITS
from console.cli.exit_codes import ExitCode
from console.cli.reporting import columns, emit, reporting, say, with_services

if TYPE_CHECKING:
    from backends.clients.timings import Timings
    from backends.pools.model import AppConnections, Pool, Server, Snapshot
    from backends.pools.rules_latency import LookUp
    from console.wiring import Services


@click.command()
@click.option("--watch", is_flag=True, help="Report again at each refresh, until SIGINT or SIGTERM.")
@reporting
def pools(env_file: Path | None, as_json: bool, watch: bool) -> None:
    """Connection pools and servers: what is in use against each limit, by application."""
    shown: list[State] = []
    try:
        state, usable = _reported(env_file, as_json, watch, shown)
    except BaseException:
        # A script reads an object whatever the exit code: here one in which nothing could be read.
        if as_json and not shown:
            _emit(_nothing(), as_json)
        raise
    click.get_current_context().exit(EXITS[state] if usable else ExitCode.CONFIGURATION)


def _reported(env_file: Path | None, as_json: bool, watch: bool, shown: list[State]) -> tuple[State, bool]:
    """Reports, and adds each state that it showed to `shown`; the last one, and whether the variables can be used."""
    from console.settings import load_settings

    settings = load_settings(env_file)

    def show(snapshot: Snapshot) -> State:
        from backends.pools.rules import state_of

        shown.append(state_of(snapshot))
        _emit(snapshot, as_json)
        for line in (*problems(snapshot), *(left_out(snapshot) if as_json else ())):
            say(line)
        return shown[-1]

    refresh = settings.own.refresh if watch else None
    state = with_services(settings, lambda services: _report(services, show, refresh))
    # A flag that is neither true nor false is no data's fault: what could be read is printed all the same.
    return state, separation(settings.environment) is not None or state in {State.CRITICAL, State.NO_DATA}


def _emit(snapshot: Snapshot, as_json: bool) -> None:
    from backends.pools.report import report

    emit(report(snapshot), as_json, lambda: text(snapshot))


def _nothing() -> Snapshot:
    from backends.pools.model import Cost, Latency, OwnSide, Published, Snapshot
    from backends.sampling.reading import utc_now

    return Snapshot(utc_now(), OwnSide((), Cost(0, None)), Published(), (), Latency())


async def _report(services: Services, show: Callable[[Snapshot], State], refresh: float | None) -> State:
    """Shows one snapshot, or with a refresh (seconds) one after the other until a signal ends it."""
    for problem in services.pools.unconfigured:
        say(f"{problem.message} {problem.hint}")
    return show(await services.pools.sample()) if refresh is None else await _watch(services, show, refresh)


async def _watch(services: Services, show: Callable[[Snapshot], State], refresh: float) -> State:
    """Shows what is known at each refresh, the first time once everybody has answered or one refresh has passed."""
    from backends.pools.watching import Watching

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopped = asyncio.create_task(stop.wait())
    state = State.NO_DATA
    async with Watching(services.pools, refresh, services.unexpected) as watching:
        first = asyncio.create_task(watching.all_read())
        await asyncio.wait({first, stopped}, timeout=refresh, return_when=asyncio.FIRST_COMPLETED)
        first.cancel()
        while not stop.is_set():
            state = show(await watching.snapshot())
            await asyncio.wait({stopped}, timeout=refresh)
    return state


def problems(snapshot: Snapshot) -> list[str]:
    """What could not be had, and what the numbers leave out: one line each."""
    found = list(snapshot.published.problems)
    found += [server.problem for server in snapshot.servers if server.problem is not None]
    found += [snapshot.latency.problem] if snapshot.latency.problem is not None else []
    lines = [f"{each.kind}: {each.message} ({each.where}) {each.hint}".rstrip() for each in found]
    return lines + [f"{server.place.name}: {note}" for server in snapshot.servers for note in server.notes]


def left_out(snapshot: Snapshot) -> list[str]:
    """The pools that the JSON doesn't tell of: one line each."""
    return [f"{each.name}: left out, neither mongo nor postgres" for each in snapshot.pools if each.kind is None]


def text(snapshot: Snapshot) -> list[str]:
    """The snapshot as aligned tables."""
    from backends.pools.rules_latency import look_ups

    own, latency = snapshot.own, snapshot.latency
    rate = "–" if own.cost.queries_per_s is None else f"{own.cost.queries_per_s:g}"
    busy = "–" if own.cost.busy_ms_per_s is None else f"{own.cost.busy_ms_per_s:g}"
    hits = "–" if latency.hit_rate is None else f"{latency.hit_rate:.0%}"
    return [
        f"at {snapshot.taken_at:%Y-%m-%d %H:%M:%SZ}",
        "",
        *_pool_table(snapshot.pools),
        "",
        *_connection_table(snapshot.pools),
        *(line for server in snapshot.servers for line in ("", *_server_table(server))),
        "",
        *columns(
            [
                ("content look-up", "p50", "p95", "p99", "n", "promised", "status"),
                *(
                    (each.name, *_percentiles(each.timings), f"{each.target_ms:.0f} ms", _kept(each))
                    for each in look_ups(latency)
                ),
            ]
        ),
        f"this console's cache of contents: {hits} hits",
        "",
        f"this console: {own.cost.connections} connections, {own.cost.monitors} of them drivers' own and"
        f" {own.cost.apart} apart,"
        f" {rate} queries/s, {busy} ms/s of queries",
    ]


def _kept(look_up: LookUp) -> str:
    return "no data" if look_up.timings.p95_ms is None else "warning" if look_up.missed else "ok"


def _pool_table(found: tuple[Pool, ...]) -> list[str]:
    from backends.pools.rules import judge_pool

    head = (
        "kind", "pool", "role", "max", "min", "active", "idle", "waiting", "wait p95", "create p95", "status",
    )  # fmt: skip
    return columns(
        [
            head,
            *(
                (
                    pool.kind.value if pool.kind is not None else "–",
                    pool.name,
                    pool.role or "–",
                    *map(_number, (pool.max, pool.min, pool.active, pool.idle, pool.waiting)),
                    *map(_ms, (pool.wait.p95_ms, pool.create.p95_ms)),
                    " ".join(filter(None, (f"{judge_pool(pool).state.value}", judge_pool(pool).why))),
                )
                for pool in found
            ),
        ]
    )


def _connection_table(found: tuple[Pool, ...]) -> list[str]:
    """How long check-outs and establishing connections took, how many there were, who got none and why; where told."""
    from backends.pools.rules import failed_in_words

    head = (
        "pool", "check-out p50", "p95", "p99", "n", "establishing p50", "p95", "p99", "n",
        "established", "closed", "got none",
    )  # fmt: skip
    return columns(
        [
            head,
            *(
                (
                    pool.role if pool.own and pool.role else pool.name,
                    *_percentiles(pool.wait),
                    *_percentiles(pool.create),
                    _number(pool.opened),
                    _number(pool.closed),
                    failed_in_words(pool) or "–",
                )
                for pool in found
                if pool.tells_times
            ),
        ]
    )


def _server_table(server: Server) -> list[str]:
    from backends.pools.rules import app_name, judge_server

    finding = judge_server(server)
    limit = "limit not told" if server.limit is None else f"of {server.limit}"
    head = f"{server.place.kind.value} {server.place.name}  {_number(server.current)} connections, {limit}"
    status = f"{finding.state.value}{': ' if finding.why else ''}{finding.why}"
    rows = [
        (f"  {app_name(app)}", *map(_number, (app.active, app.idle, app.other)), _origins(app), app.difference)
        for app in server.by_app
    ]
    head_row = ("  application", "active", "idle", "other", "hosts and drivers", "beyond its clients' own count")
    return [f"{head}  {status}", *columns([head_row, *rows]), *_blocking(server)]


def _origins(app: AppConnections) -> str:
    return ", ".join(" ".join(filter(None, (each.host, each.driver, f"×{each.n}"))) for each in app.origins)


def _blocking(server: Server) -> list[str]:
    """Who blocks whom, as a tree."""
    from backends.pools.blocking import tree
    from backends.pools.rules import about

    return [
        f"  {'    ' * branch.depth}{'waits: ' if branch.depth else 'blocks: '}{branch.session.number}"
        f" {branch.session.app or 'no application name'}, {branch.session.state}"
        f" {about(branch.session.for_s or 0.0, '')}: {branch.session.query}"
        for branch in tree(server.sessions)
        if branch.depth or branch.behind
    ]


def _number(value: int | None) -> str:
    return "–" if value is None else str(value)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms"


def _percentiles(timings: Timings) -> tuple[str, ...]:
    return (*map(_ms, (timings.p50_ms, timings.p95_ms, timings.p99_ms)), str(timings.n))
