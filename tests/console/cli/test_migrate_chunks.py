"""`olorin migrate chunks`, run as a person runs it: from the plan to the dropped backup, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backends.clients.targets import PostgresTarget
from tests.backends.backup.proven import record_proven
from tests.backends.migrations.repartition.place import ABS, PARENTS, fill, layout
from tests.console.cli.test_migrate import Run, database, execute, olorin, platform

__all__ = ["database", "olorin", "platform"]


@pytest.fixture
def table(database: str) -> str:
    """The table as shipped, with two hundred rows."""
    execute(database, PARENTS + layout("list with trigger", ABS), fill("list", 200), "ANALYZE")
    execute(database, "CREATE VIEW newest AS SELECT id, content FROM chunks")
    execute(database, "CREATE MATERIALIZED VIEW counted AS SELECT collection_id, count(*) FROM chunks GROUP BY 1")
    return database


def test_dry_run_as_json(olorin: Run, table: str) -> None:
    done = olorin("chunks", "--dry-run", "--probe", "--json", CHUNKS_DATABASE_URL=table)
    answer = json.loads(done.stdout)
    assert (done.returncode, set(answer)) == (1, {"plan", "layout", "rows", "gates", "dependants", "skew"})
    assert (answer["layout"], answer["rows"]) == ({"from": "LIST 100", "to": "HASH 100"}, 200)
    gates = {gate["id"]: gate for gate in answer["gates"]}
    assert all(set(gate) == {"id", "status", "why"} for gate in answer["gates"])
    assert gates["key-trigger"]["status"] == "ok"
    assert (gates["writers"]["status"], "stop naming" in gates["writers"]["why"]) == ("warning", True)
    assert {"kind": "view", "name": "public.newest"} in answer["dependants"]
    assert {"kind": "materialized view", "name": "public.counted"} in answer["dependants"]
    assert answer["skew"]["collections"] == 40


def test_a_red_gate_refuses(olorin: Run, table: str) -> None:
    execute(table, "CREATE VIEW one AS SELECT count(*) FROM chunks_part_07")
    assert olorin("chunks", "--dry-run", CHUNKS_DATABASE_URL=table).returncode == 8
    done = olorin("chunks", "--execute", CHUNKS_DATABASE_URL=table)
    assert done.returncode == 8
    assert "public.one" in done.stderr


def test_the_whole_way(olorin: Run, table: str) -> None:
    named = {"CHUNKS_DATABASE_URL": table}
    plan = json.loads(olorin("chunks", "--dry-run", "--json", **named).stdout)["plan"]
    held = olorin("chunks", "--execute", "--plan", plan, "--json", **named)
    verdict = json.loads(held.stdout.splitlines()[-1])
    assert (held.returncode, verdict["state"]) == (0, "holding"), held.stderr
    assert olorin("chunks", "--execute", **named).returncode == 8
    standing = json.loads(olorin("chunks", "--status", "--json", **named).stdout)["repartition"]
    assert (standing["stage"], standing["run_id"]) == ("ready", verdict["run_id"])
    assert {each["name"] for each in standing["kept"]} >= {"chunks_next", "console_chunks_changes"}
    swapped = olorin("chunks", "--swap", "--retain", "0", "--json", **named)
    assert (swapped.returncode, json.loads(swapped.stdout.splitlines()[-1])["state"]) == (0, "done"), swapped.stderr
    execute(table, "DELETE FROM chunks WHERE chunk_index = 3")
    verified = olorin("chunks", "--verify", "--json", **named)
    answer = json.loads(verified.stdout)
    assert (verified.returncode, answer["state"], answer["old_rows"], answer["new_rows"]) == (0, "swapped", 200, 199)
    assert (answer["missing"], answer["extra"], answer["different"]) == (0, 0, 0)
    assert {gate["id"]: gate["status"] for gate in answer["board"]}["writable"] == "warning"
    board = json.loads(olorin("chunks", "--verify", "--probe", "--json", **named).stdout)["board"]
    assert {gate["id"]: gate["status"] for gate in board if gate["id"] != "inserts"}.items() >= {("reads", "ok")}
    assert {gate["status"] for gate in board if gate["id"] != "inserts"} == {"ok"}
    told = json.loads(olorin("chunks", "--status", "--json", **named).stdout)["board"]
    assert [gate["id"] for gate in told] == [gate["id"] for gate in board]
    kept = olorin("chunks", "--swap", "--retain", "1", **named)
    assert kept.returncode == 0
    early = olorin("chunks", "--drop-backup", **named)
    assert (early.returncode, "kept until" in early.stderr) == (8, True)
    back = olorin("chunks", "--rollback", "--json", **named)
    assert (back.returncode, json.loads(back.stdout.splitlines()[-1])["state"]) == (0, "done"), back.stderr
    assert json.loads(olorin("chunks", "--status", "--json", **named).stdout)["layout"] == "LIST 100"


def test_a_swap_that_is_refused_is_not_made_up_for_later(olorin: Run, table: str) -> None:
    """By a halt: neither at once nor by who resumes the run after it is lifted."""
    named = {"CHUNKS_DATABASE_URL": table}
    verdict = json.loads(olorin("chunks", "--execute", "--json", **named).stdout.splitlines()[-1])
    assert olorin("halt", "chunks", group="runs", **named).returncode == 0
    for mode in ("--swap", "--rehearse"):
        refused = olorin("chunks", mode, **named)
        assert (refused.returncode, "chunks is halted by" in refused.stderr) == (8, True), refused.stderr
    assert olorin("halt", "chunks", "--lift", group="runs", **named).returncode == 0
    resumed = olorin("resume", verdict["run_id"], "--json", group="runs", **named)
    assert json.loads(resumed.stdout.splitlines()[-1])["state"] == "holding", resumed.stdout
    told = json.loads(olorin("chunks", "--status", "--json", **named).stdout)
    assert (told["repartition"]["stage"], told["layout"]) == ("ready", "LIST 100")


def test_the_backup_is_dropped_when_its_time_is_over(olorin: Run, table: str, tmp_path: Path) -> None:
    named = {"CHUNKS_DATABASE_URL": table}
    executed = olorin("chunks", "--execute", **named)
    assert executed.returncode == 0
    assert "There is no backup of chunks. Run: olorin backup chunks" in executed.stderr, "it keeps its undo: a warning"
    assert olorin("chunks", "--swap", "--retain", "0", **named).returncode == 0
    refused = olorin("chunks", "--drop-backup", **named)
    assert (refused.returncode, "Run: olorin backup chunks" in refused.stderr) == (8, True)
    assert json.loads(olorin("chunks", "--status", "--json", **named).stdout)["repartition"]["stage"] == "swapped"
    record_proven(tmp_path, "chunks", PostgresTarget(table, "CHUNKS_DATABASE_URL").where)
    dropped = olorin("chunks", "--drop-backup", "--json", **named)
    assert dropped.returncode == 0, dropped.stderr
    gone = json.loads(dropped.stdout)["dropped"]
    assert any("chunks_backup_" in line for line in gone)
    assert gone[-1] == "DROP FUNCTION public.compute_partition_key()", "kept until now"
    assert olorin("chunks", "--rollback", **named).returncode == 8
    assert json.loads(olorin("chunks", "--status", "--json", **named).stdout)["layout"] == "HASH 100"


def test_a_difference_fails_the_verification(olorin: Run, table: str) -> None:
    named = {"CHUNKS_DATABASE_URL": table}
    olorin("chunks", "--execute", **named)
    execute(table, "UPDATE chunks_next SET content = 'spoilt' WHERE chunk_index = 7")
    done = olorin("chunks", "--verify", "--json", **named)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["state"], answer["different"]) == (11, "ready", 1)
    assert answer["by_collection"][0]["collection_id"] == "collection-8"
    assert olorin("chunks", "--swap", **named).returncode == 11
    assert json.loads(olorin("chunks", "--status", "--json", **named).stdout)["layout"] == "LIST 100"


def test_a_rehearsal(olorin: Run, table: str) -> None:
    """On the table as shipped, with trigger and view; production asks for its name, and its gate is green after."""
    named = {"CHUNKS_DATABASE_URL": table, "ENVIRONMENT": "production"}
    refused = olorin("chunks", "--rehearse", **named)
    assert refused.returncode == 8
    done = olorin("chunks", "--rehearse", "--sample", "150", "--json", "--confirm", "production", **named)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["passed"], answer["rows"]) == (0, True, 150), done.stderr
    gates = json.loads(olorin("chunks", "--dry-run", "--json", **named).stdout)["gates"]
    rehearsal = next(gate for gate in gates if gate["id"] == "rehearsal")
    assert (rehearsal["status"], "150 rows" in rehearsal["why"]) == ("ok", True)
    assert json.loads(olorin("chunks", "--status", "--json", **named).stdout)["layout"] == "LIST 100"


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--execute", "--sample", "5"],
        ["--status", "--swap"],
        ["--status", "--probe"],
        ["--execute", "--retain", "1"],
        ["--cleanup"],
    ],
)
def test_usage(olorin: Run, options: list[str]) -> None:
    assert olorin("chunks", *options).returncode == 4
