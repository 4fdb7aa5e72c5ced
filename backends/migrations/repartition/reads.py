"""A fixed set of reads on both tables: their results at one snapshot, their plans, and how long they take.

Rows that are just changing, or that were written since the swap, are left out of the results: their keys are logged.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from backends.clients.queries import literal
from backends.migrations.repartition.proof import PROOF_S
from backends.migrations.repartition.rows import Route
from backends.migrations.repartition.shape import KEY_COLUMN, quoted
from backends.sampling.words import counted

if TYPE_CHECKING:
    from backends.clients.postgres import Session

SAMPLES: Final = 3
"""Rows, spread over the ids, that the reads are made for."""

ROUNDS: Final = 3
"""The fastest counts."""

ROWS: Final = 1_000
"""Rows that a timed read takes at most."""

MORE: Final = 1.2
"""A read is worse that takes this many times as many blocks: a busy server takes longer, and reads no more,"""

SLOWER: Final = 2.0
"""and that executes this many times as long; to plan for a hundred partitions takes some time, and is no fault,"""

BY_MS: Final = 100.0
"""at least so many milliseconds longer, all samples together,"""

AGREE: Final = 5
"""in each of so many measurements,"""

APART_S: Final = (0.5, 1.5)
"""so many seconds apart: who keeps the server busy is gone in one of them."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a read costs on one table, all samples together. ms: planning and executing; execution_ms: without planning.

    blocks: read, in memory or not. plan: how rows are found, and in how many partitions.
    """

    ms: float
    execution_ms: float
    blocks: int
    plan: str


def worse(old: Cost, new: Cost) -> bool:
    """Whether a read of the new table takes more work, and markedly longer for it.

    >>> busy = Cost(900.0, 400.0, 10, "Index Scan in 1 partition")
    >>> worse(Cost(3.0, 2.0, 10, ""), busy), worse(Cost(3.0, 2.0, 5, ""), busy)
    (False, True)
    """
    longer = new.execution_ms > old.execution_ms * SLOWER and new.execution_ms > old.execution_ms + BY_MS
    return longer and new.blocks > old.blocks * MORE


@dataclass(frozen=True, slots=True)
class Read:
    """One read on the old and on the new table. hash: of the result; ms: planning and execution, of all samples.

    blocks and plan: as of Cost. slower: whether the new table takes more work and markedly longer, time after time.
    """

    name: str
    old_rows: int
    new_rows: int
    old_hash: str
    new_hash: str
    old_ms: float
    new_ms: float
    old_plan: str
    new_plan: str
    old_blocks: int
    new_blocks: int
    slower: bool = False

    @property
    def same(self) -> bool:
        """Whether both tables gave the same rows."""
        return (self.old_rows, self.old_hash) == (self.new_rows, self.new_hash)

    @property
    def said(self) -> str:
        """In words."""
        result = f"{self.new_rows} rows" if self.same else f"{self.old_rows} rows became {self.new_rows}, or differ"
        return f"{self.name}: {result}, {self.old_ms:.1f} ms ({self.old_plan}) → {self.new_ms:.1f} ms ({self.new_plan})"


@dataclass(frozen=True, slots=True)
class _Sample:
    """A row that reads are made for, as SQL takes its values; keys: conditions on its key, in old and new table."""

    id: str
    collection: str
    document: str
    keys: tuple[str, str]


async def reads(session: Session, route: Route) -> tuple[Read, ...]:
    """Makes them for a few rows. Raises BackendError."""
    samples = [each async for each in _samples(session, route)]
    texts = await _texts(session, route)
    return tuple([await _read(session, route, name, text, samples) for name, text in texts]) if samples else ()


async def _texts(session: Session, route: Route) -> list[tuple[str, str]]:
    """Name → the read behind its SELECT; {t} is the table, {key} what its key adds."""
    found = [
        ("composite key", "{t} o WHERE o.id = {id} AND o.collection_id = {collection}{key}"),
        ("collection", "{t} o WHERE o.collection_id = {collection}"),
    ]
    if route.shape.column("document_id"):
        found.append(("document", "{t} o WHERE o.document_id = {document}"))
    parents = route.shape.named("collections")
    if await session.fetchval("SELECT to_regclass($1) IS NOT NULL", parents):
        found.append(("join", f"{{t}} o JOIN {parents} c ON c.id = o.collection_id WHERE c.id = {{collection}}"))
    return found


async def _samples(session: Session, route: Route) -> AsyncIterator[_Sample]:
    document = "o.document_id::text" if route.shape.column("document_id") else "NULL"
    columns = f"o.id::text AS id, o.collection_id::text AS c, {document} AS d"
    for start in await _starts(session, route):
        row = await session.fetchrow(
            f"SELECT {columns} FROM {route.source} o WHERE o.id >= {start} ORDER BY o.id LIMIT 1", timeout=PROOF_S
        )
        if row is None:
            continue
        id_, collection = f"{literal(row['id'])}::{route.id_type}", literal(row["c"])
        keys = [await _key(session, route, table, id_, collection) for table in (route.source, route.into)]
        yield _Sample(id_, collection, literal(row["d"]) if row["d"] else "NULL", (keys[0], keys[1]))


async def _starts(session: Session, route: Route) -> list[str]:
    if route.id_type not in {"smallint", "integer", "bigint"}:
        return [f"'{digit}0000000-0000-0000-0000-000000000000'::{route.id_type}" for digit in "05a"]
    row = await session.fetchrow(f"SELECT min(id), max(id) FROM {route.source}", timeout=PROOF_S)
    low, high = (int(row[0] or 0), int(row[1] or 0)) if row else (0, 0)
    return [str(low + (high - low) * place // SAMPLES) for place in range(SAMPLES)]


async def _key(session: Session, route: Route, table: str, id_: str, collection: str) -> str:
    """The condition on the row's key, "" where the table has none or no such row."""
    if table == route.source and not route.shape.column(KEY_COLUMN):
        return ""
    value = await session.fetchval(
        f"SELECT {KEY_COLUMN} FROM {table} o WHERE o.id = {id_} AND o.collection_id = {collection}", timeout=PROOF_S
    )
    return "" if value is None else f" AND o.{KEY_COLUMN} = {int(value)}"


