"""Rows of the bot-session tables, as the seed and the simulator both write them: column → value."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from console.demo import words

Row = dict[str, Any]

LANGUAGES: Final = ("en", "es", "fr", "ru")
STAGES: Final = ("vad", "noise_reduction", "voice_enhancement", "agc")
SLOW_CHUNK_MS: Final = 180.0
"""Milliseconds of a chunk's processing from which the service warns."""
SERVICE: Final = "orchestration-service"


def new_id(chance: random.Random) -> uuid.UUID:
    """A version 4 UUID that the same chance gives again."""
    return uuid.UUID(int=chance.getrandbits(128), version=4)


def session(chance: random.Random, bot_id: str, status: str, created: datetime, **other: Any) -> Row:
    row: Row = {
        "session_id": new_id(chance),
        "bot_id": bot_id,
        "meeting_id": "-".join("".join(chance.choices("abcdefghijkmnopqrstuvwxyz", k=k)) for k in (3, 4, 3)),
        "meeting_title": chance.choice(words.MEETINGS),
        "meeting_uri": None,
        "bot_type": "google_meet",
        "status": status,
        "recovering": False,
        "created_at": created,
        "started_at": created + timedelta(seconds=20),
        "ended_at": None,
        "target_languages": json.dumps(chance.sample(LANGUAGES, chance.choice((1, 1, 2)))),
        "enable_translation": True,
        "enable_transcription": True,
        "enable_virtual_webcam": False,
        "audio_storage_enabled": True,
        "session_metadata": json.dumps({"requested_by": words.person(chance).english, "priority": "normal"}),
        "error_message": None,
    }
    row["meeting_uri"] = f"https://meet.google.com/{row['meeting_id']}"
    return row | other


def participant(chance: random.Random, session_id: uuid.UUID, joined: datetime, number: int) -> Row:
    name = words.person(chance)
    return {
        "participant_id": new_id(chance),
        "session_id": session_id,
        "external_id": f"users/{chance.randrange(10**18)}",
        "name": name.hebrew if chance.random() < 0.5 else name.english,
        "email": f"{name.english.replace(' ', '.').lower()}@customer.example",
        "speaker_id": f"speaker_{number}",
        "joined_at": joined,
        "left_at": None,
        "speaking_time": None,
        "word_count": None,
    }


def audio_file(chance: random.Random, session_id: uuid.UUID, start: datetime, number: int) -> Row:
    seconds = round(chance.uniform(20, 60), 2)
    file_id = new_id(chance)
    return {
        "file_id": file_id,
        "session_id": session_id,
        "filename": f"chunk_{number:05}.wav",
        "file_path": f"/data/audio/{session_id}/chunk_{number:05}.wav",
        "file_size": round(seconds * 32_000) + 44,
        "file_hash": f"{chance.getrandbits(256):064x}",
        "mime_type": "audio/wav",
        "duration": seconds,
        "sample_rate": 16_000,
        "channels": 1,
        "bit_depth": 16,
        "created_at": start + timedelta(seconds=seconds + 1),
        "start_time": start,
        "end_time": start + timedelta(seconds=seconds),
    }


def transcript(
    chance: random.Random, session_row: Row, speakers: Sequence[Row], start: datetime, audio_id: uuid.UUID | None
) -> Row:
    speaker = chance.choice(speakers)
    seconds = round(chance.uniform(2, 9), 2)
    offset = (start - session_row["started_at"]).total_seconds()
    hebrew = chance.random() < 0.6
    return {
        "transcript_id": new_id(chance),
        "session_id": session_row["session_id"],
        "text": words.sentences(chance, chance.randrange(1, 3), 0 if hebrew else 1),
        "language": "he" if hebrew else "en",
        "confidence": round(chance.uniform(0.55, 0.99), 3),
        "source": chance.choice(("whisper_service", "whisper_service", "google_meet")),
        "audio_file_id": audio_id,
        "speaker_id": speaker["speaker_id"],
        "speaker_name": speaker["name"],
        "start_time": start,
        "end_time": start + timedelta(seconds=seconds),
        "start_offset": offset,
        "end_offset": offset + seconds,
    }


