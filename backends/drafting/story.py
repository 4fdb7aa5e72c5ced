"""The story bible: its sections edited under a lock, and a fingerprint that tells two of them apart."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime

from backends.drafting.errors import NotAccepted
from backends.drafting.limits import SECTION
from backends.drafting.model import SECTIONS, Project, StoryBible


def fingerprint(bible: StoryBible) -> str:
    """32 hex digits of the five trimmed sections: equal for two bibles that say the same.

    >>> fingerprint(StoryBible(world="A port. ")) == fingerprint(StoryBible(world="A port."))
    True
    """
    sections = [getattr(bible, name).strip() for name in SECTIONS]
    return hashlib.sha256(json.dumps(sections).encode("ascii")).hexdigest()[:32]


def with_section(project: Project, section: str, text: str) -> Project:
    """The project with another text in that section. Raises NotAccepted, also where the bible is locked."""
    if project.binding.locked:
        raise NotAccepted("The story bible is locked: unlock it to change it.")
    if section not in SECTIONS:
        raise NotAccepted(f"The story bible has no section “{section}”; it has {', '.join(SECTIONS)}.")
    replace_length = replace(SECTION, field=f"story bible section {section}")
    return replace(project, story_bible=replace(project.story_bible, **{section: replace_length.check(text)}))


def locked(project: Project, now: datetime) -> Project:
    """The project with its story bible locked as it is, or unlocked where it was locked."""
    binding = project.binding
    if binding.locked:
        return replace(project, binding=replace(binding, locked=False, locked_at=None, fingerprint=""))
    mark = fingerprint(project.story_bible)
    return replace(project, binding=replace(binding, locked=True, locked_at=now, fingerprint=mark))


def changed_since_lock(project: Project) -> bool:
    """Whether a locked story bible is not the one that was locked: something else wrote it."""
    binding = project.binding
    return binding.locked and bool(binding.fingerprint) and binding.fingerprint != fingerprint(project.story_bible)


def completeness(bible: StoryBible) -> int:
    """Per cent of the sections that hold anything.

    >>> completeness(StoryBible(world="A port.", outline="1."))
    40
    """
    return 100 * sum(bool(getattr(bible, name).strip()) for name in SECTIONS) // len(SECTIONS)
