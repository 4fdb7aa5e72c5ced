"""A sampled clone of the table in a schema of its own: layout, indexes, keys, triggers, views, related tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from backends.clients.queries import query
from backends.migrations import chunks
from backends.migrations.repartition import book
from backends.migrations.repartition.ddl import grants, index_rest, policies
from backends.migrations.repartition.shape import TABLE, Shape, quoted, read_shape
from backends.runs import postgres_store

if TYPE_CHECKING:
    from asyncpg import Connection, Record

ROWS: Final = 20_000
"""Rows of a sample: two batches."""

_MORE: Final = 1.5
"""Blocks are sampled, which hold more rows here and fewer there: so many times more are taken, and cut."""

_LIKE: Final = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING IDENTITY INCLUDING INDEXES"


async def clone(connection: Connection[Record], schema: str, rows: int) -> int:
    """Makes the schema and the clone in it, with about so many rows; how many. In one transaction of the caller's."""
    shape = await read_shape(connection)
    oid = await connection.fetchval("SELECT to_regclass($1)::oid", TABLE)
    partitions = [dict(row) for row in await connection.fetch(query(chunks.__file__, "chunks_partitions"), oid)]
    # With an empty search path every name comes qualified.
    await connection.execute("SET LOCAL search_path = ''")
    keys = [dict(row) for row in await connection.fetch(query(__file__, "keys"), oid)]
    await connection.execute(f"CREATE SCHEMA {quoted(schema)}")
    for line in _table(shape, schema, partitions):
        await connection.execute(line)
    copied = await _sample(connection, shape, schema, rows)
    await _related(connection, shape, schema, keys)
    for line in _dependants(shape, schema, partitions):
        await connection.execute(line)
    # The books come first, or the path would lead to the real ones.
    await connection.execute(f"SET LOCAL search_path = {quoted(schema)}")
    await book.make(connection, f"{quoted(schema)}.{book.BOOK}")
    await connection.execute(query(postgres_store.__file__, "tables"))
    return copied


def _table(shape: Shape, schema: str, partitions: list[dict[str, Any]]) -> Iterator[str]:
    table = f"{quoted(schema)}.{quoted(TABLE)}"
    how = f" PARTITION BY {shape['key']}" if shape["kind"] == "p" else ""
    yield f"CREATE TABLE {table} (LIKE {shape.table} {_LIKE} INCLUDING STATISTICS INCLUDING COMMENTS){how}"
    for each in partitions:
        yield f"CREATE TABLE {quoted(schema)}.{quoted(each['name'])} PARTITION OF {table} {each['bound']}"
    sequence = shape["sequence"]
    if sequence and not sequence["identity"]:
        column, own = quoted(sequence["column"]), f"{quoted(schema)}.chunks_id_seq"
        yield f"CREATE SEQUENCE {own} OWNED BY {table}.{column}"
        yield f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT nextval('{own}')"
        yield f"SELECT setval('{own}', (SELECT last_value FROM {sequence['name']}))"


async def _sample(connection: Connection[Record], shape: Shape, schema: str, rows: int) -> int:
    """Before keys and triggers, so that every row comes over as it is."""
    estimate = await connection.fetchval(
        "SELECT sum(greatest(reltuples, 0))::bigint FROM pg_class WHERE oid = ANY($1::text[]::regclass[]::oid[])",
        shape.leaves,
    )
    share = min(100.0, rows * _MORE * 100 / estimate) if estimate else 100.0
    sampled = f" TABLESAMPLE SYSTEM ({share:.6f})" if share < 100 else ""
    columns = ", ".join(quoted(each["name"]) for each in shape["columns"] if not each["generated"])
    done = await connection.execute(
        f"INSERT INTO {quoted(schema)}.{quoted(TABLE)} ({columns}) OVERRIDING SYSTEM VALUE"
        f" SELECT {columns} FROM {shape.table}{sampled} LIMIT {rows}"
    )
    return int(done.split()[-1])


