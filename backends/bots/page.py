"""One session's page: what happened, who was there, what was said, and the totals. Texts are safe to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from backends.bots.model import Finding, Session


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a session; data is its JSON as one line, cut."""

    event_id: str
    at: datetime
    type: str
    name: str
    severity: str
    source: str
    data: str


@dataclass(frozen=True, slots=True)
class Span:
    """A time that a session spent in one status: from `since`, for `seconds` (None for an end that goes on).

    status is the word that is shown; possible says whether the change into it may happen at all.
    """

    status: str
    recovering: bool
    since: datetime
    seconds: float | None
    possible: bool = True


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody in the meeting; email is masked, speaking_time in seconds."""

    participant_id: str
    name: str
    email: str
    speaker_id: str
    joined_at: datetime | None
    left_at: datetime | None
    speaking_time: float | None
    word_count: int | None


@dataclass(frozen=True, slots=True)
class Translated:
    """A translation of a line."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A transcript line with its translations; confidence 0 to 1, None where it isn't known."""

    transcript_id: str
    at: datetime | None
    speaker: str
    language: str
    text: str
    confidence: float | None
    source: str
    translations: tuple[Translated, ...]


@dataclass(frozen=True, slots=True)
class Tail:
    """Lines of a session, newest first; next continues with older ones (None at the beginning)."""

    lines: tuple[Line, ...]
    next: str | None
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionPage:
    """What is going on in one session. A part that this database can't tell is None, and missing says why.

    events are the newest; grave holds those before them that call for a look, the newest of these. severities counts
    all events, by severity in lower case. more_events and more_participants: there are more than are held here.
    findings are the session's and the timeline's.
    """

    at: datetime
    session: Session
    timeline: tuple[Span, ...]
    participants: tuple[Participant, ...] | None
    events: tuple[Event, ...] | None
    more_participants: bool
    more_events: bool
    findings: tuple[Finding, ...]
    missing: tuple[str, ...]
    grave: tuple[Event, ...] = ()
    severities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statistics:
    """A session's totals, in the columns of `session_statistics`, each child summed on its own.

    Durations and processing_time are seconds, sizes bytes, scores and shares 0 to 1; speaker_distribution is lines by
    speaker. None is what this database can't tell. statistics_id is None: these are counted now, not stored.
    """

    statistics_id: str | None
    session_id: str
    duration: float | None
    total_participants: int | None
    total_audio_files: int | None
    total_transcripts: int | None
    total_translations: int | None
    total_correlations: int | None
    total_audio_duration: float | None
    total_audio_size: int | None
    audio_quality_score: float | None
    total_words: int | None
    total_characters: int | None
    average_confidence: float | None
    languages_detected: tuple[str, ...]
    translation_quality_score: float | None
    translation_coverage: float | None
    unique_speakers: int | None
    speaker_distribution: Mapping[str, int]
    processing_time: float | None
    correlation_accuracy: float | None
    calculated_at: datetime
