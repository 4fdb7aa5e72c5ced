"""Capturing changes: a trigger writes the key of every changed row into a log, in the changing transaction itself.

The log holds keys, not contents: whoever applies an entry reads the row as it is then. So entries may be applied twice
and late, and the last state always wins. An entry is consumed by deleting it; a watermark would lose what a slow
transaction commits behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backends.migrations.repartition.shape import Shape, quoted

CHANGES: Final = "console_chunks_changes"
"""The keys that changed in the old table while the new one is built."""

SINCE: Final = "console_chunks_since"
"""The keys that changed in the new table since the swap."""


def log_statements(shape: Shape, log: str) -> Iterator[str]:
    """The log and the functions that fill it; written as their owner, so that writers need no privilege on it."""
    table, note, guard = (shape.named(name) for name in (log, f"{log}_note", f"{log}_guard"))
    yield (
        f"CREATE TABLE {table} (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id {shape.id_type} NOT NULL,"
        " collection_id text NOT NULL)"
    )
    entry = f"INSERT INTO {table} (id, collection_id) VALUES"
    yield f"""
        CREATE FUNCTION {note}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $note$
        BEGIN
            IF TG_OP <> 'INSERT' THEN
                {entry} (OLD.id, OLD.collection_id);
            END IF;
            IF TG_OP = 'INSERT' THEN
                {entry} (NEW.id, NEW.collection_id);
            ELSIF TG_OP = 'UPDATE' AND (OLD.id <> NEW.id OR OLD.collection_id <> NEW.collection_id) THEN
                {entry} (NEW.id, NEW.collection_id);
            END IF;
            RETURN NULL;
        END $note$"""
    yield f"""
        CREATE FUNCTION {guard}() RETURNS trigger LANGUAGE plpgsql AS $guard$
        BEGIN
            RAISE EXCEPTION 'chunks is being migrated: TRUNCATE would be lost'
                USING HINT = 'Use DELETE, or roll the migration back first.';
        END $guard$"""


def trigger_statements(shape: Shape, log: str, table: str, leaves: list[str]) -> Iterator[str]:
    """The triggers, which fire for replicated changes too. Taking them on waits for every writer under way."""
    name, guard = quoted(log), quoted(f"{log}_guard")
    yield (
        f"CREATE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW"
        f" EXECUTE FUNCTION {shape.named(f'{log}_note')}()"
    )
    yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
    for place in dict.fromkeys([table, *leaves]):
        yield (
            f"CREATE TRIGGER {guard} BEFORE TRUNCATE ON {place} FOR EACH STATEMENT"
            f" EXECUTE FUNCTION {shape.named(f'{log}_guard')}()"
        )
        yield f"ALTER TABLE {place} ENABLE ALWAYS TRIGGER {guard}"


def drop_trigger_statements(log: str, table: str, leaves: list[str]) -> Iterator[str]:
    """Takes the triggers off again."""
    yield f"DROP TRIGGER IF EXISTS {quoted(log)} ON {table}"
    for place in dict.fromkeys([table, *leaves]):
        yield f"DROP TRIGGER IF EXISTS {quoted(f'{log}_guard')} ON {place}"


def drop_log_statements(shape: Shape, log: str) -> Iterator[str]:
    """Drops the log and its functions, once no trigger uses them."""
    yield f"DROP TABLE IF EXISTS {shape.named(log)}"
    yield f"DROP FUNCTION IF EXISTS {shape.named(f'{log}_note')}()"
    yield f"DROP FUNCTION IF EXISTS {shape.named(f'{log}_guard')}()"
