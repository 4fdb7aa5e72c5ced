"""What rules judge of pools and servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from backends.pools.model import Kind, Latency, Pool, Server, Snapshot
from backends.pools.postgres_side import SLOW_LOCKS
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
    if server.limit:
        said = f"{server.current} of {server.limit} connections"
        yield measured("pools.server_use", 100.0 * server.current / server.limit, name, said)
    else:
        yield Measure.missing("pools.server_use", Absent.UNTOLD, "it tells no limit", name)
    yield _lock_wait(server, name)
    oldest = max(server.by_app, key=lambda app: app.oldest_s, default=None)
    said = f"{oldest.app or 'no application name'}" if oldest and oldest.oldest_s else ""
    yield measured("pools.idle_in_transaction_s", oldest.oldest_s if oldest else 0.0, name, said)


def _lock_wait(server: Server, name: str) -> Measure:
    """The longest wait for a lock; no data where a server too busy to tell who blocks whom gave none."""
    waits = [each for each in server.sessions if each.blocked_by]
    if not waits:
        unknown = SLOW_LOCKS in server.notes
        return measured("pools.lock_wait_s", None if unknown else 0.0, name, SLOW_LOCKS if unknown else "")
    longest = max(waits, key=lambda each: each.for_s or 0.0)
    said = f"{longest.number} waits for {', '.join(map(str, longest.blocked_by))}"
    return measured("pools.lock_wait_s", longest.for_s, name, said)


def _of_content(latency: Latency, has_mongo: bool) -> Measure:
    """The slowest kind of look-up at its 95th percentile."""
    if not has_mongo:
        return Measure.missing(CONTENT, Absent.NOT_CONFIGURED, "no Mongo is configured")
    timed = [(each.timings.p95_ms, each.name) for each in look_ups(latency) if each.timings.p95_ms is not None]
    if latency.problem is not None or not timed:
        what = f"{latency.problem.kind}: {latency.problem.message}" if latency.problem else "no look-up was measured"
        return Measure.missing(CONTENT, Absent.NO_DATA, what)
    p95_ms, name = max(timed)
    return measured(CONTENT, round(p95_ms, 1), what=f"content {name}: p95 {p95_ms:.0f} ms")
