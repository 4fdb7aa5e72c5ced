"""How a re-partitioning looks as lines: how it stands, what comes next, checks, the team's lines, what is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from backends.migrations.repartition.book import Stage
from backends.migrations.repartition.gates import Gate, Status
from backends.migrations.repartition.messages import Message
from backends.migrations.repartition.service import Preflight
from backends.migrations.repartition.standing import Kept, Progress, Proven, Standing
from backends.migrations.repartition.watching import RULES
from backends.migrations.rules import SKEW_COLLECTIONS, SKEW_GATE
from backends.runs.model import Run, RunState
from backends.runs.rules import run_eta_s, run_state
from backends.runs.words import eta_words
from backends.safety.proofs import Proof
from backends.sampling.state import State
from screens.migration_rows import heat_lines
from screens.run_rows import share_cell, state_word
from widgets.amount import size
from widgets.page import pairs
from widgets.panel import duration
from widgets.tone import Cell, Part, Tone, state_part

Lines = list[tuple[Cell, ...]]

_BAR: Final = 20
_LABEL: Final = 9
_MARKS: Final = {Status.RED: State.CRITICAL, Status.WARNING: State.WARNING, Status.OK: State.OK}
NEXT: Final[Mapping[Stage | None, str]] = {
    None: "d makes a plan, x carries it out",
    Stage.BUILDING: "wait, or o: the run and its keys; b takes the copy away",
    Stage.READY: "s swaps (--swap); b takes the copy away (--rollback)",
    Stage.SWAPPING: "wait; s orders it again; b takes the copy away",
    Stage.SWAPPED: "v verifies, w writes to each partition, b goes back",
    Stage.UNDONE: "d makes a plan, x carries it out",
    Stage.DROPPED: "v needs both tables; w writes to each partition",
}
"""What a person does next, by the stage."""

RESUME: Final = "o opens the run, u there goes on with it; b takes it back"
"""What a person does next where the run does not go on by itself."""

_HEADLINES: Final[Mapping[Stage | None, str]] = {
    None: "never re-partitioned here",
    Stage.BUILDING: "copying",
    Stage.READY: "ready to swap",
    Stage.SWAPPING: "swapping",
    Stage.SWAPPED: "swapped",
    Stage.UNDONE: "rolled back",
    Stage.DROPPED: "done, the old table is dropped",
}


def stage_of(standing: Standing) -> Stage | None:
    """The stage, None before there was any re-partitioning."""
    return Stage(standing.stage) if standing.stage else None


# How it stands


def board_of(progress: Progress | None, proven: Proven | None) -> tuple[Gate, ...]:
    """The board, which is read more seldom than the stage: none once what it is about was rolled back."""
    swapped = progress is not None and stage_of(progress.standing) in {Stage.SWAPPED, Stage.DROPPED}
    return proven.board if swapped and proven is not None else ()


def headline(progress: Progress, proven: Proven | None) -> Part:
    """The worst of it in a few words: a red check, a run that failed or that nobody executes, else how far it is."""
    run, stage = progress.run, stage_of(progress.standing)
    red = [gate.id for gate in board_of(progress, proven) if gate.status is Status.RED]
    if red:
        return state_part(State.CRITICAL, f"{_HEADLINES[stage]}, and red: {', '.join(red)}")
    if run is not None and run_state(run) is not State.OK:
        return state_part(run_state(run), f"{_HEADLINES[stage]}: the run is {state_word(run)}")
    return state_part(State.WARNING if stage is Stage.READY else State.OK, _HEADLINES[stage])


def standing_lines(progress: Progress, proven: Proven | None, now: datetime) -> Lines:
    """How it stands and what comes next, the worst first."""
    standing, run, stage = progress.standing, progress.run, stage_of(progress.standing)
    lines: Lines = [(headline(progress, proven),)]
    troubled = run is not None and run_state(run) is not State.OK
    if run is not None and troubled and run.why:
        lines.append((Part(run.why, Tone.CRITICAL),))
    if run is not None and run.holder is not None:
        lines += [(Part(each, Tone.WARNING),) for each in run.progress.warnings]
    if stage is Stage.READY and standing.writers:
        lines.append((Part(standing.writers, Tone.WARNING),))
    going = stage in {Stage.BUILDING, Stage.READY, Stage.SWAPPING}
    figures = _going(progress) if going else _kept_until(standing, now) if stage is Stage.SWAPPED else []
    following = RESUME if troubled else NEXT[stage]
    return [*lines, *pairs([("next", Part(following, Tone.STRONG)), *figures], _LABEL)]


def _going(progress: Progress) -> list[tuple[str, Cell]]:
    run = progress.run
    return [
        *(_copied(run) if run is not None else []),
        ("backlog", flow_words(progress)),
        ("skew", _skew(progress)),
        *_inserts(progress.standing),
        *(_watched(run) if run is not None else []),
        ("run", run.id if run is not None else Part("not found", Tone.NO_DATA)),
    ]


def _watched(run: Run) -> list[tuple[str, Cell]]:
    """What its rules judge, as measured last; nothing while nobody executes it."""
    units = {rule.measurement: rule.unit for rule in RULES}
    found = [(name, value) for name, value in run.progress.measured.items() if name != "skew"]
    said = ", ".join(f"{name} {value:g}{units.get(name, '')}" for name, value in found)
    return [("watch", said)] if said and run.holder is not None else []


def _copied(run: Run) -> list[tuple[str, Cell]]:
    rates = [unit.rate for unit in run.progress.units if unit.rate is not None]
    pace = f"{sum(rates):,.0f} rows/s" if rates and run.holder else "–"
    waits: list[tuple[str, Cell]] = [("waits", Part(each, Tone.WARNING)) for each in run.progress.waiting_for]
    unmeasured = ", ".join(run.progress.not_measured)
    missing: list[tuple[str, Cell]] = [("", Part(f"not measured: {unmeasured}", Tone.MUTED))] if unmeasured else []
    left = run_eta_s(run)
    copied: list[tuple[str, Cell]] = [("copied", share_cell(_share(run), _BAR))]
    if run.known_state is RunState.HOLDING:
        return copied
    return [*copied, ("pace", f"{pace}, {eta_words(left)}" if left else pace), *waits, *missing]


def _share(run: Run) -> float | None:
    """Of the rows that the planner believes in, or of those that the plan counted, where it knows none."""
    rows = run.options.get("rows")
    if run.share is not None or run.done is None or not isinstance(rows, int) or not rows:
        return run.share
    return min(run.done / rows, 1.0)


def flow_words(progress: Progress) -> Cell:
    """The changes of others: how many wait, and how fast they come and are applied."""
    flow = progress.flow
    if flow.coming is None or flow.draining is None:
        return f"{flow.backlog:,} changes"
    if stage_of(progress.standing) is Stage.READY:
        return f"{flow.backlog:,} changes, +{flow.coming:,.0f}/s; the swap drains them"
    behind = flow.backlog > 0 and flow.coming > flow.draining
    said = f"{flow.backlog:,} changes, +{flow.coming:,.0f}/s, drained {flow.draining:,.0f}/s"
    return Part(f"▲ {said}: it grows", Tone.WARNING) if behind else said


def _skew(progress: Progress) -> Cell:
    filling = progress.filling
    if filling is None or filling.skew is None:
        return Part("no data", Tone.NO_DATA)
    collections = progress.run.options.get("collections") if progress.run is not None else None
    if not isinstance(collections, int) or collections < SKEW_COLLECTIONS:
        return f"{filling.skew:.2f} (not judged below {SKEW_COLLECTIONS:,} collections)"
    return Part(f"{filling.skew:.2f} (gate {SKEW_GATE})", Tone.WARNING if filling.skew > SKEW_GATE else Tone.OK)


def _kept_until(standing: Standing, now: datetime) -> list[tuple[str, Cell]]:
    at, until = standing.swapped_at, standing.retention_until
    held = f", lock held {standing.lock_ms:.0f} ms" if standing.lock_ms is not None else ""
    over = until is not None and now >= until
    words = "over: D drops it" if over else "K keeps it longer"
    return [
        ("swapped", f"{at:%Y-%m-%d %H:%M} UTC{held}" if at else "?"),
        ("rows", f"{standing.rows:,} proven before the lock"),
        ("backup", f"until {until:%m-%d %H:%M} UTC, {words}" if until else "?"),
        ("since", f"{standing.backlog:,} changes, carried back by b"),
        *_inserts(standing),
    ]


def _inserts(standing: Standing) -> list[tuple[str, Cell]]:
    """How long one takes, as measured; nothing before that."""
    found = standing.inserts
    return [("insert", found.short)] if found is not None and found.after_us else []


def filling_lines(progress: Progress) -> Lines:
    """The heat map of the new partitions; nothing where there are none."""
    filling = progress.filling
    if filling is None or not filling.partitions:
        return []
    share = filling.share
    legend = f"░≤½ ▒≤1 ▓≤{SKEW_GATE} █> × {f'{share:,.0f}' if share else 'mean'}"
    return [*heat_lines(filling.partitions, share), (Part(legend, Tone.MUTED),)]


# What can be read below


def gate_lines(title: str, gates: Sequence[Gate]) -> Lines:
    """Checks, the worst first; nothing where there are none."""
    ordered = sorted(gates, key=lambda gate: list(_MARKS).index(gate.status))
    return _titled(title, [(state_part(_MARKS[each.status], f"{each.id:<17}"), f" {each.why}") for each in ordered])


def plan_lines(found: Preflight) -> Lines:
    """What a dry run found: what is red or a warning, and how many checks are green."""
    wrong = [gate for gate in found.gates if gate.status is not Status.OK]
    green = len(found.gates) - len(wrong)
    lines = gate_lines(f"Plan: {found.layout_from} → {found.layout_to}, {found.rows_said} rows", wrong)
    title = lines or _titled(f"Plan: {found.layout_from} → {found.layout_to}, {found.rows_said} rows", [("",)])[:1]
    return [*title, (state_part(State.OK, f"{green} checks are green"),), ("",)]


def message_lines(messages: Sequence[Message]) -> Lines:
    """The lines of the communication plan; those that are not true yet are grey."""
    lines: Lines = []
    for each in messages:
        moment = f"{each.moment:<14}"
        if each.text:
            lines.append((Part(f"✓ {moment}", Tone.OK), each.text))
        else:
            lines.append((Part(f"· {moment}not yet", Tone.MUTED),))
    return _titled("Lines for the team (t copies the newest that is true)", lines)


def proof_lines(proven: Proven, now: datetime) -> Lines:
    """The newest verification and the newest rehearsal, with their age."""
    return _titled(
        "Proofs",
        [_proof("verified", proven.verified, now), _proof("rehearsed", proven.rehearsed, now)],
    )


def _proof(name: str, proof: Proof | None, now: datetime) -> tuple[Cell, ...]:
    if proof is None:
        return (state_part(State.NO_DATA, f"{name:<13}"), " never")
    age = duration((now - proof.made_at).total_seconds())
    state = State.OK if proof.passed else State.CRITICAL
    return (state_part(state, f"{name:<13}"), f" {age} ago: {proof.body.get('said', '')}")


def attic_lines(kept: Sequence[Kept], now: datetime) -> Lines:
    """All that was made and is still there, the largest first."""
    total = sum(each.size_bytes for each in kept)
    width = max((len(each.name) for each in kept), default=0)
    lines: Lines = [
        (f"{each.name:<{width}}  ", f"{_size(each):>9}  {_age(each, now):>6}  ", Part(each.kind, Tone.MUTED))
        for each in kept
    ]
    return _titled(f"Attic: {len(kept)} things, {_text(size(total))}", lines)


def _size(each: Kept) -> str:
    return _text(size(each.size_bytes)) if each.size_bytes else "–"


def _age(each: Kept, now: datetime) -> str:
    return "?" if each.since is None else duration((now - each.since).total_seconds())


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell.text


def _titled(title: str, lines: Iterable[tuple[Cell, ...]]) -> Lines:
    found = list(lines)
    return [(Part(title, Tone.ACCENT),), *found, ("",)] if found else []
