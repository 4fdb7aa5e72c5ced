"""`olorin migrate`, run as a person runs it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

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
    def run(*arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": "/usr/bin", "OLORIN_CONSOLE_STATE": str(tmp_path), **platform.environment(**more)}
        command = [sys.executable, "-m", "console", "migrate", *arguments]
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
    assert lines[-1] == "no run yet"


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


@pytest.mark.parametrize("job", ["olorin", "chunks", "schema"])
@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--execute"], ["--upgrade"], ["--status", "--swap"]])
def test_exactly_one_mode_that_exists(olorin: Run, job: str, options: list[str]) -> None:
    done = olorin(job, *options)
    assert (done.returncode, done.stdout) == (4, "")


def test_help_lists_no_mode_that_does_not_exist(olorin: Run) -> None:
    text = olorin("olorin", "--help").stdout
    assert "--status" in text
    assert "--execute" not in text
