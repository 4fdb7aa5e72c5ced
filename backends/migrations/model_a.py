"""Model A as the orchestration service itself makes it: the schema's own tables, minus what the schema mends.

Times without a zone (UTC by the service's convention), JSON instead of JSONB, sizes as `integer`, no default of the
server's, foreign keys without ON DELETE, no processing metrics (they are in a file of their own there).
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Column, DateTime, ForeignKey, Integer, MetaData, Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from backends.bots.schema import Base

TABLES: Final = (
    "bot_sessions",
    "audio_files",
    "transcripts",
    "translations",
    "correlations",
    "participants",
    "session_events",
    "session_statistics",
)
SINCE: Final = {"bot_sessions": {"recovering"}}
"""Columns that the schema has and model A had not."""


def model_a() -> MetaData:
    """The tables, with their foreign keys and the indexes on one column each."""
    model = MetaData()
    for name in TABLES:
        source = Base.metadata.tables[name]
        columns = [_column(each) for each in source.columns if each.name not in SINCE.get(name, ())]
        Table(name, model, *columns)
    return model


def _column(column: Column[Any]) -> Column[Any]:
    keys = [ForeignKey(key.target_fullname) for key in column.foreign_keys]
    return Column(
        column.name,
        _type(column.type),
        *keys,
        primary_key=column.primary_key,
        nullable=column.nullable,
        index=column.index,
        unique=column.unique,
    )


def _type(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    if isinstance(type_, DateTime):
        return DateTime(timezone=False)
    if isinstance(type_, JSONB):
        return JSON()
    return Integer() if isinstance(type_, BigInteger) else type_
