"""`olorin bots`, as a script calls it: JSON on stdout, words on stderr, and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from backends.bots.model import Status
from console.__main__ import run
from tests.backends.bots.conftest import Store, ago, bots_database, store

__all__ = ("bots_database", "store")

Olorin = Callable[..., tuple[int, str, str]]


@pytest.fixture
def olorin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any) -> Olorin:
    """Calls `olorin bots` with variables; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, **variables: str) -> tuple[int, str, str]:
        for name in ("MONGODB_URI", "MONGODB_URL", "WHISPER_URL", "TRANSLATION_URL", "ORCHESTRATION_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv("ORCHESTRATION_DATABASE_URL", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code = run(["bots", *arguments])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
async def sessions(store: Store) -> list[str]:
    """Three sessions: one that works, one that failed, one of an unknown status."""
    made = [
        await store.session(status="running", bot_id="bot-1", created_at=ago(30)),
        await store.session(status="error", bot_id="bot-2", created_at=ago(60), error_message="no permission"),
        await store.session(status="odd", bot_id="bot-3", created_at=ago(90)),
    ]
    await store.line(made[0], "hello there")
    await store.event(made[0])
    await store.insert("participants", session_id=made[0], name="Ana", email="ana@example.com")
    return made


def test_list_has_the_agreed_shape(olorin: Olorin, sessions: list[str], bots_database: str) -> None:
    code, out, err = olorin("list", "--json", ORCHESTRATION_DATABASE_URL=bots_database)
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert set(report) == {"sessions", "counts", "next"}
    assert [each["session_id"] for each in report["sessions"]] == sessions
    first = report["sessions"][0]
    assert list(first) == [
        "session_id", "bot_id", "platform", "status", "recovering", "age_s", "in_state_s", "health", "words",
        "languages", "findings",
    ]  # fmt: skip
    assert (first["status"], first["recovering"], first["health"], first["words"]) == ("active", False, "healthy", 2)
    assert [finding["kind"] for finding in report["sessions"][1]["findings"]] == ["no end", "error"]
    assert report["counts"] == {**{status.value: 0 for status in Status}, "active": 1, "failed": 1, "odd": 1}
    assert report["next"] is None


def test_list_pages_and_filters(olorin: Olorin, sessions: list[str], bots_database: str) -> None:
    url = {"ORCHESTRATION_DATABASE_URL": bots_database}
    first = json.loads(olorin("list", "--json", "--limit", "2", **url)[1])
    rest = json.loads(olorin("list", "--json", "--after", first["next"], **url)[1])
    assert [each["session_id"] for each in (*first["sessions"], *rest["sessions"])] == sessions
    odd = json.loads(olorin("list", "--json", "--status", "odd", **url)[1])
    assert [each["bot_id"] for each in odd["sessions"]] == ["bot-3"]


def test_list_for_people(olorin: Olorin, sessions: list[str], bots_database: str) -> None:
    code, out, _ = olorin("list", "--limit", "2", ORCHESTRATION_DATABASE_URL=bots_database)
    assert code == 0
    assert out.splitlines()[0].split() == [
        "SESSION", "STATUS", "AGE", "IN", "STATE", "HEALTH", "PLATFORM", "WORDS", "LANGUAGES", "FINDINGS", "BOT",
    ]  # fmt: skip
    assert "no end, error" in out
    assert "3 sessions: 1 active, 1 failed, 1 odd" in out
    assert "more: --after " in out


def test_show_has_the_agreed_shape(olorin: Olorin, sessions: list[str], bots_database: str) -> None:
    code, out, err = olorin("show", sessions[0], "--json", ORCHESTRATION_DATABASE_URL=bots_database)
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert list(report) == ["session", "statistics", "timeline", "participants", "events", "findings"]
    assert report["session"]["session_id"] == report["statistics"]["session_id"] == sessions[0]
    assert report["statistics"]["total_words"] == 2
    assert [span["status"] for span in report["timeline"]] == ["pending", "active"]
    assert report["participants"][0]["email"] == "a••••@example.com"
    assert report["events"][0]["name"] == "chunk_received"
    code, out, _ = olorin("show", sessions[1], ORCHESTRATION_DATABASE_URL=bots_database)
    assert code == 0
    assert "no permission" in out
    assert "status" in out


def test_show_of_a_session_that_is_not_there(olorin: Olorin, sessions: list[str], bots_database: str) -> None:
    code, out, err = olorin("show", "nope", "--json", ORCHESTRATION_DATABASE_URL=bots_database)
    assert (code, out) == (3, "")
    assert "There is no session nope." in err


def test_health_tells_by_its_exit_code(olorin: Olorin, bots_database: str) -> None:
    code, out, _ = olorin("health", "--json", ORCHESTRATION_DATABASE_URL=bots_database)
    report = json.loads(out)
    assert (code, report["overall"]) == (0, "healthy")
    assert [each["name"] for each in report["services"]] == [
        "whisper", "translation", "orchestration", "postgres", "mongo",
    ]  # fmt: skip
    assert all(list(each) == ["name", "status", "response_ms", "failures", "last_error"] for each in report["services"])
    assert report["services"][0]["status"] == "not configured"
    code, out, _ = olorin("health", ORCHESTRATION_DATABASE_URL=bots_database, WHISPER_URL="http://127.0.0.1:9")
    assert code == 2
    assert "overall: unhealthy" in out
    code, out, _ = olorin("health", "--json")
    assert (code, json.loads(out)["overall"]) == (3, "unknown")


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--after", "x"],
        ["list", "--after", "_00000000-0000-0000-0000-000000000001"],
        ["list", "--limit", "0"],
        ["show"],
        ["nonsense"],
    ],
)
def test_wrong_usage(olorin: Olorin, arguments: list[str]) -> None:
    assert olorin(*arguments)[0] == 4


def test_failures_have_their_codes(olorin: Olorin) -> None:
    code, out, err = olorin("list", "--json")
    assert (code, out) == (3, "")
    assert "ORCHESTRATION_DATABASE_URL" in err
    assert olorin("list", ORCHESTRATION_DATABASE_URL="postgresql://u@127.0.0.1:9/x")[0] == 6
    assert olorin("list", ORCHESTRATION_DATABASE_URL="mysql://x")[0] == 5


def test_an_older_database_is_said_beside_the_list(olorin: Olorin, sessions: list[str], bots_database: str) -> None:
    import asyncio

    import asyncpg

    async def drop() -> None:
        connection = await asyncpg.connect(bots_database)
        await connection.execute("ALTER TABLE bot_sessions DROP COLUMN recovering")
        await connection.close()

    asyncio.run(drop())
    code, out, err = olorin("list", "--json", ORCHESTRATION_DATABASE_URL=bots_database)
    assert code == 0
    assert json.loads(out)["sessions"][0]["recovering"] is None
    assert "bot_sessions.recovering does not exist" in err
