"""Bringing tables from one shape to another with Alembic's operations: types, defaults, foreign keys, indexes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from alembic import op
from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Index, MetaData, Table, UniqueConstraint, inspect
from sqlalchemy.schema import CreateColumn

from backends.clients.errors import Refused

Shape = dict[str, Any]


def reshape(before: MetaData, after: MetaData, tables: Iterable[str]) -> None:
    """Makes each table what it is in `after`; offline it takes `before` for what is there."""
    for name in tables:
        _columns(_present(before.tables[name]), after.tables[name])
        _primary_key(before.tables[name], after.tables[name])
        _foreign_keys(before.tables[name], after.tables[name])
        _uniques(before.tables[name], after.tables[name])
        _indexes(before.tables[name], after.tables[name])


def make_rest(schema: MetaData, tables: Sequence[str]) -> None:
    """Creates the schema's other tables where they are not, and all that goes with its creation."""
    bind = op.get_bind()
    schema.create_all(
        bind, tables=[each for each in schema.sorted_tables if each.name not in tables], checkfirst=_online()
    )


def unmake_rest(schema: MetaData, tables: Sequence[str]) -> None:
    """Drops the schema's other tables. Raises Refused where one holds rows."""
    for table in reversed(schema.sorted_tables):
        if table.name in tables:
            continue
        if _online() and op.get_bind().exec_driver_sql(f"SELECT EXISTS (SELECT FROM {table.name})").scalar():
            hint = "Keep the rows elsewhere first, or stay at this revision."
            raise Refused(f"The table {table.name} holds rows, and model A has no place for them.", hint=hint)
        op.drop_table(table.name)


def _online() -> bool:
    return not op.get_context().as_sql


def _present(table: Table) -> dict[str, tuple[str, str | None]]:
    """Column → type and default, as the database has them (or as the model says, offline)."""
    if not _online():
        return {column.name: (_type(column), _default(column)) for column in table.columns}
    dialect = op.get_bind().dialect
    found = inspect(op.get_bind()).get_columns(table.name)
    return {each["name"]: (each["type"].compile(dialect=dialect), each.get("default")) for each in found}


def _columns(present: dict[str, tuple[str, str | None]], after: Table) -> None:
    changes = []
    for column in after.columns:
        if column.name not in present:
            changes.append(f"ADD COLUMN {CreateColumn(column).compile(dialect=_dialect())}")
            continue
        type_, default = present[column.name]
        # A default of the old type may have no cast to the new one: it goes first and comes back as what it should be.
        wanted = _default(column)
        if default is not None and (wanted is None or type_ != _type(column)):
            changes.append(f"ALTER COLUMN {column.name} DROP DEFAULT")
        if type_ != _type(column):
            changes.append(f"ALTER COLUMN {column.name} TYPE {_type(column)} USING {_converted(column)}")
        if wanted is not None and (default is None or type_ != _type(column)):
            changes.append(f"ALTER COLUMN {column.name} SET DEFAULT {wanted}")
    if changes:
        # One statement, so that the table is rewritten once.
        op.execute(f"ALTER TABLE {after.name}\n    " + ",\n    ".join(changes))


def _converted(column: Column[Any]) -> str:
    """Naive times are UTC by the service's convention, and times go back to that."""
    if isinstance(column.type, DateTime):
        return f"{column.name} AT TIME ZONE 'UTC'"
    return f"{column.name}::{_type(column)}"


def _type(column: Column[Any]) -> str:
    return column.type.compile(dialect=_dialect())


def _dialect() -> Any:
    return op.get_context().dialect


def _default(column: Column[Any]) -> str | None:
    if column.server_default is None:
        return None
    compiler = _dialect().ddl_compiler(_dialect(), None)
    return str(compiler.get_column_default_string(column))


