"""How the separation looks as rows and lines: collections, gates, ways back, differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backends.migrations.olorin.model import (
    Board,
    Card,
    CollectionPlan,
    CollectionProof,
    DryRun,
    FieldDifference,
    GateState,
    Light,
    Rejected,
)
from backends.migrations.olorin.standing import CollectionStanding, Standing
from backends.runs.model import RunState
from backends.runs.rules import run_eta_s, run_state
from backends.runs.words import eta_words, span
from backends.sampling.state import State
from screens.run_rows import share_cell, state_word
from widgets.amount import count, size
from widgets.grid import Column, Row
from widgets.tone import Cell, Part, Tone, state_part

COLLECTION_COLUMNS: Final = (
    Column("collection", 20, flexible=True),
    Column("copied", 15),
    Column("items", 11, "right", drop=1),
    Column("a second", 9, "right", drop=3),
    Column("refused", 7, "right", drop=2),
    Column("missing", 8, "right"),
    Column("extra", 7, "right"),
    Column("different", 9, "right"),
    Column("indexes", 7, "right", drop=4),
)
GATE_COLUMNS: Final = (Column("gate", 10), Column("state", 10), Column("why", 30, flexible=True))
CARD_COLUMNS: Final = (Column("", 2), Column("way back", 17), Column("what happens to which data", 30, flexible=True))
PLAN_COLUMNS: Final = (
    Column("collection", 20, flexible=True),
    Column("source", 11, "right"),
    Column("target", 11, "right"),
    Column("to copy", 11, "right"),
    Column("extra", 8, "right", drop=2),
    Column("bytes", 10, "right"),
    Column("batches", 8, "right", drop=3),
    Column("indexes", 8, "right", drop=1),
)
REJECT_COLUMNS: Final = (Column("collection", 20), Column("_id", 26), Column("why", 24, flexible=True))
DIFFERENCE_COLUMNS: Final = (Column("what", 11), Column("_id", 30, flexible=True))
FIELD_COLUMNS: Final = (Column("field", 20), Column("source", 24, flexible=True), Column("target", 24))

_BAR: Final = 9
LEFT_OUT: Final = 8
"""Documents that were left out which the page shows of a collection."""

_STATES: Final = {
    Light.OK: State.OK,
    Light.WARNING: State.WARNING,
    Light.RED: State.CRITICAL,
    Light.NO_DATA: State.NO_DATA,
}


def collection_row(standing: CollectionStanding) -> Row:
    """A collection: how far the run is, and what the newest verification found."""
    unit, proof = standing.unit, standing.proof
    done: tuple[Cell, ...] = ("–", "–", "–", "–")
    if unit is not None:
        rate = "–" if unit.rate is None else f"{unit.rate:,.0f}"
        refused = Part(f"{unit.failed:,}", Tone.WARNING) if unit.failed else "0"
        done = (share_cell(unit.share, _BAR), f"{unit.done:,}", rate, refused)
    return Row(standing.name, (standing.name, *done, *_found(proof)))


def _found(proof: CollectionProof | None) -> tuple[Cell, ...]:
    if proof is None:
        return ("–",) * 4
    numbers = (proof.missing, proof.extra, proof.different)
    indexes = len(proof.indexes) + len(proof.declared)
    return (*(_wrong(number) for number in numbers), _wrong(indexes, Tone.WARNING if not proof.indexes else None))


def _wrong(number: int, tone: Tone | None = None) -> Part:
    return Part(f"{number:,}", (tone or Tone.CRITICAL) if number else Tone.OK)


def gate_row(gate: GateState) -> Row:
    """A gate with its light and its reason."""
    return Row(gate.id, (gate.id, state_part(_STATES[gate.status], gate.status.value), gate.why))


def gate_lines(gates: Sequence[GateState], chosen: str | None) -> list[tuple[Cell, ...]]:
    """Why the chosen gate is as it is, in full."""
    return [(gate.why,) for gate in gates if gate.id == chosen]


def card_row(card: Card, board: Board) -> Row:
    """A way back; the one that fits now is marked."""
    fits = card.name == board.recommended
    return Row(card.name, (Part("→" if fits else "", Tone.OK), Part(card.name, Tone.STRONG), card.what))


def card_lines(card: Card, board: Board) -> list[tuple[Cell, ...]]:
    """A way back in full."""
    fits = (Part(f"→ fits now: {board.because}", Tone.OK),) if card.name == board.recommended else ("",)
    return [(card.what,), (Part(card.command, Tone.ACCENT),), fits]


def head_lines(found: Standing) -> list[tuple[Cell, ...]]:
    """The run, its lag, and what is to be changed to switch."""
    blind = "the source tells no changes: nothing that is written there after the second pass is seen"
    unseen = [(Part(f"▲ {blind}; let the platform rest, and execute again", Tone.WARNING),)] if found.is_blind else []
    return [_run_line(found), *unseen, *_next_lines(found), (Part("proof      ", Tone.MUTED), _verified(found))]


def _run_line(found: Standing) -> tuple[Cell, ...]:
    run = found.run
    if run is None:
        return (state_part(State.NO_DATA, "never executed"), Part("  d makes a plan", Tone.MUTED))
    state = state_part(run_state(run), state_word(run))
    ready: Cell = state_part(State.OK, "ready to switch") if found.is_ready else ""
    if run.known_state is RunState.HOLDING and not found.is_followed:
        ready = state_part(State.WARNING, "nobody follows")
    lag = "–" if found.lag_s is None else f"{found.lag_s:.1f} s"
    left = run_eta_s(run)
    return (
        f"{run.id} ", state, "  ", ready, Part("  lag ", Tone.MUTED), lag,
        Part(f"  {eta_words(left)}" if left else "", Tone.MUTED), f"  {run.why}" if run.why else "",
    )  # fmt: skip


def _next_lines(found: Standing) -> list[tuple[Cell, ...]]:
    change = found.board.change
    if change:
        said = "in every process of the platform, then restart it"
        return [(Part("to switch  ", Tone.MUTED), Part(change, Tone.ACCENT), Part(f"  {said}", Tone.MUTED))]
    names = ", ".join(each.app for each in found.board.processes if each.new is not None)
    return [(Part("switched  ", Tone.MUTED), f"at Olorin's own database: {names or 'nobody was seen yet'}")]


def _verified(found: Standing) -> Cell:
    if found.verified_at is None:
        return Part("never verified: v compares both sides", Tone.NO_DATA)
    since = [each.proof.since for each in found.collections if each.proof is not None and each.proof.since is not None]
    sums = [sum(getattr(each, name) for each in since) for name in ("gained", "changed", "deleted")]
    written = f"; since the switch {sums[0]:,} new, {sums[1]:,} changed, {sums[2]:,} deleted" if since else ""
    return f"verified {found.verified_at:%Y-%m-%d %H:%M} UTC{written}"


def left_out_lines(left_out: Sequence[Rejected]) -> list[tuple[Cell, ...]]:
    """A collection's documents that were left out, each with why; the command lists more."""
    lines: list[tuple[Cell, ...]] = [
        (Part(f"left out: {each.id}  ", Tone.WARNING), each.why) for each in left_out[:LEFT_OUT]
    ]
    more = [(Part("more of them: olorin migrate olorin --status", Tone.MUTED),)] if left_out[LEFT_OUT:] else []
    return [*lines, *more]


