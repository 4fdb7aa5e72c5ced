"""The keys of the chunks' page that change something: what a person is asked, and what is said afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backends.clients.errors import Refused
from backends.migrations.repartition.book import RETAIN_H, Stage
from backends.migrations.repartition.cloning import ROWS
from backends.migrations.repartition.gates import Status
from screens.acting import agree, carry_out, say_failure
from screens.chunks_rows import gate_lines, stage_of
from screens.consent import ConsentRequest
from widgets.tone import Cell, Part, Tone

if TYPE_CHECKING:
    from backends.migrations.repartition.changes import RepartitionChanges
    from backends.migrations.repartition.service import Preflight
    from backends.migrations.repartition.standing import Progress, Standing
    from backends.safety.gate import Consent, Token
    from backends.safety.plans import Plan
    from screens.base import LiveScreen

SOURCES: Final = ("progress",)
BACK: Final = "b, or olorin migrate chunks --rollback"


async def execute(screen: LiveScreen, changes: RepartitionChanges, plan: Plan, found: Preflight) -> bool:
    """Asks, and starts the copy. In a worker."""
    if found.worst is Status.RED:
        red = "; ".join(gate.why for gate in found.gates if gate.status is Status.RED)
        say_failure(screen, "Re-partition chunks", Refused(f"A gate is red: {red}", where=changes.where))
        return False
    request = execute_request(plan, found, changes.where)
    return await agree(screen, request, lambda consent: changes.execute(plan, consent))


def execute_request(plan: Plan, found: Preflight, where: str) -> ConsentRequest:
    """What a person agrees to before the copy."""
    wrong = [gate for gate in found.gates if gate.status is not Status.OK]
    lines: list[tuple[Cell, ...]] = [
        (f"{found.rows_said} rows are copied beside the table, in batches of 10,000, and proven.",),
        ("Everybody goes on writing; it holds before the swap.",),
        *gate_lines("", wrong)[1:],
    ]
    return ConsentRequest(
        f"Re-partition chunks: {found.layout_from} → {found.layout_to}",
        where,
        lines,
        f"migrate chunks --execute --plan {plan.hash[:12]}",
        SOURCES,
        BACK,
        plan.expires_at,
    )


async def swap(screen: LiveScreen, changes: RepartitionChanges, progress: Progress) -> bool:
    """Asks, and orders the swap. In a worker."""
    return await agree(screen, swap_request(progress, changes.where), changes.swap)


def swap_request(progress: Progress, where: str) -> ConsentRequest:
    """What a person agrees to before the swap."""
    change = progress.standing.writers
    lines: list[tuple[Cell, ...]] = [
        *([(Part(f"▲ {change}", Tone.WARNING),)] if change else []),
        ("Both tables are proven again; then a short lock, the last changes, and the names are exchanged.",),
        (f"{progress.flow.backlog:,} changes wait. Nobody is ended for the lock; it is tried again instead.",),
        (f"The old table is kept for {RETAIN_H} hours, and what is written meanwhile can be carried back.",),
    ]
    return ConsentRequest("Swap chunks", where, lines, "migrate chunks --swap", SOURCES, BACK)


async def roll_back(screen: LiveScreen, changes: RepartitionChanges, progress: Progress) -> bool:
    """Asks, and starts the rollback. In a worker."""
    return await agree(screen, back_request(progress, changes.where), changes.roll_back)


def back_request(progress: Progress, where: str) -> ConsentRequest:
    """What a person agrees to before going back."""
    if stage_of(progress.standing) is Stage.SWAPPED:
        lines: list[tuple[Cell, ...]] = [
            (f"The old table comes back, with the {progress.standing.backlog:,} changes since the swap.",),
            ("It is proven before the lock; that inserts work as before is tried, and rolled back.",),
        ]
    else:
        lines = [("The copy that was built is dropped; the table in use was never changed.",)]
    return ConsentRequest(
        "Roll chunks back", where, lines, "migrate chunks --rollback", SOURCES, "a new plan, and executing it again"
    )


async def keep(screen: LiveScreen, changes: RepartitionChanges, hours: float = RETAIN_H) -> bool:
    """Asks, and keeps the backup longer. In a worker."""
    said: list[tuple[Cell, ...]] = [(f"The old table is kept at least {hours:g} hours from now.",)]
    command = f"migrate chunks --swap --retain {hours:g}"
    request = ConsentRequest(
        "Keep the backup", changes.where, said, command, SOURCES, "it is dropped later, that is all"
    )
    return await carry_out(screen, changes.act("retain"), request, lambda token: changes.extend(token, hours))


async def drop(screen: LiveScreen, changes: RepartitionChanges, standing: Standing) -> bool:
    """Asks, and drops the backup. In a worker."""
    until = f"{standing.retention_until:%Y-%m-%d %H:%M} UTC" if standing.retention_until else "?"
    lines: list[tuple[Cell, ...]] = [
        ("The old table, its partitions and its log are dropped once a proof of now and a backup hold.",),
        (f"It is kept until {until}; before that this is refused. What depends on it keeps it (no CASCADE).",),
        (Part("▲ There is no way back after it.", Tone.WARNING),),
    ]
    request = ConsentRequest("Drop the backup", changes.where, lines, "migrate chunks --drop-backup", SOURCES)
    return await carry_out(screen, changes.act("drop_backup"), request, changes.drop_backup)


async def rehearse(screen: LiveScreen, changes: RepartitionChanges) -> bool:
    """Asks, and rehearses; it ends with this page. In a worker."""
    lines: list[tuple[Cell, ...]] = [
        (f"Up to {ROWS:,} rows are cloned into a schema of its own, with all that belongs to the table.",),
        ("Execute, swap and rollback are played on it; then the schema is dropped. Stay on this page meanwhile.",),
    ]
    undo = "nothing is left of it"
    request = ConsentRequest("Rehearse", changes.where, lines, "migrate chunks --rehearse", SOURCES, undo)

    async def play(consent: Consent) -> str:
        screen.notify("playing execute, swap and rollback on a clone …", title="Rehearse", markup=False)
        found = await changes.rehearse(consent)
        return found.said if found.passed else f"FAILED: {found.said}"

    return await agree(screen, request, play)


async def write(screen: LiveScreen, changes: RepartitionChanges) -> bool:
    """Asks, and writes to each partition. In a worker."""
    lines: list[tuple[Cell, ...]] = [
        ("A copy of a row is inserted into each partition, with a lock timeout of 500 ms.",)
    ]
    command, undo = "migrate chunks --verify --probe", "all of it is rolled back at once"
    request = ConsentRequest("Write to every partition", changes.where, lines, command, SOURCES, undo)

    async def do(token: Token) -> str:
        found = await changes.write_everywhere(token)
        return f"{found.worked} of {found.partitions} took a row, rolled back. {found.error}"

    return await carry_out(screen, changes.act("probe"), request, do)
