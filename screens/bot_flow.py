"""A session's pipeline and audio in lines and parts: values in, words out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Final

from backends.bots.audio import AudioFile
from backends.bots.audio_files import FileState
from backends.bots.flow import Flow
from backends.bots.pipeline import Arrow, Chunks, Pipeline, Stage, Step, Window
from screens.bot_lines import share, size, title
from screens.bot_words import NO_DATA, number
from widgets.panel import duration
from widgets.tone import Cell, Part, Tone

SHORT: Final = {"audio": "audio", "transcript": "lines", "translation": "translated", "correlation": "matched"}

LOSS_MARKED: Final = 0.05
"""Share of what is lost at an arrow from which it is marked."""

LAG_MARKED_S: Final = 30.0
"""Seconds by which a step is behind from which it is marked."""

WINDOW_OLD_S: Final = 120.0
"""Seconds for which a window of the service that has ended is the newest as a matter of course."""

FILE_MARKS: Final = {
    FileState.INTACT: ("●", Tone.OK),
    FileState.MISSING: ("✖", Tone.CRITICAL),
    FileState.OTHER_SIZE: ("✖", Tone.CRITICAL),
    FileState.OTHER_CONTENT: ("✖", Tone.CRITICAL),
    FileState.NO_FILE: ("✖", Tone.CRITICAL),
    FileState.UNREADABLE: ("▲", Tone.WARNING),
    FileState.NOT_HERE: ("–", Tone.MUTED),
}

Lines = list[tuple[Cell, ...]]


def pipe_parts(pipeline: Pipeline, *, narrow: bool = False) -> list[Part]:
    """The steps with their numbers, and at each arrow what is lost and how far the next step is behind."""
    parts: list[Part] = []
    for step, arrow in zip_longest(pipeline.steps, pipeline.arrows):
        # Matching is a matter of some lines: that most have no match is how it is meant.
        judged = step.name in {"audio", "transcript"}
        lost = "lost" if judged else "unmatched"
        parts += _step_parts(step) + (_arrow_parts(arrow, lost, judged, narrow) if arrow is not None else [])
    return parts


def _step_parts(step: Step) -> list[Part]:
    return [Part(f"{SHORT[step.name]} ", Tone.MUTED), number(step.number)]


def _arrow_parts(arrow: Arrow, lost: str, judged: bool, narrow: bool) -> list[Part]:
    if arrow.of is None:
        return [Part(" ─?→ ", Tone.NO_DATA)]
    lost_word, late_word = ("", "") if narrow else (f" {lost}", " behind")
    lost = f"{arrow.loss:.0%}{lost_word}" if arrow.loss is not None else f"–{lost_word}"
    late = f" {duration(arrow.lag_s)}{late_word}" if arrow.lag_s is not None else ""
    bad = judged and ((arrow.loss or 0.0) > LOSS_MARKED or (arrow.lag_s or 0.0) > LAG_MARKED_S)
    return [Part(f" ─{lost}{late}→ ", Tone.WARNING if bad else Tone.MUTED)]


def flow_lines(flow: Flow, files: Sequence[AudioFile] | None) -> Lines:
    """Stages, real-time factor, the service's windows, and the audio files; what was checked beside each."""
    pipeline = flow.pipeline
    lines = _stage_lines(pipeline.stages, pipeline.chunks)
    lines += [_window_line(window, flow.at) for window in pipeline.windows or ()]
    lines += _audio_lines(files if files is not None else flow.audio.files)
    return lines + [(Part(f"▲ {sentence}", Tone.WARNING),) for sentence in flow.missing]


def _stage_lines(stages: Sequence[Stage] | None, chunks: Chunks | None) -> Lines:
    lines: Lines = [title("pipeline, ms")]
    if stages:
        lines.append((Part(f"{'stage':<16}{'p95':>6}{'p99':>6}{'late':>5}{'byp':>5}{'err':>5}", Tone.MUTED),))
    lines += [_stage_line(stage) for stage in stages or ()]
    if chunks is not None and chunks.number:
        lines.append(_chunks_line(chunks))
        counts = f"{chunks.bypassed} bypassed, {chunks.warnings} warnings, {chunks.errors} with errors"
        lines.append((Part(f"{chunks.number:,} chunks: ", Tone.MUTED), counts))
    return lines if len(lines) > 1 else [*lines, (Part("nothing measured", Tone.MUTED),)]


def _stage_line(stage: Stage) -> tuple[Cell, ...]:
    slow = stage.target_ms is not None and (stage.p95_ms or 0.0) > stage.target_ms
    times = Part(f"{_ms(stage.p95_ms):>6}{_ms(stage.p99_ms):>6}", Tone.WARNING if slow else Tone.PLAIN)
    errors = Part(f"{stage.errors:>5}", Tone.CRITICAL if stage.errors else Tone.PLAIN)
    return (f"{stage.name:<16.16}", times, f"{stage.late:>5}{stage.bypassed:>5}", errors)


def _chunks_line(chunks: Chunks) -> tuple[Cell, ...]:
    behind = (chunks.factor_p95 or 0.0) >= 1.0
    return (Part("real-time factor ", Tone.MUTED), _factor(chunks.factor), ", p95 ", _factor(chunks.factor_p95, behind))


def _factor(value: float | None, behind: bool = False) -> Part:
    return NO_DATA if value is None else Part(f"{value:.3f}", Tone.CRITICAL if behind else Tone.PLAIN)


def _window_line(window: Window, now: datetime) -> tuple[Cell, ...]:
    label = Part(f"service, {window.minutes:>2} min ", Tone.MUTED)
    ended_s = (now - window.until).total_seconds() if window.until is not None else None
    if ended_s is None or ended_s > WINDOW_OLD_S + 60 * window.minutes:
        since = f" for {duration(ended_s)}" if ended_s is not None else ": no data"
        return (label, Part(f"not counted{since}", Tone.WARNING))
    if not window.chunks:
        return (label, Part("nothing processed", Tone.MUTED))
    return (
        label,
        f"p95 {_ms(window.p95_ms)} p99 {_ms(window.p99_ms)} errors ",
        share(window.error_rate),
        " late ",
        share(window.late_rate),
        Part(f" · {duration(ended_s)} ago", Tone.MUTED) if ended_s >= WINDOW_OLD_S else "",
    )


def _audio_lines(files: Sequence[AudioFile] | None) -> Lines:
    if files is None:
        return []
    hint = "" if not files or files[0].state is not None else " · a checks them"
    lines: Lines = [("",), (*title(f"audio files, newest {len(files)}"), Part(hint, Tone.MUTED))]
    return lines + [_file_line(file) for file in files]


def _file_line(file: AudioFile) -> tuple[Cell, ...]:
    symbol, tone = FILE_MARKS.get(file.state, ("◌", Tone.MUTED)) if file.state is not None else ("◌", Tone.MUTED)
    state = f" {file.state.value}" if file.state is not None else f" #{file.hash[:8]}"
    length = f"{file.duration:.0f}s" if file.duration is not None else "–"
    return (Part(f"{symbol} ", tone), f"{file.name:<17.17} {length:>4} {size(file.size).text:>8}", Part(state, tone))


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
