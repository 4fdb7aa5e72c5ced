"""What is true of a draft: projects, bays, lanes, the story bible, and who is writing."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import Enum
from typing import Final
from uuid import UUID

DEFAULT_TITLE: Final = "Untitled Project"
DEFAULT_INTENSITY: Final = 0.75
"""AI intensity of a new project, from 0 to 1."""


class Bay(Enum):
    """How far a project has come; it is only ever promoted forward."""

    NEW = "NEW"
    ROUGH = "ROUGH"
    EDIT = "EDIT"
    FINAL = "FINAL"

    @property
    def next(self) -> Bay | None:
        """The bay that follows; None after FINAL.

        >>> Bay.NEW.next, Bay.FINAL.next
        (<Bay.ROUGH: 'ROUGH'>, None)
        """
        bays = list(Bay)
        following = bays.index(self) + 1
        return bays[following] if following < len(bays) else None


class Lane(Enum):
    """What a passage mostly is."""

    DIALOGUE = "Dialogue"
    NARRATION = "Narration"
    INTERIORITY = "Interiority"
    ACTION = "Action"


class Effect(Enum):
    """What an action's answer does to the draft."""

    APPEND = "append"
    REPLACE = "replace"


class Action(Enum):
    """What the partner is asked to do."""

    WRITE = "write"
    REWRITE = "rewrite"
    EXPAND = "expand"
    TRIM = "trim"

    @property
    def effect(self) -> Effect:
        """Write adds to the draft's end; the others take its place."""
        return Effect.APPEND if self is Action.WRITE else Effect.REPLACE


@dataclass(frozen=True, slots=True)
class StoryBible:
    """The canon, in five sections."""

    synopsis: str = ""
    genre_style_notes: str = ""
    world: str = ""
    characters: str = ""
    outline: str = ""


SECTIONS: Final = tuple(section.name for section in fields(StoryBible))
"""The story bible's sections in their order."""


@dataclass(frozen=True, slots=True)
class Project:
    """A draft with all that belongs to it. intensity is from 0 to 1; times are UTC."""

    id: UUID
    title: str
    created_at: datetime
    updated_at: datetime
    bay: Bay = Bay.NEW
    draft: str = ""
    story_bible: StoryBible = field(default_factory=StoryBible)
    intensity: float = DEFAULT_INTENSITY

    @property
    def words(self) -> int:
        """Words in the draft."""
        return len(self.draft.split())


@dataclass(frozen=True, slots=True)
class Library:
    """Every project of one state folder, in the order of their making."""

    projects: tuple[Project, ...] = ()

    def find(self, project_id: UUID) -> Project | None:
        """The project of that id."""
        return next((project for project in self.projects if project.id == project_id), None)

    def with_project(self, project: Project) -> Library:
        """The library with the project in the place of its old self, or at the end."""
        if self.find(project.id) is None:
            return Library((*self.projects, project))
        return Library(tuple(project if old.id == project.id else old for old in self.projects))


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a project open for writing; since is UTC."""

    pid: int
    user: str
    host: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.user}@{self.host}, pid {self.pid}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"
