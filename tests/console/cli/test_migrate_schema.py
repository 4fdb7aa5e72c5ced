"""`olorin migrate schema`, run as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backends.clients.targets import PostgresTarget
from tests.backends.backup.proven import record_proven
from tests.console.cli.test_migrate import Run, database, execute, olorin, platform

__all__ = ["database", "olorin", "platform"]


def test_from_nothing_and_back(olorin: Run, database: str, tmp_path: Path) -> None:
    named = {"ORCHESTRATION_DATABASE_URL": database}
    empty = olorin("schema", "--status", "--json", **named)
    assert (empty.returncode, json.loads(empty.stdout)["pending"]) == (1, [])
    assert "11 of 11 tables are missing" in empty.stderr
    up = olorin("schema", "--upgrade", "0002", "--json", **named)
    assert (up.returncode, json.loads(up.stdout)["after"]) == (0, ["0002"])
    behind = olorin("schema", "--status", **named)
    assert behind.returncode == 1
    assert "0003  yes" in behind.stdout
    assert "CREATE TABLE console_schema_0003" in olorin("schema", "--sql", **named).stdout
    assert olorin("schema", "--upgrade", **named).returncode == 0
    now = olorin("schema", "--status", "--json", **named)
    assert (now.returncode, json.loads(now.stdout)["revisions"]) == (0, ["0003"])
    refused = olorin("schema", "--downgrade", "base", **named)
    assert (refused.returncode, "Run: olorin backup orchestration" in refused.stderr) == (8, True)
    assert json.loads(olorin("schema", "--status", "--json", **named).stdout)["revisions"] == ["0003"]
    record_proven(tmp_path, "orchestration", PostgresTarget(database, "ORCHESTRATION_DATABASE_URL").where)
    assert olorin("schema", "--downgrade", "base", **named).returncode == 0
    audited = next(tmp_path.glob("**/*.jsonl")).read_text()
    assert audited.count("schema.upgrade") >= 2
    assert "schema.downgrade" in audited


def test_an_unknown_revision_is_refused(olorin: Run, database: str) -> None:
    done = olorin("schema", "--upgrade", "f00d", ORCHESTRATION_DATABASE_URL=database)
    assert done.returncode == 8
    assert "no revision to go to" in done.stderr


def test_a_revision_of_somebody_else_is_red(olorin: Run, database: str) -> None:
    execute(database, "CREATE TABLE alembic_version (version_num text)", "INSERT INTO alembic_version VALUES ('a1')")
    done = olorin("schema", "--status", "--json", ORCHESTRATION_DATABASE_URL=database)
    assert (done.returncode, json.loads(done.stdout)["revisions"]) == (2, ["a1"])


def test_in_production_the_name_is_asked_for(olorin: Run, database: str) -> None:
    named = {"ORCHESTRATION_DATABASE_URL": database, "ENVIRONMENT": "production"}
    assert olorin("schema", "--upgrade", **named).returncode == 8
    assert olorin("schema", "--upgrade", "--confirm", "production", **named).returncode == 0


@pytest.mark.parametrize("options", [[], ["--status", "--sql"], ["--upgrade", "--downgrade", "base"], ["--execute"]])
def test_exactly_one_mode(olorin: Run, options: list[str]) -> None:
    assert olorin("schema", *options).returncode == 4
