"""What is wrong with a pool or a server, from their numbers alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from backends.pools.model import AppConnections, Latency, Pool, Server, Snapshot
from backends.sampling.state import State, Summary, worst

LIMIT_WARNING: Final = 0.80
LIMIT_CRITICAL: Final = 0.90
"""Shares of a server's limit in use: nobody can connect any more at 1."""

LATENCY_WARNING_MS: Final = 100.0
"""95th percentile of content look-ups across the databases (the founding document's alert)."""

IN_TRANSACTION_WARNING_S: Final = 300.0
"""Seconds that a connection may be idle inside a transaction, where it holds locks and keeps dead rows."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A state and, where it isn't ok, why in a few words."""

    state: State
    why: str = ""


def judge_pool(pool: Pool) -> Finding:
    """Nobody should wait, and a pool should not be full.

    The console's own are as small as watching allows: they fill, and queue upon themselves, while all is well.
    """
    if pool.own:
        connected = bool(pool.active or pool.idle)
        return Finding(State.OK) if connected else Finding(State.NO_DATA, "not connected")
    if pool.active is None and pool.idle is None:
        return Finding(State.NO_DATA, "it publishes no counts")
    full = pool.max is not None and pool.active is not None and pool.active >= pool.max > 0
    if pool.waiting and full:
        return Finding(State.CRITICAL, f"all {pool.max} in use, {pool.waiting} waiting")
    if pool.waiting:
        return Finding(State.WARNING, f"{pool.waiting} waiting")
    if full:
        return Finding(State.WARNING, f"all {pool.max} in use")
    return Finding(State.OK)


def judge_server(server: Server) -> Finding:
    """How near its limit it is, and whether a transaction is left open."""
    if server.problem is not None:
        return Finding(State.NO_DATA, f"{server.problem.kind}: {server.problem.message}")
    return max(judge_room(server), judge_transactions(server), key=lambda finding: finding.state.rank)


def judge_room(server: Server) -> Finding:
    """How much of its limit is in use; a limit that isn't told can't be near."""
    if server.current is None:
        return Finding(State.NO_DATA, "it doesn't tell its connections")
    share = server.current / server.limit if server.limit else 0.0
    if share < LIMIT_WARNING:
        return Finding(State.OK)
    state = State.CRITICAL if share >= LIMIT_CRITICAL else State.WARNING
    return Finding(state, f"{server.current} of {server.limit} connections")


def judge_transactions(server: Server) -> Finding:
    """Whether an application leaves a transaction open."""
    left_open = max(server.by_app, key=lambda app: app.oldest_s, default=AppConnections(None))
    if left_open.oldest_s >= IN_TRANSACTION_WARNING_S:
        return Finding(State.WARNING, f"{app_name(left_open)} idle in transaction for {left_open.oldest_s:.0f} s")
    return Finding(State.OK)


def judge_latency(latency: Latency) -> Finding:
    """Content look-ups against their limit. Not measured is no finding: the probe may not have run yet."""
    for name, timings in (("get", latency.get_content), ("batch of 50", latency.get_contents_batch)):
        if timings.p95_ms is not None and timings.p95_ms > LATENCY_WARNING_MS:
            return Finding(State.WARNING, f"content {name}: p95 {timings.p95_ms:.0f} ms")
    return Finding(State.NO_DATA, latency.problem.message) if latency.problem is not None else Finding(State.OK)


def app_name(app: AppConnections) -> str:
    """The application's name in words."""
    return app.app if app.app is not None else "no application name"


def findings(snapshot: Snapshot) -> Iterable[tuple[str, Finding]]:
    """Everything that was looked at, by its name."""
    for pool in (*snapshot.own.pools, *snapshot.published.pools):
        yield pool.name, judge_pool(pool)
    for problem in snapshot.published.problems:
        yield problem.where, Finding(State.NO_DATA, f"{problem.kind}: {problem.message}")
    for server in snapshot.servers:
        yield f"{server.place.kind.value} {server.place.name}", judge_server(server)
    yield "latency", judge_latency(snapshot.latency)


def state_of(snapshot: Snapshot) -> State:
    """The worst state; no data where nothing is configured."""
    return worst(finding.state for _, finding in findings(snapshot)) if is_configured(snapshot) else State.NO_DATA


def is_configured(snapshot: Snapshot) -> bool:
    """Whether there is a server or an endpoint to ask at all."""
    return bool(snapshot.servers or snapshot.published.pools or snapshot.published.problems)


def summary(snapshot: Snapshot) -> Summary:
    """The state and the worst finding in one line."""
    if not is_configured(snapshot):
        return Summary(State.NOT_CONFIGURED, "set MONGODB_URI or a database's URL")
    name, finding = max(findings(snapshot), key=lambda found: found[1].state.rank)
    if finding.state is not State.OK:
        return Summary(finding.state, f"{name}: {finding.why}")
    totals = [f"{server.place.kind.value} {server.current}" for server in snapshot.servers]
    return Summary(State.OK, "; connections: ".join(["nobody waits", *filter(None, [", ".join(totals)])]))
