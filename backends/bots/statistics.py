"""A session's totals: each child table summed by itself, so that no join multiplies another's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from backends.bots.model import SessionRow
from backends.bots.page import Statistics
from backends.bots.queries import sql
from backends.bots.rows import Record
from backends.bots.safe import finite, shown, words_of
from backends.bots.shape import Shape
from backends.bots.unmasking import name

if TYPE_CHECKING:
    from backends.clients.postgres import Session as Connection

STATISTICS_QUERIES: Final = (
    "stats_audio",
    "stats_people",
    "stats_speech",
    "stats_speakers",
    "stats_translations",
    "stats_correlations",
    "stats_processing",
)


async def read_statistics(connection: Connection, shape: Shape, row: SessionRow, at: datetime) -> Statistics:
    """The totals at this time (the server's clock). Raises what the driver raises."""
    sums: dict[str, Any] = {}
    speakers: dict[str, int] = {}
    for query in STATISTICS_QUERIES:
        if not shape.has(query):
            continue
        records = await connection.fetch(sql(query), row.session_id)
        if query == "stats_speakers":
            speakers = _speakers(records)
        else:
            sums |= dict(records[0])
    return _statistics(row, sums, speakers, at)


def _speakers(records: Sequence[Record]) -> dict[str, int]:
    """Lines by speaker; those who look alike once their names are masked are told apart by a number."""
    speakers: dict[str, int] = {}
    for record in records:
        masked = name(record["speaker"], seen=False) or shown(record["speaker_id"])
        same = sum(each == masked or each.startswith(f"{masked} #") for each in speakers)
        speakers[f"{masked} #{same + 1}" if same else masked] = int(record["lines"])
    return speakers


def _statistics(row: SessionRow, sums: Mapping[str, Any], speakers: Mapping[str, int], at: datetime) -> Statistics:
    return Statistics(
        statistics_id=None,
        session_id=row.session_id,
        duration=max(((row.ended_at or at) - row.started_at).total_seconds(), 0.0) if row.started_at else None,
        total_participants=_count(sums, "total_participants"),
        total_audio_files=_count(sums, "total_audio_files"),
        total_transcripts=_count(sums, "total_transcripts"),
        total_translations=_count(sums, "total_translations"),
        total_correlations=_count(sums, "total_correlations"),
        total_audio_duration=finite(sums.get("total_audio_duration")),
        total_audio_size=_count(sums, "total_audio_size"),
        audio_quality_score=finite(sums.get("audio_quality_score")),
        total_words=_count(sums, "total_words"),
        total_characters=_count(sums, "total_characters"),
        average_confidence=finite(sums.get("average_confidence")),
        languages_detected=words_of(sums.get("languages_detected")),
        translation_quality_score=finite(sums.get("translation_quality_score")),
        translation_coverage=coverage(sums.get("translated_lines"), sums.get("total_transcripts")),
        unique_speakers=_count(sums, "unique_speakers"),
        speaker_distribution=speakers,
        processing_time=finite(sums.get("processing_time")),
        correlation_accuracy=finite(sums.get("correlation_accuracy")),
        calculated_at=at,
    )


def coverage(translated: int | None, lines: int | None) -> float | None:
    """Share of the lines that have a translation; None without lines.

    >>> coverage(3, 4), coverage(0, 0), coverage(None, 4)
    (0.75, None, None)
    """
    return translated / lines if translated is not None and lines else None


def _count(sums: Mapping[str, Any], name: str) -> int | None:
    value = sums.get(name)
    return None if value is None else int(value)
