"""What `olorin bots` changes, as a script calls it: the gate, what it does, JSON and exit codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from console.demo import seed_orchestration
from console.demo.bots_seed import bots
from console.demo.processes import Supervisor
from console.demo.seeding import Size, start_of_run
from console.demo.service import ORCHESTRATION_HEALTH, Service
from tests.backends.bots.conftest import Store, ago, bots_database, store
from tests.console.cli.test_bots import Olorin, olorin

__all__ = ("bots_database", "olorin", "store")


@contextmanager
def service(database: str, folder: Path) -> Iterator[str]:
    """The demo's orchestration service on a seeded database."""

    async def seeded() -> None:
        await seed_orchestration.write(database, bots(Size(0.1), start_of_run()).rows)

    asyncio.run(seeded())
    supervisor = Supervisor()
    variables = {"OLORIN_DEMO_ORCHESTRATION_URL": database, "OLORIN_DEMO_SCALE": "0.1"}
    started = Service("orchestration", "orchestration", folder, supervisor, variables, ORCHESTRATION_HEALTH)
    try:
        asyncio.run(started.start())
        yield started.url
    finally:
        supervisor.stop()


def value(database: str, query: str) -> Any:
    async def read() -> Any:
        connection = await asyncpg.connect(database)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(read())


def test_a_bot_is_asked_for_and_stopped(olorin: Olorin, postgres_database: str, tmp_path: Path) -> None:
    with service(postgres_database, tmp_path / "data") as base:
        variables = {"ORCHESTRATION_DATABASE_URL": postgres_database, "ORCHESTRATION_URL": base}
        variables |= {"OLORIN_CONSOLE_STATE": str(tmp_path / "state"), "ENVIRONMENT": "development"}
        url = "https://teams.microsoft.com/meet/77"
        code, out, _ = olorin("request", url, "--language", "es", "--title", "Budget", "--json", **variables)
        asked = json.loads(out)
        assert (code, list(asked)) == (0, ["bot_id", "session_id", "meeting_id", "platform", "status"])
        assert (asked["meeting_id"], asked["platform"]) == ("77", "teams")
        code, out, _ = olorin("stop", asked["session_id"], "--json", **variables)
        stopped = json.loads(out)
        assert code == 0, stopped
        assert list(stopped) == ["session_id", "bot_id", "status", "said", "seen", "effect"]
        assert (stopped["status"], stopped["effect"]) == ("completed", True)
        code, _, err = olorin("stop", asked["session_id"], **variables)
        assert code == 8
        assert "already" in err
        listed = json.loads(olorin("list", "--json", "--limit", "100", **variables)[1])["sessions"]
        strays = [each for each in listed if each["bot_id"] == "bot-stray"]
        assert [[finding["kind"] for finding in each["findings"]] for each in strays] == [["stray"]]
        code, out, _ = olorin("stop", "bot-stray", "--json", **variables)
        assert (code, json.loads(out)["seen"]) == (0, "the service runs it no more")
        assert olorin("stop", "bot-stray", **variables)[0] == 3
        live = next(each["session_id"] for each in listed if each["status"] == "active" and not each["findings"])
        code, out, _ = olorin("extend", live, "--json", **variables)
        assert (code, json.loads(out)["effect"]) == (0, True), out
        ghosts = [each for each in listed if any(finding["kind"] == "ghost" for finding in each["findings"])]
        assert [each["bot_id"] for each in ghosts] == ["bot-ghost"]
        assert all(list(each) == list(listed[0]) for each in listed)


def test_production_asks_for_its_name(olorin: Olorin, postgres_database: str, tmp_path: Path) -> None:
    with service(postgres_database, tmp_path / "data") as base:
        variables = {"ORCHESTRATION_DATABASE_URL": postgres_database, "ORCHESTRATION_URL": base}
        variables |= {"OLORIN_CONSOLE_STATE": str(tmp_path / "state"), "ENVIRONMENT": "production"}
        code, out, err = olorin("request", "https://zoom.us/j/1", **variables)
        assert (code, out) == (8, "")
        assert "--confirm production" in err
        assert olorin("request", "https://zoom.us/j/1", "--confirm", "production", **variables)[0] == 0