def index_lines(proof: CollectionProof | None) -> list[tuple[Cell, ...]]:
    """A collection's indexes that are missing or different, and those that the platform declares besides."""
    if proof is None:
        return []
    lines: list[tuple[Cell, ...]] = [
        (Part(f"index {each.what}: {each.text}", Tone.CRITICAL),) for each in proof.indexes
    ]
    return lines + [(Part(f"declared and not there: {each}  (b builds it)", Tone.WARNING),) for each in proof.declared]


def plan_row(plan: CollectionPlan) -> Row:
    """A collection as the dry run found it."""
    numbers = (count(plan.source), count(plan.target), count(plan.to_copy), count(plan.extra), size(plan.bytes))
    return Row(plan.name, (plan.name, *numbers, count(plan.batches), count(len(plan.indexes))))


def plan_lines(found: DryRun) -> list[tuple[Cell, ...]]:
    """From where to where, how long, and the plan's hash."""
    least, most = found.seconds
    return [
        (Part("from  ", Tone.MUTED), found.source),
        (Part("to    ", Tone.MUTED), found.target),
        (Part("copying takes ", Tone.MUTED), f"{span(least)} to {span(most)}", Part("  plan ", Tone.MUTED),
         Part(found.plan[:16] or "none", Tone.ACCENT)),
    ]  # fmt: skip


def reject_row(place: int, rejected: Rejected) -> Row:
    """A document that the platform's models would reject."""
    return Row(str(place), (rejected.collection, rejected.id, rejected.why))


def difference_rows(proof: CollectionProof) -> list[Row]:
    """The documents that are not the same on both sides, by their ids."""
    tones = {"missing": Tone.CRITICAL, "extra": Tone.WARNING, "different": Tone.CRITICAL}
    return [Row(f"{each.kind} {each.id}", (Part(each.kind, tones[each.kind]), each.id)) for each in proof.differences]


def field_rows(fields: Sequence[FieldDifference]) -> list[Row]:
    """A document's fields that are not the same."""
    return [Row(each.path, (each.path, _value(each.source), _value(each.target))) for each in fields]


def field_lines(fields: Sequence[FieldDifference], chosen: str | None) -> list[tuple[Cell, ...]]:
    """The chosen field in full."""
    found = [each for each in fields if each.path == chosen]
    return [
        line
        for each in found
        for line in (
            (Part("source  ", Tone.MUTED), _value(each.source)),
            (Part("target  ", Tone.MUTED), _value(each.target)),
        )
    ]


def _value(text: str | None) -> Cell:
    return Part("not there", Tone.MUTED) if text is None else text
