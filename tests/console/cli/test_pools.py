"""`olorin pools`, as a script calls it: one JSON object, words on stderr, and exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from console.__main__ import run
from console.demo.servers import MongoServer
from tests.backends.pools.conftest import frozen
from tests.backends.pools.test_published import METRICS, endpoint, page

OLORIN = (sys.executable, "-m", "console", "pools")
SHAPE = {
    "pools": [
        "name", "kind", "role", "max", "min", "active", "idle", "waiting", "wait_p95_ms", "create_p95_ms", "status",
    ],
    "servers": ["kind", "name", "current", "limit", "by_app", "status"],
    "by_app": ["app", "hosts", "active", "idle", "other"],
    "latency": ["get_content", "get_contents_batch"],
    "percentiles": ["p50_ms", "p95_ms", "p99_ms", "n"],
    "self": ["connections", "queries_per_s"],
}  # fmt: skip


def assert_shape(report: Mapping[str, Any]) -> None:
    """Every key of the agreed shape, in its order, and no other."""
    assert list(report) == ["pools", "servers", "latency", "self"]
    for name in ("pools", "servers"):
        assert all(list(each) == SHAPE[name] for each in report[name])
    assert all(list(each) == SHAPE["by_app"] for server in report["servers"] for each in server["by_app"])
    assert list(report["latency"]) == SHAPE["latency"]
    assert all(list(each) == SHAPE["percentiles"] for each in report["latency"].values())
    assert list(report["self"]) == SHAPE["self"]
    assert {each["kind"] for each in (*report["servers"], *report["pools"])} <= {"mongo", "postgres"}


@pytest.fixture
def variables(mongo_url: str, mongo_database: str, postgres_url: str) -> dict[str, str]:
    """Both systems, on real servers."""
    return {
        "MONGODB_URI": mongo_url,
        "MONGODB_DB_NAME": mongo_database,
        "OLORIN_USE_SEPARATE_DATABASE": "true",
        "ORCHESTRATION_DATABASE_URL": postgres_url,
    }


Olorin = Callable[..., tuple[int, str, str]]


@pytest.fixture
def olorin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Olorin:
    """Calls `olorin pools` with the variables and no others; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, **variables: str) -> tuple[int, str, str]:
        for name in ("MONGODB_URI", "ORCHESTRATION_DATABASE_URL", "CHUNKS_DATABASE_URL", "METRICS_URLS"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code = run(["pools", *arguments])
        return code, *capsys.readouterr()

    return call


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {**{name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}, **variables}


def test_the_json_has_the_agreed_shape(olorin: Olorin, variables: dict[str, str]) -> None:
    with MongoClient[dict[str, Any]](variables["MONGODB_URI"]) as client:
        client[variables["MONGODB_DB_NAME"]]["content"].insert_many([{"title": str(n)} for n in range(60)])
    code, out, err = olorin("--json", **variables)
    assert code == 0
    assert err == "The chunks' database is not configured. Set CHUNKS_DATABASE_URL=postgresql://…\n"
    assert out.isascii()
    report = json.loads(out)
    assert_shape(report)
    mongo, postgres = report["pools"]
    assert (mongo["role"], mongo["max"], mongo["active"], mongo["waiting"]) == (
        "main, olorin, bayit reference",
        2,
        0,
        0,
    )
    assert (postgres["role"], postgres["idle"]) == ("bot sessions", 1)
    assert [server["kind"] for server in report["servers"]] == ["mongo", "postgres"]
    assert report["servers"][1]["current"] <= report["servers"][1]["limit"]
    assert 1 <= report["latency"]["get_contents_batch"]["n"] <= 5
    assert report["self"] == {"connections": 3, "queries_per_s": None}


def test_text_says_the_same_to_people(olorin: Olorin, variables: dict[str, str]) -> None:
    code, out, _ = olorin(**variables)
    assert code == 0
    for expected in ("main, olorin, bayit reference", "bot sessions", "application", "olorin-console/", "get", "ok"):
        assert expected in out


def test_without_any_data_the_json_is_there_and_the_code_is_3(olorin: Olorin) -> None:
    code, out, err = olorin("--json")
    assert code == 3
    assert_shape(json.loads(out))
    for variable in ("MONGODB_URI", "ORCHESTRATION_DATABASE_URL", "CHUNKS_DATABASE_URL"):
        assert variable in err


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"OLORIN_USE_SEPARATE_DATABASE": "maybe"}, 5),
        ({"OLORIN_USE_SEPARATE_DATABASE": "maybe", "MONGODB_URI": ""}, 5),
        ({"MONGODB_URI": "mongodb://db:port/"}, 3),
        ({"OLORIN_MONGODB_URL": "mongodb://[::1"}, 3),
        ({"PARTNER_DEFAULT_RATE_LIMIT_RPM": "many"}, 0),
    ],
)
def test_a_wrong_value_of_the_platforms_hides_no_json(
    olorin: Olorin, variables: dict[str, str], wrong: dict[str, str], code: int
) -> None:
    found, out, err = olorin("--json", **{**variables, **wrong})
    assert found == code
    report = json.loads(out)
    assert_shape(report)
    assert report["servers"][-1]["current"]
    assert all(name in err for name in wrong if code in {3, 5} and wrong[name])


