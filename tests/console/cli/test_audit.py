"""`olorin audit`, run as a person runs it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Act, Consent, Gate

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ENTRY_KEYS = [
    "at", "user", "action", "target", "outcome", "run_id", "ended_at", "ssh_client", "host", "profile", "environment",
    "command", "plan", "details", "counts", "why", "line",
]  # fmt: skip

FLAG = Consent("command", explicit=True)

DIES = """
import asyncio, sys
from pathlib import Path
from tests.console.cli.test_audit import FLAG, act, gate_on

async def main():
    async with gate_on(Path(sys.argv[1])).act(act("orphans.clean"), FLAG):
        print("inside", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def act(name: str, run_id: str = "") -> Act:
    return Act(name, "mongodb://ops:hunter22@db database x", run_id=run_id)


def gate_on(state: Path) -> Gate:
    author = this_author("demo", "development", "olorin runs pause r1")
    return Gate(AuditTrail(state), author, Arming(), production=False)


async def change(state: Path, name: str, run_id: str = "") -> None:
    async with gate_on(state).act(act(name, run_id), FLAG) as token:
        token.outcome(moved=3)


@pytest.fixture
def olorin(tmp_path: Path) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin", "OLORIN_CONSOLE_STATE": str(tmp_path)}
        command = [sys.executable, "-m", "console", "audit", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    return run


def test_nothing_yet(olorin: Run) -> None:
    done = olorin("--json")
    assert json.loads(done.stdout) == {"entries": [], "chain": "whole", "broken_at": None}
    assert done.returncode == 0


def test_the_shape_and_the_filters(olorin: Run, tmp_path: Path) -> None:
    for name, run_id in (("runs.pause", "r1"), ("runs.resume", "r2"), ("orphans.clean", "r1")):
        asyncio.run(change(tmp_path, name, run_id))
    answer = json.loads(olorin("--json").stdout)
    assert list(answer) == ["entries", "chain", "broken_at"]
    assert [list(each) for each in answer["entries"]] == [ENTRY_KEYS] * 3
    first = answer["entries"][0]
    assert (first["outcome"], first["counts"], first["command"]) == ("done", {"moved": 3}, "olorin runs pause r1")
    assert "hunter22" not in str(answer)

    def actions(*arguments: str) -> list[str]:
        return [each["action"] for each in json.loads(olorin("--json", *arguments).stdout)["entries"]]

    assert actions("--action", "runs") == ["runs.pause", "runs.resume"]
    assert actions("--run", "r1") == ["runs.pause", "orphans.clean"]
    assert actions("--since", "1h", "--user", first["user"], "--action", "orphans.clean") == ["orphans.clean"]
    assert actions("--user", "nobody-else") == actions("--since", "2999-01-01") == []
    assert olorin("--since", "yesterday").returncode == 4


def test_a_broken_chain_ends_with_11_and_names_its_line(olorin: Run, tmp_path: Path) -> None:
    for _ in range(2):
        asyncio.run(change(tmp_path, "runs.pause"))
    log = AuditTrail(tmp_path).path
    log.write_bytes(log.read_bytes().replace(b'"n":3', b'"n":7'))
    done = olorin("--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["chain"], answer["broken_at"], len(answer["entries"])) == (11, "broken", 3, 1)
    assert "line 3" in olorin().stderr


def test_killed_between_intent_and_outcome(olorin: Run, tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", DIES, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"inside\n"
    assert [each["outcome"] for each in json.loads(olorin("--json").stdout)["entries"]] == ["under way"]
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    done = olorin("--json")
    assert [each["outcome"] for each in json.loads(done.stdout)["entries"]] == ["unknown outcome"]
    assert done.returncode == 0
    assert "unknown outcome" in olorin().stdout
