"""The figures of `olorin metrics`: every system's snapshot under the documents' names and OpenTelemetry's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.alerts.metrics import Family, Sample, of_measures, sample
from backends.clients.errors import BackendError, NotConfigured
from backends.clients.timings import Timings

if TYPE_CHECKING:
    from backends.orphans.model import Scan
    from backends.pools.model import Kind, Pool, Snapshot
    from backends.runs.model import Run, Unit
    from console.wiring import Services

ASKING_S: Final = 12.0
"""Seconds that one system may take."""

ORPHAN_KINDS: Final = (
    "orphans", "missing_parents", "soft_deleted", "suspended", "malformed", "exempt", "in_grace", "removable",
)  # fmt: skip
"""Counts of a scan, which are fields of it."""

POOL_GAUGES: Final = {
    "active": "Connections that are checked out",
    "idle": "Connections that wait in the pool",
    "waiting": "Requests that wait for a connection",
    "max": "Most connections of the pool",
}

SEEN: Final = frozenset({"active", "idle"})
"""Of these, what servers tell of each application's connections."""

MEASURED: Final = {
    "servers.mongo": ("olorin_server_unreachable_mongo", "1 where it does not answer", "error"),
    "servers.orchestration": ("olorin_server_unreachable_orchestration", "1 where it does not answer", "error"),
    "servers.chunks": ("olorin_server_unreachable_chunks", "1 where it does not answer", "error"),
    "servers.model": ("olorin_server_unreachable_model", "1 where it does not answer", "error"),
    "services.response_ms": ("olorin_service_response_milliseconds", "Last answer of a service", "latency"),
    "bots.error_percent": ("olorin_bots_error_percent", "Errors among the events of 5 minutes", "error"),
    "bots.live": ("olorin_bots_live", "Live bot sessions", ""),
    "chunks.skew": ("olorin_chunks_skew", "The fullest partition's rows over the mean", ""),
    "backups.due": ("olorin_backups_due", "Databases without a proven backup of 24 hours", ""),
}
"""Measure → its metric, what it tells, and what a baseline takes it for."""


@dataclass(frozen=True, slots=True)
class Figures:
    """All families, and which systems gave none, with why."""

    families: tuple[Family, ...]
    problems: tuple[tuple[str, str], ...] = ()


Part = Callable[["Services"], Awaitable[list[Family]]]


async def collect(services: Services) -> Figures:
    """Every system's figures, asked at once; one that fails hides no other. Raises nothing."""
    parts: dict[str, Part] = {
        "pools": _pools,
        "orphans": _orphans,
        "runs": _runs,
        "proofs": _proofs,
        "alerts": _alerts,
        "measures": _measures,
    }
    outcomes = await asyncio.gather(*(_asked(part, services, name) for name, part in parts.items()))
    problems = {name: each for name, each in zip(parts, outcomes, strict=True) if isinstance(each, str)}
    up = tuple(Sample(float(name not in problems), {"system": name}) for name in parts)
    families = [family for each in outcomes if not isinstance(each, str) for family in each]
    families.append(Family("olorin_metrics_up", "gauge", "Whether a system's figures could be read", up))
    return Figures(tuple(families), tuple(problems.items()))


async def _asked(part: Part, services: Services, name: str) -> list[Family] | str:
    try:
        async with asyncio.timeout(ASKING_S):
            return await part(services)
    except NotConfigured:
        return []
    except BackendError as error:
        return f"{error.kind}: {error.message}"
    except TimeoutError:
        return f"no answer within {ASKING_S:g} s"
    except Exception as error:
        return services.unexpected(f"collecting the figures of {name}", error).message


async def _pools(services: Services) -> list[Family]:
    snapshot: Snapshot = await services.pools.sample()
    pools = [pool for pool in snapshot.pools if not pool.own]
    gauges = [
        Family(
            f"olorin_db_connections_{field}", "gauge", said, (*_clients(pools, field), *_seen(snapshot, field)), "pool"
        )
        for field, said in POOL_GAUGES.items()
    ]
    servers = [
        Family(name, "gauge", said, tuple(_of_servers(snapshot, field)), "pool")
        for name, said, field in (
            ("olorin_server_connections", "Connections as the server counts them", "current"),
            ("olorin_server_connections_limit", "Connections that the server takes", "limit"),
        )
    ]
    return [*gauges, *open_telemetry(snapshot.pools), *_own(snapshot.own.pools), *servers, *_content(snapshot)]


def _clients(pools: list[Pool], field: str) -> Iterator[Sample]:
    """Pools as their clients count them."""
    for pool in pools:
        yield from sample(getattr(pool, field), pool=pool.name, source="client")


