"""`olorin check`: every rule once, on live servers, as a script calls it."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from backends.alerts.model import Alert, Phase
from backends.alerts.table import RULES
from console.__main__ import run
from console.cli.check import LIMITS
from console.demo.servers import MongoServer
from console.settings import load_settings
from console.wiring import Services
from tests.faults.proxy import Proxy, proxy_to

KEYS = ["id", "state", "severity", "value", "threshold", "source", "since", "todo"]


def checked(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Exit code, alerts by id, and the state."""
    code = run(["check", "--json", *arguments])
    report = json.loads(capsys.readouterr().out)
    assert list(report) == ["state", "alerts"]
    assert all(list(alert) == KEYS for alert in report["alerts"])
    assert report["state"] == ["ok", "warning", "critical", "unknown"][code]
    return code, {alert["id"]: alert for alert in report["alerts"]}, report["state"]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A console of which nothing is configured; its state folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("MONGODB_URI", "MONGODB_URL", "OPENAI_API_KEY", "ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    state = tmp_path / "state"
    monkeypatch.setenv("OLORIN_CONSOLE_STATE", str(state))
    return state


@pytest.fixture
def on_demo(alone: Path, demo_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo's variables, with a state folder of the test's own."""
    for name, value in demo_env.items():
        if name != "OLORIN_CONSOLE_STATE":
            monkeypatch.setenv(name, value)
    return alone


@pytest.mark.usefixtures("alone")
def test_nothing_configured_counts_for_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    code, alerts, state = checked(capsys)
    assert (code, state) == (3, "unknown")
    assert list(alerts) == [rule.id for rule in RULES]
    assert {alert["state"] for alert in alerts.values()} == {"not configured"}
    assert {alert["value"] for alert in alerts.values()} == {None}


def test_a_malformed_file_is_said(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone.mkdir()
    (alone / "alerts.toml").write_text('[rule."pools.ful"]\nthreshold = 1\n')
    assert run(["check"]) == 5
    assert "rule has no 'pools.ful'" in capsys.readouterr().err


@pytest.mark.usefixtures("alone")
def test_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--only", "everything"]) == 4
    assert run(["check", "--hook", str(tmp_path / "nowhere")]) == 4
    capsys.readouterr()


def test_one_group_with_a_changed_rule(on_demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on_demo.mkdir()
    (on_demo / "alerts.toml").write_text('[rule."bots.capacity"]\nthreshold = 1\nseverity = "critical"\n')
    code, alerts, _ = checked(capsys, "--only", "bots")
    assert code == 2
    assert {id_.partition(".")[0] for id_ in alerts} == {"bots"}
    assert alerts["bots.capacity"]["state"] == "firing"
    assert "alerts.toml" in alerts["bots.capacity"]["source"]
    assert "alerts.toml" not in alerts["bots.ghosts"]["source"]


@pytest.mark.usefixtures("on_demo")
def test_the_line_for_nagios(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check"]) == 2
    first, *rest = capsys.readouterr().out.splitlines()
    text, _, figures = first.partition(" | ")
    assert text.startswith("OLORIN CRITICAL - ")
    assert "config.salt (PARTNER_API_KEY_SALT" in text
    assert "too-short-a-salt" not in first
    assert "'servers.mongo'=0;;1" in figures.split()
    assert rest
    assert not any("|" in line for line in rest)


def test_hooks_are_told_once(on_demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "log").write_text(f'#!/bin/sh\necho "$OLORIN_ALERT_ID $OLORIN_ALERT_STATE" >> {tmp_path}/told\n')
    (hooks / "log").chmod(0o700)
    for _ in range(2):
        assert run(["check", "--only", "config", "--hook", str(hooks)]) == 2
    told = (tmp_path / "told").read_text().splitlines()
    assert sorted(told) == ["config.failures firing", "config.salt firing", "config.warnings firing"]
    (on_demo / "alerts.toml").write_text('[rule."config.salt"]\nthreshold = 9\n')
    assert run(["check", "--only", "config", "--hook", str(hooks)]) == 2
    assert (tmp_path / "told").read_text().splitlines()[3:] == ["config.salt ok"]
    assert capsys.readouterr().err == ""


async def test_restart_of_a_server_folds_and_unfolds(
    alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Mongo is down, what depends on it is told below it; when it is back, nothing is left of that."""
    async with MongoServer(tmp_path / "data", durable=False) as server, proxy_to("127.0.0.1", server.port) as proxy:
        monkeypatch.setenv("MONGODB_URI", f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true")
        async with Services(load_settings(None), LIMITS) as services:
            await _goes_and_comes_back(server, proxy, services)


async def _goes_and_comes_back(server: MongoServer, proxy: Proxy, services: Services) -> None:
    async def look() -> dict[str, Alert]:
        return {alert.rule.id: alert for alert in (await services.alerts.check()).alerts}

    assert (await look())["servers.mongo"].state is Phase.OK
    await server.stop()
    down = await look()
    assert down["servers.mongo"].state is Phase.FIRING
    folded = {id_ for id_, alert in down.items() if alert.cause == "servers.mongo"}
    assert {"pools.latency", "pools.server-limit", "runs.stale"} <= folded
    assert not {id_ for id_, alert in down.items() if alert.state is Phase.NO_DATA and not alert.cause}
    await server.start()
    proxy.target = ("127.0.0.1", server.port)
    async with asyncio.timeout(60):
        while (up := await look())["servers.mongo"].state is not Phase.OK:
            pass
    assert not [alert for alert in up.values() if alert.cause == "servers.mongo"]
    assert up["runs.stale"].state is Phase.OK
    moves = [(each.before, each.after) for each in await services.alerts.changes() if each.id == "servers.mongo"]
    assert moves == [("firing", "ok"), ("ok", "firing")]


NODE = """# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{{cpu="0",mode="idle"}} {idle}
node_cpu_seconds_total{{cpu="0",mode="user"}} {user}
node_memory_MemTotal_bytes 1.6e+10
node_memory_MemAvailable_bytes 1.6e+09
"""


@pytest.mark.usefixtures("alone")
async def test_a_machine_that_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node exporter tells no pool, which is no fault; its counters are read twice."""
    readings = count()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        number = next(readings)
        body = NODE.format(idle=100 + number, user=50 + 9 * number).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        monkeypatch.setenv("METRICS_URLS", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics")
        async with Services(load_settings(None), LIMITS) as services:
            alerts = {alert.rule.id: alert for alert in (await services.alerts.check("bots")).alerts}
            pools = {alert.rule.id: alert.state for alert in (await services.alerts.check("pools")).alerts}
    assert (alerts["bots.cpu"].value, alerts["bots.memory"].value) == (90.0, 90.0)
    assert {alerts[name].state for name in ("bots.cpu", "bots.memory")} == {Phase.PENDING}
    assert pools["pools.waiting"] is Phase.NOT_CONFIGURED
