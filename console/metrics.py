"""The figures of `olorin metrics`: every system's snapshot under the documents' names and OpenTelemetry's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from backends.alerts.engine import FORGOTTEN_S
from backends.alerts.metrics import Family, Sample, of_measures, sample
from backends.clients.errors import BackendError, NotConfigured
from backends.clients.timings import Timings
from backends.runs.measures import CLEAN
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.orphans.model import Scan
    from backends.pools.model import Kind, Pool, Snapshot
    from backends.runs.model import Run
    from backends.sampling.reading import Problem
    from console.wiring import Services

FORGOTTEN: Final = timedelta(seconds=FORGOTTEN_S)

ASKING_S: Final = 12.0
"""Seconds that one system may take."""

RUNS: Final = 1_000
"""Runs of a page, of which all are read."""

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


Part = Callable[["Services"], Awaitable["list[Family] | Figures"]]


async def collect(services: Services) -> Figures:
    """Every system's figures, asked at once; one that fails hides no other. Raises nothing."""
    parts: dict[str, Part] = {
        "pools": _pools,
        "orphans": _orphans,
        "runs": _runs,
        "proofs": _proofs,
        "alerts": _alerts,
        **{name: partial(_measured, name) for name in dict.fromkeys(each.partition(".")[0] for each in MEASURED)},
    }
    outcomes = await asyncio.gather(*(_asked(part, services, name) for name, part in parts.items()))
    problems = tuple(problem for each in outcomes for problem in each.problems)
    failed = {name for name, _ in problems}
    up = tuple(Sample(float(name not in failed), {"system": name}) for name in parts)
    families = [family for each in outcomes for family in each.families]
    families.append(Family("olorin_metrics_up", "gauge", "Whether a system's figures could be read", up))
    return Figures(tuple(families), problems)


async def _asked(part: Part, services: Services, name: str) -> Figures:
    try:
        async with asyncio.timeout(ASKING_S):
            found = await part(services)
            return found if isinstance(found, Figures) else Figures(tuple(found))
    except NotConfigured:
        return Figures(())
    except BackendError as error:
        why = f"{error.kind}: {error.message}"
    except TimeoutError:
        why = f"no answer within {ASKING_S:g} s"
    except Exception as error:
        why = services.unexpected(f"collecting the figures of {name}", error).message
    return Figures((), ((name, why),))


async def _pools(services: Services) -> Figures:
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
    own = (*open_telemetry(snapshot.pools), *_own(snapshot.own.pools))
    families = (*gauges, *own, *servers, *_content(snapshot))
    silent = [*(server.problem for server in snapshot.servers), *snapshot.published.problems]
    return Figures(families, tuple(("pools", _said(each)) for each in silent if each is not None))


def _said(problem: Problem) -> str:
    return f"{problem.kind}: {problem.message} ({problem.where})"


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


async def _runs(services: Services) -> Figures:
    """The newest run of each kind, documents by collection; and what all clean-ups deleted. The runs of a database
    that can't be asked are said to be missing, and with them the sum of all is not known.
    """
    runs, problems = await _every_run(services)
    newest: dict[str, Run] = {}
    for run in runs:
        newest.setdefault(run.kind, run)
    units = [(run, unit) for run in newest.values() for unit in run.progress.units]
    done = tuple(Sample(unit.done, {"kind": run.kind, "collection": unit.name}) for run, unit in units)
    failed = tuple(Sample(unit.failed, {"kind": run.kind, "collection": unit.name}) for run, unit in units)
    took = tuple(one for run in newest.values() for one in sample(_took_s(run), kind=run.kind))
    clean = newest.get(CLEAN)
    deleted = sum(unit.done for run in runs if run.kind == CLEAN for unit in run.progress.units)
    all_deleted = sample(deleted if clean is not None and not problems else None)
    families = (
        Family("olorin_migration_documents_migrated_total", "counter", "Documents or rows done by a run", done),
        Family("olorin_migration_documents_failed_total", "counter", "Documents or rows that failed", failed, "error"),
        Family("olorin_migration_duration_seconds", "gauge", "From a run's start to its last word", took),
        Family(
            "olorin_cleanup_duration_seconds", "gauge", "The last clean-up", sample(_took_s(clean) if clean else None)
        ),
        Family("olorin_cleanup_documents_deleted_total", "counter", "By all clean-ups", all_deleted),
    )
    return Figures(families, tuple(("runs", _said(each)) for each in problems))


async def _every_run(services: Services) -> tuple[list[Run], tuple[Problem, ...]]:
    """All runs, newest first, and the databases that could not be asked."""
    page = await services.runs.page(RUNS)
    runs, problems = [*page.runs], page.problems
    while page.next is not None and not problems:
        page = await services.runs.page(RUNS, page.next)
        runs, problems = [*runs, *page.runs], page.problems
    return runs, problems


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
    """As somebody saw them last: `olorin check` judges, this only tells, and not what nobody looked at for an hour."""
    alerts = await services.alerts.stand()
    looked = max((each.at for each in alerts), default=None)
    is_told = looked is not None and utc_now() - looked < FORGOTTEN
    found = tuple(
        Sample(float(each.fires), {"id": each.rule.id, "severity": each.rule.severity.value, "state": each.state.value})
        for each in alerts
        if is_told
    )
    at = sample(looked.timestamp() if looked else None)
    return [
        Family("olorin_alert_firing", "gauge", "1 where the alert fires, acknowledged or not", found),
        Family("olorin_alerts_timestamp_seconds", "gauge", "When somebody looked at the alerts", at),
    ]


async def _measured(name: str, services: Services) -> list[Family]:
    """What the rules of a source measure."""
    from console.alerting import sources

    mine = {measure: each for measure, each in MEASURED.items() if measure.partition(".")[0] == name}
    return list(of_measures(await sources(services)[name](), mine))