def _seen(snapshot: Snapshot, field: str) -> Iterator[Sample]:
    """Connections as the servers see them, by application."""
    if field not in SEEN:
        return
    for server in snapshot.servers:
        for app in server.by_app:
            yield from sample(getattr(app, field), app=app.app or "", server=server.place.name, source="server")


def _of_servers(snapshot: Snapshot, field: str) -> Iterator[Sample]:
    for server in snapshot.servers:
        yield from sample(getattr(server, field), server=server.place.name)


def open_telemetry(pools: Sequence[Pool]) -> Iterator[Family]:
    """Pools under OpenTelemetry's names, this console's own too; times in seconds over the last five minutes."""
    counts = _of_pools(pools, _by_state)
    yield Family("db_client_connection_count", "gauge", "Connections by state", counts)
    for name, field in (("max", "max"), ("idle_min", "min"), ("pending_requests", "waiting")):
        found = _of_pools(pools, lambda pool, field=field: sample(getattr(pool, field)))  # type: ignore[misc]
        yield Family(f"db_client_connection_{name}", "gauge", f"The pool's {name.replace('_', ' ')}", found)
    failed = _of_pools(pools, lambda pool: sample(pool.failures.get("timeout", 0 if pool.own else None)))
    yield Family("db_client_connection_timeouts_total", "counter", "Requests that got no connection", failed, "error")
    for name in ("wait", "create"):
        times = _of_pools(pools, lambda pool, name=name: _quantiles(getattr(pool, name)))  # type: ignore[misc]
        said = f"How long a {name} took over 5 minutes"
        yield Family(f"db_client_connection_{name}_time_seconds", "summary", said, times, "latency")


def _own(pools: Sequence[Pool]) -> Iterator[Family]:
    """What OpenTelemetry has no names for: connections since the start, and who got none, by reason."""
    for field, said in (("opened", "Connections established"), ("closed", "Connections closed")):
        found = _of_pools(pools, lambda pool, field=field: sample(getattr(pool, field)))  # type: ignore[misc]
        yield Family(f"olorin_db_connections_{field}_total", "counter", said, found)
    failed = _of_pools(pools, lambda pool: [Sample(n, {"reason": why}) for why, n in sorted(pool.failures.items())])
    yield Family("olorin_db_connections_failures_total", "counter", "Requests that got no connection", failed)


def _of_pools(pools: Iterable[Pool], figures: Callable[[Pool], Iterable[Sample]]) -> tuple[Sample, ...]:
    """The figures of each pool under its labels; a baseline keeps none of our own, which are this process's."""
    return tuple(
        Sample(each.value, {**_pool_labels(pool), **each.labels}, pool.own) for pool in pools for each in figures(pool)
    )


def _by_state(pool: Pool) -> Iterator[Sample]:
    for state, value in (("used", pool.active), ("idle", pool.idle)):
        yield from sample(value, db_client_connection_state=state)


def _pool_labels(pool: Pool) -> dict[str, str]:
    return {
        "db_client_connection_pool_name": pool.name,
        "role": pool.role or "",
        "db_system_name": _system(pool.kind),
    }


def _system(kind: Kind | None) -> str:
    return {"mongo": "mongodb", "postgres": "postgresql"}[kind.value] if kind is not None else ""


def _quantiles(timings: Timings, **labels: str) -> tuple[Sample, ...]:
    """Seconds, as Prometheus wants them."""
    named = (("0.5", timings.p50_ms), ("0.95", timings.p95_ms), ("0.99", timings.p99_ms))
    return tuple(Sample(ms / 1000, {**labels, "quantile": name}) for name, ms in named if ms is not None)


def _content(snapshot: Snapshot) -> Iterator[Family]:
    latency = snapshot.latency
    named = {
        "get_content": latency.get_content,
        "batch_fetch": latency.get_contents_batch,
        "find_contents": latency.find_contents,
    }
    for name, timings in named.items():
        said = f"Content look-ups across the databases: {name}"
        yield Family(f"olorin_content_metadata_service_{name}_seconds", "summary", said, _quantiles(timings), "latency")
    found = tuple(
        one
        for name, timings in named.items()
        for one in _quantiles(timings, db_operation_name=name, db_system_name="mongodb")
    )
    yield Family("db_client_operation_duration_seconds", "summary", "Content look-ups", found)