async def _related(connection: Connection[Record], shape: Shape, schema: str, keys: list[dict[str, Any]]) -> None:
    """The tables at the other end of foreign keys, with the rows that belong to the sample, and the keys."""
    for bare, other in {each["bare"]: each["other"] for each in keys}.items():
        await connection.execute(f"CREATE TABLE {quoted(schema)}.{quoted(bare)} (LIKE {other} {_LIKE})")
    for key in keys:
        await connection.execute(await _rows_of(connection, schema, key))
    for key in keys:
        table = TABLE if key["out"] else key["bare"]
        target = key["other"] if key["out"] else _bare_name(shape)
        into = quoted(key["bare"] if key["out"] else TABLE)
        definition = key["def"].replace(f"REFERENCES {target}(", f"REFERENCES {quoted(schema)}.{into}(")
        await connection.execute(
            f"ALTER TABLE {quoted(schema)}.{quoted(table)} ADD CONSTRAINT {quoted(key['name'])}"
            f" {definition.removesuffix(' NOT VALID')}"
        )


async def _rows_of(connection: Connection[Record], schema: str, key: Mapping[str, Any]) -> str:
    """The INSERT of the rows of another table that the key binds to the sample."""
    columns = await connection.fetchval(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
        " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        key["other"],
    )
    theirs, ours = (key["referred"], key["own"]) if key["out"] else (key["own"], key["referred"])
    bound = " AND ".join(f"o.{quoted(a)} = c.{quoted(b)}" for a, b in zip(theirs, ours, strict=True))
    return (
        f"INSERT INTO {quoted(schema)}.{quoted(key['bare'])} ({columns}) OVERRIDING SYSTEM VALUE"
        f" SELECT {columns} FROM {key['other']} o"
        f" WHERE EXISTS (SELECT FROM {quoted(schema)}.{quoted(TABLE)} c WHERE {bound}) ON CONFLICT DO NOTHING"
    )


def _dependants(shape: Shape, schema: str, partitions: list[dict[str, Any]]) -> Iterator[str]:
    """Triggers, views, policies, what partitions have one by one, privileges; functions are shared, since they are not
    changed.
    """
    name = _bare_name(shape)
    table = f"{quoted(schema)}.{quoted(TABLE)}"
    for trigger in shape["triggers"]:
        yield trigger["def"].replace(f" ON {name} ", f" ON {table} ", 1)
    for each in partitions:
        place = f"{quoted(schema)}.{quoted(each['name'])}"
        yield from (f"CREATE {_kind(index)} ON {place}{index['rest']}" for index in shape["leaf_indexes"])
    whole = re.compile(rf"(?<![\w.\"]){re.escape(name)}(?![\w.\"])")
    for view in shape["views"]:
        own = f"{quoted(schema)}.{view['name'].rpartition('.')[2]}"
        yield f"CREATE VIEW {own} AS {whole.sub(table, view['def'].rstrip(';'))}"
    for view in shape["matviews"]:
        own = f"{quoted(schema)}.{quoted(view['name'])}"
        data = "" if view["populated"] else " WITH NO DATA"
        yield f"CREATE MATERIALIZED VIEW {own} AS {whole.sub(table, view['def'].rstrip(';'))}{data}"
        for index in view["indexes"]:
            yield f"CREATE {_kind(index)} {quoted(index['name'])} ON {own}{index_rest(index['def'])}"
    yield from policies(shape, table)
    yield from grants(shape, table)


def _kind(index: Mapping[str, Any]) -> str:
    return "UNIQUE INDEX" if index["unique"] else "INDEX"


def _bare_name(shape: Shape) -> str:
    """The table as Postgres writes it, quoted only where that is needed.

    >>> _bare_name(Shape({"schema": "public"})), _bare_name(Shape({"schema": "Odd one"}))
    ('public.chunks', '"Odd one".chunks')
    """
    schema = str(shape["schema"])
    plain = re.fullmatch(r"[a-z_][a-z0-9_$]*", schema)
    return f"{schema if plain else quoted(schema)}.{TABLE}"
