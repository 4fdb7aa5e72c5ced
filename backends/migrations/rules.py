"""What the migrations' states mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from backends.migrations.model import BotSchema, Chunks, MovingCollection, Runs, Separation
from backends.runs.model import Run
from backends.runs.rules import is_abandoned, run_state
from backends.sampling.reading import Problem
from backends.sampling.state import State, Summary
from backends.sampling.words import counted

SKEW_GATE: Final = 1.5
"""Skew of the partitions above which the founding document refuses."""

SKEW_COLLECTIONS: Final = 5_000
"""Collections from which the skew is judged: with fewer, even a perfect hash exceeds the gate by chance."""

OLDEST_SERVER: Final = 120_000
"""The oldest Postgres that a re-partition works on."""


def separation_summary(found: Separation) -> Summary:
    """Where the separation stands, and the worst of it."""
    if found.flag is None:
        return Summary(State.WARNING, "OLORIN_USE_SEPARATE_DATABASE is neither true nor false")
    problem = found.source_problem or found.target_problem
    if problem is not None:
        return _unknown(problem)
    if found.same:
        said = "separated, but" if found.flag else "not migrated, and"
        return Summary(State.WARNING, f"{said} source and target are one database")
    return _by_counts(found)


def _by_counts(found: Separation) -> Summary:
    unknown = next((each.name for each in found.collections if each.difference is None), None)
    if unknown is not None:
        return Summary(State.NO_DATA, f"{unknown} could not be counted in time")
    behind = [each for each in found.collections if (each.difference or 0) > 0]
    if not behind:
        return Summary(State.OK, "separated" if found.flag else "every collection is in the target; not switched yet")
    documents = counted(sum(each.difference or 0 for each in behind), "document")
    collections = counted(len(behind), "collection")
    if found.flag:
        return Summary(State.WARNING, f"separated, but the target is {documents} behind in {collections}")
    return Summary(State.OK, f"not migrated: {documents} of {collections} to move")


def collection_state(collection: MovingCollection, flag: bool | None) -> tuple[State, str]:
    """The state of one collection, and its word."""
    difference = collection.difference
    if difference is None:
        return State.NO_DATA, "no data"
    if difference > 0:
        return (State.WARNING, "behind") if flag else (State.OK, "to move")
    if collection.missing_indexes and collection.target is not None and collection.target.present:
        return State.WARNING, "indexes differ"
    if difference < 0:
        return State.OK, "target has more"
    absent = collection.source is not None and not collection.source.present
    return State.OK, "absent" if absent else "same count"


def chunks_summary(found: Chunks) -> Summary:
    """Where the chunks table stands."""
    if found.server_version < OLDEST_SERVER:
        return Summary(State.WARNING, f"PostgreSQL {found.server_version // 10_000} is too old to re-partition on")
    rows = "an unknown number of rows" if found.rows is None else f"{found.rows:,} rows"
    if skew_state(found) is State.WARNING:
        return Summary(State.WARNING, f"{found.layout}, {rows}, skew {found.skew:.2f} above {SKEW_GATE}")
    return Summary(State.OK, f"{found.layout}, {rows}" + (f", skew {found.skew:.2f}" if found.skew else ""))


def skew_state(found: Chunks) -> State:
    """How the skew is judged: not at all (NO_DATA) below so many collections that chance alone exceeds the gate."""
    if found.skew is None or (found.collections or 0) < SKEW_COLLECTIONS:
        return State.NO_DATA
    return State.WARNING if found.skew > SKEW_GATE else State.OK


def schema_summary(found: BotSchema) -> Summary:
    """Where the bot sessions' schema stands."""
    missing = sum(not table.present for table in found.tables)
    if found.revisions is not None and len(found.revisions) > 1:
        return Summary(State.CRITICAL, f"{len(found.revisions)} revisions at once: {', '.join(found.revisions)}")
    if len(found.heads) > 1:
        return Summary(State.CRITICAL, f"the tool's own revisions have {len(found.heads)} heads")
    if found.unknown:
        return Summary(State.CRITICAL, found.unknown)
    at = f"at revision {found.revisions[0]}" if found.revisions else "under no schema version"
    if found.pending:
        return Summary(State.WARNING, f"{at}; pending: {', '.join(found.pending)}")
    if missing:
        return Summary(State.WARNING, f"{at}; {missing} of {len(found.tables)} tables are missing")
    return Summary(State.OK, at)


def runs_summary(found: Runs) -> Summary:
    """The worst of the newest runs of each kind."""
    if found.problem is not None:
        return _unknown(found.problem)
    newest = _newest_of_each_kind(found.runs)
    troubled = [(run_state(run), run) for run in newest if run_state(run) is not State.OK]
    if troubled:
        state, run = max(troubled, key=lambda each: each[0].rank)
        why = "nobody executes it" if is_abandoned(run) else run.why
        return Summary(state, f"run {run.id} is {run.state}" + (f": {why}" if why else ""))
    return Summary(State.OK, counted(len(found.runs), "run") if found.runs else "no run yet")


def _newest_of_each_kind(runs: Iterable[Run]) -> list[Run]:
    newest: dict[str, Run] = {}
    for run in runs:
        newest.setdefault(run.kind, run)
    return list(newest.values())


def worst_of(parts: Iterable[tuple[str, Summary]]) -> Summary:
    """The worst part, named; what is not configured counts only where nothing is."""
    named = [(name, part) for name, part in parts]
    configured = [each for each in named if each[1].state is not State.NOT_CONFIGURED]
    name, part = max(configured or named, key=lambda each: each[1].state.rank)
    return Summary(part.state, f"{name}: {part.headline}")


def _unknown(problem: Problem) -> Summary:
    state = State.NOT_CONFIGURED if problem.kind == "not configured" else State.NO_DATA
    return Summary(state, f"{problem.kind}: {problem.message}")
