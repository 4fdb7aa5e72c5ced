"""The board: what must be green before the switch and after it, each with its proof, and the three ways back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from backends.backup.model import BackupVerdict
from backends.clients.errors import BackendError
from backends.migrations.olorin.cleaning import PROOF_LASTS
from backends.migrations.olorin.model import Board, Card, GateState, Light, Process, Seen
from backends.migrations.olorin.processes import processes_gate
from backends.runs.model import Run, RunState
from backends.runs.words import span
from backends.safety.proofs import Proof
from backends.sampling.words import counted

PHASE_1: Final = timedelta(days=14)
"""How long the platform is to be watched with the flag off."""

IMMEDIATE: Final = timedelta(hours=1)
"""Until when the founding document calls a rollback immediate."""

MANY_WRITES: Final = 100_000
"""Writes since the switch above which carrying them back takes longer than looking at a backup first."""

SWITCH: Final = "OLORIN_USE_SEPARATE_DATABASE=true"

CARDS: Final = (
    Card(
        "before the switch",
        "olorin runs stop RUN_ID",
        "The main database stays as it is. The copies stay in the target; nobody reads them.",
    ),
    Card(
        "immediate",
        "olorin migrate olorin --rollback",
        "Turn the flag off and restart first. What only the target changed, or still has, is carried back; what both "
        "changed is a conflict, listed and left as the main database has it; what either side loses is set aside.",
    ),
    Card(
        "restore",
        "olorin migrate olorin --rollback --from DIR",
        "Documents of a backup that are missing are put back by _id; others stay and are listed. What was written "
        "since the backup is not in it.",
    ),
)
"""The founding document's three plans, each with what happens to which data."""


def board(
    run: Run | None,
    proofs: Sequence[Proof | None],
    backup: BackupVerdict,
    seen: Seen,
    flag: bool | None,
    now: datetime,
    processes: Sequence[Process] | BackendError = (),
) -> Board:
    """The board as it stands. proofs: the newest verification here, and the newest passed one of a staging profile.

    processes: the platform's, or why they could not be asked for.
    """
    newest, staging = proofs
    gates = (
        _run(run, flag),
        _verify(newest, now),
        _backup(backup),
        _staging(staging),
        _phase_1(seen, flag, now),
        _switch(flag, seen),
        processes_gate(flag, processes, now),
    )
    card, because = recommended(seen, flag, newest, now)
    known = () if isinstance(processes, BackendError) else tuple(processes)
    return Board(gates, CARDS, card.name, "" if flag else SWITCH, because, known)


def recommended(seen: Seen, flag: bool | None, proof: Proof | None, now: datetime) -> tuple[Card, str]:
    """The card that fits the age of the switch and the writes since, as the newest verification counted them; why."""
    if not flag and seen.on_since is None:
        return CARDS[0], "nothing is switched yet"
    age = now - seen.on_since if seen.on_since is not None else None
    writes = _writes_since(proof, now)
    because = f"first seen with the flag on {_said(age)}, {_counted(writes, proof, now)}"
    is_young = age is not None and age < IMMEDIATE
    return CARDS[1] if is_young or (writes is not None and writes <= MANY_WRITES) else CARDS[2], because


def _said(age: timedelta | None) -> str:
    return "at a time that is not known here" if age is None else f"{span(age.total_seconds())} ago"


def _counted(writes: int | None, proof: Proof | None, now: datetime) -> str:
    if writes is None or proof is None:
        return "writes since unknown: verify counts them"
    return f"{counted(writes, 'write')} since, as counted {_said(now - proof.made_at)}"


def _run(run: Run | None, flag: bool | None) -> GateState:
    if run is None:
        return GateState("run", Light.NO_DATA, "the separation was never executed")
    if run.known_state is RunState.HOLDING and run.holder is None and not flag:
        why = f"run {run.id} came to the hold, but nobody follows now: what changed since is not in the target"
        return GateState("run", Light.WARNING, why)
    light = Light.OK if run.known_state in {RunState.HOLDING, RunState.DONE} else Light.WARNING
    return GateState("run", light, f"run {run.id} is {run.state}{': ' if run.why else ''}{run.why}")


def _verify(proof: Proof | None, now: datetime) -> GateState:
    if proof is None:
        return GateState("verify", Light.NO_DATA, "never verified from this machine")
    age = f"{proof.made_at:%Y-%m-%d %H:%M} UTC"
    if not proof.passed:
        return GateState("verify", Light.RED, f"the verification of {age} failed")
    if not proof.holds(now, PROOF_LASTS):
        return GateState("verify", Light.WARNING, f"the verification of {age} is older than 24 h")
    return GateState("verify", Light.OK, f"passed at {age}")


def _backup(verdict: BackupVerdict) -> GateState:
    return GateState("backup", Light(verdict.light.value), f"{verdict.sentence} {verdict.hint}".strip())


def _staging(proof: Proof | None) -> GateState:
    if proof is None:
        return GateState("staging", Light.WARNING, "no passed verification of a staging environment is kept here")
    return GateState("staging", Light.OK, f"{proof.target} passed at {proof.made_at:%Y-%m-%d %H:%M} UTC")


def _phase_1(seen: Seen, flag: bool | None, now: datetime) -> GateState:
    if seen.off_since is None:
        return GateState("phase 1", Light.NO_DATA, "it was never seen here with the flag off")
    until = seen.on_since if flag and seen.on_since else now
    days = max((until - seen.off_since) // timedelta(days=1), 0)
    light = Light.OK if until - seen.off_since >= PHASE_1 else Light.WARNING
    return GateState("phase 1", light, f"{days} of {PHASE_1.days} days with the flag off, as seen from here")


def _switch(flag: bool | None, seen: Seen) -> GateState:
    if flag is None:
        return GateState("switch", Light.RED, "OLORIN_USE_SEPARATE_DATABASE is neither true nor false")
    if flag and not seen.is_recorded:
        why = "the flag is on, as this machine alone knows: --verify --confirm NAME records it beside the data"
        return GateState("switch", Light.WARNING, why)
    if not flag and seen.on_since is not None:
        why = f"the flag is off, but a switch was seen at {seen.said}: --rollback takes it back"
        return GateState("switch", Light.WARNING, why)
    return GateState("switch", Light.OK, "the flag is on" if flag else "the flag is off; nothing is switched yet")


def _writes_since(proof: Proof | None, now: datetime) -> int | None:
    """None where no verification counted them lately: what was written after one is not in its count."""
    if proof is None or now - proof.made_at >= PROOF_LASTS:
        return None
    since = [each.get("since") for each in proof.body.get("collections", ())]
    known = [each for each in since if each]
    return sum(sum(each.values()) for each in known) if known else None
