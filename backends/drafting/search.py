"""Finding a text in a project: the draft and the story bible, each hit with what stands around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from backends.drafting.model import Project
from backends.safety.text import display_text

SECTIONS: Final = ("synopsis", "world", "characters", "outline")
"""What is searched beside the draft; notes on genre and style are about the text, not in it."""

HITS_A_SECTION: Final = 20
HITS: Final = 30
AROUND: Final = 60
"""Characters shown on either side of a hit."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Where the text was found: section, line from 1, and the text with its surroundings."""

    section: str
    line: int
    before: str
    found: str
    after: str


def find(project: Project, term: str) -> tuple[Hit, ...]:
    """The first hits, whatever their case: at most 20 a section and 30 in all.

    >>> from datetime import UTC, datetime
    >>> from uuid import UUID
    >>> at = datetime(2026, 1, 2, tzinfo=UTC)
    >>> project = Project(UUID(int=1), "Salt", at, at, draft="Rain.\\nThe rain.")
    >>> [(hit.section, hit.line) for hit in find(project, "RAIN")]
    [('draft', 1), ('draft', 2)]
    """
    texts = [("draft", project.draft), *((name, getattr(project.story_bible, name)) for name in SECTIONS)]
    hits = (hit for name, text in texts for hit in islice(_hits(name, text, term), HITS_A_SECTION))
    return tuple(islice(hits, HITS))


def _hits(section: str, text: str, term: str) -> Iterator[Hit]:
    wanted = term.strip().casefold()
    for number, line in enumerate(text.split("\n") if wanted else (), 1):
        start = line.casefold().find(wanted)
        while start >= 0:
            end = start + len(wanted)
            parts = (line[max(start - AROUND, 0) : start], line[start:end], line[end : end + AROUND])
            yield Hit(section, number, *(display_text(part) for part in parts))
            start = line.casefold().find(wanted, end)
