"""The keys of the separation's page that change something: what a person is asked, what is started, what is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backends.backup.model import BackupVerdict
from backends.backup.model import Light as BackupLight
from backends.clients.errors import BackendError, Refused
from backends.migrations.olorin.model import DryRun, Held, Light
from backends.safety.plans import PLAN_LASTS
from screens.acting import agree, carry_out, say_failure
from screens.consent import ConsentRequest
from widgets.tone import Cell, Part, Tone

if TYPE_CHECKING:
    from backends.migrations.olorin.desk import SeparationDesk
    from backends.migrations.olorin.standing import Standing
    from screens.base import LiveScreen

SOURCE: Final = "separation"
PLAN: Final = "dry run"
Lines = list[tuple[Cell, ...]]


async def execute(screen: LiveScreen, desk: SeparationDesk, found: DryRun, made_at: datetime) -> bool:
    """Asks, and starts what the dry run planned; whether it was started. In a worker."""
    red = [f"{gate.id}: {gate.why}" for gate in found.gates if gate.status is Light.RED]
    title = "Separate Olorin's collections"
    if red:
        say_failure(screen, title, Refused("; ".join(red)))
        return False
    lines: Lines = [
        (f"{each.name}  {each.to_copy:,} to copy, {len(each.indexes)} indexes to build",) for each in found.collections
    ]
    lines += [(Part(f"▲ {each.id}: {each.why}", Tone.WARNING),) for each in found.gates if each.status is not Light.OK]
    lines += [("It follows the source and holds, ready to switch. Stop it before the platform is switched.",)]
    command = f"migrate olorin --execute --follow --plan {found.plan[:12]}"
    undo = "olorin runs stop RUN; the main database stays as it is"
    request = ConsentRequest(title, found.target, lines, command, (PLAN,), undo, made_at + PLAN_LASTS)
    return await agree(screen, request, lambda consent: desk.execute(found.plan, consent))


async def roll_back(screen: LiveScreen, desk: SeparationDesk, found: Standing, folder: Path | None) -> bool:
    """Asks, and starts carrying back, or restoring a backup. In a worker."""
    card = found.board.cards[1 if folder is None else 2]
    try:
        lines: Lines = [(card.what,), *_backup_lines(await desk.backup(undoable=True))]
    except BackendError as error:
        say_failure(screen, card.name, error)
        return False
    named = "" if folder is None else f" --from {folder}"
    undo = "what is overwritten is set aside in console_separation_kept_… of the main database"
    request = ConsentRequest(
        f"Roll back: {card.name}", found.source, lines, f"migrate olorin --rollback{named}", (SOURCE,), undo
    )
    return await agree(screen, request, lambda consent: desk.roll_back(folder, consent))


async def clean_up(screen: LiveScreen, desk: SeparationDesk, *, dropping: bool) -> bool:
    """Asks, and sets the main database's collections aside, or drops what was. In a worker."""
    title = "Drop for good what was set aside" if dropping else "Set the old collections aside"
    try:
        run = await desk.newest_run()
        held = await desk.held(run.id, dropping=dropping)
        if not held:
            raise Refused("Nothing is there to be cleaned up.")
        backup = await desk.backup(undoable=not dropping)
        act = desk.cleanup_act(run.id, dropping=dropping)
    except BackendError as error:
        say_failure(screen, title, error)
        return False
    command = "migrate olorin --cleanup" + (f" --drop {run.id}" if dropping else "")
    command += "" if screen.frame.production else f" --confirm {screen.frame.kind}"
    undo = "" if dropping else "olorin migrate olorin --rollback renames them back"
    lines = [*_held_lines(held, dropping), *_backup_lines(backup)]
    request = ConsentRequest(title, act.target, lines, command, (SOURCE,), undo)
    if dropping:
        return await carry_out(screen, act, request, lambda token: desk.drop(token, run.id))
    return await carry_out(screen, act, request, lambda token: desk.clean_up(token, run.id))


async def build_indexes(screen: LiveScreen, desk: SeparationDesk, found: Standing) -> bool:
    """Asks, and builds what the platform declares and the target lacks. In a worker."""
    title = "Build declared indexes"
    proofs = [each.proof for each in found.collections if each.proof is not None]
    lines: Lines = [(f"{proof.name}  {text}",) for proof in proofs for text in proof.declared]
    if not lines:
        say_failure(screen, title, Refused("The newest verification lacks none.", hint="v verifies."))
        return False
    request = ConsentRequest(
        title, found.target, lines, "migrate olorin --verify --build-indexes", (SOURCE,), "drop them by their names"
    )
    return await carry_out(screen, desk.indexes_act(), request, desk.build_indexes)


def _held_lines(held: Sequence[Held], dropping: bool) -> Lines:
    return [
        (f"{each.moved_to if dropping else each.name}  {each.documents:,} documents",
         "" if dropping else f" → {each.moved_to}")
        for each in held
    ]  # fmt: skip


def _backup_lines(verdict: BackupVerdict) -> Lines:
    if verdict.light is BackupLight.OK:
        return []
    tone = Tone.CRITICAL if verdict.light is BackupLight.RED else Tone.WARNING
    return [(Part(f"▲ {verdict.sentence} {verdict.hint}", tone),)]
