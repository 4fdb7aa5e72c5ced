"""Every variable of the drafting partner, one by one: what it changes, seen from outside."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.clients.model import ModelClient, ModelTarget, model_target
from backends.drafting.model import Action
from backends.drafting.options import drafting_options
from backends.drafting.service import DraftingService
from backends.drafting.store import Store
from tests.backends.drafting.scripted import Endpoint, Reply, failure, project, running_endpoint, whole
from tests.console.cli.drafting import Olorin, command, environment


@pytest.fixture
async def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Endpoint]:
    async with running_endpoint() as served:
        environment(monkeypatch, tmp_path, served.url)
        served.script = [whole("It rained.")]
        yield served


@pytest.fixture
async def olorin(endpoint: Endpoint, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Olorin:
    """Runs `olorin draft`, with a project "Salt" whose draft is "He waited."."""
    call = command(capfd)
    (tmp_path / "salt.txt").write_text("He waited.\n")
    await call("import", tmp_path / "salt.txt", "--project", "Salt")
    return call


WRITE = ("run", "write", "--project", "Salt", "--json")


async def test_openai_api_key(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    ended = await olorin(*WRITE)
    assert ended.code == 3
    assert "OPENAI_API_KEY" in ended.err
    assert endpoint.requests == []


async def test_openai_model(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint) -> None:
    monkeypatch.setenv("OPENAI_MODEL", "other-2")
    await olorin(*WRITE)
    assert endpoint.requests[0]["model"] == "other-2"


async def test_openai_timeout(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint) -> None:
    endpoint.script = [Reply([], hold=True)]
    monkeypatch.setenv("OPENAI_TIMEOUT", "0.2")
    ended = await olorin(*WRITE)
    assert ended.code == 6
    assert "OPENAI_TIMEOUT" in ended.err


async def test_openai_max_retries(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint) -> None:
    endpoint.script = [failure(500, **{"Retry-After": "0"})]
    monkeypatch.setenv("OPENAI_MAX_RETRIES", "2")
    assert (await olorin(*WRITE)).code == 6
    assert len(endpoint.requests) == 3


@pytest.mark.parametrize("absolute", [True, False])
async def test_autosave_dir(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, absolute: bool) -> None:
    monkeypatch.setenv("AUTOSAVE_DIR", str(tmp_path / "elsewhere") if absolute else "autosave")
    await olorin("import", tmp_path / "salt.txt", "--project", "Elsewhere")
    folder = tmp_path / "elsewhere" if absolute else tmp_path / "state/autosave"
    assert [each.title for each in Store(folder).load().library.projects] == ["Elsewhere"]


def test_autosave_interval() -> None:
    assert drafting_options({"AUTOSAVE_INTERVAL": "7"}).autosave_s == 7
    assert drafting_options({}).autosave_s == 3


async def test_max_backups(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAX_BACKUPS", "2")
    for number in range(4):
        await olorin("import", tmp_path / "salt.txt", "--project", str(number))
    assert len(list((tmp_path / "state/drafting").glob("state.json.bak*"))) == 2


async def test_max_upload_bytes(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAX_UPLOAD_BYTES", "1024")
    (tmp_path / "big.txt").write_text("x" * 1_025)
    ended = await olorin("import", tmp_path / "big.txt", "--project", "Big")
    assert ended.code == 4
    assert "larger than 1,024 bytes (MAX_UPLOAD_BYTES)" in ended.err


async def test_max_draft_length(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAX_DRAFT_LENGTH", "15")
    ended = await olorin("import", tmp_path / "salt.txt", "--project", "Salt")
    assert ended.code == 4
    assert "draft has 23 characters; at most 15 are accepted" in ended.err


async def test_max_projects(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAX_PROJECTS", "1")
    ended = await olorin("import", tmp_path / "salt.txt", "--project", "Second")
    assert ended.code == 4
    assert "at most 1 are kept (MAX_PROJECTS)" in ended.err


async def test_default_ai_intensity(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEFAULT_AI_INTENSITY", "0.2")
    await olorin("import", tmp_path / "salt.txt", "--project", "Calm")
    assert (await olorin("run", "write", "--project", "Calm", "--json")).json["temperature"] == 0.34


async def test_rate_limit_calls_and_enabled(olorin: Olorin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT_CALLS", "1")
    assert [(await olorin(*WRITE)).code for _ in range(2)] == [0, 8]
    monkeypatch.setenv("RATE_LIMIT_ENABLED", "false")
    assert (await olorin(*WRITE)).code == 0
    assert {"name": "limit", "on": False, "why": "off by RATE_LIMIT_ENABLED"} in (await olorin("stats", "--json")).json[
        "switches"
    ]


async def test_log_level_and_file(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOG_FILE", "own.log")
    await olorin(*WRITE)
    assert 'type\\": \\"write' in (tmp_path / "state/own.log").read_text()
    monkeypatch.setenv("LOG_FILE", "quiet.log")
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    await olorin(*WRITE)
    assert (tmp_path / "state/quiet.log").read_text() == ""


async def test_log_max_bytes_and_backup_count(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOG_FILE", "small.log")
    monkeypatch.setenv("LOG_MAX_BYTES", "200")
    monkeypatch.setenv("LOG_BACKUP_COUNT", "2")
    for number in range(5):
        await olorin("import", tmp_path / "salt.txt", "--project", str(number))
    assert len(list((tmp_path / "state").glob("small.log*"))) == 3


async def test_debug_mode(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOG_FILE", "debug.log")
    await olorin(*WRITE)
    assert '"level": "debug"' not in (tmp_path / "state/debug.log").read_text()
    monkeypatch.setenv("DEBUG_MODE", "true")
    await olorin(*WRITE)
    assert '"level": "debug"' in (tmp_path / "state/debug.log").read_text()


async def test_enable_analytics(olorin: Olorin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENABLE_ANALYTICS", "false")
    await olorin(*WRITE)
    found = (await olorin("stats", "--json")).json
    assert found["monitor"]["ai_calls"] == 0
    assert {"name": "analytics", "on": False, "why": "off by ENABLE_ANALYTICS"} in found["switches"]


async def test_enable_telemetry(olorin: Olorin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    await olorin(*WRITE)
    log = tmp_path / "state/console.log"
    assert "telemetry: write in" not in log.read_text()
    monkeypatch.setenv("ENABLE_TELEMETRY", "true")
    await olorin(*WRITE)
    assert "telemetry: write in" in log.read_text()


@pytest.mark.parametrize(
    ("variables", "requests"),
    [({}, 1), ({"CACHE_TTL": "60"}, 1), ({"CACHE_TTL": "0"}, 2), ({"ENABLE_CACHING": "false"}, 2)],
    ids=str,
)
async def test_enable_caching_and_cache_ttl(
    endpoint: Endpoint, tmp_path: Path, variables: dict[str, str], requests: int
) -> None:
    client = ModelClient(ModelTarget(endpoint.url, "sk-test-0123456789", "asked-1", 10.0))
    service = DraftingService(tmp_path, client, drafting_options(variables))
    for _ in range(2):
        _ = [each async for each in service.answer(project(draft="He waited."), Action.WRITE, cached=True)]
    await client.aclose()
    assert len(endpoint.requests) == requests
    assert drafting_options({"CACHE_TTL": "60"}).cache_s == 60


def test_prices() -> None:
    first = drafting_options({"OLORIN_CONSOLE_PRICES": "own-1=1/2"}).prices[0]
    assert (first.model, first.sent, first.answered) == ("own-1", 1.0, 2.0)


async def test_prices_say_what_an_answer_cost(olorin: Olorin, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "$" not in (await olorin(*WRITE)).err
    monkeypatch.setenv("OLORIN_CONSOLE_PRICES", "scripted-1=1000/500")
    assert ", $0.02300" in (await olorin(*WRITE)).err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_TIMEOUT", "soon"),
        ("OPENAI_MAX_RETRIES", "-1"),
        ("AUTOSAVE_INTERVAL", "0"),
        ("MAX_BACKUPS", "0"),
        ("MAX_UPLOAD_BYTES", "1023"),
        ("MAX_DRAFT_LENGTH", "x"),
        ("MAX_PROJECTS", "0"),
        ("DEFAULT_AI_INTENSITY", "1.1"),
        ("RATE_LIMIT_ENABLED", "maybe"),
        ("RATE_LIMIT_CALLS", "0"),
        ("ENABLE_ANALYTICS", "perhaps"),
        ("ENABLE_TELEMETRY", "perhaps"),
        ("ENABLE_CACHING", "perhaps"),
        ("CACHE_TTL", "-1"),
        ("OLORIN_CONSOLE_PRICES", "cheap"),
        ("LOG_LEVEL", "loud"),
        ("LOG_MAX_BYTES", "0"),
        ("LOG_BACKUP_COUNT", "many"),
        ("DEBUG_MODE", "perhaps"),
    ],
)
def test_what_cannot_be_used_gives_way_and_is_named(name: str, value: str) -> None:
    options = drafting_options({name: value})
    assert options.unusable == (name,)
    assert drafting_options({}).calls == options.calls


def test_a_timeout_that_is_none_gives_way() -> None:
    target = model_target({"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_TIMEOUT": "-1"})
    assert isinstance(target, ModelTarget)
    assert target.timeout_s == 90
    assert json.dumps(target.timeout_s) == "90.0"
