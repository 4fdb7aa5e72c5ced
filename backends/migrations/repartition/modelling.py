"""The model beside the database, column by column: what would lose data is red, what only differs is a warning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.migrations.repartition.shape import KEY_COLUMN, Shape
from backends.safety.text import display_text

if TYPE_CHECKING:
    from asyncpg import Connection, Record
    from sqlalchemy.ext.asyncio import AsyncSession

WIDER: Final = {"smallint": 1, "integer": 2, "bigint": 3}
_TEXTS: Final = ("character varying", "text")


@dataclass(frozen=True, slots=True)
class Difference:
    """A column that is not as the model says; loses: whether data would be lost."""

    column: str
    why: str
    loses: bool


def differences(shape: Shape) -> tuple[Difference, ...]:
    """Every difference of the table from the model. Imports SQLAlchemy."""
    from sqlalchemy.dialects import postgresql

    from backends.migrations.repartition.orm import Chunk

    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    found = []
    model = {column.name: column for column in Chunk.__table__.columns}
    for name, column in model.items():
        there = shape.column(name)
        wanted = _said(column.type.compile(dialect=dialect).lower())
        if there is None:
            # The key is what the new layout adds where there is none.
            lost = bool(column.primary_key) and name != KEY_COLUMN
            found.append(Difference(name, "is missing", lost))
        elif not fits(str(there["type"]), wanted):
            lossy = not (name == "id" and str(there["type"]).startswith(_TEXTS))
            found.append(Difference(name, f"is {display_text(there['type'])}, the model says {wanted}", lossy))
        elif there["not_null"] == column.nullable and name != KEY_COLUMN:
            found.append(Difference(name, "may be null" if column.nullable is False else "may not be null", False))
    unknown = [each["name"] for each in shape["columns"] if each["name"] not in model]
    return (*found, *(Difference(display_text(name), "is not in the model", False) for name in unknown))


def related_differences(found: Mapping[str, Mapping[str, tuple[str, bool]]]) -> tuple[str, ...]:
    """Where the parents' tables differ from the model: table → column → type, and whether it alone is a key.

    A table that is not there is none of it. Imports SQLAlchemy.
    """
    from sqlalchemy.dialects import postgresql

    from backends.migrations.repartition.orm import Base

    dialect, said = postgresql.dialect(), []  # type: ignore[no-untyped-call]
    for name, columns in found.items():
        for column in Base.metadata.tables[name].columns:
            wanted = _said(column.type.compile(dialect=dialect).lower())
            type_, unique = columns.get(column.name, ("", False))
            if not type_:
                said.append(f"{name}.{column.name} is missing")
            elif not fits(type_, wanted):
                said.append(f"{name}.{column.name} is {display_text(type_)}, the model says {wanted}")
            elif column.primary_key and not unique:
                said.append(f"{name}.{column.name} is no key")
    return tuple(said)


def _said(type_: str) -> str:
    return {"varchar": "character varying"}.get(type_, type_)


def fits(there: str, wanted: str) -> bool:
    """Whether the model can read all that the column may hold, and write it back.

    >>> fits("character varying(255)", "character varying"), fits("bigint", "integer"), fits("integer", "bigint")
    (True, False, True)
    """
    if there in WIDER and wanted in WIDER:
        return WIDER[there] <= WIDER[wanted]
    if there.startswith(_TEXTS) and wanted.startswith(_TEXTS):
        return True
    return there == wanted


def judged(found: tuple[Difference, ...]) -> tuple[bool, str, str]:
    """Whether data would be lost, what would be, and what only differs, in words."""

    def said(loses: bool) -> str:
        return "; ".join(f"{each.column} {each.why}" for each in found if each.loses is loses)

    return any(each.loses for each in found), said(True), said(False)


async def model_works(connection: Connection[Record], shape: Shape) -> str:
    """Creates a chunk through the model, reads it by its composite key, and its parents by their relationships.

    In an open transaction, to be rolled back. Gives what failed, "" where all of it works.
    """
    from asyncpg import PostgresError
    from sqlalchemy.exc import SQLAlchemyError

    from backends.clients.errors import BackendError
    from backends.clients.orm import orm_session

    savepoint = connection.transaction()
    await savepoint.start()
    try:
        async with orm_session(connection, in_transaction=True) as session:
            return await _round_trip(session, await _like(connection, shape))
    except (BackendError, PostgresError, SQLAlchemyError) as error:
        return display_text(str(error).splitlines()[0])
    finally:
        await savepoint.rollback()


async def _like(connection: Connection[Record], shape: Shape) -> Record | None:
    """A row whose parents and place a new one may have; its key alone where the table wants it named."""
    column = shape.column(KEY_COLUMN)
    named = f"o.{KEY_COLUMN}" if column and not column["generated"] else "NULL::integer"
    columns = f"o.collection_id, o.document_id, o.chunking_config_id, o.chunk_index, {named} AS key"
    return await connection.fetchrow(f"SELECT {columns} FROM {shape.table} o ORDER BY o.document_id LIMIT 1")


async def _round_trip(session: AsyncSession, like: Record | None) -> str:
    from backends.migrations.repartition.orm import Chunk, ChunkingConfig, Collection, Document

    if like is None:
        return "there is no row that another could be made like"
    made = Chunk(id=-1, collection_id=like["collection_id"], chunk_index=like["chunk_index"], content="tried")
    made.document_id, made.chunking_config_id = like["document_id"], like["chunking_config_id"]
    if like["key"] is not None:
        made.partition_key = like["key"]
    session.add(made)
    await session.flush()
    key = made.partition_key
    session.expunge_all()
    chunk = await session.get(Chunk, (-1, like["collection_id"], key))
    if chunk is None or chunk.content != "tried":
        return "a chunk that was created is not found by its composite key"
    await session.refresh(chunk, ["collection", "document", "config"])
    parents = (
        ("collection", Collection, chunk.collection, like["collection_id"]),
        ("document", Document, chunk.document, like["document_id"]),
        ("config", ChunkingConfig, chunk.config, like["chunking_config_id"]),
    )
    for name, model, found, id_ in parents:
        if found is not (await session.get(model, id_) if id_ is not None else None):
            return f"by its relationship a chunk has another {name}"
    return ""
