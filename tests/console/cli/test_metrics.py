"""`olorin metrics`: Prometheus text under the documents' names and OpenTelemetry's, and baselines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from backends.alerts.metrics import Family, Sample, differences, figures, text
from backends.pools.metrics_text import is_metrics_text, samples
from backends.runs.model import Progress, Run, Unit
from backends.runs.service import RunPage
from backends.sampling.reading import Problem, utc_now
from console.__main__ import run
from console.alerting import PROOFS
from console.metrics import _alerts, _runs, collect
from console.settings import Settings, load_settings, own_settings
from console.wiring import Services
from tests.fixed_alerts import all_well, fixed_alerts
from tests.fixed_runs import MEASURED, FixedRuns
from tests.scanning import scan_now
from tests.stage import NOW

NAMES = (
    "olorin_db_connections_active",
    "olorin_db_connections_idle",
    "olorin_content_metadata_service_get_content_seconds",
    "olorin_content_metadata_service_batch_fetch_seconds",
    "olorin_orphans_content_embeddings",
    "olorin_orphans_recap_sessions",
    "olorin_orphans_dubbing_sessions",
    "olorin_orphans",
    "olorin_migration_verification_passed",
    "olorin_bots_live",
    "olorin_metrics_up",
    "olorin_alert_firing",
    "db_client_connection_count",
    "db_client_connection_max",
    "db_client_connection_pending_requests",
    "db_client_connection_wait_time_seconds",
    "db_client_connection_create_time_seconds",
    "olorin_db_connections_opened_total",
    "olorin_db_connections_closed_total",
    "db_client_operation_duration_seconds",
)


@pytest.fixture
def on_demo(demo_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in demo_env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OLORIN_CONSOLE_STATE", str(tmp_path / "state"))


async def prepare() -> None:
    """A scan and a verification, whose results are exported."""
    from backends.safety.proofs import ProofStore

    async with Services(load_settings(None)) as services:
        await scan_now(services.orphans)
        await services.alerts.check("config")
        where = services.migrations._move.target.where
        ProofStore(services.settings.own.state).save(PROOFS[0], where, False, {})


@pytest.mark.usefixtures("on_demo")
def test_everything_is_exported(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(prepare())
    assert run(["metrics"]) == 0
    printed = capsys.readouterr().out
    assert is_metrics_text(printed)
    found = list(samples(printed, frozenset(NAMES)))
    assert {each.name for each in found} == set(NAMES)
    own = [dict(each.labels) for each in found if each.name == "olorin_db_connections_opened_total"]
    assert {each["role"] for each in own} >= {"bot sessions", "chunks"}
    verified = next(each for each in found if each.name == "olorin_migration_verification_passed")
    assert (verified.value, dict(verified.labels)["kind"]) == (0.0, "separation")
    kinds = {dict(each.labels)["kind"] for each in found if each.name == "olorin_orphans"}
    assert {"orphans", "malformed", "suspended", "in_grace", "removable"} <= kinds
    assert run(["check", "--only", "migrations"]) == 2
    assert "migrations.verification" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.usefixtures("on_demo")
def test_a_baseline_is_compared_after_the_switch(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLORIN_USE_SEPARATE_DATABASE", "false")
    assert run(["metrics", "--compare", "before"]) != 0
    assert run(["metrics", "--keep", "before"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("OLORIN_USE_SEPARATE_DATABASE", "true")
    assert run(["metrics", "--compare", "before", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["baseline"] == "before"
    names = [each["figure"] for each in report["differences"] if each["before"] is not None and each["now"] is not None]
    assert any(name.startswith("olorin_content_metadata_service_get_content_seconds") for name in names)
    assert any(name.startswith("olorin_db_connections_active") for name in names)
    assert run(["metrics", "--keep", "a", "--compare", "b"]) == 4


def alone(folder: Path, **environment: str) -> Services:
    """Services of a console with these variables alone."""
    own = {**environment, "OLORIN_CONSOLE_STATE": str(folder)}
    return Services(Settings(own, None, own_settings(own)))


def told(families: Iterable[Family]) -> dict[str, list[tuple[float, dict[str, str]]]]:
    return {each.name: [(one.value, dict(one.labels)) for one in each.samples] for each in families if each.samples}


def cleaned(number: int, done: int, failed: int = 0) -> Run:
    """A clean-up that took a minute."""
    progress = Progress((Unit("content_embeddings", done + failed, done, failed),))
    made, ended = NOW - timedelta(minutes=number + 1), NOW - timedelta(minutes=number)
    return Run(f"clean-{number}", "orphans.clean", "done", progress=progress, created_at=made, updated_at=ended)


async def test_what_runs_did(tmp_path: Path) -> None:
    """No sample names its run: the next one's figures are compared with it, and counted on."""
    services = alone(tmp_path)
    services.runs = FixedRuns(RunPage((cleaned(1, 30, 2), cleaned(2, 500), MEASURED)))
    found = told((await _runs(services)).families)
    of_clean = {"kind": "orphans.clean", "collection": "content_embeddings"}
    assert (30, of_clean) in found["olorin_migration_documents_migrated_total"]
    assert (2, of_clean) in found["olorin_migration_documents_failed_total"]
    assert (60.0, {"kind": "orphans.clean"}) in found["olorin_migration_duration_seconds"]
    assert found["olorin_cleanup_duration_seconds"] == [(60.0, {})]
    assert found["olorin_cleanup_documents_deleted_total"] == [(530, {})]


