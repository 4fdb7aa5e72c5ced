"""Pools that other processes publish as Prometheus text: OpenTelemetry's names and the platform's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from backends.clients.errors import BadAnswer
from backends.clients.timings import NOT_MEASURED, Timings
from backends.pools.groups import safe_name
from backends.pools.histograms import Histograms
from backends.pools.metrics_text import Sample, is_metrics_text, samples
from backends.pools.model import Kind, Pool
from backends.safety.secrets import mask
from backends.safety.text import display_text
from backends.safety.url_secrets import mask_url

MOST_POOLS: Final = 200
"""Pools of one endpoint; more are a fault of its labels, not something to watch."""

_LARGEST: Final = 1e9
_LIMITS: Final = {"max": "max", "idle_min": "min", "pending_requests": "waiting"}
_PLATFORM: Final = ("active", "idle", "waiting", "max", "min")
_STATES: Final = {"used": "active", "idle": "idle"}

_Metric = tuple[int, str]
"""The family's rank (the first that tells a number is believed, lest one published twice counts twice), and the
pool's field; "state" where a label says which."""

_METRICS: Final[Mapping[str, _Metric]] = {
    "db_client_connection_count": (0, "state"),
    **{f"db_client_connection_{name}": (0, field) for name, field in _LIMITS.items()},
    "db_client_connections_usage": (1, "state"),
    **{f"db_client_connections_{name}": (1, field) for name, field in _LIMITS.items()},
    **{f"olorin_db_connections_{field}": (2, field) for field in _PLATFORM},
}
_UNITS: Final = {"": None, "_seconds": 1000.0, "_milliseconds": 1.0}
"""What a time's name may end in, and how many milliseconds one is; without, as OpenTelemetry says."""

_HISTOGRAMS: Final[Mapping[str, tuple[_Metric, float]]] = {
    f"db_client_{family}_{field}_time{suffix}_bucket": ((rank, field), unit or usual)
    for rank, family, usual in ((0, "connection", 1000.0), (1, "connections", 1.0))
    for field in ("wait", "create")
    for suffix, unit in _UNITS.items()
}
"""Histogram → the pool's field, and milliseconds of its unit."""

_TIMEOUTS: Final = {
    f"db_client_{family}_timeouts{suffix}": (rank, "timeouts")
    for rank, family in enumerate(("connection", "connections"))
    for suffix in ("", "_total")
}
_WANTED: Final = frozenset({*_METRICS, *_HISTOGRAMS, *_TIMEOUTS})
_NAME_LABELS: Final = ("db_client_connection_pool_name", "pool_name", "pool", "db_namespace", "database")
_STATE_LABELS: Final = ("db_client_connection_state", "state")
_SYSTEM_LABELS: Final = ("db_system_name", "db_system")

_Key = tuple[str, str]
"""The pool's name and role, as its labels say; empty where they don't."""


def published_pools(text: str, url: str, histograms: Histograms | None = None) -> tuple[Pool, ...]:
    """The pools in the text. Raises BadAnswer where it is no metrics text, or tells of no pool.

    kind is None where neither a label nor the name tells it. histograms: what remembers earlier readings.
    """
    where = mask_url(url)
    if not is_metrics_text(text):
        raise BadAnswer("The answer is not Prometheus text.", where=where, hint="Correct METRICS_URLS.")
    found = [sample for sample in samples(text, _WANTED) if _is_a_database(sample)]
    counts = _counts(found)
    if not counts:
        hint = "It should publish db.client.connection.count or olorin.db.connections.active."
        raise BadAnswer("No connection pool of Mongo or Postgres is published there.", where=where, hint=hint)
    if len(counts) > MOST_POOLS:
        raise BadAnswer(f"{len(counts):,} pools are published there, more than {MOST_POOLS}.", where=where)
    host = urlsplit(url).netloc.rpartition("@")[2]
    kinds = {_key(sample): kind for sample in found if (kind := _kind(sample)) is not None}
    times = _times(found, url, histograms or Histograms())
    return tuple(_pool(key, kinds.get(key), fields, times.get(key, {}), host) for key, fields in counts.items())


