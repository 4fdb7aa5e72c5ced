"""`olorin runs`, run as a person runs it, with the toy job among its jobs."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backends.safety.audit import AuditTrail
from tests.faults.campaign import ITEMS, Campaign

MANY = 2000
"""Items that take longer than the commands of a test."""

ON_BOTH = pytest.mark.parametrize("kind", ["mongo", "postgres"])


@pytest.fixture
def kind() -> str:
    """The store, where a test does not ask for both."""
    return "postgres"


@pytest.fixture
async def toys(
    kind: str, mongo_url: str, mongo_database: str, postgres_database: str, tmp_path: Path
) -> AsyncIterator[Campaign]:
    made = Campaign.at(kind, mongo_url, mongo_database, postgres_database, tmp_path / "state")
    yield made
    await made.aclose()


@ON_BOTH
async def test_a_run_from_its_plan_to_its_end(toys: Campaign) -> None:
    await toys.plan()
    listed = await toys.run("runs", "list", "--json")
    assert [(run["id"], run["state"], run["eta_s"]) for run in listed.verdict["runs"]] == [("r-1", "planned", None)]
    done = await toys.run()
    assert (done.code, done.verdict["state"], done.verdict["counts"]["moved"]) == (0, "done", ITEMS)
    assert list(done.verdict) == ["run_id", "state", "why", "counts", "resume_cmd"]
    warned, started = done.said.splitlines()[:2]
    assert warned.startswith("There is no backup of ")
    assert started == "running: started"
    await toys.toys.check_moved(ITEMS)
    shown = await toys.run("runs", "show", "r-1", "--json")
    assert [each["state"] for each in shown.verdict["history"]] == ["planned", "running", "verifying", "done"]
    unit = shown.verdict["units"][0]
    assert (unit["name"], unit["done"], unit["total"], unit["bytes"]) == ("numbers", ITEMS, ITEMS, 16 * ITEMS)
    again = await toys.run()
    assert (again.code, "is done" in again.said) == (8, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_finishes_the_batch_and_stops(toys: Campaign, number: signal.Signals) -> None:
    await toys.plan()
    process = await toys.start(TOY_SLOW="0.05")
    await toys.until_run(lambda run: run.done)
    process.send_signal(number)
    ended = await toys.end(process)
    assert (ended.code, ended.verdict["state"], ended.verdict["resume_cmd"]) == (
        13,
        "stopped",
        "olorin runs resume r-1",
    )
    await toys.toys.check_conserved(ITEMS)
    assert (await toys.run()).code == 0
    await toys.toys.check_moved(ITEMS)


@pytest.mark.parametrize(
    ("options", "arguments", "code"),
    [
        ({"skip": [1]}, (), 10),
        ({"bad_proof": True}, (), 11),
        ({"load": 99, "does": "STOP"}, (), 12),
        ({}, ("--max-minutes", "0"), 14),
        ({"hold": True}, (), 0),
    ],
)
async def test_exit_codes(toys: Campaign, options: dict[str, object], arguments: tuple[str, ...], code: int) -> None:
    await toys.plan(**options)  # type: ignore[arg-type]
    ended = await toys.run("runs", "resume", "r-1", "--json", *arguments)
    assert ended.code == code


@ON_BOTH
async def test_orders_from_another_process(toys: Campaign) -> None:
    await toys.plan(items=MANY)
    process = await toys.start(TOY_SLOW="0.05")
    await toys.until_run(lambda run: run.done)
    paused = await toys.run("runs", "pause", "r-1", "--why", "deploy", "--json")
    assert (paused.code, paused.verdict["control"]["want"], paused.verdict["control"]["why"]) == (0, "pause", "deploy")
    await toys.until_run(lambda run: run.state == "paused")
    slowed = await toys.run("runs", "throttle", "r-1", "--batch", "3", "--pace", "30", "--json")
    assert (slowed.verdict["control"]["batch"], slowed.verdict["control"]["pace"]) == (3, 30.0)
    resumed = await toys.run("runs", "resume", "r-1", "--json")
    assert (resumed.code, resumed.verdict["why"].startswith("goes on, executed by")) == (0, True)
    assert (await toys.until_run(lambda run: run.state == "running")).control.batch == 3
    held = await toys.run("runs", "resume", "r-1", "--json")
    assert (held.code, "executes the run r-1 since" in held.said) == (9, True)
    assert (await toys.run("runs", "halt", "tyo")).code == 4, "a typing error would stop nothing"
    halted = await toys.run("runs", "halt", "toy", "--why", "incident", "--json")
    assert (halted.code, halted.verdict["halted"], halted.verdict["missing"]) == (0, True, [])
    assert toys.store.where in halted.verdict["databases"]
    ended = await toys.end(process)
    assert (ended.code, ended.verdict["state"]) == (13, "stopped")
    assert "halted by" in ended.verdict["why"]
    refused = await toys.run()
    assert (refused.code, "Lift it by its name" in refused.said) == (8, True)
    assert (await toys.run("runs", "list", "--json")).verdict["halted"][0]["kind"] == "toy"
    assert (await toys.run("runs", "halt", "toy", "--lift")).code == 0
    assert (await toys.run("runs", "throttle", "r-1")).code == 0
    assert (await toys.run()).code == 0
    await toys.toys.check_moved(MANY)


@ON_BOTH
async def test_a_run_that_nobody_executes_any_more_can_be_marked_as_stopped(toys: Campaign) -> None:
    await toys.plan()
    process = await toys.start(TOY_FAIL="after commit:2")
    assert (await toys.end(process)).code == -signal.SIGKILL
    assert (await toys.run("runs", "stop", "r-1")).code == 0
    run = await toys.known()
    assert (run.state, run.holder) == ("stopped", None)


@ON_BOTH
async def test_what_is_ordered_of_a_run_that_nobody_executes_stands_until_a_person_resumes_it(toys: Campaign) -> None:
    """Who was started on a person's earlier word, as by a screen, obeys what was ordered since."""
    await toys.plan()
    stopped = await toys.run("runs", "stop", "r-1", "--why", "wait")
    assert (stopped.code, "the order stands until: olorin runs resume r-1" in stopped.said) == (0, True)
    started = await toys.run("runs", "resume", "r-1", "--ordered", "--json")
    assert (started.code, started.verdict["state"], "wait" in started.verdict["why"]) == (13, "stopped", True), started
    assert len((await toys.toys.found())[0]) == ITEMS
    assert (await toys.run()).code == 0


