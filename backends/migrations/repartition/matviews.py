"""Materialized views of the table, built on the one that waits before any lock, so that the exchange only renames them.

A view's text names the table, and no text is edited here: while a view is built, the waiting table stands under the
table's own name in a schema of its own, which is found first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from backends.clients.queries import literal
from backends.migrations.repartition.ddl import Target, grants, index_rest
from backends.migrations.repartition.rights import revoke
from backends.migrations.repartition.shape import NEXT, TABLE, Shape, quoted

if TYPE_CHECKING:
    from asyncpg import Connection, Record

STAGING: Final = "console_next"
"""The schema that the waiting table stands in for a moment, in a transaction that removes it again."""


def built(number: int) -> str:
    """The name of a view while it waits."""
    return f"{NEXT}_mv{number}"


def build_statements(target: Target, number: int, text: str) -> Iterator[str]:
    """Builds one of the views.

    text: its definition, as it reads where the search path is the table's schema alone.
    """
    shape = target.shape
    view, name = shape["matviews"][number], shape.named(built(number))
    options = f" WITH ({', '.join(view['options'])})" if view["options"] else ""
    data = "" if view["populated"] else " WITH NO DATA"
    yield f"CREATE SCHEMA {STAGING}"
    yield f"ALTER TABLE {shape.next} SET SCHEMA {STAGING}"
    yield f"ALTER TABLE {STAGING}.{NEXT} RENAME TO {TABLE}"
    yield f"SET LOCAL search_path = {STAGING}, {quoted(shape['schema'])}"
    yield f"CREATE MATERIALIZED VIEW {name}{options} AS {text.rstrip().rstrip(';')}{data}"
    yield f"ALTER TABLE {STAGING}.{TABLE} RENAME TO {NEXT}"
    yield f"ALTER TABLE {STAGING}.{NEXT} SET SCHEMA {quoted(shape['schema'])}"
    yield f"DROP SCHEMA {STAGING}"


def _belongings(view: Mapping[str, Any], name: str, number: int) -> Iterator[str]:
    """All that belongs to it."""
    for place, index in enumerate(view["indexes"]):
        unique = "UNIQUE " if index["unique"] else ""
        yield f"CREATE {unique}INDEX {quoted(f'{built(number)}_ix{place}')} ON {name}{index_rest(index['def'])}"
    if view["comment"]:
        yield f"COMMENT ON MATERIALIZED VIEW {name} IS {literal(view['comment'])}"
    yield f"ALTER MATERIALIZED VIEW {name} OWNER TO {quoted(view['owner'])}"
    yield from grants(view, name)


def drop_statements(shape: Shape, prefix: str = NEXT) -> Iterator[str]:
    """Drops them: those that wait, or with a backup's name those of the backup."""
    for number in range(len(shape["matviews"])):
        yield f"DROP MATERIALIZED VIEW IF EXISTS {shape.named(f'{prefix}_mv{number}')}"


def refresh_statements(target: Target) -> Iterator[str]:
    """Brings those of the old table up to date before they are used again."""
    for number, view in enumerate(target.shape["matviews"]):
        if view["populated"]:
            yield f"REFRESH MATERIALIZED VIEW {target.shape.named(f'{target.backup}_mv{number}')}"


async def build(connection: Connection[Record], target: Target, number: int) -> None:
    """Builds one, in an open transaction, unless it is there."""
    shape = target.shape
    if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", shape.named(built(number))):
        return
    path = await connection.fetchval("SELECT current_setting('search_path')")
    await connection.execute(f"SET LOCAL search_path = {quoted(shape['schema'])}")
    view = shape.named(shape["matviews"][number]["name"])
    text = await connection.fetchval("SELECT pg_get_viewdef($1::text::regclass)", view)
    await connection.execute(";\n".join(build_statements(target, number, text)))
    await revoke(connection, [shape.named(built(number))])
    await connection.execute(";\n".join(_belongings(shape["matviews"][number], shape.named(built(number)), number)))
    await connection.execute("SELECT set_config('search_path', $1, true)", path)