async def _orphans(services: Services) -> list[Family]:
    scan: Scan | None = await services.orphans.latest()
    if scan is None:
        return []
    found: dict[str, int] = {}
    for each in scan.references:
        if each.orphans is not None:
            found[each.collection] = found.get(each.collection, 0) + each.orphans
    named = [
        Family(f"olorin_orphans_{collection}", "gauge", f"Orphans in {collection}", sample(orphans))
        for collection, orphans in found.items()
    ]
    counts = tuple(
        one
        for each in scan.references
        for kind in ORPHAN_KINDS
        for one in sample(getattr(each, kind), collection=each.collection, field=each.field, kind=kind)
    )
    at, took = scan.finished_at.timestamp(), (scan.finished_at - scan.started_at).total_seconds()
    p95 = tuple(one for each in scan.references for one in sample(each.p95_ms, reference=each.name))
    return [
        *named,
        Family("olorin_orphans", "gauge", "What the last scan counted", counts),
        Family("olorin_orphans_validation_p95_milliseconds", "gauge", "Look-ups of parents", p95, "latency"),
        Family("olorin_orphans_scan_duration_seconds", "gauge", "How long the last scan took", sample(took)),
        Family("olorin_orphans_scan_timestamp_seconds", "gauge", "When the last scan ended", sample(at)),
    ]


async def _runs(services: Services) -> list[Family]:
    """The newest run of each kind; documents by collection."""
    runs = (await services.runs.page()).runs
    newest: dict[str, Run] = {}
    for run in runs:
        newest.setdefault(run.kind, run)
    cleaned = [run for run in runs if run.kind == "orphans.clean"]
    deleted = sum(unit.done for run in cleaned for unit in run.progress.units)
    moved = [(run, unit) for run in newest.values() for unit in run.progress.units]
    units = tuple(Sample(unit.done, {"kind": run.kind, "run": run.id, "collection": unit.name}) for run, unit in moved)
    failed = tuple(
        Sample(unit.failed, {"kind": run.kind, "run": run.id, "collection": unit.name}) for run, unit in moved
    )
    took = tuple(one for run in newest.values() for one in sample(_took_s(run), kind=run.kind, run=run.id))
    clean = newest.get("orphans.clean")
    return [
        Family("olorin_migration_documents_migrated_total", "counter", "Documents or rows done by a run", units),
        Family("olorin_migration_documents_failed_total", "counter", "Documents or rows that failed", failed, "error"),
        Family("olorin_migration_duration_seconds", "gauge", "From a run's start to its last word", took),
        Family(
            "olorin_cleanup_duration_seconds", "gauge", "The last clean-up", sample(_took_s(clean) if clean else None)
        ),
        Family(
            "olorin_cleanup_documents_deleted_total", "counter", "Of the clean-ups that are listed",
            sample(deleted if cleaned else None),
        ),
    ]  # fmt: skip


def _unit_labels(run: Run, unit: Unit) -> dict[str, str]:
    return {"kind": run.kind, "run": run.id, "collection": unit.name}


def _took_s(run: Run) -> float | None:
    if run.created_at is None or run.updated_at is None:
        return None
    return max((run.updated_at - run.created_at).total_seconds(), 0.0)


async def _proofs(services: Services) -> list[Family]:
    from console.alerting import newest_proofs

    proofs = {kind: proof for kind, proof in (await newest_proofs(services)).items() if proof is not None}
    passed = tuple(Sample(float(proof.passed), {"kind": kind}) for kind, proof in proofs.items())
    made = tuple(Sample(proof.made_at.timestamp(), {"kind": kind}) for kind, proof in proofs.items())
    return [
        Family("olorin_migration_verification_passed", "gauge", "1 where the newest verification passed", passed),
        Family("olorin_migration_verification_timestamp_seconds", "gauge", "When it was made", made),
    ]


async def _alerts(services: Services) -> list[Family]:
    """As somebody saw them last: `olorin check` judges, this only tells."""
    alerts = await services.alerts.stand()
    found = tuple(
        Sample(float(each.fires), {"id": each.rule.id, "severity": each.rule.severity.value, "state": each.state.value})
        for each in alerts
    )
    return [Family("olorin_alert_firing", "gauge", "1 where the alert fires, acknowledged or not", found)]


async def _measures(services: Services) -> list[Family]:
    from console.alerting import sources

    wanted = {name.partition(".")[0] for name in MEASURED}
    read = {name: each for name, each in sources(services).items() if name in wanted}
    outcomes = await asyncio.gather(*(each() for each in read.values()), return_exceptions=True)
    found = [measure for each in outcomes if not isinstance(each, BaseException) for measure in each]
    return list(of_measures(found, MEASURED))
