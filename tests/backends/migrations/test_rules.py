"""What the migrations' states mean."""

from dataclasses import replace

import pytest

from backends.migrations.model import BotSchema, BotTable, Chunks, Held, MovingCollection, Runs, Separation
from backends.migrations.rules import (
    chunks_summary,
    collection_state,
    runs_summary,
    schema_summary,
    separation_summary,
    worst_of,
)
from backends.runs.model import Run
from backends.sampling.reading import Problem
from backends.sampling.state import State, Summary


def moving(source: int | None, target: int | None, *missing: str) -> MovingCollection:
    return MovingCollection("usage_records", Held(source, True, missing), Held(target, True))


def separation(flag: bool | None, *collections: MovingCollection) -> Separation:
    return Separation(flag, "main", "olorin", "OLORIN_MONGODB_URL", False, collections)


@pytest.mark.parametrize(
    ("found", "state", "said"),
    [
        (separation(False, moving(5, 0)), State.OK, "5 documents of 1 collection to move"),
        (separation(False, moving(5, 5)), State.OK, "not switched yet"),
        (separation(True, moving(5, 7)), State.OK, "separated"),
        (separation(True, moving(5, 4)), State.WARNING, "the target is 1 document behind in 1 collection"),
        (separation(True, moving(None, 4)), State.NO_DATA, "usage_records could not be counted"),
        (separation(None, moving(1, 1)), State.WARNING, "neither true nor false"),
        (replace(separation(True), same=True), State.WARNING, "separated, but source"),
        (replace(separation(False), target_problem=Problem("cannot connect", "refused")), State.NO_DATA, "refused"),
    ],
)
def test_separation(found: Separation, state: State, said: str) -> None:
    summary = separation_summary(found)
    assert summary.state is state
    assert said in summary.headline


@pytest.mark.parametrize(
    ("collection", "flag", "expected"),
    [
        (moving(5, 0), False, (State.OK, "to move")),
        (moving(5, 0), True, (State.WARNING, "behind")),
        (moving(5, 5), False, (State.OK, "same count")),
        (moving(5, 6), True, (State.OK, "target has more")),
        (moving(5, 6), False, (State.OK, "target has more")),
        (moving(5, 5, "partner_id"), True, (State.WARNING, "indexes differ")),
        (moving(None, 5), True, (State.NO_DATA, "no data")),
        (MovingCollection("x", Held(0, False), Held(0, False)), False, (State.OK, "absent")),
        (MovingCollection("x", Held(0, True), None), False, (State.NO_DATA, "no data")),
    ],
)
def test_collections(collection: MovingCollection, flag: bool, expected: tuple[State, str]) -> None:
    assert collection_state(collection, flag) == expected


CHUNKS = Chunks("public.chunks", "LIST 100", "LIST (partition_key)", (), (), (), 1000, 1, 1.2, 6000, 180004)


@pytest.mark.parametrize(
    ("found", "state", "said"),
    [
        (CHUNKS, State.OK, "LIST 100, 1,000 rows, skew 1.20"),
        (replace(CHUNKS, skew=1.51), State.WARNING, "skew 1.51 above 1.5"),
        (replace(CHUNKS, skew=1.51, collections=4999), State.OK, "skew 1.51"),
        (replace(CHUNKS, skew=1.51, collections=None), State.OK, "skew 1.51"),
        (replace(CHUNKS, skew=None, rows=None), State.OK, "an unknown number of rows"),
        (replace(CHUNKS, server_version=110022), State.WARNING, "PostgreSQL 11 is too old"),
    ],
)
def test_chunks(found: Chunks, state: State, said: str) -> None:
    summary = chunks_summary(found)
    assert summary.state is state
    assert said in summary.headline


@pytest.mark.parametrize(
    ("revisions", "present", "state", "said"),
    [
        (("a1",), True, State.OK, "at revision a1"),
        (None, True, State.OK, "under no schema version"),
        (("a1",), False, State.WARNING, "1 of 1 tables are missing"),
        (("a1", "b2"), True, State.CRITICAL, "2 revisions at once"),
    ],
)
def test_schema(revisions: tuple[str, ...] | None, present: bool, state: State, said: str) -> None:
    summary = schema_summary(BotSchema(revisions, (BotTable("bot_sessions", present, 1, 1),)))
    assert summary.state is state
    assert said in summary.headline


def run(id_: str, kind: str, state: str) -> Run:
    return Run(id_, kind, state, why="disk full")


@pytest.mark.parametrize(
    ("runs", "state", "said"),
    [
        (Runs(), State.OK, "no run yet"),
        (Runs((run("2", "olorin", "done"), run("1", "olorin", "failed"))), State.OK, "2 runs"),
        (
            Runs((run("2", "olorin", "done"), run("1", "chunks", "failed"))),
            State.CRITICAL,
            "run 1 is failed: disk full",
        ),
        (Runs((run("1", "olorin", "exploded"),)), State.NO_DATA, "run 1 is exploded"),
        (Runs(problem=Problem("access denied", "no")), State.NO_DATA, "access denied"),
    ],
)
def test_runs(runs: Runs, state: State, said: str) -> None:
    summary = runs_summary(runs)
    assert summary.state is state
    assert said in summary.headline


def test_the_worst_part_stands_for_all_and_what_is_not_configured_for_none() -> None:
    ok, none, bad = (Summary(each, each.value) for each in (State.OK, State.NOT_CONFIGURED, State.WARNING))
    assert worst_of([("a", ok), ("b", bad), ("c", none)]) == Summary(State.WARNING, "b: warning")
    assert worst_of([("a", ok), ("c", none)]) == Summary(State.OK, "a: ok")
    assert worst_of([("c", none)]).state is State.NOT_CONFIGURED
