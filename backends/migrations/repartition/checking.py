"""All that is compared of old and new table: the rows, a fixed set of reads, and what must not have become worse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backends.migrations.repartition.facts import parentless
from backends.migrations.repartition.proof import Comparison, compare
from backends.migrations.repartition.reads import reads
from backends.migrations.repartition.rows import Route
from backends.migrations.repartition.shape import read_shape

if TYPE_CHECKING:
    from backends.clients.postgres import Session


async def checked(session: Session, route: Route, *, in_use: bool) -> Comparison:
    """Compares source and target of the route. in_use: the target is, and lags behind nobody. Raises BackendError."""
    found = await compare(session, route)
    made = await reads(session, route)
    problems = [f"not the same when read by {each.said}" for each in made if not each.same]
    problems += await _orphaned(session, route, in_use)
    # Constraints that come just before the swap are not there yet.
    newly = (await read_shape(session, route.into)).unvalidated - route.shape.unvalidated
    problems += [f"the constraint {name} is not validated" for name in sorted(newly)]
    return replace(found, reads=made, problems=tuple(problems))


async def _orphaned(session: Session, route: Route, in_use: bool) -> list[str]:
    """Rows without their parents that the new table has more of: parents that went since are missing to both.

    A table that lags behind may have rows whose parents went with them; their keys are logged.
    """
    before = await parentless(session, route.shape, route.source)
    after = await parentless(session, route.shape, route.into, "" if in_use else route.log)
    return [
        f"{now - (before[table] or 0)} more rows whose row in {table} is missing"
        for table, now in after.items()
        if now is not None and now > (before[table] or 0)
    ]
