"""`olorin migrate`, run as a person runs it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from backends.migrations.olorin.names import SWITCH
from tests.backends.migrations import layouts
from tests.olorin import Platform, platform_on

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def platform(mongo_url: str, mongo_database: str) -> Iterator[Platform]:
    with platform_on(mongo_url, mongo_database) as platform:
        platform.bayit.usage_records.insert_many([{} for _ in range(5)])
        platform.bayit.usage_records.create_index("partner_id")
        platform.olorin.usage_records.insert_one({})
        yield platform


@pytest.fixture
def olorin(platform: Platform, tmp_path: Path) -> Run:
    def run(*arguments: str, group: str = "migrate", **more: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": "/usr/bin", "OLORIN_CONSOLE_STATE": str(tmp_path), **platform.environment(**more)}
        command = [sys.executable, "-m", "console", group, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    return run


def execute(url: str, *statements: str) -> None:
    """Runs the statements as the test's own hand."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(run())


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """An empty Postgres database for tests that run no loop of their own."""
    execute(postgres_url, "CREATE DATABASE test_migrate")
    yield f"{postgres_url.rpartition('/')[0]}/test_migrate"
    execute(postgres_url, "DROP DATABASE test_migrate WITH (FORCE)")


def test_olorin_as_json(olorin: Run, platform: Platform) -> None:
    done = olorin("olorin", "--status", "--json", OLORIN_USE_SEPARATE_DATABASE="false")
    answer = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (answer["flag"], answer["same"], answer["runs"]) == ("off", False, [])
    assert answer["collections"][1] == {
        "name": "usage_records",
        "source": 5,
        "target": 1,
        "difference": 4,
        "source_indexes": ["partner_id"],
        "target_indexes": [],
        "missing_indexes": ["partner_id"],
        "status": "to move",
    }


def test_olorin_as_text(olorin: Run) -> None:
    lines = olorin("olorin", "--status").stdout.splitlines()
    usage = next(line.split() for line in lines if line.startswith("usage_records"))
    assert usage == ["usage_records", "5", "1", "4", "1", "to", "0", "behind"]
    assert "no run yet" in lines
    assert lines[-3].startswith("  before the switch: ")


def test_what_the_target_refused_is_listed(olorin: Run, platform: Platform) -> None:
    refused = {"_id": b"1", "r": "sep-1", "c": "usage_records", "k": {"a": 7}, "why": "Document failed validation"}
    platform.olorin.console_separation_refused.insert_one(refused)
    told = json.loads(olorin("olorin", "--status", "--json").stdout)["left_out"]
    assert told == {
        "refused": 1,
        "conflicting": 0,
        "documents": [{"collection": "usage_records", "id": '{"a": {"$numberInt": "7"}}', "why": refused["why"]}],
    }
    lines = olorin("olorin", "--status").stdout.splitlines()
    said = lines.index("left out: 1 refused by the target, 0 in conflict at a rollback")
    assert lines[said + 1].startswith('usage_records  {"a": {"$numberInt": "7"}}  Document failed')


def test_olorin_with_its_target_down(olorin: Run) -> None:
    done = olorin("olorin", "--status", "--json", OLORIN_MONGODB_URL="mongodb://ops:sesame99@127.0.0.1:99999/")
    usage = json.loads(done.stdout)["collections"][1]
    assert (done.returncode, usage["source"], usage["target"], usage["difference"]) == (6, 5, None, None)
    assert "cannot connect" in done.stderr
    assert "sesame99" not in done.stderr + done.stdout


def test_chunks_as_json(olorin: Run, database: str) -> None:
    fill = "INSERT INTO chunks (collection_id) SELECT 'c-' || n FROM generate_series(1, 200) AS n"
    execute(database, layouts.hash_partitions(16), fill, "ANALYZE chunks")
    done = olorin("chunks", "--status", "--json", CHUNKS_DATABASE_URL=database)
    answer = json.loads(done.stdout)
    assert done.returncode == 0
    assert (answer["layout"], answer["key"], answer["rows"], answer["runs"]) == (
        "HASH 16",
        "HASH (collection_id)",
        200,
        [],
    )
    assert answer["partitions"][3]["number"] == 3
    assert answer["skew"] == pytest.approx(max(each["rows"] for each in answer["partitions"]) * 16 / 200, abs=0.001)


def test_chunks_as_text(olorin: Run, database: str) -> None:
    execute(database, layouts.hash_partitions(16))
    lines = olorin("chunks", "--status", CHUNKS_DATABASE_URL=database).stdout.splitlines()
    assert lines[1] == "layout   HASH 16"
    start = lines.index("rows of each partition:")
    assert [len(line.split()) for line in lines[start + 1 : start + 3]] == [10, 6]


def test_schema(olorin: Run, database: str) -> None:
    execute(database, "CREATE TABLE bot_sessions (id int)", "CREATE TABLE alembic_version (version_num text)")
    execute(database, "INSERT INTO alembic_version VALUES ('a1')")
    answer = json.loads(olorin("schema", "--status", "--json", ORCHESTRATION_DATABASE_URL=database).stdout)
    text = olorin("schema", "--status", ORCHESTRATION_DATABASE_URL=database).stdout
    assert (answer["revisions"], answer["tables"][0]["present"], answer["tables"][1]["present"]) == (
        ["a1"],
        True,
        False,
    )
    assert text.startswith("revision  a1\n")


