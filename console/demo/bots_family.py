"""One session with everything that belongs to it: people, audio, what was said, events, metrics, statistics."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import datetime, timedelta

from console.demo import bots_rows
from console.demo.bots_rows import Row

Rows = dict[str, list[Row]]
"""Table → rows."""


def ended(chance: random.Random, session: Row, end: datetime, said: str | None = None) -> Rows:
    """The family of a session that went on until `end`; somebody said `said` first."""
    family = conversation(chance, session, end, utterances=chance.randrange(20, 50))
    if said is not None:
        family["transcripts"][0]["text"] = said
    family["session_events"].append(event(chance, session, end, "milestone", "session_ended"))
    family["session_statistics"] = [_statistics(chance, session, family, end)]
    return family


def conversation(chance: random.Random, session: Row, end: datetime, utterances: int) -> Rows:
    """People join and speak from the session's start until `end`."""
    start, session_id = session["started_at"], session["session_id"]
    people = [bots_rows.participant(chance, session_id, start, number) for number in range(chance.randrange(2, 7))]
    step = (end - start) / (utterances + 1)
    moments = [start + step * (position + 1) for position in range(utterances)]
    audio = [bots_rows.audio_file(chance, session_id, moment, n) for n, moment in enumerate(moments[::4])]
    spoken = [
        bots_rows.transcript(chance, session, people, moment, audio[position // 4]["file_id"])
        for position, moment in enumerate(moments)
    ]
    family: Rows = defaultdict(list)
    family["bot_sessions"] = [session]
    family["participants"] = people
    family["audio_files"] = audio
    family["transcripts"] = spoken
    family["translations"] = [row for said in spoken for row in translations(chance, session, said)]
    family["correlations"] = [bots_rows.correlation(chance, said) for said in spoken[::5]]
    family["session_events"] = [event(chance, session, start, "milestone", "session_started")]
    family["session_events"] += [event(chance, session, at, "pipeline", "translation_stored") for at in moments[::6]]
    for number, moment in enumerate(moments[::12]):
        chunk, stages = bots_rows.processing(chance, session_id, moment, number)
        family["processing_metrics"].append(chunk)
        family["stage_metrics"] += stages
    return family


def translations(chance: random.Random, session: Row, said: Row) -> list[Row]:
    """What was said in every language that the session asks for."""
    languages = json.loads(session["target_languages"])
    return [bots_rows.translation(chance, said, language) for language in languages if language != said["language"]]


def event(chance: random.Random, session: Row, when: datetime, kind: str, name: str, severity: str = "info") -> Row:
    return bots_rows.event(chance, session["session_id"], when, kind, name, severity)


def _statistics(chance: random.Random, session: Row, family: Rows, end: datetime) -> Row:
    """What the service counted when the session ended."""
    spoken, translated, audio = family["transcripts"], family["translations"], family["audio_files"]
    speakers = sorted({said["speaker_id"] for said in spoken})
    return {
        "statistics_id": bots_rows.new_id(chance),
        "session_id": session["session_id"],
        "duration": (end - session["started_at"]).total_seconds(),
        "total_participants": len(family["participants"]),
        "total_audio_files": len(audio),
        "total_transcripts": len(spoken),
        "total_translations": len(translated),
        "total_correlations": len(family["correlations"]),
        "total_audio_duration": round(sum(file["duration"] for file in audio), 2),
        "total_audio_size": sum(file["file_size"] for file in audio),
        "total_words": sum(len(said["text"].split()) for said in spoken),
        "total_characters": sum(len(said["text"]) for said in spoken),
        "average_confidence": round(sum(said["confidence"] for said in spoken) / len(spoken), 3),
        "languages_detected": json.dumps(sorted({said["language"] for said in spoken})),
        "translation_coverage": 1.0 if translated else 0.0,
        "unique_speakers": len(speakers),
        "speaker_distribution": json.dumps(
            {speaker: sum(said["speaker_id"] == speaker for said in spoken) for speaker in speakers}
        ),
        "calculated_at": end,
    }


def windows(chance: random.Random, chunks: list[Row], now: datetime) -> list[Row]:
    """The pipeline over the latest twelve windows of each length."""
    lengths = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60)]
    return [_window(chance, chunks, now - length * step, length) for length in lengths for step in range(1, 13)]


def _window(chance: random.Random, chunks: list[Row], start: datetime, length: timedelta) -> Row:
    inside = [chunk for chunk in chunks if start <= chunk["timestamp"] < start + length]
    took = sorted(chunk["total_processing_time_ms"] for chunk in inside)
    slow = sum(time > bots_rows.SLOW_CHUNK_MS for time in took)
    errors = sum(chunk["stages_with_errors"] != "[]" for chunk in inside)
    return {
        "id": bots_rows.new_id(chance),
        "time_window_minutes": round(length.total_seconds() / 60),
        "window_start": start,
        "window_end": start + length,
        "total_chunks": len(took),
        "total_audio_duration_ms": 3_000.0 * len(took),
        "avg_processing_time_ms": sum(took) / len(took) if took else None,
        "min_processing_time_ms": min(took, default=None),
        "max_processing_time_ms": max(took, default=None),
        "p95_processing_time_ms": _percentile(took, 0.95),
        "p99_processing_time_ms": _percentile(took, 0.99),
        "error_count": errors,
        "error_rate": errors / len(took) if took else 0.0,
        "latency_warnings_count": slow,
        "latency_warnings_rate": slow / len(took) if took else 0.0,
    }


def _percentile(ordered: list[float], share: float) -> float | None:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None