def test_without_a_service_nothing_is_changed(olorin: Olorin, bots_database: str, tmp_path: Path) -> None:
    variables = {"OLORIN_CONSOLE_STATE": str(tmp_path), "ORCHESTRATION_DATABASE_URL": bots_database}
    code, out, err = olorin("request", "https://zoom.us/j/1", "--json", **variables)
    assert (code, out) == (3, "")
    assert "ORCHESTRATION_URL" in err
    assert olorin("request", "https://zoom.us/j/1", **variables, ORCHESTRATION_URL="http://127.0.0.1:9")[0] == 6


@pytest.fixture
async def old(store: Store) -> list[str]:
    """Three sessions that ended two days ago, one that ended now, and one that goes on."""
    made = [await store.session(status="completed", created_at=ago(200_000), ended_at=ago(180_000)) for _ in range(3)]
    for id_ in made:
        await store.line(id_)
        await store.event(id_)
    await store.session(status="failed", created_at=ago(200_000), ended_at=ago(10))
    await store.session(status="active", created_at=ago(200_000))
    return made


def test_clean_up_is_planned_and_then_that_plan_carried_out(
    olorin: Olorin, old: list[str], bots_database: str, tmp_path: Path
) -> None:
    variables = {"ORCHESTRATION_DATABASE_URL": bots_database, "OLORIN_CONSOLE_STATE": str(tmp_path)}
    variables["ENVIRONMENT"] = "development"
    code, out, _ = olorin("cleanup", "--older-than", "24", "--dry-run", "--json", **variables)
    plan = json.loads(out)
    assert (code, list(plan)) == (0, ["plan", "expires_at", "before", "rows", "audio_bytes"])
    assert (plan["rows"]["bot_sessions"], plan["rows"]["transcripts"]) == (3, 3)
    assert value(bots_database, "SELECT count(*) FROM bot_sessions") == 5
    execute = ("cleanup", "--older-than", "24", "--execute", "--plan", plan["plan"][:12], "--json")
    code, out, _ = olorin(*execute, **variables)
    verdict = json.loads(out)
    assert (code, list(verdict)) == (0, ["run_id", "state", "why", "counts", "resume_cmd"])
    assert verdict["state"] == "done"
    counted = {name: number for name, number in verdict["counts"].items() if number}
    assert counted == {"done": 3, "bot_sessions": 3, "transcripts": 3, "session_events": 3}
    assert value(bots_database, "SELECT count(*) FROM bot_sessions") == 2
    assert value(bots_database, "SELECT state FROM console_runs") == "done"
    code, out, _ = olorin("cleanup", "--older-than", "24", "--execute", "--json", **variables)
    assert (code, json.loads(out)["counts"]["done"]) == (0, 0)
    entries = [line for path in tmp_path.rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert sum('"bots.cleanup"' in line for line in entries) == 8


def test_a_plan_that_is_not_there_is_refused(olorin: Olorin, bots_database: str, tmp_path: Path) -> None:
    variables = {"ORCHESTRATION_DATABASE_URL": bots_database, "OLORIN_CONSOLE_STATE": str(tmp_path)}
    code, out, err = olorin("cleanup", "--older-than", "1", "--execute", "--plan", "0123456789", **variables)
    assert (code, out) == (8, "")
    assert "no plan" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["cleanup", "--older-than", "1"],
        ["cleanup", "--older-than", "1", "--dry-run", "--execute"],
        ["cleanup", "--older-than", "-1", "--dry-run"],
        ["cleanup", "--older-than", "1", "--dry-run", "--plan", "abc"],
        ["cleanup", "--dry-run"],
        ["request", "nonsense"],
        ["request", "https://zoom.us/"],
        ["request", "https://zoom.us/j/1", "--platform", "webex"],
        ["stop"],
        ["restart"],
        ["extend"],
    ],
)
def test_wrong_usage_of_changes(olorin: Olorin, arguments: list[str]) -> None:
    assert olorin(*arguments)[0] == 4
