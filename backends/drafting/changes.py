"""In which parts two states of a project differ: named for the log, as text for who compares them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from backends.drafting.bibles import Bibles, Binding, StyleBank, Voice
from backends.drafting.difference import Piece, difference
from backends.drafting.incidents import numbered
from backends.drafting.model import SECTIONS, Project
from backends.drafting.voice import CONTROLS, TEXTS, label


@dataclass(frozen=True, slots=True)
class Changed:
    """A part of a project, and what would go and come in it."""

    part: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """value: what is compared, cheaply; text: what is shown of it."""

    name: str
    value: Callable[[Project], object]
    text: Callable[[Project], str]


def changed_parts(old: Project, new: Project) -> tuple[str, ...]:
    """The names of the parts that are not as they were.

    >>> from datetime import UTC, datetime
    >>> from dataclasses import replace
    >>> from uuid import UUID
    >>> at = datetime(2026, 1, 2, tzinfo=UTC)
    >>> project = Project(UUID(int=1), "Salt", at, at)
    >>> changed_parts(project, replace(project, draft="He waited.", intensity=0.5))
    ('draft', 'intensity')
    """
    return tuple(part.name for part in _PARTS if part.value(old) != part.value(new))


def changes(old: Project, new: Project) -> tuple[Changed, ...]:
    """What would change in each of those parts. Takes up to seconds for long ones: call it in a thread."""
    names = changed_parts(old, new)
    parts = (part for part in _PARTS if part.name in names)
    return tuple(Changed(part.name, difference(part.text(old), part.text(new))) for part in parts)


def _section(name: str) -> _Part:
    def read(project: Project) -> str:
        text: str = getattr(project.story_bible, name)
        return text

    return _Part(f"story bible {name}", read, read)


def _lock(binding: Binding) -> str:
    return f"{'locked' if binding.locked else 'open'}, {binding.source.value} {binding.source_id}".strip()


def _controls(bibles: Bibles) -> str:
    values = ((name, getattr(bibles.voice, name)) for name in CONTROLS)
    lines = (f"{label(name)}: {value if name in TEXTS else getattr(value, 'value', value)}" for name, value in values)
    return "\n".join([*lines, f"Lane: {bibles.forced_lane.value if bibles.forced_lane else 'detected'}"])


def _samples(held: Voice | StyleBank, name: str) -> str:
    texts = (f"{sample.lane.value}: {sample.text}" for sample in held.samples)
    return "\n\n".join([f"{name}, {len(held.samples)} samples", *texts])


_PARTS: Final = (
    _Part("draft", lambda each: each.draft, lambda each: each.draft),
    _Part("title", lambda each: each.title, lambda each: each.title),
    _Part("bay", lambda each: each.bay, lambda each: each.bay.value),
    _Part("intensity", lambda each: each.intensity, lambda each: f"{each.intensity:.2f}"),
    *map(_section, SECTIONS),
    _Part("story bible lock", lambda each: each.binding, lambda each: _lock(each.binding)),
    _Part(
        "voice bible",
        lambda each: (each.bibles.voice, each.bibles.forced_lane),
        lambda each: _controls(each.bibles),
    ),
    _Part(
        "voice vault",
        lambda each: each.bibles.voices,
        lambda each: "\n\n".join(_samples(voice, voice.name) for voice in each.bibles.voices),
    ),
    _Part(
        "style banks",
        lambda each: each.bibles.banks,
        lambda each: "\n\n".join(_samples(bank, bank.style.value) for bank in each.bibles.banks),
    ),
    _Part("set aside", lambda each: each.ignored, lambda each: "\n".join(each.ignored)),
    _Part("template", lambda each: each.incident.template, lambda each: each.incident.template.value),
    _Part("evidence", lambda each: each.incident.items, lambda each: "\n".join(numbered(each.incident.items))),
    _Part(
        "review", lambda each: each.incident.reviewed, lambda each: "marked" if each.incident.reviewed else "not marked"
    ),
)
