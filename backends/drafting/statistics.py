"""What was done in figures, without a word of text: calls, times, cache, saves, writing, the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backends.drafting.activity import AUTOSAVE, EXPORTED_EVENTS, Counters, Event, History, by_type
from backends.drafting.model import Library, Project
from backends.drafting.options import DraftingOptions
from backends.drafting.story import completeness


@dataclass(frozen=True, slots=True)
class Switch:
    """A part that can be off: whether it is on, and why it is as it is."""

    name: str
    on: bool
    why: str


@dataclass(frozen=True, slots=True)
class Monitor:
    """Requests to the model, retries and those that failed or were stopped included, and the answers that needed none;
    times in seconds, None where there is no data."""

    ai_calls: int
    avg_ai_time_s: float | None
    cache_hits: int
    cache_misses: int
    cache_hit_ratio: float | None
    autosaves: int
    slow_calls: int


@dataclass(frozen=True, slots=True)
class Session:
    """What this process did since it started (UTC)."""

    start_time: datetime
    session_duration_minutes: float
    total_events: int
    event_breakdown: dict[str, int]


@dataclass(frozen=True, slots=True)
class Writing:
    """What the partner did, over the events that are kept."""

    total_ai_actions: int
    avg_words_per_action: float | None
    actions_by_type: dict[str, int]


@dataclass(frozen=True, slots=True)
class ProjectFigures:
    """A project in figures; story_bible_completeness in per cent, times in UTC."""

    id: str
    title: str
    bay: str
    word_count: int
    char_count: int
    story_bible_completeness: int
    voice_training_samples: int
    created: datetime
    last_updated: datetime


@dataclass(frozen=True, slots=True)
class LibraryFigures:
    """All projects in figures; the means are None where there are none."""

    total_projects: int
    total_words: int
    avg_words_per_project: float | None
    total_voice_samples: int
    avg_completeness: float | None
    projects_by_bay: dict[str, int]


@dataclass(frozen=True, slots=True)
class Statistics:
    """Everything that is counted, and the newest events."""

    switches: tuple[Switch, ...]
    monitor: Monitor
    session: Session
    writing: Writing
    library: LibraryFigures
    projects: tuple[ProjectFigures, ...]
    events: tuple[Event, ...]


def statistics(
    history: History, session: Sequence[Event], started: datetime, now: datetime, library: Library, o: DraftingOptions
) -> Statistics:
    """The figures at that time."""
    projects = tuple(figures(project) for project in library.projects)
    return Statistics(
        switches(o),
        _monitor(history.counters),
        Session(started, round((now - started).total_seconds() / 60, 2), len(session), by_type(session)),
        _writing([event for event in history.events if event.use_ai]),
        _library(projects),
        projects,
        history.events[-EXPORTED_EVENTS:],
    )


def switches(options: DraftingOptions) -> tuple[Switch, ...]:
    """What can be off, and by which variable.

    >>> [(each.name, each.on) for each in switches(DraftingOptions(cache_s=0))][:2]
    [('analytics', True), ('cache', False)]
    """
    return (
        _switch("analytics", options.analytics, "ENABLE_ANALYTICS", "counts and durations, on this host only"),
        _switch("cache", options.cache_s > 0, "ENABLE_CACHING or CACHE_TTL", f"answers for {options.cache_s:g} s"),
        _switch("limit", options.calls is not None, "RATE_LIMIT_ENABLED", f"{options.calls} calls in a minute"),
        _switch("telemetry", options.telemetry, "ENABLE_TELEMETRY", "each call's times in the log, on this host only"),
    )


def _switch(name: str, on: bool, variable: str, told: str) -> Switch:
    return Switch(name, on, told if on else f"off by {variable}")


def figures(project: Project) -> ProjectFigures:
    """The project in figures."""
    samples = sum(len(voice.samples) for voice in project.bibles.voices)
    return ProjectFigures(
        str(project.id),
        project.title,
        project.bay.value,
        project.words,
        len(project.draft),
        completeness(project.story_bible),
        samples,
        project.created_at,
        project.updated_at,
    )


def _monitor(counters: Counters) -> Monitor:
    average, ratio = counters.average_s, counters.hit_ratio
    return Monitor(
        counters.ai_calls,
        round(average, 3) if average is not None else None,
        counters.cache_hits,
        counters.cache_misses,
        round(ratio, 3) if ratio is not None else None,
        counters.autosaves,
        counters.slow_calls,
    )


def _writing(events: Sequence[Event]) -> Writing:
    words = [event.changed for event in events if event.type != AUTOSAVE]
    return Writing(len(words), round(sum(words) / len(words), 1) if words else None, by_type(events))


def _library(projects: Sequence[ProjectFigures]) -> LibraryFigures:
    count = len(projects)
    words = sum(each.word_count for each in projects)
    bays = [each.bay for each in projects]
    return LibraryFigures(
        count,
        words,
        round(words / count, 1) if count else None,
        sum(each.voice_training_samples for each in projects),
        round(sum(each.story_bible_completeness for each in projects) / count, 1) if count else None,
        {bay: bays.count(bay) for bay in dict.fromkeys(bays)},
    )
