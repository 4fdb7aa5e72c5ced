"""What the team is told: a line for each moment of the communication plan, with the figures of this run. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from backends.migrations.repartition.book import Stage
from backends.migrations.repartition.gates import Status
from backends.migrations.repartition.standing import Progress, Proven
from backends.runs.model import Run, RunState
from backends.runs.rules import run_eta_s
from backends.runs.words import eta_words

_AGREES: Final = "The model was compared with chunks and loses no data; rows are copied now."
_TROUBLE: Final = {RunState.FAILED, RunState.BLOCKED, RunState.STOPPED}
_COPIED: Final = {Stage.READY, Stage.SWAPPING, Stage.SWAPPED, Stage.DROPPED}
_SWAPPED: Final = {Stage.SWAPPED, Stage.DROPPED}


@dataclass(frozen=True, slots=True)
class Message:
    """A line for the team. moment: of the plan; text: "" as long as it would not be true."""

    moment: str
    text: str = ""


def messages(where: str, progress: Progress, proven: Proven) -> tuple[Message, ...]:
    """The lines of the plan in their order, and one more where something is wrong."""
    standing, run = progress.standing, progress.run
    stage = Stage(standing.stage) if standing.stage else None
    going = stage if stage is not Stage.UNDONE else None
    return (
        Message("start", _start(where, run) if going else ""),
        Message("model agrees", _AGREES if going else ""),
        Message("copy proven", _copied(progress) if going in _COPIED else ""),
        Message("key generated", _swapped(progress) if going in _SWAPPED else ""),
        Message("end", _end(progress, proven) if going in _SWAPPED else ""),
        *_wrong(stage, run),
    )


def due(lines: Sequence[Message]) -> Message | None:
    """The newest line that is true; None before there is one.

    >>> due([Message("start", "a"), Message("end")]).text
    'a'
    """
    return next((each for each in reversed(lines) if each.text), None)


def _start(where: str, run: Run | None) -> str:
    rows = run.options.get("rows") if run is not None else None
    many = f"{rows:,} rows" if isinstance(rows, int) else "the rows"
    eta = run_eta_s(run) if run is not None else None
    left = f"; {eta_words(eta)} by its pace now" if eta else ""
    return f"Re-partitioning of chunks has begun on {where}: {many} are copied while everybody goes on writing{left}."


def _copied(progress: Progress) -> str:
    backlog = progress.flow.backlog
    if progress.standing.swapped_at is not None:
        return "The copy of chunks was complete and proven row by row before the swap."
    return (
        f"The copy of chunks is complete and proven row by row; {backlog:,} changes are being followed."
        f" {progress.standing.writers}".rstrip()
    )


def _swapped(progress: Progress) -> str:
    standing = progress.standing
    at = f" at {standing.swapped_at:%H:%M} UTC" if standing.swapped_at else ""
    held = f"; the lock was held for {standing.lock_ms:.0f} ms" if standing.lock_ms is not None else ""
    how = "A CHECK keeps partition_key right" if standing.layout == "list" else "partition_key is a generated column"
    return f"chunks was swapped{at}{held}. {how} now, and no trigger computes it."


def _end(progress: Progress, proven: Proven) -> str:
    """True only with a proof since the swap that passed, and no red check."""
    standing, proof = progress.standing, proven.verified
    late = proof is not None and standing.swapped_at is not None and proof.made_at >= standing.swapped_at
    red = any(gate.status is Status.RED for gate in proven.board)
    if proof is None or not late or not proof.passed or red:
        return ""
    until = f"{standing.retention_until:%Y-%m-%d %H:%M} UTC" if standing.retention_until else "it is dropped"
    kept = "" if standing.stage == Stage.DROPPED.value else f" The old table is kept until {until}."
    return f"Re-partitioning of chunks is over: {proof.body['said']}; no row is missing, extra or different.{kept}"


def _wrong(stage: Stage | None, run: Run | None) -> list[Message]:
    if stage is Stage.UNDONE:
        return [Message("rolled back", "Re-partitioning of chunks was rolled back: the old table is in use.")]
    if run is None or run.known_state not in _TROUBLE:
        return []
    why = f": {run.why.rstrip('.')}" if run.why else ""
    table = "the new table" if stage in _SWAPPED else "the old table"
    return [
        Message(
            "trouble", f"Re-partitioning of chunks: the run is {run.state}{why}. Nothing is lost: {table} is in use."
        )
    ]
