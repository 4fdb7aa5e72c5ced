"""The chunks table, read from the live catalogue: never from an assumption of how it should be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import BackendError, NotThere
from backends.clients.postgres import PostgresClient
from backends.clients.queries import query
from backends.migrations.estimates import estimated_rows, skew, total
from backends.migrations.model import Chunks, KeyFormula, Partition, Runs
from backends.runs.model import NEWEST
from backends.runs.postgres_store import PostgresRunStore
from backends.safety.secrets import mask
from backends.safety.text import display_text

if TYPE_CHECKING:
    from backends.clients.postgres import Session

GENERATED_COLUMNS_SINCE: Final = 120_000
"""The first server version whose catalogue tells generated columns; older ones are not supported."""

STRATEGIES: Final = {"h": "HASH", "l": "LIST", "r": "RANGE"}
_BOUND: Final = re.compile(
    r"FOR VALUES (?:WITH \(modulus \d+, remainder (?P<remainder>\d+)\)|IN \('?(?P<value>-?\d+)'?\))"
)
_ASSIGNMENT: Final = re.compile(r"NEW\s*\.\s*partition_key\s*:?=\s*(?P<formula>[^;]+);", re.IGNORECASE)
_COMPUTED: Final = re.compile(r":=\s*(?P<formula>[^;]*hashtext[^;]*);", re.IGNORECASE)


async def chunks(client: PostgresClient) -> Chunks:
    """The table as it is now. Raises BackendError, NotThere where there is no such table."""
    async with client.reading() as session:
        tables = await _rows(session, "chunks_table")
        if not tables or tables[0]["kind"] not in ("r", "p"):
            hint = f"Is {client.target.variable} right?"
            raise NotThere("There is no table chunks here.", where=client.target.where, hint=hint)
        table = tables[0]
        partitions = tuple(map(partition, await _rows(session, "chunks_partitions", table["oid"])))
        told = table["version"] >= GENERATED_COLUMNS_SINCE
        sources = await _rows(session, "chunks_formulas", table["oid"]) if told else []
    return _described(table, partitions, sources, await runs_of(client))


async def _rows(session: Session, name: str, *arguments: Any) -> list[Mapping[str, Any]]:
    return [dict(row) for row in await session.fetch(query(__file__, name), *arguments)]


def _described(
    table: Mapping[str, Any],
    partitions: tuple[Partition, ...],
    sources: Sequence[Mapping[str, Any]],
    runs: Runs,
) -> Chunks:
    partitioned = table["kind"] == "p"
    rows = [each.rows for each in partitions]
    heap = 0 if partitioned else table["bytes"]
    return Chunks(
        table=display_text(table["name"]),
        layout=f"{STRATEGIES.get(table['strategy'], '?')} {len(partitions)}" if partitioned else "unpartitioned",
        key=display_text(table["key"]) if partitioned else None,
        formulas=tuple(formula for source in sources if (formula := key_formula(source)) is not None),
        triggers=tuple(display_text(source["name"]) for source in sources if source["source"] == "trigger"),
        partitions=partitions,
        rows=total(rows) if partitioned else estimated_rows({**table, "heap": heap}),
        # A partitioned table has no file of its own: its size is its partitions'.
        size_bytes=sum(each.size_bytes for each in partitions) if partitioned else table["bytes"],
        skew=skew(rows),
        collections=table["collections"] if (table["collections"] or -1) >= 0 else None,
        server_version=table["version"],
        runs=runs,
    )


def partition(row: Mapping[str, Any]) -> Partition:
    """A partition from its row of the catalogue."""
    bound = _BOUND.fullmatch(row["bound"] or "")
    number = next((int(value) for value in bound.groups() if value is not None), None) if bound else None
    return Partition(display_text(row["name"]), number, estimated_rows(row), row["bytes"])


def key_formula(source: Mapping[str, Any]) -> KeyFormula | None:
    """What the source computes or checks; None for a trigger that has nothing to do with the key.

    >>> key_formula({"source": "trigger", "name": "t", "text": "BEGIN NEW.partition_key := abs(x) % 100; END"}).text
    'abs(x) % 100'
    """
    text = source["text"]
    if source["source"] == "trigger":
        found = _ASSIGNMENT.search(text) or _COMPUTED.search(text)
        if found is None or "partition_key" not in text:
            return None
        text = " ".join(found["formula"].split())
    return KeyFormula(display_text(mask(text)), f"{source['source']} {display_text(source['name'])}")


async def runs_of(client: PostgresClient) -> Runs:
    """The runs recorded in the database, or why they could not be read."""
    try:
        return Runs(await PostgresRunStore(client).page(NEWEST))
    except BackendError as error:
        return Runs(problem=error.problem())