@pytest.mark.parametrize("wrong", [{"METRICS_URLS": "db:9100"}, {"OLORIN_CONSOLE_REFRESH": "abc"}])
def test_a_wrong_value_of_the_consoles_own_is_one_line(
    olorin: Olorin, variables: dict[str, str], wrong: dict[str, str]
) -> None:
    """The JSON is there whatever the exit code, with nothing in it."""
    code, out, err = olorin("--json", **{**variables, **wrong})
    assert (code, err.count("\n")) == (5, 1)
    assert_shape(json.loads(out))
    assert json.loads(out)["servers"] == []
    assert next(iter(wrong)) in err
    assert olorin(**{**variables, **wrong})[1] == ""


async def test_a_report_that_is_stopped_leaves_an_object(variables: dict[str, str]) -> None:
    """SIGTERM comes while an endpoint that never answers is waited for."""
    async with endpoint(lambda writer: None) as url:
        process = await begun("--json", env=environment({**variables, "METRICS_URLS": url}))
        assert process.stderr is not None
        assert b"CHUNKS_DATABASE_URL" in await process.stderr.readline()
        process.terminate()
        out, _ = await process.communicate()
    assert process.returncode == 13
    assert_shape(json.loads(out))


def test_a_server_that_is_down_hides_no_other(olorin: Olorin, variables: dict[str, str]) -> None:
    down = "postgresql://ops:hunter22@127.0.0.1:9/chunks"
    code, out, err = olorin("--json", **{**variables, "CHUNKS_DATABASE_URL": down})
    assert code == 3
    assert "hunter22" not in out + err
    assert "127.0.0.1:9" in err
    servers = json.loads(out)["servers"]
    assert [(each["status"], each["current"] is None) for each in servers] == [
        ("ok", False), ("ok", False), ("no data", True),
    ]  # fmt: skip


def test_the_demo_misses_no_data(olorin: Olorin, demo_env: dict[str, str]) -> None:
    """Two of its systems share a Postgres, where one connection is enough to look. A slow machine may earn warnings."""
    code, out, err = olorin("--json", **demo_env)
    report = json.loads(out)
    pools = [each for each in report["pools"] if each["role"] in {"bot sessions", "chunks"}]
    assert [each["active"] + each["idle"] for each in pools] == [1, 0]
    assert "no data" not in {each["status"] for each in (*report["pools"], *report["servers"])}
    assert code < 2, err


async def test_a_pool_with_people_waiting_is_critical(variables: dict[str, str], tmp_path: Path) -> None:
    """Another process publishes that 4 wait for its full pool: the code is 2, and the JSON says why."""
    text = METRICS.replace("} 97", "} 100")
    async with endpoint(page(text.encode())) as url:
        code, out, _ = await called({**variables, "METRICS_URLS": url})
    report = json.loads(out)
    assert_shape(report)
    published = report["pools"][2]
    assert (published["active"], published["waiting"], published["status"]) == (100, 4, "critical")
    assert published["wait_p95_ms"] is None
    assert code == 2


async def test_a_pool_of_another_kind_is_named_but_not_in_the_json(variables: dict[str, str]) -> None:
    text = METRICS + 'db_client_connection_count{pool_name="redis-cache",state="used"} 3\n'
    async with endpoint(page(text.encode())) as url:
        _, out, err = await called({**variables, "METRICS_URLS": url})
    report = json.loads(out)
    assert_shape(report)
    assert any(each["name"].startswith("bayit_plus at") for each in report["pools"])
    assert "redis-cache" not in out
    assert re.search("^redis-cache at .*: left out", err, re.MULTILINE)


async def called(variables: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    """Runs the command as a process of its own."""
    process = await begun("--json", *arguments, env=environment(variables))
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def begun(*arguments: str, env: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *OLORIN, *arguments, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


async def test_a_frozen_server_ends_in_time_with_the_others_numbers(variables: dict[str, str], tmp_path: Path) -> None:
    async with MongoServer(tmp_path / "data", durable=False) as server:
        started = time.monotonic()
        with frozen(server.pid):
            code, out, err = await called({**variables, "MONGODB_URI": server.url})
        took = time.monotonic() - started
    assert code == 3
    mongo, postgres = json.loads(out)["servers"]
    assert (mongo["status"], mongo["current"], postgres["status"]) == ("no data", None, "ok")
    assert mongo["name"] in err
    assert took < 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watching_prints_an_object_a_line_until_a_signal(variables: dict[str, str], number: int) -> None:
    env = environment({**variables, "OLORIN_CONSOLE_REFRESH": "0.2"})
    process = subprocess.Popen([*OLORIN, "--json", "--watch"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    reports = [json.loads(process.stdout.readline()) for _ in range(4)]
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert "Traceback" not in err.decode()
    reports += [json.loads(line) for line in out.splitlines()]
    silent = "no data" in {each["status"] for each in reports[-1]["servers"]}
    assert process.returncode == (3 if silent else 0), "the code is that of the last line, on a busy machine too"
    for report in reports:
        assert_shape(report)
    assert reports[-1]["self"]["queries_per_s"] or len(reports) < 5


def test_watching_ends_when_nobody_reads(variables: dict[str, str]) -> None:
    env = environment({**variables, "OLORIN_CONSOLE_REFRESH": "0.2"})
    process = subprocess.Popen([*OLORIN, "--json", "--watch"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=10) in {0, 3}
    assert process.stderr is not None
    said = process.stderr.read()
    assert b"Traceback" not in said
    assert b"Exception ignored" not in said
    process.stderr.close()
