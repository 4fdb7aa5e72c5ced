"""What the alerts of a deployment are kept by, and what measuring makes of what it reads."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from backends.alerts.model import Alert, Phase
from backends.bots import probes
from console.alerting import alert_store
from console.settings import Settings, own_settings
from console.wiring import Services

MAIN = {"MONGODB_URI": "mongodb://ops:one@db1,db2/?replicaSet=r", "ORCHESTRATION_DATABASE_URL": "postgresql://pg/bots"}
TARGET = {"OLORIN_MONGODB_URL": "mongodb://db3", "OLORIN_MONGODB_DB_NAME": "olorin"}


def kept_in(folder: Path, **environment: str) -> Path:
    """The file in which a console with these variables keeps its alerts."""
    own = {**environment, "OLORIN_CONSOLE_STATE": str(folder)}
    return alert_store(Services(Settings(own, None, own_settings(own)))).path


@pytest.mark.parametrize("flag", ["false", "true", "maybe"])
@pytest.mark.parametrize("target", [{}, TARGET], ids=["no target yet", "a target"])
def test_what_is_kept_outlives_the_switch(tmp_path: Path, flag: str, target: dict[str, str]) -> None:
    """Baselines, acknowledgements, history and what hooks were told lie in one file before, during and after it."""
    after = kept_in(tmp_path, **MAIN, **target, OLORIN_USE_SEPARATE_DATABASE=flag)
    assert after == kept_in(tmp_path, **MAIN)
    other_user = {**MAIN, "MONGODB_URI": "mongodb://cron:two@DB2,db1:27017/?replicaSet=r"}
    assert after == kept_in(tmp_path, **other_user)


@pytest.mark.parametrize(
    "other",
    [
        {"MONGODB_URI": "mongodb://db9"},
        {"MONGODB_DB_NAME": "bayit_two"},
        {"ORCHESTRATION_DATABASE_URL": "postgresql://pg/bots2"},
        {"CHUNKS_DATABASE_URL": "postgresql://pg/bots"},
        {"ENVIRONMENT": "production"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_two_deployments_on_one_host_are_apart(tmp_path: Path, other: dict[str, str]) -> None:
    assert kept_in(tmp_path, **{**MAIN, **other}) != kept_in(tmp_path, **MAIN)


def test_olorin_alone_is_a_deployment_too(tmp_path: Path) -> None:
    alone = kept_in(tmp_path, **TARGET)
    assert alone == kept_in(tmp_path, **TARGET, OLORIN_USE_SEPARATE_DATABASE="true")
    assert alone != kept_in(tmp_path, **{**TARGET, "OLORIN_MONGODB_DB_NAME": "other"})


async def one_check(folder: Path, **environment: str) -> dict[str, Alert]:
    """The bots' alerts as a check of its own, a process of cron's, finds them."""
    own = {**environment, "OLORIN_CONSOLE_STATE": str(folder)}
    async with Services(Settings(own, None, own_settings(own))) as services:
        return {alert.rule.id: alert for alert in (await services.alerts.check("bots")).alerts}


async def test_a_service_that_hangs_fires_at_the_third_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "PROBE_S", 0.2)
    monkeypatch.setattr(probes, "LOOK_S", 0.5)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        looks = [(await one_check(tmp_path, WHISPER_URL=url))["bots.service-failures"] for _ in range(3)]
    assert [(each.value, each.state) for each in looks] == [(1, Phase.OK), (2, Phase.OK), (3, Phase.FIRING)]
    assert looks[-1].subject == "whisper"


async def test_a_machine_that_does_not_answer_is_no_data(tmp_path: Path) -> None:
    alerts = await one_check(tmp_path, METRICS_URLS="http://127.0.0.1:9/metrics")
    assert {alerts[name].state for name in ("bots.cpu", "bots.memory")} == {Phase.NO_DATA}
