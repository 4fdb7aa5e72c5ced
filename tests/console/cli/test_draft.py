"""`olorin draft` as scripts use it: stdout, stderr and exit codes."""

import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.drafting.limit import SLACK_S
from backends.drafting.locks import ProjectLock
from backends.drafting.store import Store
from backends.safety.audit import AuditTrail
from backends.safety.audited import Filter, audited
from tests.backends.drafting.scripted import AT, DONE, Endpoint, Reply, failure, finish, running_endpoint, text, whole
from tests.console.cli.drafting import Olorin, command, environment


@pytest.fixture
async def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Endpoint]:
    """A scripted model endpoint that the environment names, and a state folder of the test's own."""
    async with running_endpoint() as served:
        environment(monkeypatch, tmp_path, served.url)
        yield served


@pytest.fixture
async def olorin(endpoint: Endpoint, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Olorin:
    """Runs `olorin draft`, with a project "Salt" whose draft is "He waited."."""

    call = command(capfd)
    (tmp_path / "salt.txt").write_text("He waited.\n")
    assert (await call("import", tmp_path / "salt.txt", "--project", "Salt")).code == 0
    return call


async def test_projects_are_listed(olorin: Olorin) -> None:
    listed = (await olorin("projects", "--json")).json
    [salt] = listed["projects"]
    assert set(salt) == {"id", "title", "bay", "kind", "words", "updated_at"}
    assert (salt["title"], salt["bay"], salt["words"]) == ("Salt", "NEW", 2)
    assert salt["updated_at"].endswith("+00:00")
    table = (await olorin("projects")).out
    assert table.splitlines()[1].split()[1:4] == ["Salt", "NEW", "2"]


async def test_run_prints_the_answer_and_changes_nothing(olorin: Olorin, endpoint: Endpoint) -> None:
    endpoint.script = [whole("It rained.")]
    ended = await olorin("run", "write", "--project", "Salt", "--json")
    verdict = ended.json
    assert ended.code == 0
    assert verdict.pop("waited_s") == 0
    assert verdict == {
        "project": "Salt",
        "action": "write",
        "lane": "Narration",
        "text": "It rained.",
        "model": "scripted-1",
        "temperature": 0.8625,
        "usage": {"prompt_tokens": 21, "completion_tokens": 4},
        "attempts": 1,
    }
    assert (await olorin("projects", "--json")).json["projects"][0]["words"] == 2


async def test_run_can_apply_write_out_and_name_a_lane(olorin: Olorin, endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.script = [whole("It rained.")]
    out = tmp_path / "answer.txt"
    ended = await olorin("run", "WRITE", "--project", "Salt", "--apply", "--out", out, "--lane", "action")
    assert (ended.code, ended.out) == (0, "It rained.\n")
    assert "write in Action: scripted-1 at 0.8625, 21 + 4 tokens" in ended.err
    assert out.read_text() == "It rained."
    exported = tmp_path / "salt.md"
    assert (await olorin("export", "--project", "Salt", "--format", "md", "--out", exported)).code == 0
    assert exported.read_text() == "# Salt\n\nHe waited.\n\nIt rained.\n"


async def test_a_dry_run_prints_exactly_what_would_be_sent(olorin: Olorin, endpoint: Endpoint) -> None:
    endpoint.script = [whole("It rained.")]
    asked = ("run", "write", "--project", "Salt", "--lane", "Action")
    brief = (await olorin(*asked, "--dry-run", "--json")).json
    assert endpoint.requests == []
    assert (brief["lane"], brief["temperature"], brief["exemplars"]) == ("Action", 0.8625, [])
    assert (await olorin(*asked)).code == 0
    assert endpoint.requests[0]["messages"] == brief["messages"]


async def test_a_broken_stream_is_6_with_the_partial_text_and_is_not_applied(
    olorin: Olorin, endpoint: Endpoint
) -> None:
    endpoint.script = [Reply([text("It ra")], cut=True)]
    ended = await olorin("run", "rewrite", "--project", "Salt", "--apply", "--json")
    assert ended.code == 6
    assert ended.json["text"] == "It ra"
    assert ended.json["usage"] == {"prompt_tokens": None, "completion_tokens": None}
    assert "the draft stays as it was" in ended.err
    assert (await olorin("projects", "--json")).json["projects"][0]["words"] == 2


async def test_an_answer_cut_at_the_token_limit_is_printed_but_not_applied(olorin: Olorin, endpoint: Endpoint) -> None:
    endpoint.script = [Reply([text("It rained and"), finish("length")])]
    ended = await olorin("run", "write", "--project", "Salt", "--apply")
    assert (ended.code, ended.out) == (1, "It rained and\n")
    assert (await olorin("projects", "--json")).json["projects"][0]["words"] == 2


@pytest.mark.parametrize(("status", "code"), [(400, 3), (401, 7), (403, 7), (404, 6), (429, 6), (500, 6)])
async def test_failures_have_their_codes_and_no_stdout(
    olorin: Olorin, endpoint: Endpoint, status: int, code: int
) -> None:
    endpoint.script = [failure(status)]
    ended = await olorin("run", "write", "--project", "Salt", "--json")
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith("olorin: ")
    assert "sk-test" not in ended.err


@pytest.mark.parametrize(
    ("reply", "code"),
    [(Reply([]), 6), (Reply([DONE]), 6), (Reply([b"data: {not json\n\n"]), 6), (Reply([finish()]), 3)],
    ids=["empty", "only its end", "malformed", "properly ended without a word"],
)
async def test_a_stream_without_its_end_is_6_though_nothing_came(
    olorin: Olorin, endpoint: Endpoint, reply: Reply, code: int
) -> None:
    endpoint.script = [reply]
    ended = await olorin("run", "write", "--project", "Salt", "--json")
    assert (ended.code, ended.out) == (code, "")


async def test_nobody_there_is_6(olorin: Olorin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert (await olorin("run", "write", "--project", "Salt")).code == 6


async def test_over_the_limit_is_8_and_says_how_long(
    olorin: Olorin, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RATE_LIMIT_CALLS", "1")
    endpoint.script = [whole("Yes.")]
    assert (await olorin("run", "write", "--project", "Salt")).code == 0
    # Whoever drafts elsewhere in the same state folder shares the limit.
    monkeypatch.setenv("AUTOSAVE_DIR", "elsewhere")
    assert (await olorin("import", tmp_path / "salt.txt", "--project", "Salt")).code == 0
    ended = await olorin("run", "write", "--project", "Salt")
    assert ended.code == 8
    assert "the next call can be made in 60 s" in ended.err or "in 61 s" in ended.err
    monkeypatch.setenv("RATE_LIMIT_ENABLED", "false")
    assert (await olorin("run", "write", "--project", "Salt")).code == 0


async def test_wait_waits_for_the_limit(
    olorin: Olorin, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RATE_LIMIT_CALLS", "1")
    endpoint.script = [whole("Yes.")]
    (tmp_path / "state/drafting/calls.json").write_text(json.dumps([time.time() - 57]))
    ended = await olorin("run", "write", "--project", "Salt", "--wait", "--json")
    assert ended.code == 0
    assert 0 < ended.json["waited_s"] <= 3 + SLACK_S
    assert re.search(r"Waiting [1-4] s before attempt 1\.", ended.err)


async def test_a_project_that_is_open_elsewhere_is_not_applied_to(
    olorin: Olorin, endpoint: Endpoint, tmp_path: Path
) -> None:
    drafting = tmp_path / "state/drafting"
    [salt] = Store(drafting).load().library.projects
    lock = ProjectLock.take(drafting / "locks", salt, AT)
    ended = await olorin("run", "write", "--project", "Salt", "--apply")
    assert ended.code == 9
    assert "since 2026-01-02 03:04:05 UTC" in ended.err
    assert endpoint.requests == []
    lock.release()


async def test_production_asks_for_its_name(
    olorin: Olorin, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    endpoint.script = [whole("It rained.")]
    assert (await olorin("run", "write", "--project", "Salt", "--apply")).code == 8
    assert endpoint.requests == []
    assert (await olorin("run", "write", "--project", "Salt", "--apply", "--confirm", "production")).code == 0
    refused, done = audited(AuditTrail(tmp_path / "state").read(), Filter(action="drafting.apply"))
    assert (refused.outcome, done.outcome, done.counts) == ("refused", "done", {"applied": True})
    assert (done.target, done.details["action"]) == ("the draft of Salt", "write")


async def test_without_an_audit_nothing_is_applied(olorin: Olorin, endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.script = [whole("It rained.")]
    AuditTrail(tmp_path / "state").path.mkdir(parents=True)
    ended = await olorin("run", "write", "--project", "Salt", "--apply")
    assert (ended.code, endpoint.requests) == (8, [])
    assert "no audit, no action" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "synonym", "--project", "Salt", "--apply"),
        ("run", "sing", "--project", "Salt"),
        ("run", "write", "--project", "Pepper"),
        ("run", "write"),
        ("sing",),
    ],
    ids=" ".join,
)
async def test_wrong_use_is_4(olorin: Olorin, arguments: tuple[str, ...]) -> None:
    assert (await olorin(*arguments)).code == 4


async def test_a_recovered_state_is_said_on_stderr(olorin: Olorin, tmp_path: Path) -> None:
    await olorin("import", tmp_path / "salt.txt", "--project", "Second")
    (tmp_path / "state/drafting/state.json").write_bytes(b"{")
    ended = await olorin("projects", "--json")
    assert ended.code == 0
    assert [each["title"] for each in ended.json["projects"]] == ["Salt"]
    assert "recovered from state.json.bak1" in ended.err
