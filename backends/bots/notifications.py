"""How the database tells that a session changed: triggers that NOTIFY, installed with the schema.

One notification per statement and session, sent with the commit: `<table> <session id>`. The triggers only tell; none
of them can refuse a row. A database without them is polled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

CHANNEL: Final = "console_bots"
FUNCTION: Final = "console_bots_changed"

TOLD: Final = (
    "bot_sessions",
    "audio_files",
    "transcripts",
    "translations",
    "correlations",
    "participants",
    "session_events",
)
"""Tables whose changes are told. The metrics tables are not: they change with each chunk and are read with the rest."""

_FUNCTION: Final = f"""
CREATE OR REPLACE FUNCTION public.{FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('{CHANNEL}', TG_TABLE_NAME || ' ' || told.session_id)
    FROM (SELECT DISTINCT session_id::text AS session_id FROM changed WHERE session_id IS NOT NULL) AS told;
    RETURN NULL;
END
$$"""


def trigger_name(table: str, event: str) -> str:
    """The trigger's name, which is the table's own.

    >>> trigger_name("transcripts", "INSERT")
    'console_transcripts_insert'
    """
    return f"console_{table}_{event.lower()}"


def _trigger(table: str, event: str, rows: str) -> str:
    name = trigger_name(table, event)
    # Asked for first, since replacing one takes Postgres 14, and dropping it a stronger lock.
    return f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = '{name}' AND tgrelid = 'public.{table}'::regclass) THEN
        CREATE TRIGGER {name} AFTER {event} ON public.{table} REFERENCING {rows} TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION public.{FUNCTION}();
    END IF;
END $$"""


def _triggers(table: str) -> list[str]:
    # A session's children are deleted with it, which its own trigger tells.
    deleted = [_trigger(table, "DELETE", "OLD")] if table == "bot_sessions" else []
    return [_trigger(table, "INSERT", "NEW"), _trigger(table, "UPDATE", "NEW"), *deleted]


INSTALL: Final = (_FUNCTION, *(statement for table in TOLD for statement in _triggers(table)))
"""Statements, one command each, for tables with or without them."""

REMOVE: Final = (f"DROP FUNCTION IF EXISTS public.{FUNCTION}() CASCADE",)
"""What takes the triggers away with their function."""


@dataclass(frozen=True, slots=True)
class Told:
    """A notification: in which table rows of which session changed."""

    table: str
    session_id: str

    @classmethod
    def parse(cls, payload: str) -> Self | None:
        """What a payload says; None for one that isn't ours.

        >>> Told.parse("transcripts 7f0c"), Told.parse("hello")
        (Told(table='transcripts', session_id='7f0c'), None)
        """
        table, _, session_id = payload.partition(" ")
        return cls(table, session_id) if table in TOLD and session_id else None
