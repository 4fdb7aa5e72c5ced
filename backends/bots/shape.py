"""What this database has of model A: an older or partly installed one is shown as far as it goes, and says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.bots.queries import sql
from backends.bots.safe import shown
from backends.clients.errors import NotThere

if TYPE_CHECKING:
    from backends.clients.postgres import Session as Connection


@dataclass(frozen=True, slots=True)
class Need:
    """What a query needs: a table, columns of it, and what can't be told without them."""

    table: str
    columns: frozenset[str]
    tells: str


SESSIONS: Final = "bot_sessions"
REQUIRED: Final = frozenset({"session_id", "status", "created_at"})
"""Columns of bot_sessions without which nothing can be shown."""

OPTIONAL: Final[Mapping[str, str]] = {
    "bot_id": "the bot's id",
    "meeting_id": "the meeting's id",
    "meeting_title": "the title",
    "bot_type": "the platform",
    "recovering": "whether a bot is recovering",
    "started_at": "the start",
    "ended_at": "the end",
    "target_languages": "the target languages",
    "enable_transcription": "whether it transcribes",
    "error_message": "the error message",
    "session_metadata": "by how much it was extended",
}
"""The other columns of bot_sessions that are shown, and what each tells."""


def need(table: str, columns: str, tells: str) -> Need:
    """A Need; columns are separated by spaces."""
    return Need(table, frozenset(columns.split()), tells)


NEEDS: Final[Mapping[str, Need]] = {
    "speech": need("transcripts", "session_id text language start_time end_time", "words, languages and the last word"),
    "activity": need(
        "session_events", "session_id timestamp severity event_type event_name", "errors, activity and time in status"
    ),
    "people": need("participants", "session_id", "the number of participants"),
    "latency": need("processing_metrics", "session_id timestamp total_processing_time_ms", "latency"),
    "lines": need(
        "transcripts",
        "transcript_id session_id text language confidence source speaker_id speaker_name start_time",
        "the transcript",
    ),
    "translated": need("translations", "transcript_id translated_text target_language", "the translation"),
    "events": need(
        "session_events",
        "event_id session_id event_type event_name event_data timestamp severity source",
        "the events and the timeline",
    ),
    "participants": need(
        "participants",
        "participant_id session_id name email speaker_id joined_at left_at speaking_time word_count",
        "the participants",
    ),
    "stats_people": need("participants", "session_id", "the participants' total"),
    "stats_audio": need("audio_files", "session_id duration file_size", "the audio files' totals"),
    "stats_speech": need(
        "transcripts", "session_id text language confidence speaker_id speaker_name", "the transcripts' totals"
    ),
    "stats_speakers": need("transcripts", "session_id speaker_id speaker_name", "who spoke how much"),
    "stats_translations": need("translations", "session_id transcript_id quality_score", "the translations' totals"),
    "stats_correlations": need("correlations", "session_id confidence", "the correlations' totals"),
    "stats_processing": need(
        "processing_metrics", "session_id total_processing_time_ms output_quality_score", "the processing time"
    ),
    "pipe_audio": need("audio_files", "file_id session_id created_at end_time", "the pipeline's audio"),
    "pipe_lines": need(
        "transcripts", "session_id language audio_file_id start_time end_time", "the pipeline's transcripts"
    ),
    "pipe_translations": need(
        "translations",
        "session_id transcript_id source_language target_language start_time end_time",
        "the pipeline's translations",
    ),
    "pipe_correlations": need("correlations", "session_id internal_timestamp", "the pipeline's correlations"),
    "stages": need(
        "stage_metrics",
        "session_id stage_name stage_order processing_time_ms status target_latency_ms latency_target_met",
        "the stages' latency",
    ),
    "chunks": need(
        "processing_metrics",
        "session_id real_time_factor stages_bypassed performance_warnings stages_with_errors",
        "the real-time factor",
    ),
    "windows": need(
        "processing_statistics",
        "time_window_minutes window_start window_end total_chunks p95_processing_time_ms p99_processing_time_ms "
        "error_rate latency_warnings_rate",
        "the service's windows",
    ),
    "audio": need(
        "audio_files",
        "file_id session_id filename file_path file_size file_hash mime_type duration sample_rate channels created_at "
        "start_time end_time session_metadata",
        "the audio files",
    ),
    "correlated": need(
        "correlations",
        "correlation_id session_id internal_timestamp similarity_score time_offset confidence session_metadata",
        "the correlations' ranges",
    ),
    "measured": need(
        "processing_metrics",
        "session_id timestamp chunk_id total_processing_time_ms input_quality_score output_quality_score "
        "stages_with_errors",
        "the chunks' ranges",
    ),
    "staged": need(
        "stage_metrics", "session_id timestamp chunk_id stage_name processing_time_ms status", "the stages' ranges"
    ),
    "given_config": need("bot_sessions", "session_id session_metadata", "the session's audio configuration"),
}
"""Query → what it needs."""

TABLES: Final = (SESSIONS, *sorted({each.table for each in NEEDS.values()}))


@dataclass(frozen=True, slots=True)
class Shape:
    """The readable columns of each table that exists, and the columns that exist but may not be read."""

    readable: Mapping[str, frozenset[str]]
    denied: Mapping[str, frozenset[str]]

    def has(self, query: str) -> bool:
        """Whether the query can be asked here."""
        wanted = NEEDS[query]
        return wanted.columns <= self.readable.get(wanted.table, frozenset())

    def knows(self, column: str) -> bool:
        """Whether the sessions have this column, and it may be read."""
        return column in self.readable.get(SESSIONS, frozenset())

    def missing(self) -> tuple[str, ...]:
        """What the sessions' own rows can't tell here, in sentences."""
        there = self.readable.get(SESSIONS, frozenset())
        return tuple(
            f"{self._reason(SESSIONS, frozenset({column}))}: no telling {tells}"
            for column, tells in OPTIONAL.items()
            if column not in there
        )

    def missing_for(self, *queries: str) -> tuple[str, ...]:
        """What these queries can't tell here, in sentences."""
        needs = [NEEDS[query] for query in queries if not self.has(query)]
        return tuple(f"{self._reason(each.table, each.columns)}: no telling {each.tells}" for each in needs)

    def check_sessions(self, where: str) -> None:
        """Raises NotThere where there are no sessions to be shown."""
        if not self.readable.get(SESSIONS, frozenset()) >= REQUIRED:
            raise NotThere(
                f"There is no reading the sessions: {self._reason(SESSIONS, REQUIRED)}.",
                where=where,
                hint="Is ORCHESTRATION_DATABASE_URL the right database, and is its schema installed?",
            )

    def _reason(self, table: str, columns: frozenset[str]) -> str:
        if table not in self.readable:
            return f"the table {table} does not exist"
        lacking = sorted(columns - self.readable[table])
        denied = [column for column in lacking if column in self.denied[table]]
        names, why = (denied, "may not be read") if denied else (lacking, "does not exist")
        return ", ".join(f"{table}.{name}" for name in names) + f" {why}"


async def read_shape(connection: Connection) -> Shape:
    """Asks the catalog."""
    records = await connection.fetch(sql("shape"), list(TABLES))
    tables = {shown(record["table_name"]): record for record in records}
    return Shape(
        {name: frozenset(record["readable"] or ()) for name, record in tables.items()},
        {name: frozenset(record["denied"] or ()) for name, record in tables.items()},
    )
