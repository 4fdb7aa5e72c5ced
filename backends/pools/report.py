"""The JSON of `olorin pools`, in the shape that scripts rely on. What isn't measured is null."""

from __future__ import annotations

from typing import Any

from backends.clients.timings import Timings
from backends.pools.model import AppConnections, Kind, Pool, Server, Snapshot
from backends.pools.rules import judge_pool, judge_server


def report(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as `olorin pools --json` prints it; times in milliseconds.

    A pool of which nobody tells whether it goes to Mongo or Postgres is left out: scripts know these two.
    """
    return {
        "pools": [_pool(pool, pool.kind) for pool in snapshot.pools if pool.kind is not None],
        "servers": [_server(server) for server in snapshot.servers],
        "latency": {
            "get_content": _timings(snapshot.latency.get_content),
            "get_contents_batch": _timings(snapshot.latency.get_contents_batch),
        },
        "self": {
            "connections": snapshot.own.cost.connections,
            "queries_per_s": snapshot.own.cost.queries_per_s,
        },
    }


def _pool(pool: Pool, kind: Kind) -> dict[str, Any]:
    return {
        "name": pool.name,
        "kind": kind.value,
        "role": pool.role,
        "max": pool.max,
        "min": pool.min,
        "active": pool.active,
        "idle": pool.idle,
        "waiting": pool.waiting,
        "wait_p95_ms": pool.wait.p95_ms,
        "create_p95_ms": pool.create.p95_ms,
        "status": judge_pool(pool).state.value,
    }


def _server(server: Server) -> dict[str, Any]:
    return {
        "kind": server.place.kind.value,
        "name": server.place.name,
        "current": server.current,
        "limit": server.limit,
        "by_app": [_app(app) for app in server.by_app],
        "status": judge_server(server).state.value,
    }


def _app(app: AppConnections) -> dict[str, Any]:
    return {"app": app.app, "hosts": list(app.hosts), "active": app.active, "idle": app.idle, "other": app.other}


def _timings(timings: Timings) -> dict[str, Any]:
    return {"p50_ms": timings.p50_ms, "p95_ms": timings.p95_ms, "p99_ms": timings.p99_ms, "n": timings.n}
