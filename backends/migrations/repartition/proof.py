"""Proving that two tables hold the same rows: counts and hashes of ranges at one snapshot, logged keys left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.migrations.repartition.rows import Route

if TYPE_CHECKING:
    from backends.clients.postgres import Session
    from backends.migrations.repartition.reads import Read

RANGES: Final = 200
PROOF_S: Final = 3_600.0
"""Seconds that both tables may be read for; the client's own patience is for watching."""

SHOWN: Final = 50
"""Collections that a difference is told of."""


@dataclass(frozen=True, slots=True)
class CollectionDifference:
    """A collection whose rows are not the same on both sides."""

    collection_id: str
    old_rows: int
    new_rows: int
    missing: int
    extra: int
    different: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides at one snapshot. old_rows and new_rows: all, those of logged keys too; logged: keys left out, which
    are just changing, or after the swap were written since (since).

    missing: in the old table alone, extra: in the new one alone, different: in both with different contents.
    ranges: compared. by_collection: the worst of those that differ. reads: made on both. problems: what else is wrong
    with the new table and not with the old one, in words.
    """

    old_rows: int
    new_rows: int
    logged: int
    ranges: int
    missing: int = 0
    extra: int = 0
    different: int = 0
    by_collection: tuple[CollectionDifference, ...] = ()
    reads: tuple[Read, ...] = ()
    problems: tuple[str, ...] = ()
    since: bool = False

    @property
    def right(self) -> bool:
        """Whether the rows are the same and nothing else is wrong with the new table."""
        return self.same and not self.problems

    @property
    def ok(self) -> bool:
        """Whether it is right, and no read is markedly slower."""
        return self.right and not any(each.slower for each in self.reads)

    @property
    def same(self) -> bool:
        """Whether every row that nobody is changing is on both sides, the same."""
        return not (self.missing or self.extra or self.different)

    @property
    def said(self) -> str:
        """The result in one sentence."""
        wrong = [*self.problems, *(f"slower when read by {each.said}" for each in self.reads if each.slower)]
        if self.same and wrong:
            return f"the rows are the same, but: {'; '.join(wrong)}"
        if self.same:
            apart = "written since the swap" if self.since else "just changing"
            return f"{self.new_rows:,} rows proven in {self.ranges} ranges, {self.logged:,} keys {apart} left out"
        names = ", ".join(each.collection_id for each in self.by_collection[:5])
        counts = f"{self.missing} missing, {self.extra} extra, {self.different} different"
        return f"{counts}, in the collections {names}"


async def compare(session: Session, route: Route) -> Comparison:
    """Compares source and target of the route: two scans, and a look at each key only where a range differs."""
    bounds = await _bounds(session, route)
    rows = await session.fetch(_ranges(route, bounds), timeout=PROOF_S)
    old, new = (sum(row[name] for row in rows) for name in ("old_rows", "new_rows"))
    logged = rows[0]["logged"] if rows else 0
    if all(row["same"] for row in rows):
        return Comparison(old, new, logged, len(rows))
    found = [CollectionDifference(**dict(row)) for row in await session.fetch(_by_key(route), timeout=PROOF_S)]
    missing, extra, different = (
        sum(getattr(each, name) for each in found) for name in ("missing", "extra", "different")
    )
    return Comparison(old, new, logged, len(rows), missing, extra, different, tuple(found[:SHOWN]))


async def _bounds(session: Session, route: Route) -> str:
    """The expression for the range of a row: equal parts of the ids where they are numbers, of their hashes else."""
    if route.id_type not in {"bigint", "integer", "smallint"}:
        return f"(hashtext(o.id::text)::bigint % {RANGES})"
    row = await session.fetchrow(f"SELECT min(id), max(id) FROM {route.source}", timeout=PROOF_S)
    low, high = (int(row[0] or 0), int(row[1] or 0)) if row else (0, 0)
    return f"((o.id::bigint - ({low})) / {max((high - low) // RANGES + 1, 1)})"


def _ranges(route: Route, place: str) -> str:
    return f"""
        WITH logged AS MATERIALIZED (SELECT DISTINCT id, collection_id FROM {route.log}),
        a AS ({_side(route, route.source, place)}), b AS ({_side(route, route.into, place)})
        SELECT coalesce(a.all_rows, 0) AS old_rows, coalesce(b.all_rows, 0) AS new_rows,
            (SELECT count(*) FROM logged) AS logged,
            coalesce(a.rows, 0) = coalesce(b.rows, 0) AND coalesce(a.hash, 0) = coalesce(b.hash, 0) AS same
        FROM a FULL JOIN b ON a.place = b.place
    """


def _side(route: Route, table: str, place: str) -> str:
    free = "k.id IS NULL"
    return f"""
        SELECT {place} AS place, count(*) AS all_rows, count(*) FILTER (WHERE {free}) AS rows,
            sum({route.hash("o")}) FILTER (WHERE {free}) AS hash
        FROM {table} o LEFT JOIN logged k ON k.id = o.id AND k.collection_id = o.collection_id::text
        GROUP BY 1
    """


def _by_key(route: Route) -> str:
    """One row a collection that differs, the worst first: a join of both tables over their keys."""
    side = "SELECT o.id, o.collection_id::text AS c, {hash} AS h FROM {table} o"
    a, b = (side.format(hash=route.hash("o"), table=table) for table in (route.source, route.into))
    return f"""
        WITH logged AS MATERIALIZED (SELECT DISTINCT id, collection_id FROM {route.log}), a AS ({a}), b AS ({b})
        SELECT coalesce(a.c, b.c) AS collection_id, count(a.id) AS old_rows, count(b.id) AS new_rows,
            count(*) FILTER (WHERE b.id IS NULL) AS missing, count(*) FILTER (WHERE a.id IS NULL) AS extra,
            count(*) FILTER (WHERE a.h <> b.h) AS different
        FROM a FULL JOIN b ON a.id = b.id AND a.c = b.c
        LEFT JOIN logged k ON k.id = coalesce(a.id, b.id) AND k.collection_id = coalesce(a.c, b.c)
        WHERE k.id IS NULL
        GROUP BY 1
        HAVING count(*) FILTER (WHERE a.h IS DISTINCT FROM b.h) > 0
        ORDER BY count(*) FILTER (WHERE a.h IS DISTINCT FROM b.h) DESC, 1
    """
