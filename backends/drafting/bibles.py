"""What a project knows about voice: the voice bible's controls, voices and style banks with their samples, locks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final
from uuid import UUID

ONE_LINE: Final = {"one_line": True}
"""Metadata of a field whose text is one line: a name, not prose."""


class Lane(Enum):
    """What a passage mostly is."""

    DIALOGUE = "Dialogue"
    NARRATION = "Narration"
    INTERIORITY = "Interiority"
    ACTION = "Action"


class Style(Enum):
    """The manner of writing; every one but Neutral has a bank of samples."""

    NEUTRAL = "Neutral"
    NARRATIVE = "NARRATIVE"
    DESCRIPTIVE = "DESCRIPTIVE"
    EMOTIONAL = "EMOTIONAL"
    LYRICAL = "LYRICAL"


TRAINABLE: Final = tuple(style for style in Style if style is not Style.NEUTRAL)


class Genre(Enum):
    """The genre; both lists of the original in one."""

    LITERARY = "Literary"
    NOIR = "Noir"
    THRILLER = "Thriller"
    COMEDY = "Comedy"
    LYRICAL = "Lyrical"
    HORROR = "Horror"
    ROMANCE = "Romance"
    SCIFI = "SciFi"
    FANTASY = "Fantasy"
    COMMERCIAL = "Commercial"


class Pov(Enum):
    """Who tells."""

    FIRST = "First"
    CLOSE_THIRD = "Close Third"
    OMNISCIENT = "Omniscient"


class Tense(Enum):
    """When it is told."""

    PAST = "Past"
    PRESENT = "Present"


@dataclass(frozen=True, slots=True)
class VoiceBible:
    """The controls of the voice; each part counts only while it is on. Intensities are from 0 to 1.

    trained_voice names a voice of the vault, '' for none. The AI intensity, the twentieth control, is the project's.
    """

    style_on: bool = True
    genre_on: bool = True
    technical_on: bool = True
    trained_on: bool = False
    match_on: bool = False
    lock_on: bool = False
    writing_style: Style = Style.NEUTRAL
    genre: Genre = Genre.LITERARY
    trained_voice: str = field(default="", metadata=ONE_LINE)
    voice_sample: str = ""
    voice_lock_prompt: str = ""
    style_intensity: float = 0.6
    genre_intensity: float = 0.6
    trained_intensity: float = 0.7
    match_intensity: float = 0.8
    technical_intensity: float = 0.8
    lock_intensity: float = 1.0
    pov: Pov = Pov.CLOSE_THIRD
    tense: Tense = Tense.PAST


@dataclass(frozen=True, slots=True)
class Sample:
    """A passage to write like; added_at is UTC."""

    lane: Lane
    text: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of the vault with its samples, oldest first."""

    name: str = field(metadata=ONE_LINE)
    created_at: datetime
    samples: tuple[Sample, ...] = ()

    def of(self, lane: Lane) -> tuple[Sample, ...]:
        """The lane's samples."""
        return tuple(sample for sample in self.samples if sample.lane is lane)


@dataclass(frozen=True, slots=True)
class StyleBank:
    """The samples of one style, oldest first."""

    style: Style
    created_at: datetime
    samples: tuple[Sample, ...] = ()

    def of(self, lane: Lane) -> tuple[Sample, ...]:
        """The lane's samples."""
        return tuple(sample for sample in self.samples if sample.lane is lane)


class Source(Enum):
    """Where a story bible came from."""

    SYSTEM = "system"
    WORKSPACE = "workspace"
    CLONE = "clone"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class Binding:
    """How a story bible belongs to its project. id None: the project's own; source_id: the one that it was made from.

    locked: not to be edited, since locked_at (UTC), when its fingerprint was `fingerprint`.
    """

    id: UUID | None = None
    created_at: datetime | None = None
    source: Source = Source.SYSTEM
    source_id: str = field(default="", metadata=ONE_LINE)
    locked: bool = False
    locked_at: datetime | None = None
    fingerprint: str = field(default="", metadata=ONE_LINE)


@dataclass(frozen=True, slots=True)
class Bibles:
    """Everything about voice that travels with a project. forced_lane: the lane that is not detected but set."""

    voice: VoiceBible = field(default_factory=VoiceBible)
    voices: tuple[Voice, ...] = ()
    banks: tuple[StyleBank, ...] = ()
    forced_lane: Lane | None = None

    def find_voice(self, name: str) -> Voice | None:
        """The voice of that name."""
        return next((voice for voice in self.voices if voice.name == name), None)

    def bank(self, style: Style) -> StyleBank | None:
        """The style's bank; None where it has no sample yet."""
        return next((bank for bank in self.banks if bank.style is style), None)
