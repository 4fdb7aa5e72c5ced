"""The main database made ready for a way back: what a cleanup set aside gets its name again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backends.clients.errors import Refused
from backends.migrations.olorin.names import moved_name
from backends.migrations.olorin.places import kinds_of
from backends.migrations.olorin.preparing import options_of

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase
    from backends.runs.job import Context


async def bring_back(
    context: Context,
    source: ReadingDatabase,
    names: Sequence[str],
    there: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[str]:
    """Renames back what was set aside; makes what is gone, as the target has it (there). The names of those made.

    Raises Refused where something has the name by now: it can't be told which of both holds which documents.
    """
    here = await kinds_of(source)
    both = [(name, moved_name(name, here)) for name in names if name in here and moved_name(name, here)]
    if both:
        said = ", ".join(f"{name} beside {away}" for name, away in both)
        hint = "Look at both. Rename the one that was written to after the cleanup, say to NAME_later, and repeat."
        raise Refused(f"Written to again after being set aside: {said}.", where=context.run.where, hint=hint)
    made = []
    for name in (name for name in names if name not in here):
        if away := moved_name(name, here):
            into = source.name
            await context.command({"renameCollection": f"{into}.{away}", "to": f"{into}.{name}"})
        elif there is None or name in there:
            await context.command({"create": name, **options_of((there or {}).get(name, {}))})
            made.append(name)
    return made
