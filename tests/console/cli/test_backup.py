"""`olorin backup`, run as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def database(mongo_url: str, mongo_database: str) -> Iterator[str]:
    with MongoClient[dict[str, object]](mongo_url) as client:
        client[mongo_database]["things"].insert_many([{"_id": n} for n in range(30)])
        yield mongo_database
        client.drop_database(f"{mongo_database}_test")


@pytest.fixture
def olorin(mongo_url: str, database: str, tmp_path: Path) -> Run:
    def run(command: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        own = {"PATH": "/usr/bin", "OLORIN_CONSOLE_STATE": str(tmp_path)}
        environment = {**own, "MONGODB_URI": mongo_url, "MONGODB_DB_NAME": database, **more}
        called = [sys.executable, "-m", "console", command, *arguments]
        return subprocess.run(called, env=environment, capture_output=True, text=True, check=False, timeout=60)

    return run


def test_a_backup_as_json_and_in_the_audit_log(olorin: Run, database: str) -> None:
    done = olorin("backup", "main", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["proven"], answer["documents"]) == (0, True, 30)
    assert (Path(answer["place"]) / database / "things.bson").stat().st_size == 30 * 14
    (act,) = json.loads(olorin("audit", "--json").stdout)["entries"]
    assert (act["action"], act["outcome"], act["counts"]["documents"]) == ("backup.take", "done", 30)
    assert act["target"].endswith(f"database {database}_test")
    assert act["command"] == "olorin backup main --json"


def test_production_asks_for_its_name(olorin: Run) -> None:
    for arguments in ((), ("--confirm", "staging")):
        refused = olorin("backup", "main", *arguments, ENVIRONMENT="production")
        assert (refused.returncode, refused.stdout) == (8, "")
        assert "--confirm production" in refused.stderr
    assert olorin("backup", "main", "--confirm", "production", ENVIRONMENT="production").returncode == 0
    outcomes = [each["outcome"] for each in json.loads(olorin("audit", "--json").stdout)["entries"]]
    assert outcomes == ["refused", "refused", "done"]


def test_a_note_is_recorded_with_a_warning(olorin: Run) -> None:
    done = olorin("backup", "main", "--record", "the provider's, 35 days back", "--taken-at", "2h", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["how"], answer["proven"]) == (1, "recorded", False)
    assert olorin("backup", "main", "--record", "without a time").returncode == 4
    assert olorin("backup", "main", "--record", "x", "--taken-at", "2999-01-01").returncode == 8


def test_somebody_elses_test_database_is_refused(olorin: Run, mongo_url: str, database: str) -> None:
    with MongoClient[dict[str, object]](mongo_url) as client:
        client[f"{database}_test"]["precious"].insert_one({})
        assert olorin("backup", "main").returncode == 8
        assert client[f"{database}_test"]["precious"].count_documents({}) == 1


def test_what_is_not_configured_or_unknown(olorin: Run) -> None:
    assert olorin("backup", "chunks").returncode == 3
    assert olorin("backup", "bayit").returncode == 4
