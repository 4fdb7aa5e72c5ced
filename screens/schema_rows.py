"""How the bot-session schema's versions look as lines and rows, and what is asked before they change."""

from __future__ import annotations

from typing import Final

from backends.migrations.model import BotSchema, SchemaStep
from backends.migrations.rules import schema_summary
from backends.migrations.schema_upgrade import LOCK_TIMEOUT_MS
from screens.consent import ConsentRequest
from widgets.grid import Column, Row
from widgets.page import pairs
from widgets.tone import Cell, Part, Tone, state_part

STEP_COLUMNS: Final = (
    Column("step", 6),
    Column("state", 10),
    Column("strongest lock", 19),
    Column("what", 30, flexible=True),
)
BASE: Final = "base"


def version_lines(found: BotSchema) -> list[tuple[Cell, ...]]:
    """The worst of it, then where it is, the tool's head, and what is pending."""
    summary = schema_summary(found)
    at = "under no version" if found.revisions is None else ", ".join(found.revisions) or "nothing"
    heads = ", ".join(found.heads) or "none"
    several = len(found.heads) > 1 or len(found.revisions or ()) > 1
    pending: Cell = Part(", ".join(found.pending), Tone.WARNING) if found.pending else "nothing"
    if not found.revisions:
        pending = Part("every step: it is under no version yet", Tone.WARNING)
    return [
        (state_part(summary.state, summary.headline),),
        *pairs(
            [
                ("current", Part(at, Tone.CRITICAL) if several else at),
                ("heads", Part(heads, Tone.CRITICAL) if len(found.heads) > 1 else heads),
                ("pending", pending),
                ("next", Part(_next(found), Tone.STRONG)),
            ],
            9,
        ),
    ]


def _next(found: BotSchema) -> str:
    if len(found.heads) > 1:
        return "the revisions must be merged first: neither u nor b will go"
    if found.pending or not found.revisions:
        return "p previews the SQL, u upgrades"
    return "b goes back to the step under the cursor"


def step_row(step: SchemaStep, found: BotSchema) -> Row:
    """A step with its lock; the newest come first."""
    current = step.id in (found.revisions or ())
    if current:
        state: Cell = Part("● current", Tone.OK)
    elif step.id in found.pending or not found.revisions:
        state = Part("▲ pending", Tone.WARNING)
    else:
        state = Part("  done", Tone.MUTED)
    return Row(step.id, (step.id, state, _lock(step), step.what))


def _lock(step: SchemaStep) -> Cell:
    return Part(step.lock, Tone.WARNING) if step.lock.startswith("ACCESS EXCLUSIVE") else step.lock


def upgrade_request(found: BotSchema, where: str) -> ConsentRequest:
    """What a person agrees to before an upgrade."""
    ahead = [step for step in reversed(found.steps) if step.id in found.pending or not found.revisions]
    back = ", ".join(found.revisions or ()) or BASE
    head = ", ".join(found.heads)
    undo = f"olorin migrate schema --downgrade {back}"
    return ConsentRequest(
        f"Upgrade the schema to {head}", where, _steps(ahead), "migrate schema --upgrade", ("schema",), undo
    )


def downgrade_request(found: BotSchema, target: str, where: str) -> ConsentRequest:
    """What a person agrees to before going back to a revision."""
    # The newest come first, and what follows the target goes.
    place = next(place for place, step in enumerate(found.steps) if step.id == target)
    undone = [step for step in found.steps[:place] if step.id not in found.pending]
    back = ", ".join(found.revisions or ())
    proof: tuple[Cell, ...] = ("A backup of this database that is proven is asked for.",)
    return ConsentRequest(
        f"Downgrade the schema to {target}",
        where,
        [*_steps(undone), proof],
        f"migrate schema --downgrade {target}",
        ("schema",),
        f"olorin migrate schema --upgrade {back}",
    )


def _steps(steps: list[SchemaStep]) -> list[tuple[Cell, ...]]:
    lines: list[tuple[Cell, ...]] = [(f"{step.id}  ", _lock(step), f"  {step.what}") for step in steps]
    limit = f"One transaction; a lock that is not had within {LOCK_TIMEOUT_MS / 1000:g} s ends it, and nothing changed."
    return [*lines, (Part(limit, Tone.MUTED),)]


def sql_lines(text: str) -> list[tuple[Cell, ...]]:
    """The preview, line by line."""
    return [(line,) for line in text.splitlines()] or [("nothing would be executed",)]