def translation(chance: random.Random, spoken: Row, language: str) -> Row:
    text = words.sentences(chance, 1, 1) if language == "en" else f"[{language}] {words.sentences(chance, 1, 1)}"
    return {
        "translation_id": new_id(chance),
        "session_id": spoken["session_id"],
        "transcript_id": spoken["transcript_id"],
        "original_text": spoken["text"],
        "translated_text": text,
        "source_language": spoken["language"],
        "target_language": language,
        "confidence": round(chance.uniform(0.6, 0.99), 3),
        "speaker_id": spoken["speaker_id"],
        "speaker_name": spoken["speaker_name"],
        "start_time": spoken["start_time"],
        "end_time": spoken["end_time"],
        "quality_score": round(chance.uniform(0.6, 0.98), 3),
        "word_count": len(text.split()),
        "character_count": len(text),
    }


def correlation(chance: random.Random, spoken: Row) -> Row:
    offset = round(chance.uniform(-1.5, 1.5), 3)
    return {
        "correlation_id": new_id(chance),
        "session_id": spoken["session_id"],
        "external_source": "google_meet",
        "external_text": spoken["text"],
        "external_timestamp": spoken["start_time"] + timedelta(seconds=offset),
        "internal_source": "whisper_service",
        "internal_text": spoken["text"],
        "internal_timestamp": spoken["start_time"],
        "similarity_score": round(chance.uniform(0.5, 1), 3),
        "time_offset": offset,
        "confidence": round(chance.uniform(0.4, 0.98), 3),
    }


def event(
    chance: random.Random, session_id: uuid.UUID, when: datetime, kind: str, name: str, severity: str = "info"
) -> Row:
    return {
        "event_id": new_id(chance),
        "session_id": session_id,
        "event_type": kind,
        "event_name": name,
        "event_data": json.dumps({"latency_ms": chance.randrange(80, 1_900)}),
        "timestamp": when,
        "severity": severity,
        "source": SERVICE,
    }


def processing(chance: random.Random, session_id: uuid.UUID, when: datetime, number: int) -> tuple[Row, list[Row]]:
    """The metrics of one audio chunk, and of each of its stages."""
    stages = [_stage(chance, session_id, when, number, order) for order in range(len(STAGES))]
    total = round(sum(stage["processing_time_ms"] for stage in stages), 2)
    before, after = round(chance.uniform(-32, -18), 1), round(chance.uniform(-20, -14), 1)
    return {
        "id": new_id(chance),
        "timestamp": when,
        "session_id": session_id,
        "chunk_id": f"chunk_{number:05}",
        "total_processing_time_ms": total,
        "input_level_db": before,
        "output_level_db": after,
        "level_change_db": round(after - before, 1),
        "input_quality_score": 0.7,
        "output_quality_score": 0.9,
        "quality_improvement": 0.2,
        "stages_processed": json.dumps([stage["stage_name"] for stage in stages if stage["status"] == "COMPLETED"]),
        "stages_bypassed": json.dumps([stage["stage_name"] for stage in stages if stage["status"] == "BYPASSED"]),
        "performance_warnings": json.dumps([f"{total:.0f} ms for a chunk"] if total > SLOW_CHUNK_MS else []),
        "stages_with_errors": json.dumps([stage["stage_name"] for stage in stages if stage["status"] == "ERROR"]),
        "cpu_usage_percent": round(chance.uniform(5, 60), 1),
        "memory_usage_mb": round(chance.uniform(200, 900), 1),
        "real_time_factor": round(total / 3_000, 3),
        "audio_duration_ms": 3_000.0,
        "sample_rate": 16_000,
        "channel_count": 1,
    }, stages


def _stage(chance: random.Random, session_id: uuid.UUID, when: datetime, number: int, order: int) -> Row:
    took = round(chance.uniform(1, 60), 2)
    status = chance.choices(("COMPLETED", "BYPASSED", "ERROR"), (90, 7, 3))[0]
    return {
        "id": new_id(chance),
        "timestamp": when,
        "session_id": session_id,
        "chunk_id": f"chunk_{number:05}",
        "stage_name": STAGES[order],
        "stage_order": order,
        "processing_time_ms": took,
        "status": status,
        "error_message": "model not loaded" if status == "ERROR" else None,
        "target_latency_ms": 20.0,
        "max_latency_ms": 50.0,
        "latency_target_met": took <= 20,
    }