async def test_a_signal_before_a_run_begins_is_obeyed_in_words(toys: Campaign) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        toys.environment["CHUNKS_DATABASE_URL"] = f"postgresql://nobody@127.0.0.1:{server.getsockname()[1]}/silent"
        process = await toys.start("migrate", "chunks", "--execute")
        connection, _ = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(server), 30)
        with connection:
            process.terminate()
            ended = await toys.end(process)
    assert (ended.code, "Stopped by SIGTERM" in ended.said) == (13, True), ended


async def test_the_list_is_paged_by_key(toys: Campaign) -> None:
    await toys.plan()
    first = await toys.run("runs", "list", "--limit", "1", "--json")
    rest = await toys.run("runs", "list", "--limit", "1", "--json", "--after", first.verdict["next"])
    assert (rest.verdict["runs"], rest.verdict["next"]) == ([], None)
    assert (await toys.run("runs", "list", "--after", "nonsense")).code == 4


async def test_production_asks_for_its_name(toys: Campaign) -> None:
    await toys.plan()
    toys.environment["ENVIRONMENT"] = "production"
    for command in (("pause", "r-1"), ("resume", "r-1"), ("stop", "r-1"), ("throttle", "r-1"), ("halt", "toy")):
        ended = await toys.run("runs", *command)
        assert (ended.code, "--confirm production" in ended.said) == (8, True), command
    assert (await toys.run("runs", "resume", "r-1", "--json", "--confirm", "production")).code == 0


async def test_what_is_not_there_is_said(toys: Campaign) -> None:
    assert (await toys.run("runs", "list")).code == 0
    missing = await toys.run("runs", "show", "r-9")
    assert (missing.code, "There is no run r-9" in missing.said) == (3, True)


async def test_a_halt_reaches_every_database_that_is_there_and_names_the_others(toys: Campaign) -> None:
    await toys.plan()
    toys.environment["MONGODB_URI"] = "mongodb://127.0.0.1:9/?directConnection=true"
    halted = await toys.run("runs", "halt", "toy", "--json")
    assert (halted.code, halted.verdict["halted"]) == (6, True), halted
    assert toys.store.where in halted.verdict["databases"]
    assert {each["kind"] for each in halted.verdict["missing"]} == {"cannot connect"}
    assert all(each["where"] in halted.said for each in halted.verdict["missing"])
    assert [each.kind for each in await toys.store.halts()] == ["toy"]


async def test_a_kind_that_only_reads_is_halted_too(toys: Campaign) -> None:
    assert (await toys.run("runs", "halt", "orphans.scan", "--why", "incident")).code == 0
    refused = await toys.run("orphans", "scan")
    assert (refused.code, "orphans.scan is halted by" in refused.said) == (8, True), refused
    assert (await toys.run("runs", "list", "--json")).verdict["halted"][0]["kind"] == "orphans.scan"
    assert (await toys.run("runs", "halt", "orphans.scan", "--lift")).code == 0
    # Lifted, it goes on to ask the database, which holds nothing.
    assert (await toys.run("orphans", "scan", "--json")).code in {0, 3}


async def test_a_database_that_is_away_hides_no_other(toys: Campaign) -> None:
    await toys.plan()
    toys.environment["ORCHESTRATION_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:9/x"
    listed = await toys.run("runs", "list", "--json")
    assert (listed.code, [run["id"] for run in listed.verdict["runs"]]) == (6, ["r-1"])
    assert json.dumps(listed.verdict["unread"]).count("cannot connect") == 1


@ON_BOTH
async def test_orders_are_audited_beside_the_runs_too_and_a_log_that_was_deleted_is_noticed(toys: Campaign) -> None:
    await toys.plan()
    for order in (("pause", "r-1"), ("halt", "toy"), ("halt", "toy", "--lift")):
        assert (await toys.run("runs", *order)).code == 0
    kept = await audit_lines(toys)
    assert sorted(kept) == sorted(["runs.pause", "runs.halt", "runs.lift"] * 2)
    whole = await toys.run("audit", "--json")
    assert (whole.code, whole.verdict["chain"]) == (0, "whole")
    for file in (toys.state / "audit").glob("audit.[jh]*"):
        file.unlink()
    broken = await toys.run("audit", "--json")
    assert (broken.code, broken.verdict["chain"], "that is not in the log" in broken.said) == (11, "broken", True)
    assert (await toys.run("runs", "resume", "r-1", "--json")).code == 0
    begun_anew = await toys.run("audit", "--json")
    assert (begun_anew.code, begun_anew.verdict["chain"]) == (11, "broken")


async def audit_lines(toys: Campaign) -> list[str]:
    """The actions of the entries that the toys' database keeps."""
    mirror = toys.store.mirror()
    known = {entry["hash"]: entry["action"] for entry in AuditTrail(toys.state).read().entries}
    return [known[each["hash"]] for each in await mirror.of(AuditTrail(toys.state).log)]