def _pool(key: _Key, kind: Kind | None, fields: Mapping[str, int], times: Mapping[str, Timings], host: str) -> Pool:
    name, role = key
    timeouts = fields.get("timeouts", 0)
    return Pool(
        _text(f"{name} at {host}" if name else host),
        kind,
        _text(role) or None,
        app=safe_name(name),
        max=fields.get("max"),
        min=fields.get("min"),
        active=fields.get("active"),
        idle=fields.get("idle"),
        waiting=fields.get("waiting"),
        wait=times.get("wait", NOT_MEASURED),
        create=times.get("create", NOT_MEASURED),
        failures={"timeout": timeouts} if timeouts else {},
    )


def _counts(found: Iterable[Sample]) -> dict[_Key, dict[str, int]]:
    """Each pool's numbers; samples that differ in other labels are added up."""
    sums: dict[_Key, dict[_Metric, int]] = {}
    for sample in found:
        metric = _metric(sample)
        if metric and 0 <= sample.value <= _LARGEST:
            fields = sums.setdefault(_key(sample), {})
            fields[metric] = fields.get(metric, 0) + int(sample.value)
    return {
        key: {field: value for (_, field), value in sorted(fields.items(), reverse=True)}
        for key, fields in sums.items()
    }


def _times(found: Iterable[Sample], url: str, histograms: Histograms) -> dict[_Key, dict[str, Timings]]:
    """Each pool's times; buckets that differ in other labels are added up, and the first family is believed."""
    buckets: dict[tuple[_Key, str], dict[int, dict[float, float]]] = {}
    for sample in found:
        if sample.name in _HISTOGRAMS and (bound := _bound(sample)) is not None:
            (rank, field), unit = _HISTOGRAMS[sample.name]
            family = buckets.setdefault((_key(sample), field), {}).setdefault(rank, {})
            family[bound * unit] = family.get(bound * unit, 0.0) + sample.value
    times: dict[_Key, dict[str, Timings]] = {}
    for (key, field), families in buckets.items():
        name = "\0".join((url, *key, field))
        times.setdefault(key, {})[field] = histograms.timings(name, families[min(families)])
    return times


def _bound(sample: Sample) -> float | None:
    """A bucket's upper bound, infinite for the last; None where it is no number."""
    try:
        bound = float(sample.labels.get("le", ""))
    except ValueError:
        return None
    return bound if bound >= 0 else None


def _metric(sample: Sample) -> _Metric | None:
    if sample.name in _HISTOGRAMS:
        return None
    if sample.name in _TIMEOUTS:
        return _TIMEOUTS[sample.name]
    rank, field = _METRICS[sample.name]
    if field != "state":
        return rank, field
    state = _STATES.get(_first(sample.labels, _STATE_LABELS))
    return (rank, state) if state else None


def _key(sample: Sample) -> _Key:
    return _first(sample.labels, _NAME_LABELS), sample.labels.get("role", "")


def _is_a_database(sample: Sample) -> bool:
    """Whether the sample may be of a Mongo or Postgres pool: another system's label says that it isn't."""
    return not _first(sample.labels, _SYSTEM_LABELS) or _kind(sample) is not None


def _kind(sample: Sample) -> Kind | None:
    """The pool's system: told by a label, else by its name; the platform's one nameless pool is Mongo's."""
    name = _first(sample.labels, _NAME_LABELS)
    told = _first(sample.labels, _SYSTEM_LABELS) or name
    for part, kind in (("mongo", Kind.MONGO), ("postgres", Kind.POSTGRES)):
        if part in told.lower():
            return kind
    return Kind.MONGO if not told and sample.name.startswith("olorin_") else None


def _first(labels: Mapping[str, str], names: Iterable[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def _text(value: str) -> str:
    return display_text(mask(value), limit=120)
