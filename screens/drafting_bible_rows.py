"""The rows of the bibles' four parts: a project in, what can be chosen out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from backends.drafting import samples, story, voice
from backends.drafting.bibles import TRAINABLE, Lane, Sample, Style
from backends.drafting.limits import STYLE_CAP, VOICE_CAP
from backends.drafting.model import SECTIONS, Project
from backends.drafting.rules import band, temperature
from backends.safety.text import display_text
from widgets.grid import Column, Row
from widgets.tone import Part, Tone

COLUMNS: Final = (Column("", 20), Column("", 14, flexible=True))
PREVIEW_CHARACTERS: Final = 80


class Face(Enum):
    """A part of the bibles."""

    STORY = "story bible"
    VOICE = "voice bible"
    VAULT = "voice vault"
    BANKS = "style banks"


class Item(Enum):
    """What a row stands for."""

    SECTION = "section"
    LOCK = "lock"
    FACT = "fact"
    CONTROL = "control"
    INTENSITY = "intensity"
    LANE = "lane"
    VOICE = "voice"
    VOICE_SAMPLE = "voice sample"
    BANK = "bank"
    STYLE_SAMPLE = "style sample"


@dataclass(frozen=True, slots=True)
class Choice:
    """A row and what it stands for: name is of the section, control, voice or style."""

    row: Row
    item: Item
    name: str = ""
    sample: Sample | None = None


def choices(project: Project, face: Face) -> list[Choice]:
    """What the part offers."""
    return {Face.STORY: _story, Face.VOICE: _voice, Face.VAULT: _vault, Face.BANKS: _banks}[face](project)


def text_of(project: Project, choice: Choice) -> str:
    """The text that the row stands for."""
    if choice.item is Item.SECTION:
        return str(getattr(project.story_bible, choice.name))
    if choice.item is Item.CONTROL and choice.name in voice.TEXTS:
        return str(getattr(project.bibles.voice, choice.name))
    if choice.item in {Item.VOICE, Item.BANK}:
        voice_named, bank = project.bibles.find_voice(choice.name), None
        if choice.item is Item.BANK:
            bank = project.bibles.bank(Style(choice.name))
        return _lanes(bank.samples if bank else voice_named.samples if voice_named else ())
    return choice.sample.text if choice.sample else ""


def _lanes(kept: Sequence[Sample]) -> str:
    return "\n".join(f"{lane.value}: {sum(each.lane is lane for each in kept)} samples" for lane in Lane)


def is_text(choice: Choice) -> bool:
    """Whether the row holds a text that can be edited where it is."""
    return choice.item is Item.SECTION or (choice.item is Item.CONTROL and choice.name in voice.TEXTS)


def _choice(item: Item, name: str, label: str, value: str | Part, sample: Sample | None = None, n: int = 0) -> Choice:
    return Choice(Row(f"{item.value}:{name}:{n}", (label, value)), item, name, sample)


def _story(project: Project) -> list[Choice]:
    bible, binding = project.story_bible, project.binding
    rows = [_choice(Item.SECTION, name, voice.label(name), _size(getattr(bible, name))) for name in SECTIONS]
    lock = Part("locked", Tone.WARNING) if binding.locked else Part("open", Tone.OK)
    if story.changed_since_lock(project):
        lock = Part("✖ changed since it was locked", Tone.CRITICAL)
    return [
        *rows,
        _choice(Item.LOCK, "lock", "Lock", lock),
        _choice(Item.FACT, "fingerprint", "Fingerprint", story.fingerprint(bible)),
        _choice(Item.FACT, "id", "Id", str(project.story_bible_id)),
        _choice(Item.FACT, "source", "Source", f"{binding.source.value} {binding.source_id}".strip()),
        _choice(Item.FACT, "complete", "Complete", f"{story.completeness(bible)} %"),
    ]


def _voice(project: Project) -> list[Choice]:
    heat = f"{project.intensity:.2f} {band(project.intensity)} → temp {temperature(project.intensity):g}"
    controls = [
        _choice(Item.CONTROL, name, voice.label(name), _toned(voice.shown(project.bibles, name)))
        for name in voice.CONTROLS
    ]
    lane = project.bibles.forced_lane
    return [
        _choice(Item.INTENSITY, "intensity", "AI intensity", heat),
        *controls,
        _choice(Item.LANE, "lane", "Lane", lane.value if lane else "detected"),
    ]


def _vault(project: Project) -> list[Choice]:
    rows = []
    for each in project.bibles.voices:
        mark = "● trained " if each.name == project.bibles.voice.trained_voice else ""
        rows.append(
            _choice(Item.VOICE, each.name, each.name, Part(mark + _counts(each.samples, VOICE_CAP), Tone.STRONG))
        )
        rows += [_sample(Item.VOICE_SAMPLE, each.name, sample, n) for n, sample in enumerate(each.samples)]
    return rows


def _banks(project: Project) -> list[Choice]:
    rows = []
    for style in TRAINABLE:
        bank = project.bibles.bank(style)
        kept = bank.samples if bank else ()
        rows.append(_choice(Item.BANK, style.value, style.value, Part(_counts(kept, STYLE_CAP), Tone.STRONG)))
        rows += _scored(style, kept)
    return rows


def _scored(style: Style, kept: Sequence[Sample]) -> list[Choice]:
    """The bank's samples, the ten best ones first and with their scores."""
    best = samples.best(kept)
    first = {id(sample) for _, sample in best}
    rest = [(0.0, sample) for sample in kept if id(sample) not in first]
    return [
        _sample(Item.STYLE_SAMPLE, style.value, sample, n, f"{score:5.1f}" if n < len(best) else "")
        for n, (score, sample) in enumerate([*best, *rest])
    ]


def _sample(item: Item, name: str, sample: Sample, place: int, score: str = "") -> Choice:
    text = f"{score} {display_text(sample.text[:PREVIEW_CHARACTERS])}".strip()
    return _choice(item, name, f"  {sample.lane.value}", Part(text, Tone.MUTED), sample, place)


def _counts(kept: Sequence[Sample], cap: int) -> str:
    by_lane = [f"{lane.value[:4]} {sum(each.lane is lane for each in kept)}" for lane in Lane]
    return f"{', '.join(by_lane)} of {cap}"


def _size(text: str) -> str | Part:
    return f"{len(text):,}: {display_text(text[:PREVIEW_CHARACTERS])}" if text.strip() else Part("empty", Tone.MUTED)


def _toned(text: str) -> str | Part:
    return Part(text, {"on": Tone.OK, "off": Tone.MUTED, "empty": Tone.MUTED, "none": Tone.MUTED}.get(text, Tone.PLAIN))
