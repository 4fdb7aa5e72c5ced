"""The brief: what is sent to the model, built in one fixed order and by nothing else.

Role, canon rule, lane, intensity, voice controls, style directive, style exemplars, trained exemplars, story bible,
action. A part that says nothing is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from backends.drafting.bibles import Lane
from backends.drafting.errors import NotAccepted
from backends.drafting.incidents import RULES, SHAPES, numbered
from backends.drafting.lanes import detect_lane
from backends.drafting.limits import BRIEF, TASK, TEXT
from backends.drafting.model import SECTIONS, Action, Effect, Kind, Project, StoryBible
from backends.drafting.personal import Personal
from backends.drafting.retrieval import Exemplar, style_exemplars, voice_exemplars
from backends.drafting.rules import band, estimated_tokens, temperature
from backends.drafting.wording import (
    CANON_RULE,
    INCIDENT_ROLE,
    INTENSITIES,
    LANES,
    ROLE,
    TASKS,
    style_directive,
    voice_controls,
)
from backends.safety.secrets import mask

QUERY_CHARACTERS: Final = 2_500
"""Characters at the draft's end by which lane and exemplars are judged."""

Sections = tuple[tuple[str, str], ...]

GO_ON: Final = "You were cut off. Go on from exactly where you stopped; repeat nothing."


@dataclass(frozen=True, slots=True)
class Brief:
    """What one call sends: labelled sections of instructions in their order, the task with the draft, the settings.

    exemplars are those that the sections show. so_far: what came of an answer that broke off and is to be gone on with.
    private: personal data is masked as well as secrets.
    """

    action: Action
    lane: Lane
    temperature: float
    sections: tuple[tuple[str, str], ...]
    request: str
    exemplars: tuple[Exemplar, ...] = ()
    so_far: str = ""
    private: bool = False

    @property
    def instructions(self) -> str:
        """The system message, before masking."""
        return "\n\n".join(f"{label}\n{text}" for label, text in self.sections)

    @property
    def messages(self) -> tuple[tuple[str, str], ...]:
        """Role and text of each message exactly as they are sent: secrets are masked, and personal data if private."""
        begun = (("system", self.instructions), ("user", self.request))
        more = (("assistant", self.so_far), ("user", GO_ON)) if self.so_far else ()
        hide = Personal() if self.private else str
        return tuple((role, hide(mask(text))) for role, text in (*begun, *more))

    @property
    def tokens(self) -> int:
        """About how many tokens are sent."""
        return sum(estimated_tokens(text) for _, text in self.messages)


def build_brief(action: Action, project: Project, lane: Lane | None = None) -> Brief:
    """The brief for an action on a project; lane None is the project's forced one, else detected from the draft.

    Raises NotAccepted where the draft or the story bible is not what the action can work on.

    >>> from datetime import UTC, datetime
    >>> from uuid import UUID
    >>> at = datetime(2026, 1, 2, tzinfo=UTC)
    >>> project = Project(UUID(int=1), "Salt", at, at, draft="“Go,” she said. “Now.”", intensity=0.5)
    >>> brief = build_brief(Action.WRITE, project)
    >>> [label for label, _ in brief.sections]
    ['ROLE', 'CANON', 'LANE', 'INTENSITY', 'VOICE CONTROLS', 'STORY BIBLE', 'ACTION']
    >>> brief.lane.value, brief.temperature
    ('Dialogue', 0.625)
    >>> brief.request
    'Continue the draft from exactly where it ends. Give only what follows.\\n\\nDRAFT:\\n“Go,” she said. “Now.”'
    """
    lane = lane or project.bibles.forced_lane or detect_lane(query_text(project))
    incident = project.kind is Kind.INCIDENT
    sections, exemplars = (_incident(project), ()) if incident else _prose(project, lane)
    request = f"{TASK.check(_task(action, project))}\n\nDRAFT:\n{given(action, project.draft)}"
    brief = Brief(
        action,
        lane,
        temperature(project.intensity),
        tuple((label, text) for label, text in (*sections, ("ACTION", action.value.capitalize())) if text),
        request,
        exemplars,
        private=incident,
    )
    BRIEF.check(brief.instructions)
    return brief


def _prose(project: Project, lane: Lane) -> tuple[Sections, tuple[Exemplar, ...]]:
    query, bibles, word = query_text(project), project.bibles, band(project.intensity)
    styled = style_exemplars(bibles, query, lane) if bibles.voice.style_on else ()
    trained = voice_exemplars(bibles, query, lane) if bibles.voice.trained_on else ()
    sections = (
        ("ROLE", ROLE),
        ("CANON", CANON_RULE),
        ("LANE", f"{lane.value}: {LANES[lane]}"),
        ("INTENSITY", f"{project.intensity:.2f} ({word}): {INTENSITIES[word]}"),
        ("VOICE CONTROLS", voice_controls(bibles)),
        ("STYLE", style_directive(bibles)),
        ("STYLE EXEMPLARS", _listed(styled)),
        ("TRAINED EXEMPLARS", _listed(trained)),
        ("STORY BIBLE", story_bible_text(project.story_bible)),
    )
    return sections, (*styled, *trained)


def _incident(project: Project) -> Sections:
    """The same order; the story bible is the incident, and voice says nothing."""
    incident = project.incident
    notes = story_bible_text(project.story_bible) if project.story_bible != StoryBible() else ""
    items = "\n".join(numbered(incident.items)) or "no evidence was picked"
    return (
        ("ROLE", INCIDENT_ROLE),
        ("CANON", RULES),
        ("TEMPLATE", SHAPES[incident.template]),
        ("STORY BIBLE", "\n".join(each for each in (f"Evidence:\n{items}", notes) if each)),
    )


def _task(action: Action, project: Project) -> str:
    if project.kind is Kind.INCIDENT and action is Action.WRITE and not project.draft.strip():
        return f"Write {SHAPES[project.incident.template]}. Give only its text."
    return TASKS[action]


def going_on(brief: Brief, so_far: str) -> Brief:
    """The brief that asks for the rest of an answer that broke off."""
    return replace(brief, so_far=TEXT.check(so_far))


def query_text(project: Project) -> str:
    """What lane and exemplars are judged by: the draft's end, or the synopsis where the draft is blank."""
    return project.draft[-QUERY_CHARACTERS:] if project.draft.strip() else project.story_bible.synopsis


def story_bible_text(bible: StoryBible) -> str:
    """The five sections under their labels.

    >>> story_bible_text(StoryBible(world="A port.")).splitlines()[:3]
    ['Synopsis: none provided', 'Genre style notes: none provided', 'World: A port.']
    """
    return "\n".join(f"{_label(name)}: {getattr(bible, name).strip() or 'none provided'}" for name in SECTIONS)


def _label(section: str) -> str:
    return section.replace("_", " ").capitalize()


def _listed(exemplars: Sequence[Exemplar]) -> str:
    return "\n\n".join(f"[{number}] {each.text}" for number, each in enumerate(exemplars, 1))


def given(action: Action, draft: str) -> str:
    """The part of the draft that the action is sent. Raises NotAccepted."""
    if action.effect is Effect.APPEND:
        return draft[-TEXT.most :] or "(nothing yet: open it)"
    if not draft.strip():
        raise NotAccepted(f"The draft is empty: there is nothing to {action.value}.")
    if action.effect is Effect.TOOL:
        return draft.rstrip()[-QUERY_CHARACTERS:]
    if len(draft) > TEXT.most:
        raise NotAccepted(f"The draft has {len(draft):,} characters; {action.value} takes at most {TEXT.most:,}.")
    return draft
