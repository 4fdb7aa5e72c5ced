"""Where a draft says other than its story bible: findings by plain rules, each with its evidence and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from backends.drafting.conformity import SNIPPET, paragraphs
from backends.drafting.model import Project, StoryBible
from backends.safety.text import display_text


class Kind(Enum):
    """What a finding is about."""

    CHARACTER_TRAIT = "character_trait"
    CONTINUITY = "continuity"
    TIMELINE = "timeline"
    WORLD_BUILDING = "world_building"


class Severity(Enum):
    """How bad."""

    ERROR = "error"
    WARNING = "warning"


CONFIDENCE: Final = {Kind.CHARACTER_TRAIT: 85, Kind.CONTINUITY: 75, Kind.TIMELINE: 60, Kind.WORLD_BUILDING: 70}
"""Per cent, by kind."""

_COLOURS: Final = "blue|green|brown|grey|gray|black|white|red|blond|blonde|golden|silver|hazel|amber|dark|fair"
_TRAIT: Final = re.compile(
    rf"\b({_COLOURS})[\s-]+(eyes|eyed|hair|haired)\b|\b(eyes|hair)\s+(?:\w+\s+)?({_COLOURS})\b", re.I
)
_NAME: Final = re.compile(r"^\W*([A-Z][\w'’-]+(?:\s[A-Z][\w'’-]+)?)\s*(?:[:,–—(-]|\bis\b|\bhas\b)")
_DEATH: Final = re.compile(r"\b(died|dies|dead|was killed|drowned|drowns)\b", re.IGNORECASE)
_DOES: Final = (
    r"\s+(?:said|says|asked|asks|walked|walks|ran|runs|smiled|smiles|laughed|laughs|stood|stands|took|takes)\b"
)
_YEAR: Final = re.compile(r"\b(1[5-9]\d\d|20\d\d|21\d\d)\b")
_DENIED: Final = re.compile(r"\b(?:no|without|never any|there (?:is|are) no)\s+([a-z]{4,})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not fit; confidence in per cent, paragraph from 0."""

    kind: Kind
    severity: Severity
    paragraph: int
    snippet: str
    issue: str
    resolutions: tuple[str, ...]

    @property
    def confidence(self) -> int:
        """How sure the rule is, in per cent."""
        return CONFIDENCE[self.kind]

    @property
    def key(self) -> str:
        """By what a finding is set aside: its kind, its paragraph, and how that begins."""
        return f"{self.kind.value}:{self.paragraph}:{self.snippet[:30]}"


def canon_findings(project: Project) -> tuple[Finding, ...]:
    """What is found, but for what a person set aside."""
    pieces = paragraphs(project.draft)
    bible = project.story_bible
    found = [*_traits(pieces, bible), *_continuity(pieces, bible), *_timeline(pieces, bible), *_world(pieces, bible)]
    kept = [each for each in found if each.key not in project.ignored]
    return tuple(sorted(kept, key=lambda each: (each.paragraph, each.kind.value)))


def _finding(kind: Kind, severity: Severity, index: int, piece: str, issue: str, *resolutions: str) -> Finding:
    return Finding(kind, severity, index, display_text(piece[:SNIPPET]), display_text(issue), resolutions)


def characters(bible: StoryBible) -> dict[str, str]:
    """Name → what the bible says, a character a line.

    >>> characters(StoryBible(characters="Ana: the keeper, grey eyes.\\nOld Tom, her father."))
    {'Ana': 'Ana: the keeper, grey eyes.', 'Old Tom': 'Old Tom, her father.'}
    """
    lines = (line.strip() for line in bible.characters.splitlines())
    return {match[1]: line for line in lines if (match := _NAME.match(line))}


def _traits(pieces: list[str], bible: StoryBible) -> Iterator[Finding]:
    for name, line in characters(bible).items():
        known = _trait_of(line)
        for index, piece in enumerate(pieces):
            for part, colour in _trait_of(piece if _mentions(piece, name) else "").items():
                if part in known and known[part] != colour:
                    yield _finding(
                        Kind.CHARACTER_TRAIT,
                        Severity.ERROR,
                        index,
                        piece,
                        f"{name} has {known[part]} {part} in the story bible, and {colour} {part} here.",
                        f"write {known[part]} {part}",
                        "change the story bible",
                    )


def _trait_of(text: str) -> dict[str, str]:
    found = {}
    for match in _TRAIT.finditer(text):
        part = (match[2] or match[3]).lower().replace("eyed", "eyes").replace("haired", "hair")
        found[part] = (match[1] or match[4]).lower()
    return found


def _continuity(pieces: list[str], bible: StoryBible) -> Iterator[Finding]:
    for name, line in characters(bible).items():
        since = -1 if _DEATH.search(line) else _death(pieces, name)
        if since is None:
            continue
        where = "the story bible" if since < 0 else f"paragraph {since + 1}"
        for index, piece in enumerate(pieces):
            if index > since and re.search(re.escape(name) + _DOES, piece):
                issue = f"{name} is dead since {where}, and acts here."
                yield _finding(
                    Kind.CONTINUITY, Severity.WARNING, index, piece, issue, "make it a memory", "let another do it"
                )


def _death(pieces: list[str], name: str) -> int | None:
    shape = re.compile(re.escape(name) + r"\s+(?:had\s+)?(?:died|drowned|was killed|was dead)\b")
    return next((index for index, piece in enumerate(pieces) if shape.search(piece)), None)


def _timeline(pieces: list[str], bible: StoryBible) -> Iterator[Finding]:
    years = [int(year) for text in (bible.synopsis, bible.outline, bible.world) for year in _YEAR.findall(text)]
    if not years:
        return
    first, last = min(years), max(years)
    for index, piece in enumerate(pieces):
        for year in sorted({int(each) for each in _YEAR.findall(piece)}):
            if not first <= year <= last:
                span = str(first) if first == last else f"{first} to {last}"
                issue = f"{year} is outside the story's time, {span}."
                yield _finding(
                    Kind.TIMELINE, Severity.WARNING, index, piece, issue, f"keep to {span}", "add it to the outline"
                )


def _world(pieces: list[str], bible: StoryBible) -> Iterator[Finding]:
    for word in dict.fromkeys(match[1].lower() for match in _DENIED.finditer(bible.world)):
        shape = re.compile(rf"(?<!no )(?<!without )\b{re.escape(word)}\b", re.IGNORECASE)
        for index, piece in enumerate(pieces):
            if shape.search(piece):
                issue = f"The story bible's world has no {word}, and it is here."
                yield _finding(
                    Kind.WORLD_BUILDING, Severity.WARNING, index, piece, issue, "leave it out", "change the world"
                )


def _mentions(piece: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", piece) is not None


def counts(found: Iterable[Finding]) -> dict[str, int]:
    """How many of each severity."""
    severities = [each.severity.value for each in found]
    return {each.value: severities.count(each.value) for each in Severity}
