"""A session's page in lines, rows and parts: values in, words out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from rich.cells import cell_len

from backends.bots.model import Finding, Session
from backends.bots.page import Event, Line, SessionPage, Span, Statistics
from screens.bot_words import (
    NO_DATA,
    STATUS_MARKS,
    UNKNOWN_STATUS,
    coarse,
    health_part,
    number,
    severity_tone,
    status_part,
    stretch,
)
from widgets.grid import Row
from widgets.panel import duration
from widgets.tone import STATE_MARKS, Cell, Part, Tone, plain_text

__all__ = ("stretch",)

T = TypeVar("T")

KEPT: Final = 300
"""Lines and events of a live session that are held at most, about."""

LOW_CONFIDENCE: Final = 0.6
"""Lines that the transcriber was less sure of than this are drawn dimly."""


def name_parts(session: Session) -> list[Part]:
    """Bot, platform and title."""
    title = f" · {session.title}" if session.title else ""
    return [Part(f"  {session.bot_id}", Tone.ACCENT), Part(f" on {session.platform}{title}")]


def fact_parts(session: Session) -> list[Part]:
    """How it stands, in one line."""
    return [
        status_part(session.status, session.recovering),
        Part(" for "),
        coarse(session.in_state_s),
        Part("  "),
        health_part(session.health.state),
        Part("  age "),
        coarse(session.age_s),
        Part("  people "),
        number(session.participants),
        Part("  words "),
        number(session.words),
        Part("  last word "),
        coarse(session.last_word_s),
        Part(f"  {'/'.join(session.languages) or '–'} → {'/'.join(session.target_languages) or '–'}"),
    ]


def finding_parts(findings: Sequence[Finding]) -> list[Part]:
    """The findings in one line, the worst first."""
    if not findings:
        return [Part("no findings", Tone.MUTED)]
    ordered = sorted(findings, key=lambda finding: -finding.severity.rank)
    parts: list[Part] = []
    for finding in ordered:
        symbol, tone = STATE_MARKS[finding.severity]
        parts += [Part(f"{symbol} {finding.kind}: ", tone), Part(f"{finding.what}  ")]
    return parts


def span_parts(timeline: Sequence[Span], width: int) -> list[Part]:
    """The statuses with their lengths, from the earliest that leaves room for all later ones."""
    told = [_span_part(span) for span in timeline]
    while len(told) > 1 and sum(cell_len(each.text) + 3 for each in told) > width + 3:
        del told[0]
    parts: list[Part] = []
    for index, each in enumerate(told):
        parts += [Part(" → ", Tone.MUTED)] if index else []
        parts.append(each)
    return parts


def _span_part(span: Span) -> Part:
    _, tone = STATUS_MARKS.get(span.status, UNKNOWN_STATUS)
    word = f"{span.status}{' (recovering)' if span.recovering else ''}{'' if span.possible else ' ▲'}"
    length = f" {duration(span.seconds)}" if span.seconds and span.seconds >= 1 else ""
    return Part(word + length, tone if span.possible else Tone.WARNING)


def grown(held: Sequence[T], newest: Sequence[T], key: Callable[[T], str]) -> tuple[T, ...]:
    """What is held, oldest first, with the newest added (these come newest first).

    What is old is dropped much at a time, so that a table of it seldom moves. Where nothing that is held is among the
    newest, something between was never seen, and only the newest are kept.

    >>> grown("abc", "edc", key=str), grown("abc", "zyx", key=str)
    (('a', 'b', 'c', 'd', 'e'), ('x', 'y', 'z'))
    """
    known = {key(each) for each in held}
    current = {key(each): each for each in reversed(newest)}
    if not known & set(current):
        return tuple(current.values())
    kept = [current.get(key(each), each) for each in held]
    added = [each for name, each in current.items() if name not in known]
    return tuple(kept[-KEPT // 2 :] if len(kept) > KEPT else kept) + tuple(added)


def said_row(line: Line) -> Row:
    """A transcript line beside its translations."""
    tone = Tone.MUTED if line.confidence is not None and line.confidence < LOW_CONFIDENCE else Tone.PLAIN
    translated = "  ".join(f"{each.language}: {each.text}" for each in line.translations)
    clock = _clock(line.at) if line.at is not None else "–"
    return Row(
        line.transcript_id,
        (
            Part(clock, Tone.MUTED),
            Part(line.speaker, Tone.ACCENT),
            Part(line.language, Tone.MUTED),
            Part(line.text, tone),
            Part(translated, tone),
        ),
    )


def event_row(event: Event) -> Row:
    """An event."""
    tone = severity_tone(event.severity)
    cells = (Part(_clock(event.at), Tone.MUTED), Part(event.severity, tone), event.name, event.type, event.data)
    return Row(event.event_id, cells)


def told_events(held: Sequence[Event], page: SessionPage) -> list[Event]:
    """What is held, and the grave ones from before that, oldest first."""
    known = {event.event_id for event in held}
    before = [event for event in page.grave if event.event_id not in known]
    return sorted((*before, *held), key=lambda event: (event.at, event.event_id))


def severity_parts(severities: Mapping[str, int]) -> list[Part]:
    """How many of the session's events are of each severity that calls for a look."""
    wanted = ("critical", "error", "warning")
    return [Part(f" · {severities[each]:,} {each}", severity_tone(each)) for each in wanted if severities.get(each)]


