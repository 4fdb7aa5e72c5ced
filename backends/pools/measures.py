"""What rules judge of pools and servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from backends.pools.model import AppConnections, Kind, Latency, Pool, Server, Snapshot
from backends.pools.rules import app_name, waits_for_lock
from backends.pools.rules_latency import look_ups
from backends.sampling.measure import Absent, Measure, measured

POOLS: Final = ("pools.use", "pools.waiting")
SERVERS: Final = ("pools.server_use", "pools.lock_wait_s", "pools.idle_in_transaction_s")
CONTENT: Final = "pools.content_p95_ms"


def measures(snapshot: Snapshot, *, publishes: bool = False) -> tuple[Measure, ...]:
    """Clients' pools, the servers' room and locks, and the content look-ups. publishes: whether METRICS_URLS is set."""
    has_mongo = any(server.place.kind is Kind.MONGO for server in snapshot.servers)
    servers = [each for server in snapshot.servers for each in _of_server(server)]
    none = [Measure.missing(name, Absent.NOT_CONFIGURED, "no server is configured") for name in SERVERS]
    return (*_of_pools(snapshot, publishes), *(servers or none), _of_content(snapshot.latency, has_mongo))


def _of_pools(snapshot: Snapshot, publishes: bool) -> Iterator[Measure]:
    """Pools of clients, not this console's own, which are as small as watching allows."""
    pools = [each for each in snapshot.pools if not each.own]
    if not pools and not snapshot.published.problems:
        for name in POOLS:
            absent = Absent.UNTOLD if publishes else Absent.NOT_CONFIGURED
            yield Measure.missing(name, absent, "no pool is published: METRICS_URLS names none")
    for problem in snapshot.published.problems:
        for name in POOLS:
            yield Measure.missing(name, Absent.NO_DATA, f"{problem.kind}: {problem.message}", problem.where)
    yield from (_use(pool) for pool in pools)
    yield from _waiting(pools)


def _use(pool: Pool) -> Measure:
    if pool.max is None:
        return Measure.missing("pools.use", Absent.UNTOLD, "it publishes no maximum", pool.name)
    used = None if pool.active is None or not pool.max else 100.0 * pool.active / pool.max
    return measured("pools.use", used, pool.name, f"{pool.active} of {pool.max} in use" if used is not None else "")


def _waiting(pools: Iterable[Pool]) -> Iterator[Measure]:
    """What waits for a connection. Some drivers can't tell; the pools of the others speak then."""
    for pool in pools:
        if pool.waiting is None:
            yield Measure.missing("pools.waiting", Absent.UNTOLD, "its driver doesn't tell", pool.name)
        else:
            yield measured("pools.waiting", pool.waiting, pool.name, f"{pool.waiting} waiting" if pool.waiting else "")


def _of_server(server: Server) -> Iterator[Measure]:
    name = f"{server.place.kind.value} {server.place.name}"
    if server.problem is not None or server.current is None:
        problem = server.problem
        what = f"{problem.kind}: {problem.message}" if problem else ", ".join(server.notes)
        yield from (Measure.missing(each, Absent.NO_DATA, what, name) for each in SERVERS)
        return
    yield _room(server, name)
    yield from _locks(server, name)
    yield from _transactions(server, name)


def _room(server: Server, name: str) -> Measure:
    if server.current is None or not server.limit:
        return Measure.missing("pools.server_use", Absent.UNTOLD, "it tells no limit", name)
    said = f"{server.current} of {server.limit} connections"
    return measured("pools.server_use", 100.0 * server.current / server.limit, name, said)


def _locks(server: Server, name: str) -> Iterator[Measure]:
    """The longest wait that is seen; where some are hidden, that too, since another may wait for longer."""
    waiting = [each for each in server.sessions if waits_for_lock(each)]
    if not server.tells_locks:
        yield Measure.missing("pools.lock_wait_s", Absent.UNTOLD, "it doesn't tell who waits for a lock", name)
    elif server.locks_hidden:
        yield Measure.missing("pools.lock_wait_s", Absent.NO_DATA, server.locks_hidden, name)
    elif not waiting:
        yield measured("pools.lock_wait_s", 0.0, name)
    if waiting:
        longest = max(waiting, key=lambda each: each.for_s or 0.0)
        by = f" for {', '.join(map(str, longest.blocked_by))}" if longest.blocked_by else ""
        yield measured("pools.lock_wait_s", longest.for_s, name, f"{longest.number} waits{by}")


def _transactions(server: Server, name: str) -> Iterator[Measure]:
    """The oldest transaction that is seen idle, with what is hidden as above. Mongo ends such by itself after 60 s."""
    measure = "pools.idle_in_transaction_s"
    oldest = max(server.by_app, key=lambda app: app.oldest_s, default=AppConnections(None))
    if server.place.kind is Kind.MONGO:
        yield Measure.missing(measure, Absent.NOTHING, "Mongo ends them by itself", name)
    elif server.transactions_hidden:
        yield Measure.missing(measure, Absent.NO_DATA, server.transactions_hidden, name)
    elif not oldest.oldest_s:
        yield measured(measure, 0.0, name)
    if oldest.oldest_s:
        yield measured(measure, oldest.oldest_s, name, app_name(oldest))


def _of_content(latency: Latency, has_mongo: bool) -> Measure:
    """The slowest of the look-ups that people are alerted of, at its 95th percentile."""
    if not has_mongo:
        return Measure.missing(CONTENT, Absent.NOT_CONFIGURED, "no Mongo is configured")
    alerting = filter(lambda each: each.alerts, look_ups(latency))
    timed = [(each.timings.p95_ms, each.name) for each in alerting if each.timings.p95_ms is not None]
    if latency.problem is not None or not timed:
        what = f"{latency.problem.kind}: {latency.problem.message}" if latency.problem else "no look-up was measured"
        return Measure.missing(CONTENT, Absent.NO_DATA, what)
    p95_ms, name = max(timed)
    return measured(CONTENT, round(p95_ms, 1), what=f"content {name}: p95 {p95_ms:.0f} ms")
