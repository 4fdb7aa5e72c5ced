"""What is true of a draft: projects, bays, lanes, the story bible, and who is writing."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, fields, replace
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Final
from uuid import UUID, uuid4

from backends.drafting.bibles import ONE_LINE, Bibles, Binding, Lane
from backends.drafting.evidence import Incident

__all__ = ["Action", "Bay", "Effect", "Holder", "Kind", "Lane", "Library", "Project", "StoryBible"]

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


class Kind(Enum):
    """What a project is: prose, an incident told from evidence, or the one workspace that is no project yet."""

    PROSE = "prose"
    INCIDENT = "incident"
    WORKSPACE = "workspace"


class Effect(Enum):
    """What an action's answer does to the draft."""

    APPEND = "append"
    REPLACE = "replace"
    TOOL = "tool"
    """Shown beside the draft, which stays as it is."""


class Action(Enum):
    """What the partner is asked to do."""

    WRITE = "write"
    REWRITE = "rewrite"
    EXPAND = "expand"
    TRIM = "trim"
    REPHRASE = "rephrase"
    DESCRIBE = "describe"
    SPELL = "spell"
    GRAMMAR = "grammar"
    SYNONYM = "synonym"
    SENTENCE = "sentence"

    @property
    def effect(self) -> Effect:
        """Write adds to the draft's end, two only tell something, and the others take its place."""
        if self is Action.WRITE:
            return Effect.APPEND
        return Effect.TOOL if self in {Action.SYNONYM, Action.SENTENCE} else Effect.REPLACE


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


@lru_cache(maxsize=256)
def count_words(text: str) -> int:
    """Words in a text; a long draft is counted once, however often it is looked at.

    >>> count_words("He waited. ")
    2
    """
    return len(text.split())


WORKSPACE_ID: Final = UUID(int=0)
"""The id of every state folder's workspace."""


@dataclass(frozen=True, slots=True)
class Project:
    """A draft with all that belongs to it. intensity is from 0 to 1; times are UTC.

    ignored are the keys of canon findings that a person has set aside.
    """

    id: UUID
    title: str = field(metadata=ONE_LINE)
    created_at: datetime
    updated_at: datetime
    bay: Bay = Bay.NEW
    draft: str = ""
    story_bible: StoryBible = field(default_factory=StoryBible)
    intensity: float = DEFAULT_INTENSITY
    kind: Kind = Kind.PROSE
    binding: Binding = field(default_factory=Binding)
    bibles: Bibles = field(default_factory=Bibles)
    ignored: tuple[str, ...] = ()
    incident: Incident = field(default_factory=Incident)

    @property
    def words(self) -> int:
        """Words in the draft."""
        return count_words(self.draft)

    @property
    def story_bible_id(self) -> UUID:
        """The id of its story bible."""
        return self.binding.id or self.id

    @property
    def is_blank(self) -> bool:
        """Whether nobody put anything into it: no draft, no story bible, no sample, no text of the voice bible."""
        bibles, voice = self.bibles, self.bibles.voice
        texts = (self.draft, voice.voice_sample, voice.voice_lock_prompt, *astuple(self.story_bible))
        samples = (*(each.samples for each in bibles.voices), *(each.samples for each in bibles.banks))
        return not any(text.strip() for text in texts) and not any(samples)


@dataclass(frozen=True, slots=True)
class Library:
    """Every project of one state folder, in the order of their making, and the workspace once it was used."""

    projects: tuple[Project, ...] = ()
    workspace: Project | None = None

    def find(self, project_id: UUID) -> Project | None:
        """The project of that id."""
        if project_id == WORKSPACE_ID:
            return self.workspace
        return next((project for project in self.projects if project.id == project_id), None)

    def with_project(self, project: Project) -> Library:
        """The library with the project in the place of its old self, or at the end."""
        if project.kind is Kind.WORKSPACE:
            return Library(self.projects, project)
        if self.find(project.id) is None:
            return Library((*self.projects, project), self.workspace)
        return Library(tuple(project if old.id == project.id else old for old in self.projects), self.workspace)

    @property
    def flaw(self) -> str:
        """Why it can't be a state folder's library: a shared id, or a workspace that is none. "" where it can."""
        if any(each.kind is Kind.WORKSPACE or each.id == WORKSPACE_ID for each in self.projects):
            return "a project is the workspace"
        if len({project.id for project in self.projects}) != len(self.projects):
            return "two projects have one id"
        if self.workspace is not None and (self.workspace.kind, self.workspace.id) != (Kind.WORKSPACE, WORKSPACE_ID):
            return "the workspace is none"
        return ""

    def admitted(self, coming: Library) -> Library:
        """What of another library can be added to this one: every project, with a new id where its own is taken here
        or by one before it; the workspace where that one holds anything and this one's is blank."""
        taken = {project.id for project in self.projects}
        fresh = []
        for project in coming.projects:
            fresh.append(replace(project, id=uuid4()) if project.id in taken else project)
            taken.add(fresh[-1].id)
        own, other = self.workspace, coming.workspace
        room = own is None or own.is_blank
        return Library(tuple(fresh), other if room and other is not None and not other.is_blank else None)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a project open for writing; since is UTC."""

    pid: int
    user: str
    host: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.user}@{self.host}, pid {self.pid}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"


def new_workspace(now: datetime) -> Project:
    """The workspace before anything was put into it."""
    return Project(WORKSPACE_ID, "Workspace", now, now, kind=Kind.WORKSPACE)