async def test_runs_that_can_not_be_read_are_said(tmp_path: Path) -> None:
    services = alone(tmp_path)
    services.runs = FixedRuns(RunPage((cleaned(1, 30),), problems=(Problem("cannot connect", "refused", "db:1"),)))
    found = await _runs(services)
    assert found.problems == (("runs", "cannot connect: refused (db:1)"),)
    assert "olorin_cleanup_documents_deleted_total" not in told(found.families), "a counter never falls"


async def test_a_system_that_does_not_answer_is_said(tmp_path: Path) -> None:
    async with alone(tmp_path, ORCHESTRATION_DATABASE_URL="postgresql://ops@127.0.0.1:9/bots") as services:
        found = await collect(services)
    up = {labels["system"]: value for value, labels in told(found.families)["olorin_metrics_up"]}
    assert {name for name, value in up.items() if not value} == {"pools", "runs", "bots"}
    assert {name for name, _ in found.problems} == {"pools", "runs", "bots"}


@pytest.mark.parametrize("hours", [0, 2])
async def test_alerts_that_nobody_looks_at_are_not_told(tmp_path: Path, hours: int) -> None:
    services, looked = alone(tmp_path), utc_now() - timedelta(hours=hours)
    services.alerts = fixed_alerts(tmp_path, all_well(), lambda: looked)
    await services.alerts.check()
    found = told(await _alerts(services))
    assert found["olorin_alerts_timestamp_seconds"] == [(looked.timestamp(), {})]
    assert ("olorin_alert_firing" in found) == (hours == 0)


def test_text_and_differences() -> None:
    families = [
        Family("a", "gauge", "One\nline", (Sample(1.5, {"x": 'q"\\\n', "y": ""}),), "pool"),
        Family("b", "gauge", "Nothing", ()),
        Family("c", "counter", "Other", (Sample(3, {}),)),
    ]
    assert text(families).splitlines() == [
        "# HELP a One\\nline", "# TYPE a gauge", 'a{x="q\\"\\\\\\n"} 1.5', "# HELP c Other", "# TYPE c counter", "c 3",
    ]  # fmt: skip
    assert list(figures(families).values()) == [1.5]
    changes = differences({"a": 10.0, "gone": 1.0, "b": 4.0}, {"a": 15.0, "new": 2.0, "b": 1.0})
    assert [(each.figure, each.change_percent) for each in changes] == [
        ("a", 50.0), ("gone", None), ("new", None), ("b", -75.0),
    ]  # fmt: skip
