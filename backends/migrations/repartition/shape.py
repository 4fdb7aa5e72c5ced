"""The table's shape: all that has to be there again on a table that takes its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import NotThere
from backends.clients.queries import query
from backends.safety.records import content_hash

if TYPE_CHECKING:
    from backends.clients.postgres import Session

TABLE: Final = "chunks"
NEXT: Final = "chunks_next"
KEY_COLUMN: Final = "partition_key"


def quoted(name: str) -> str:
    """The name as SQL takes it.

    >>> quoted("chunks"), quoted('odd "name'), quoted("user")
    ('"chunks"', '"odd ""name"', '"user"')
    """
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape as the catalogue gave it (`queries/shape.sql` names the keys), every name in it qualified."""

    said: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.said[key]

    @property
    def hash(self) -> str:
        """Changes with whatever would have to be built otherwise."""
        return content_hash(self.said)

    def named(self, name: str) -> str:
        """A name in the table's schema, as SQL takes it."""
        return f"{quoted(self['schema'])}.{quoted(name)}"

    @property
    def table(self) -> str:
        """The table in use."""
        return self.named(TABLE)

    @property
    def next(self) -> str:
        """The table that is built."""
        return self.named(NEXT)

    def column(self, name: str) -> Mapping[str, Any] | None:
        """A column, None where there is none of the name."""
        return next((each for each in self["columns"] if each["name"] == name), None)

    @property
    def unvalidated(self) -> frozenset[str]:
        """The names of checks and foreign keys, its own and others' into it, that are not validated."""
        parts = ("checks", "keys_out", "keys_in")
        return frozenset(each["name"] for part in parts for each in self[part] if not each["valid"])

    @property
    def leaves(self) -> list[str]:
        """The tables that hold the rows: its partitions, or itself."""
        return list(self["leaves"]) if self["kind"] == "p" else [self.table]

    @property
    def id_type(self) -> str:
        """The type of the ids."""
        column = self.column("id")
        return str(column["type"]) if column else "bigint"

    @property
    def copied(self) -> tuple[str, ...]:
        """The columns that rows are copied with: none that is computed, and not the key, which is computed anew."""
        return tuple(each["name"] for each in self["columns"] if not each["generated"] and each["name"] != KEY_COLUMN)

    @property
    def layout(self) -> str:
        """As people call it: "LIST 100", "unpartitioned"."""
        strategies = {"h": "HASH", "l": "LIST", "r": "RANGE"}
        if self["kind"] != "p":
            return "unpartitioned"
        return f"{strategies.get(self['strategy'], '?')} {len(self['leaves'])}"


async def read_shape(session: Session, table: str = TABLE) -> Shape:
    """The shape of the table as it is now, in an open transaction. Raises NotThere."""
    row = await session.fetchrow("SELECT to_regclass($1)::oid AS oid, current_setting('search_path') AS path", table)
    if row is None or row["oid"] is None:
        raise NotThere(f"There is no table {table} here.")
    # With an empty search path every name comes qualified.
    await session.execute("SET LOCAL search_path = ''")
    said = await session.fetchval(query(__file__, "shape"), row["oid"])
    await session.execute("SELECT set_config('search_path', $1, true)", row["path"])
    return Shape(json.loads(said))
