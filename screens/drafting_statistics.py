"""The figures of drafting: calls, times, cache, saves, writing, projects; no text of anybody's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backends.drafting.statistics import Statistics
from screens.drafting_sheet import Sheet
from screens.frame import Frame
from widgets.page import pairs
from widgets.tone import Cell, Part, Tone

Lines = Iterator[tuple[Cell, ...]]


class StatisticsScreen(Sheet[None]):
    """Figures to read; `olorin draft stats --json` gives them all."""

    KEYS = [("j/k", "scroll")]  # noqa: RUF012 - a class variable of the base

    def __init__(self, frame: Frame, found: Statistics) -> None:
        head = (Part("Drafting in figures", Tone.STRONG), Part("  olorin draft stats --json", Tone.MUTED))
        super().__init__(frame, [head], statistics_lines(found))


def statistics_lines(found: Statistics) -> Lines:
    """Everything, a figure a line."""
    monitor, session, writing, library = found.monitor, found.session, found.writing, found.library
    for switch in found.switches:
        mark = Part("● on ", Tone.OK) if switch.on else Part("– off", Tone.MUTED)
        yield (Part(switch.name.ljust(20), Tone.MUTED), mark, f"  {switch.why}")
    yield from _block(
        "calls to the model",
        ("calls", f"{monitor.ai_calls:,}"),
        ("mean time", _seconds(monitor.avg_ai_time_s)),
        ("slow (over 1 s)", f"{monitor.slow_calls:,}"),
        ("from the cache", f"{monitor.cache_hits:,} of {monitor.cache_hits + monitor.cache_misses:,}"),
        ("cache hit ratio", "no data" if monitor.cache_hit_ratio is None else f"{100 * monitor.cache_hit_ratio:.1f} %"),
        ("saves", f"{monitor.autosaves:,}"),
    )
    yield from _block(
        "this session",
        ("since", f"{session.start_time:%Y-%m-%d %H:%M:%S} UTC"),
        ("minutes", f"{session.session_duration_minutes:g}"),
        ("events", _counts(session.event_breakdown)),
    )
    yield from _block(
        "writing",
        ("actions", f"{writing.total_ai_actions:,}"),
        ("words an action", "no data" if writing.avg_words_per_action is None else f"{writing.avg_words_per_action:g}"),
        ("by kind", _counts(writing.actions_by_type)),
    )
    yield from _block(
        "library",
        ("projects", _counts(library.projects_by_bay)),
        ("words", f"{library.total_words:,}"),
        ("voice samples", f"{library.total_voice_samples:,}"),
    )
    for project in found.projects:
        figures = f"{project.word_count:,} words, bible {project.story_bible_completeness} %, {project.bay}"
        yield (Part(project.title, Tone.STRONG), f"  {figures}")


def _block(title: str, *values: tuple[str, Cell]) -> Lines:
    yield ()
    yield (Part(title, Tone.ACCENT),)
    yield from pairs(values, 20)


def _seconds(value: float | None) -> str:
    return "no data" if value is None else f"{value:.2f} s"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"
