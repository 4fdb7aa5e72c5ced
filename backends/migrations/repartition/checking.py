"""All that is compared of old and new table: the rows, a fixed set of reads, and what must not have become worse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from backends.migrations.repartition.counting import parentless
from backends.migrations.repartition.formulas import COLLECTION_ONLY
from backends.migrations.repartition.proof import PROOF_S, Comparison, compare
from backends.migrations.repartition.reads import reads
from backends.migrations.repartition.rows import Route
from backends.migrations.repartition.shape import KEY_COLUMN, read_shape

if TYPE_CHECKING:
    from backends.clients.postgres import Session


async def checked(session: Session, route: Route, formula: str, *, in_use: bool) -> Comparison:
    """Compares source and target of the route. in_use: the target is, and lags behind nobody. Raises BackendError.

    formula: of the old table's key; where it is the new one's too, every collection has to keep its key.
    """
    found = await compare(session, route)
    made = await reads(session, route)
    problems = [f"not the same when read by {each.said}" for each in made if not each.same]
    problems += await _orphaned(session, route, in_use)
    keeps_key = formula == COLLECTION_ONLY and route.shape.column(KEY_COLUMN)
    if keeps_key and (changed := await _changed_keys(session, route)):
        problems.append(f"{changed} collections have another key than before")
    live = await read_shape(session, route.into)
    problems += [
        f"the constraint {name} is not validated" for name in sorted(live.unvalidated - route.shape.unvalidated)
    ]
    if in_use:  # some come with the exchange
        there = {key["name"] for key in live["keys_out"]}
        gone = [key["name"] for key in route.shape["keys_out"] if key["name"] not in there]
        problems += [f"the foreign key {name} is not there" for name in gone]
    return replace(found, reads=made, problems=tuple(problems), since=in_use)


async def _changed_keys(session: Session, route: Route) -> int:
    """Collections whose key is not the same in both tables, of all that both have."""
    side = f"SELECT DISTINCT collection_id, {KEY_COLUMN} AS key FROM {{}}"
    return int(
        await session.fetchval(
            f"SELECT count(*) FROM ({side.format(route.source)}) a JOIN ({side.format(route.into)}) b"
            " USING (collection_id) WHERE a.key <> b.key",
            timeout=PROOF_S,
        )
    )


async def _orphaned(session: Session, route: Route, in_use: bool) -> list[str]:
    """Rows without their parents that the new table has more of: parents that went since are missing to both.

    A table that lags behind may have rows whose parents went with them; their keys are logged.
    """
    both = await parentless(session, route.shape, (route.source, ""), (route.into, "" if in_use else route.log))
    return [
        f"{each[1] - each[0]} more rows whose row in {table} is missing"
        for table, each in both.items()
        if each is not None and each[1] > each[0]
    ]
