"""What is true of the three migrations: Olorin's separation, the chunks' partitions, the bot sessions' schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from backends.runs.model import Run
from backends.sampling.reading import Problem

OLORIN_COLLECTIONS: Final = (
    "integration_partners",
    "usage_records",
    "dubbing_sessions",
    "webhook_deliveries",
    "content_embeddings",
    "recap_sessions",
    "cultural_references",
)
"""The seven collections that move to Olorin's own database."""

BOT_TABLES: Final = (
    "bot_sessions",
    "audio_files",
    "transcripts",
    "translations",
    "correlations",
    "participants",
    "session_events",
    "session_statistics",
    "processing_metrics",
    "stage_metrics",
    "processing_statistics",
)
"""The tables of the bot sessions' model."""


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of one migration; problem where they could not be read."""

    runs: tuple[Run, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A collection as one database holds it. documents: the server's own estimate, None where it could not be told.

    present: whether the collection exists. indexes: key pattern and options of each but the one on `_id`.
    """

    documents: int | None
    present: bool
    indexes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MovingCollection:
    """One of the seven collections on both sides; a side is None where its database could not be asked."""

    name: str
    source: Held | None
    target: Held | None

    @property
    def difference(self) -> int | None:
        """Documents that the source has more than the target (less, if negative); None where it can't be told."""
        if self.source is None or self.target is None:
            return None
        if self.source.documents is None or self.target.documents is None:
            return None
        return self.source.documents - self.target.documents

    @property
    def missing_indexes(self) -> tuple[str, ...]:
        """Indexes of the source that the target has none like; empty where a side is not known."""
        if self.source is None or self.target is None:
            return ()
        return tuple(index for index in self.source.indexes if index not in self.target.indexes)


@dataclass(frozen=True, slots=True)
class Separation:
    """Olorin's move to a database of its own.

    flag: OLORIN_USE_SEPARATE_DATABASE, None where it is neither true nor false. source and target: masked places,
    target None where there is none. target_variable names the variable whose server the target is on. same: both are
    one database.
    """

    flag: bool | None
    source: str
    target: str | None
    target_variable: str | None
    same: bool
    collections: tuple[MovingCollection, ...]
    source_problem: Problem | None = None
    target_problem: Problem | None = None
    runs: Runs = field(default_factory=Runs)


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition. number: its list value or hash remainder, None for another bound. rows: an estimate or None."""

    name: str
    number: int | None
    rows: int | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class KeyFormula:
    """What computes a partition key: its text, and where it stands ("generated column", "trigger", …)."""

    text: str
    where: str


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks table as the catalogue describes it.

    layout: "unpartitioned", "HASH 16", "LIST 100", …. key: the partition key as Postgres writes it. triggers: names.
    rows: the sum of the estimates, None where one is unknown. skew: the fullest partition's rows over the mean.
    collections: rows of the table `collections`, estimated, None where that is unknown.
    server_version: as Postgres counts it (150018 is 15.18).
    """

    table: str
    layout: str
    key: str | None
    formulas: tuple[KeyFormula, ...]
    triggers: tuple[str, ...]
    partitions: tuple[Partition, ...]
    rows: int | None
    size_bytes: int
    skew: float | None
    collections: int | None
    server_version: int
    runs: Runs = field(default_factory=Runs)


@dataclass(frozen=True, slots=True)
class BotTable:
    """A table of the bot sessions' model; rows is an estimate, None if unknown or the table is absent."""

    name: str
    present: bool
    rows: int | None
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class SchemaStep:
    """A revision. before: the one that it follows. lock: the strongest lock that it takes on a table that is there."""

    id: str
    before: str | None
    what: str
    lock: str


@dataclass(frozen=True, slots=True)
class BotSchema:
    """The bot sessions' database. revisions: what `alembic_version` holds, None where there is no such table.

    steps: the tool's own, newest first; heads: those that no step follows. pending: what an upgrade would still do,
    none where the database is under no version; unknown: a revision that is none of the tool's.
    """

    revisions: tuple[str, ...] | None
    tables: tuple[BotTable, ...]
    runs: Runs = field(default_factory=Runs)
    steps: tuple[SchemaStep, ...] = ()
    heads: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    unknown: str = ""