@pytest.mark.parametrize("job", ["chunks", "schema"])
def test_what_is_not_configured_says_which_variable(olorin: Run, job: str) -> None:
    done = olorin(job, "--status")
    assert (done.returncode, done.stdout) == (3, "")
    assert "_DATABASE_URL" in done.stderr


@pytest.mark.parametrize("options", [[], ["--upgrade"], ["--status", "--dry-run"], ["--status", "--swap"]])
def test_olorin_takes_exactly_one_mode_that_exists(olorin: Run, options: list[str]) -> None:
    done = olorin("olorin", *options)
    assert (done.returncode, done.stdout) == (4, "")


def test_a_dry_run_as_json(olorin: Run) -> None:
    done = olorin("olorin", "--dry-run", "--json", OLORIN_USE_SEPARATE_DATABASE="false")
    answer = json.loads(done.stdout)
    assert (done.returncode, sorted(answer)) == (1, ["collections", "gates", "plan"])
    assert answer["collections"][1] == {
        "name": "usage_records",
        "source": 5,
        "target": 1,
        "to_copy": 5,
        "bytes": 5 * 22,
        "indexes": ["partner_id"],
    }
    assert {tuple(sorted(each)) for each in answer["gates"]} == {("id", "status", "why")}
    assert len(answer["plan"]) == 32


def test_a_dry_run_with_the_flag_on_is_refused(olorin: Run) -> None:
    assert olorin("olorin", "--dry-run").returncode == 8


def test_a_verification_as_json(olorin: Run, platform: Platform) -> None:
    done = olorin("olorin", "--verify", "--json", OLORIN_USE_SEPARATE_DATABASE="false")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["state"]) == (11, "failed")
    assert answer["collections"][1] == {
        "name": "usage_records",
        "source": 5,
        "target": 1,
        "missing": 5,
        "extra": 1,
        "different": 0,
        "indexes": ["missing: partner_id"],
        "status": "failed",
    }
    for database in (platform.bayit, platform.olorin):
        database.usage_records.drop()
    done = olorin("olorin", "--verify", OLORIN_USE_SEPARATE_DATABASE="false")
    assert (done.returncode, done.stdout.count("passed")) == (0, 7)


def test_from_the_first_copy_to_the_cleanup(olorin: Run, platform: Platform) -> None:
    """The whole way, as a person goes it."""
    off, on = {"OLORIN_USE_SEPARATE_DATABASE": "false"}, {"OLORIN_USE_SEPARATE_DATABASE": "true"}
    plan = json.loads(olorin("olorin", "--dry-run", "--json", **off).stdout)["plan"]
    done = olorin("olorin", "--execute", "--plan", plan, "--json", **off)
    verdict = json.loads(done.stdout)
    assert (done.returncode, verdict["state"], sorted(verdict)) == (
        0,
        "holding",
        ["counts", "resume_cmd", "run_id", "state", "why"],
    )
    assert olorin("olorin", "--verify", **off).returncode == 0
    board = json.loads(olorin("olorin", "--status", "--json", **off).stdout)["board"]
    assert board["change"] == "OLORIN_USE_SEPARATE_DATABASE=true"
    assert olorin("olorin", "--cleanup", "--confirm", "demo", **off).returncode == 8
    assert olorin("olorin", "--execute", **on).returncode == 8
    platform.olorin.usage_records.insert_one({"_id": "after the switch"})
    assert olorin("olorin", "--verify", "--confirm", "demo", **on).returncode == 0
    assert platform.olorin[SWITCH].count_documents({}) == 1
    preview = json.loads(olorin("olorin", "--cleanup", "--json", **on).stdout)
    assert (preview["done"], preview["collections"][0]["documents"]) == (False, 5)
    assert "usage_records" in platform.bayit.list_collection_names()
    cleaned = json.loads(olorin("olorin", "--cleanup", "--confirm", "demo", "--json", **on).stdout)
    assert (cleaned["done"], cleaned["run_id"]) == (True, verdict["run_id"])
    assert "usage_records" not in platform.bayit.list_collection_names()
    drop = olorin("olorin", "--cleanup", "--drop", verdict["run_id"], "--confirm", "demo", **on)
    assert (drop.returncode, "Run: olorin backup main" in drop.stderr) == (8, True)
    assert olorin("olorin", "--rollback", **on).returncode == 8
    back = olorin("olorin", "--rollback", "--json", **off)
    assert (back.returncode, json.loads(back.stdout)["counts"]["carried"]) == (0, 1)
    assert platform.bayit.usage_records.count_documents({}) == 6


def test_options_that_belong_together(olorin: Run) -> None:
    for options in (
        ["--status", "--plan", "x"],
        ["--verify", "--drop", "x"],
        ["--status", "--soft-delete"],
        ["--soft-delete", "--execute", "--follow"],
    ):
        assert olorin("olorin", *options).returncode == 4