def _primary_key(before: Table, after: Table) -> None:
    """Gives it its name; its columns are the same in both shapes."""
    name, wanted = _primary_name(before), _primary_name(after)
    if _online():
        name = str(inspect(op.get_bind()).get_pk_constraint(before.name)["name"])
    if name != wanted:
        op.execute(f"ALTER TABLE {after.name} RENAME CONSTRAINT {_quoted(name)} TO {wanted}")


def _primary_name(table: Table) -> str:
    return str(table.primary_key.name) if table.primary_key.name else f"{table.name}_pkey"


def _quoted(name: str) -> str:
    return str(_dialect().identifier_preparer.quote(name))


def _foreign_keys(before: Table, after: Table) -> None:
    for key in sorted(after.foreign_key_constraints, key=lambda each: list(each.column_keys)):
        present = _present_key(before, key)
        name = str(key.name) if key.name else f"{after.name}_{key.column_keys[0]}_fkey"
        if present == (name, key.ondelete):
            continue
        if present is not None:
            op.drop_constraint(present[0], after.name, type_="foreignkey")
        referred = key.elements[0].column
        op.create_foreign_key(
            name, after.name, referred.table.name, list(key.column_keys), [referred.name], ondelete=key.ondelete
        )


def _present_key(before: Table, wanted: ForeignKeyConstraint) -> tuple[str, str | None] | None:
    if not _online():
        key = next(each for each in before.foreign_key_constraints if each.column_keys == wanted.column_keys)
        return (str(key.name) if key.name else f"{before.name}_{key.column_keys[0]}_fkey", key.ondelete)
    for found in inspect(op.get_bind()).get_foreign_keys(before.name):
        if found["constrained_columns"] == wanted.column_keys:
            return str(found["name"]), found.get("options", {}).get("ondelete")
    return None


def _uniques(before: Table, after: Table) -> None:
    """Gives each unique constraint its name; which columns are unique is the same in both shapes."""
    present = {_key_columns(each): _unique_name(before, each) for each in _unique_constraints(before)}
    if _online():
        found = inspect(op.get_bind()).get_unique_constraints(before.name)
        present |= {tuple(each["column_names"]): str(each["name"]) for each in found}
    for constraint in _unique_constraints(after):
        name, wanted = present[_key_columns(constraint)], _unique_name(after, constraint)
        if name != wanted:
            op.execute(f"ALTER TABLE {after.name} RENAME CONSTRAINT {name} TO {wanted}")


def _unique_constraints(table: Table) -> list[UniqueConstraint]:
    return [each for each in table.constraints if isinstance(each, UniqueConstraint)]


def _key_columns(constraint: UniqueConstraint) -> tuple[str, ...]:
    return tuple(column.name for column in constraint.columns)


def _unique_name(table: Table, constraint: UniqueConstraint) -> str:
    return str(constraint.name) if constraint.name else f"{table.name}_{'_'.join(_key_columns(constraint))}_key"


def _indexes(before: Table, after: Table) -> None:
    """An index on the same columns under another name is renamed, one that is missing made, one of `before` dropped."""
    present = _present_indexes(before)
    for index in sorted(after.indexes, key=lambda each: str(each.name)):
        columns = tuple(column.name for column in index.columns)
        name = present.pop(columns, None)
        if name is None:
            op.create_index(str(index.name), after.name, list(columns), unique=bool(index.unique))
        elif name != index.name:
            op.execute(f"ALTER INDEX {_quoted(name)} RENAME TO {index.name}")
    own = {_columns_of(index): str(index.name) for index in before.indexes}
    for columns, name in present.items():
        if own.get(columns) == name:
            op.drop_index(name, after.name)


def _present_indexes(before: Table) -> dict[tuple[str, ...], str]:
    if not _online():
        return {_columns_of(index): str(index.name) for index in before.indexes}
    found = inspect(op.get_bind()).get_indexes(before.name)
    plain = [each for each in found if not each["unique"] and None not in each["column_names"]]
    return {tuple(str(name) for name in each["column_names"]): str(each["name"]) for each in plain}


def _columns_of(index: Index) -> tuple[str, ...]:
    return tuple(column.name for column in index.columns)