async def _read(session: Session, route: Route, name: str, text: str, samples: Sequence[_Sample]) -> Read:
    rows, hashes = [0, 0], ["", ""]
    pairs = []
    for each in samples:
        pair = [
            text.format(t=table, id=each.id, collection=each.collection, document=each.document, key=key)
            for table, key in zip((route.source, route.into), each.keys, strict=True)
        ]
        pairs.append(pair)
        said = ", ".join(f"({_result(route, side)}) s{place}" for place, side in enumerate(pair))
        found = await session.fetchrow(f"SELECT * FROM {said}", timeout=PROOF_S)
        for place in (0, 1):
            rows[place] += found[2 * place] if found else 0
            hashes[place] += str(found[2 * place + 1]) if found else ""
    old, new = await _costs(session, route, pairs)
    costs = (old.ms, new.ms, old.plan, new.plan, old.blocks, new.blocks)
    slower = await _agreed(session, route, pairs, worse(old, new))
    return Read(name, rows[0], rows[1], hashes[0], hashes[1], *costs, slower)


async def _agreed(session: Session, route: Route, pairs: Sequence[Sequence[str]], found: bool) -> bool:
    """Whether every further measurement finds it worse as well; none is made where the first did not."""
    for _ in range(1, AGREE):
        if not found:
            break
        await asyncio.sleep(random.uniform(*APART_S))
        found = worse(*await _costs(session, route, pairs))
    return found


async def _costs(session: Session, route: Route, pairs: Sequence[Sequence[str]]) -> tuple[Cost, Cost]:
    """On the old and on the new table, measured in turns; of each sample the cheapest round counts."""
    totals = [Cost(0.0, 0.0, 0, ""), Cost(0.0, 0.0, 0, "")]
    for pair in pairs:
        rounds = [[await _explained(session, route, side) for side in pair] for _ in range(ROUNDS)]
        for place in (0, 1):
            best = min((each[place] for each in rounds), key=lambda cost: cost.execution_ms)
            totals[place] = _sum(totals[place], best)
    return totals[0], totals[1]


def _sum(one: Cost, two: Cost) -> Cost:
    ms, execution = round(one.ms + two.ms, 2), round(one.execution_ms + two.execution_ms, 2)
    return Cost(ms, execution, one.blocks + two.blocks, one.plan or two.plan)


def _result(route: Route, side: str) -> str:
    """Counts the rows and hashes them; no order is needed for a sum."""
    logged = f"SELECT FROM {route.log} l WHERE l.id = o.id AND l.collection_id = o.collection_id::text"
    hash_ = f"coalesce(sum({route.hash('o')}), 0)::text AS hash"
    return f"SELECT count(*) AS rows, {hash_} FROM {side} AND NOT EXISTS ({logged})"


async def _explained(session: Session, route: Route, side: str) -> Cost:
    """What one execution costs."""
    columns = ", ".join(f"o.{quoted(each)}" for each in route.shape.copied)
    text = await session.fetchval(
        f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) SELECT {columns} FROM {side} LIMIT {ROWS}",
        timeout=PROOF_S,
    )
    found = json.loads(text)[0]
    plan = found["Plan"]
    blocks = int(plan.get("Shared Hit Blocks", 0)) + int(plan.get("Shared Read Blocks", 0))
    execution = found["Execution Time"]
    return Cost(found["Planning Time"] + execution, execution, blocks, described(plan))


def described(plan: Mapping[str, Any]) -> str:
    """How a plan finds the rows, and in how many partitions.

    >>> described({"Node Type": "Index Scan", "Relation Name": "chunks_07", "Alias": "o", "Actual Loops": 1})
    'Index Scan in 1 partition'
    """
    scans = [node for node in _nodes(plan) if str(node.get("Alias", "")).partition("_")[0] == "o"]
    done = [node for node in scans if node.get("Actual Loops")]
    ways = sorted({str(node["Node Type"]) for node in scans})
    return f"{', '.join(ways) or 'no scan'} in {counted(len(done), 'partition')}"


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if plan.get("Alias"):
        yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)
