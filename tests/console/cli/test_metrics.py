"""`olorin metrics`: Prometheus text under the documents' names and OpenTelemetry's, and baselines."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from backends.alerts.metrics import Family, Sample, differences, figures, text
from backends.pools.metrics_text import is_metrics_text, samples
from console.__main__ import run
from console.alerting import PROOFS
from console.settings import load_settings
from console.wiring import Services
from tests.scanning import scan_now

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
