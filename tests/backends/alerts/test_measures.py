"""What rules judge, taken from snapshots: numbers where there are some, and why not where there are none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backends.alerts.engine import observe, step
from backends.alerts.model import Phase, Track
from backends.alerts.table import RULES
from backends.backup.measures import measures as of_backups
from backends.backup.model import BackupVerdict, Light
from backends.bots.measures import service_measures, session_measures
from backends.bots.model import Health, Sessions
from backends.bots.monitor import ServiceHealth, not_configured
from backends.clients.timings import Timings
from backends.config.measures import measures as of_config
from backends.config.model import ConfigSnapshot, Finding, Setting, Status
from backends.migrations.measures import measures as of_chunks
from backends.migrations.model import Partition
from backends.orphans.measures import INTERVALS
from backends.orphans.measures import measures as of_orphans
from backends.orphans.model import ReferenceScan, Scan, Trend
from backends.pools.measures import measures as of_pools
from backends.pools.model import (
    Cost,
    Kind,
    Latency,
    OwnSide,
    Place,
    Pool,
    Published,
    Server,
    Session,
    Snapshot,
)
from backends.pools.postgres_side import SLOW_LOCKS
from backends.runs.measures import measures as of_runs
from backends.runs.model import Progress, Run, RunState, Unit
from backends.runs.rules import LIVELY
from backends.runs.service import RunPage
from backends.safety.measures import measures as of_proofs
from backends.safety.proofs import Proof
from backends.sampling.measure import Absent, Measure
from backends.sampling.reading import Problem
from tests.backends.migrations.test_rules import CHUNKS
from tests.snapshots.test_bots import COUNTS, SESSIONS

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
REFUSED = Problem("cannot connect", "connection refused", "db:5432")


def worst(found: tuple[Measure, ...], name: str) -> float | Absent | None:
    """The largest value of a measure, or why it has none."""
    mine = [each for each in found if each.name == name]
    assert mine, name
    values = [each.value for each in mine if each.value is not None]
    return max(values) if values else mine[0].absent


def snapshot(*pools: Pool, server: Server | None = None, problems: tuple[Problem, ...] = ()) -> Snapshot:
    timings = Timings(5.0, 120.0, 130.0, 9)
    servers = (server,) if server is not None else ()
    own = OwnSide((Pool("console", Kind.MONGO, max=2, active=2, waiting=7, own=True),), Cost(2, None))
    return Snapshot(T0, own, Published(pools, problems), servers, Latency(get_content=timings))


def test_pools_of_clients_count_and_our_own_do_not() -> None:
    found = of_pools(snapshot(Pool("a", Kind.MONGO, max=20, active=19, waiting=3), Pool("b", None, max=4, active=1)))
    assert worst(found, "pools.use") == 95.0
    assert worst(found, "pools.waiting") == 3
    assert worst(of_pools(snapshot()), "pools.use") is Absent.NOT_CONFIGURED
    assert worst(of_pools(snapshot(problems=(REFUSED,))), "pools.waiting") is Absent.NO_DATA
    assert worst(of_pools(snapshot()), "pools.content_p95_ms") is Absent.NOT_CONFIGURED


def test_servers() -> None:
    place = Place(Kind.MONGO, "db:27017")
    blocked = Session(7, "x", "api", for_s=9.5, blocked_by=(3,))
    well = of_pools(snapshot(server=Server(place, current=85, limit=100, sessions=(blocked,))))
    assert worst(well, "pools.server_use") == 85.0
    assert worst(well, "pools.lock_wait_s") == 9.5
    assert worst(well, "pools.content_p95_ms") == 120.0
    down = of_pools(snapshot(server=Server(place, problem=REFUSED)))
    for name in ("pools.server_use", "pools.lock_wait_s", "pools.idle_in_transaction_s"):
        assert worst(down, name) is Absent.NO_DATA
    assert worst(of_pools(snapshot(server=Server(place, current=8))), "pools.server_use") is Absent.UNTOLD


def test_what_a_server_does_not_tell_is_never_nought() -> None:
    place = Place(Kind.POSTGRES, "db:5432")
    busy = of_pools(snapshot(server=Server(place, current=85, limit=100, locks_hidden=SLOW_LOCKS)))
    assert worst(busy, "pools.lock_wait_s") is Absent.NO_DATA
    unasked = of_pools(snapshot(server=Server(place, notes=("PgBouncer has no connection for us",))))
    for name in ("pools.server_use", "pools.lock_wait_s", "pools.idle_in_transaction_s"):
        assert worst(unasked, name) is Absent.NO_DATA
    waiting = Session(7, "x", "api", blocked_by=(3,))
    unknown = of_pools(snapshot(server=Server(place, current=8, limit=100, sessions=(waiting,))))
    assert worst(unknown, "pools.lock_wait_s") is Absent.NO_DATA, "it waits, nobody knows for how long"


def test_an_exporter_that_lost_its_gauges_is_not_one_that_nobody_named() -> None:
    assert worst(of_pools(snapshot(), publishes=True), "pools.use") is Absent.UNTOLD
    without_maximum = Pool("a", Kind.MONGO, active=19)
    found = of_pools(snapshot(without_maximum), publishes=True)
    assert (worst(found, "pools.use"), worst(found, "pools.waiting")) == (Absent.UNTOLD, Absent.UNTOLD)


@pytest.mark.parametrize(
    ("skew", "collections", "rows", "expected"),
    [
        (1.8, 6_000, 100, 1.8),
        (1.2, None, 100, 1.2),
        (1.8, None, 100, Absent.NO_DATA),
        (None, 6_000, None, Absent.NO_DATA),
        (1.8, 4_999, 100, Absent.NOTHING),
        (None, 6_000, 0, Absent.NOTHING),
    ],
)
def test_skew(skew: float | None, collections: int | None, rows: int | None, expected: float | Absent) -> None:
    partitions = (Partition("chunks_0", 0, rows, 8192),)
    found = replace(CHUNKS, partitions=partitions, skew=skew, collections=collections, rows=rows)
    assert worst(of_chunks(found), "chunks.skew") == expected
    assert worst(of_chunks(replace(found, partitions=(), skew=None)), "chunks.skew") is Absent.NOTHING


SILENT = Finding("servers.mongo.main", "server answers", Status.WARN, "cannot connect: refused")
TTL = Finding("servers.mongo.main.indexes", "ttl index", Status.WARN, "content: the index d_1 expires nothing")


def configuration(*findings: Finding) -> tuple[Measure, ...]:
    """What is measured of a configuration that names a Mongo, with these findings."""
    setting = Setting(
        "platform.mongodb_uri", "platform", "", "MONGODB_URI", "x", "", "", True, "", ".env", Status.OK, (), (), ()
    )  # fmt: skip
    return of_config(ConfigSnapshot("staging", ".env", (setting,), findings, (), (), ()))


def test_what_a_silent_server_would_say_is_no_data() -> None:
    rule = next(each for each in RULES if each.id == "config.warnings")

    def after(before: Track | None, *findings: Finding) -> Track:
        mine = [each for each in configuration(*findings) if each.name == rule.measure]
        return step(rule, before, observe(rule, mine, T0), T0)

    fired = after(None, TTL)
    assert (fired.phase, after(fired, SILENT).phase) == (Phase.FIRING, Phase.FIRING), "nothing was mended"
    assert after(None, SILENT).phase is Phase.NO_DATA
    assert after(fired).phase is Phase.OK
    (salt,) = [each for each in configuration(SILENT) if each.name == "config.salt"]
    assert salt.value == 0, "no server is asked for that"


def scan(age: timedelta, orphans: int | None, problem: Problem | None = None) -> Scan:
    reference = ReferenceScan("content_embeddings", "content_id", "content", 9, orphans, p95_ms=3.0, problem=problem)
    return Scan(1, T0 - age, T0 - age, (reference,))


def test_orphans() -> None:
    daily = INTERVALS[True]
    found = of_orphans(scan(timedelta(hours=1), 12_000), (Trend("x", (), 1_500.0),), None, T0, daily)
    assert worst(found, "orphans.count") == 12_000
    assert worst(found, "orphans.growth") == 1_500.0
    assert worst(found, "orphans.recent") == 1
    assert worst(of_orphans(scan(timedelta(hours=25), 1), (), None, T0, daily), "orphans.recent") == 0
    assert worst(of_orphans(scan(timedelta(hours=25), 1), (), None, T0, INTERVALS[False]), "orphans.recent") == 1
    cleaned = T0 - timedelta(hours=2)
    assert worst(of_orphans(None, (), cleaned, T0, daily), "orphans.recent") == 1
    assert worst(of_orphans(None, (), None, T0, daily), "orphans.count") is Absent.NO_DATA
    unknown = of_orphans(scan(timedelta(hours=1), None, REFUSED), (), None, T0, daily)
    assert worst(unknown, "orphans.count") is Absent.NO_DATA


def reference(field: str, orphans: int | None, problem: Problem | None = None) -> ReferenceScan:
    return ReferenceScan("content_embeddings", field, "content", 9, orphans, problem=problem)


def test_orphans_are_counted_by_collection() -> None:
    def found(*references: ReferenceScan) -> tuple[Measure, ...]:
        return of_orphans(Scan(1, T0, T0, references), (), None, T0, INTERVALS[True])

    both = found(reference("content_id", 9_000), reference("partner_id", 9_000))
    assert [(each.subject, each.value) for each in both if each.name == "orphans.count"] == [
        ("content_embeddings", 18_000),
    ]  # fmt: skip
    half = found(reference("content_id", 9_000), reference("partner_id", None, REFUSED))
    assert worst(half, "orphans.count") is Absent.NO_DATA


def test_a_scan_that_could_not_judge_everything_is_none() -> None:
    """The newest that could counts, whichever that is."""
    before, day = T0 - timedelta(hours=20), INTERVALS[True]
    scan = Scan(2, T0, T0, (reference("content_id", 9), reference("partner_id", None, REFUSED)))
    content = Trend("content_embeddings.content_id", ((before, 8), (T0, 9)), None)
    partner = Trend("content_embeddings.partner_id", ((before, 3),), None)
    assert worst(of_orphans(scan, (content, partner), None, T0, day), "orphans.recent") == 1
    (late,) = [
        each
        for each in of_orphans(scan, (content, partner), None, T0 + timedelta(hours=5), day)
        if each.name == "orphans.recent"
    ]
    assert late.value == 0
    assert "could not judge everything" in late.what
    assert worst(of_orphans(scan, (content,), None, T0, day), "orphans.recent") == 0


def run(kind: str, state: RunState, *units: Unit, holder: str | None = None, cpu: float | None = None) -> Run:
    measured = {} if cpu is None else {"cpu": cpu}
    progress = Progress(units, not_measured=("memory",), measured=measured)
    return Run(f"{kind}-1", kind, state.value, "db", holder=holder, progress=progress)


def test_runs_that_work() -> None:
    working = run("chunks", RunState.THROTTLED, Unit("a", 100, 90, 10), holder="ops", cpu=91.3)
    found = of_runs(RunPage((working,)))
    assert worst(found, "runs.cpu") == 91.3
    assert worst(found, "runs.memory") is Absent.NOT_CONFIGURED
    assert worst(found, "runs.lock_wait_s") is Absent.NOTHING
    assert worst(found, "runs.error_share") == 10.0
    assert worst(found, "runs.abandoned") == 0


def test_runs_that_do_not() -> None:
    left, failed = run("a", RunState.RUNNING), run("b", RunState.FAILED)
    found = of_runs(RunPage((left, failed)))
    assert (worst(found, "runs.abandoned"), worst(found, "runs.failed")) == (1, 1)
    assert worst(found, "runs.cpu") is Absent.NOTHING
    mended = of_runs(RunPage((run("b", RunState.DONE), failed)))
    assert worst(mended, "runs.failed") == 0, "the newest of its kind speaks"
    assert worst(of_runs(RunPage(problems=(REFUSED,))), "runs.failed") == 0
    assert Absent.NO_DATA in {each.absent for each in of_runs(RunPage(problems=(REFUSED,)))}


def measuring(state: RunState, holder: str | None = None, **progress: Any) -> tuple[Measure, ...]:
    """What is measured of one run of the chunks that has done 100 items well."""
    made = Progress((Unit("a", 200, 100),), **progress)
    return of_runs(RunPage((Run("chunks-1", "chunks", state.value, why="errors 4 %", holder=holder, progress=made),)))


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.THROTTLED, RunState.STOPPED, RunState.FAILED])
def test_errors_of_the_database_count_before_and_after_they_stopped_the_run(state: RunState) -> None:
    holder = "ops" if state in LIVELY else None
    found = measuring(state, holder, measured={"errors": 4.0})
    assert worst(found, "runs.error_share") == 4.0
    assert worst(measuring(state, holder, measured={"errors": 0.2}), "runs.error_share") == 0.2
    assert worst(measuring(RunState.DONE, measured={"errors": 4.0}), "runs.error_share") is Absent.NOTHING


def test_what_a_run_could_not_measure_is_no_data() -> None:
    """Whatever its rule does: one that only warns holds nothing up, so that it is not among what is waited for."""
    found = measuring(RunState.RUNNING, "ops", unknown=("lock wait",), waiting_for=("cpu",))
    for name in ("runs.lock_wait_s", "runs.cpu"):
        assert worst(found, name) is Absent.NO_DATA
    assert worst(found, "runs.memory") is Absent.NOTHING


def test_a_run_that_a_gate_refused_has_failed() -> None:
    assert worst(measuring(RunState.BLOCKED), "runs.failed") == 1


@pytest.mark.parametrize(
    ("state", "counts", "share"),
    [
        (RunState.DONE, {"planned": 100, "deleted": 94}, 94.0),
        # Saved by parents that are there again: the safety worked.
        (RunState.DONE, {"planned": 30, "deleted": 18, "reappeared": 12}, 100.0),
        (RunState.STOPPED, {"planned": 60, "deleted": 20}, 100 / 3),
        (RunState.BLOCKED, {}, 0.0),
        (RunState.FAILED, {}, 0.0),
        (RunState.DONE, {"planned": 0, "deleted": 0}, Absent.NOTHING),
    ],
)
def test_clean_up_success(state: RunState, counts: dict[str, int], share: float | Absent) -> None:
    ended = replace(run("orphans.clean", state, Unit("a", 100, 1, 99)), progress=Progress(counts=counts))
    assert worst(of_runs(RunPage((ended,))), "runs.cleanup_success") == share


def test_no_clean_up() -> None:
    assert worst(of_runs(RunPage()), "runs.cleanup_success") is Absent.NOTHING


def proof(hours: float, passed: bool = True) -> Proof:
    return Proof("separation", "db", T0 - timedelta(hours=hours), passed, {})


def test_proofs() -> None:
    assert worst(of_proofs({"separation": proof(25)}, T0), "proofs.age_h") == 25.0
    assert worst(of_proofs({"separation": proof(1, passed=False)}, T0), "proofs.failed") == 1
    assert worst(of_proofs({"separation": proof(24 * 15)}, T0), "proofs.age_h") is Absent.NOTHING
    assert worst(of_proofs({"separation": None}, T0), "proofs.failed") is Absent.NOTHING


def test_backups() -> None:
    good, bad = BackupVerdict(Light.OK, "proven"), BackupVerdict(Light.WARNING, "none")
    (found,) = of_backups({"main": good, "chunks": bad})
    assert (found.value, found.what) == (1, "chunks: no proven backup of the last 24 h")
    assert worst(of_backups({}), "backups.due") is Absent.NOT_CONFIGURED


def test_bots_whose_health_nothing_tells() -> None:
    blind = tuple(replace(each, health=replace(each.health, state=Health.UNKNOWN)) for each in SESSIONS)
    seen, unseen = (Sessions(T0, sessions, COUNTS, None, ()) for sessions in (SESSIONS, blind))
    rule = next(each for each in RULES if each.id == "bots.unhealthy")

    def observed(sessions: Sessions) -> Absent | None:
        found = session_measures(sessions, None)
        return observe(rule, [each for each in found if each.name == rule.measure], T0).absent

    assert (observed(seen), observed(unseen)) == (None, Absent.NO_DATA)


def test_services() -> None:
    services = (
        ServiceHealth("whisper", Health.UNHEALTHY, None, failures=3, last_error="refused"),
        ServiceHealth("translation", Health.HEALTHY, 12.0),
        not_configured("orchestration"),
    )
    found = service_measures(services)
    assert worst(found, "services.failures") == 3
    assert {each.subject for each in found} == {"whisper", "translation", "orchestration"}