def matching(rows: Sequence[Row], text: str) -> list[Row]:
    """The rows that hold the text (lower case)."""
    return [row for row in rows if text in plain_text(row.cells).lower()]


def detail_lines(
    page: SessionPage | None, statistics: Statistics | None, flow: Sequence[tuple[Cell, ...]] = ()
) -> list[tuple[Cell, ...]]:
    """Health, the flow's lines, totals, participants, and what this database can't tell."""
    lines: list[tuple[Cell, ...]] = []
    if page is not None:
        lines += _health_lines(page.session)
    if statistics is not None:
        lines += [("",), title("totals"), *two_columns(_totals(statistics))]
    lines += [("",), *flow] if flow else []
    if page is not None:
        lines += [("",), *_people_lines(page)]
        lines += [(Part(f"▲ {sentence}", Tone.WARNING),) for sentence in page.missing]
    return lines


def _health_lines(session: Session) -> list[tuple[Cell, ...]]:
    health = session.health
    score = NO_DATA if health.score is None else Part(f"{health.score:.2f} {health.band}")
    lines: list[tuple[Cell, ...]] = [(title("health")[0], "  ", health_part(health.state), "  score ", score)]
    for factor in health.factors:
        known = Tone.MUTED if factor.score is None else health_part(factor.health).tone
        symbol = "–" if factor.score is None else health_part(factor.health).text[0]
        lines.append((Part(f"{symbol} {factor.name:<9}", known), factor.why))
    return lines


def _totals(totals: Statistics) -> list[tuple[str, Part]]:
    return [
        ("duration", coarse(totals.duration)),
        ("words", number(totals.total_words)),
        ("characters", number(totals.total_characters)),
        ("transcripts", number(totals.total_transcripts)),
        ("translations", number(totals.total_translations)),
        ("coverage", share(totals.translation_coverage)),
        ("quality", share(totals.translation_quality_score)),
        ("confidence", share(totals.average_confidence)),
        ("audio files", number(totals.total_audio_files)),
        ("audio", coarse(totals.total_audio_duration)),
        ("audio size", size(totals.total_audio_size)),
        ("correlations", number(totals.total_correlations)),
        ("accuracy", share(totals.correlation_accuracy)),
        ("speakers", number(totals.unique_speakers)),
        ("processing", coarse(totals.processing_time)),
    ]


def two_columns(values: Sequence[tuple[str, Part]]) -> list[tuple[Cell, ...]]:
    """Labels and values, two pairs a line."""
    half = (len(values) + 1) // 2
    lines: list[tuple[Cell, ...]] = []
    for index, left in enumerate(values[:half]):
        right = values[half + index : half + index + 1]
        lines.append(tuple(cell for label, value in (left, *right) for cell in _pair(label, value)))
    return lines


def _pair(label: str, value: Part) -> tuple[Part, Part]:
    return Part(f"{label:<13}", Tone.MUTED), Part(f"{value.text:<8} ", value.tone)


def _people_lines(page: SessionPage) -> list[tuple[Cell, ...]]:
    if page.participants is None:
        return []
    more = " (the first of more)" if page.more_participants else ""
    lines: list[tuple[Cell, ...]] = [title(f"participants {len(page.participants)}{more}")]
    for each in page.participants:
        left = Part("  left", Tone.MUTED) if each.left_at is not None else Part("")
        lines.append((Part(each.name, Tone.ACCENT), f"  {each.email}", left))
    return lines


def title(text: str) -> tuple[Part]:
    """A heading."""
    return (Part(text, Tone.STRONG),)


def share(value: float | None) -> Part:
    """A share in per cent."""
    return NO_DATA if value is None else Part(f"{value:.0%}")


def size(value: int | None) -> Part:
    """Bytes in a unit that leaves one to three digits before the point."""
    if value is None:
        return NO_DATA
    size, unit = float(value), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return Part(f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}")


def _clock(time: datetime) -> str:
    return f"{time:%H:%M:%S}"
