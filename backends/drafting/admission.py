"""Whether what a bundle brings is within every limit, before any of it is let in."""

from __future__ import annotations

from dataclasses import replace

from backends.drafting.bibles import Lane, StyleBank, Voice
from backends.drafting.errors import NotAccepted
from backends.drafting.incidents import ITEMS
from backends.drafting.limits import (
    CONTROL,
    EVIDENCE,
    SECTION,
    STYLE_CAP,
    STYLE_SAMPLE,
    TITLE,
    VOICE_CAP,
    VOICE_NAME,
    VOICE_SAMPLE,
    Length,
)
from backends.drafting.model import SECTIONS, Library, Project
from backends.drafting.voice import TEXTS, label


def check_library(library: Library, draft: Length) -> None:
    """Raises NotAccepted at the first text or count over its limit, naming project, field and limit."""
    for project in (*library.projects, *([library.workspace] if library.workspace else [])):
        try:
            _check(project, draft)
        except NotAccepted as error:
            raise NotAccepted(f"“{project.title[: TITLE.most]}”: {error.message}") from error


def _check(project: Project, draft: Length) -> None:
    TITLE.check(project.title)
    draft.check(project.draft)
    for section in SECTIONS:
        replace(SECTION, field=f"story bible section {section}").check(getattr(project.story_bible, section))
    for control in TEXTS:
        replace(CONTROL, field=label(control)).check(getattr(project.bibles.voice, control))
    for voice in project.bibles.voices:
        VOICE_NAME.check(voice.name)
        _check_samples(f"voice {voice.name}", voice, VOICE_SAMPLE, VOICE_CAP)
    for bank in project.bibles.banks:
        _check_samples(f"style {bank.style.value}", bank, STYLE_SAMPLE, STYLE_CAP)
    _check_items(project)


def _check_samples(name: str, held: Voice | StyleBank, length: Length, cap: int) -> None:
    for lane in Lane:
        if (count := len(held.of(lane))) > cap:
            raise NotAccepted(f"{name} has {count:,} samples in {lane.value}; at most {cap} are kept.")
    for sample in held.samples:
        replace(length, field=f"a sample of {name}").check(sample.text)


def _check_items(project: Project) -> None:
    items = [each for each in project.incident.items if not each.dropped]
    if len(items) > ITEMS:
        raise NotAccepted(f"evidence: there are {len(items):,} items; at most {ITEMS} are kept.")
    for item in items:
        EVIDENCE.check(item.text)
