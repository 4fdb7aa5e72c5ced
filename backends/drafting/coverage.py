"""Whether each sentence of an incident draft rests on the evidence: what it cites, and which of its numbers and times
no item carries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backends.drafting.evidence import Evidence, Template
from backends.drafting.model import Kind, Project

MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_SMALL: Final = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS: Final = {word: number for number, word in enumerate(_SMALL, 2)} | {
    word: 10 * number for number, word in enumerate(_TENS, 2)
}
_MONTH: Final = "(?P<{0}>" + "|".join(f"{month[:3]}(?:{month[3:]})?" for month in MONTHS) + ")"

_CITED: Final = re.compile(r"\[(\d+)\]")
_STANDING_IN: Final = re.compile(r"‹\w+ \d+›")
"""What personal data became before it was sent."""

_MARKER: Final = re.compile(r"^(?:[-*•+]|\d{1,3}[.)])(?:\s+|$)")
_TIME: Final = re.compile(
    r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    rf"|\b(?P<day1>\d{{1,2}})(?:st|nd|rd|th)?\s+{_MONTH.format('month1')}\b(?:,?\s+(?P<year1>\d{{4}})\b)?"
    rf"|\b{_MONTH.format('month2')}\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year2>\d{{4}})\b)?"
    r"|\b(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?(?:\.\d+)?\b(?![:.]\d)",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_WORDED: Final = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_TENS)})(?:[- ](?P<ones>one|{'|'.join(_SMALL[:8])}))?|(?P<small>{'|'.join(_SMALL)}))\b"
    r"|\b(?P<vague>dozens?|hundreds?|thousands?|millions?)\b",
    re.IGNORECASE,
)
_SENTENCE: Final = re.compile(r"(?<=[.!?…])[\"”’)]*(?:\s*\[\d+\])*\s+(?=\S)|\n+")
_HEADING: Final = re.compile(r"(?:#{1,6}\s+|)([^:#\n]{1,40}):?")
LABEL_WORDS: Final = 3
"""Words of a heading at most; a longer one may claim something."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a draft with the items that it cites, and what is wrong with it."""

    text: str
    cites: tuple[int, ...]
    problems: tuple[str, ...]


def checked(text: str, items: Sequence[Evidence], title: str = "") -> tuple[Sentence, ...]:
    """Each sentence of the draft: what it cites, and what is wrong. title: the project's, which its heading may hold.

    >>> [s.problems for s in checked("50 are in use [1]. It is fine.", [Evidence("pools", "in use 50 of 50")])]
    [(), ('cites nothing',)]
    """
    carried = _Carried(items)
    headings = {heading(template, title) for template in Template}
    return tuple(_checked(each, carried) for each in sentences(text) if each not in headings)


def uncovered(text: str, project: Project) -> tuple[Sentence, ...]:
    """The sentences of an incident's text that something is wrong with; none of prose."""
    if project.kind is not Kind.INCIDENT:
        return ()
    found = checked(text, project.incident.items, project.title)
    return tuple(each for each in found if each.problems)


def heading(template: Template, title: str) -> str:
    """The first line of a draft of that kind."""
    return f"# {template.value.capitalize()}: {title}"


def cited(text: str) -> tuple[int, ...]:
    """The numbers of items that the text cites, in its order."""
    return tuple(int(number) for number in _CITED.findall(text))


def sentences(text: str) -> list[str]:
    """The sentences that claim something: short headings and blanks are none, and what waits to be written is none yet.

    >>> sentences("# Now\\n\\nAffected:\\n1. The pool is full [1].\\n4000 users are out:")
    ['The pool is full [1].', '4000 users are out:']
    """
    pieces = (_MARKER.sub("", piece.strip().strip("*_").strip()) for piece in _split(text))
    return [piece for piece in pieces if piece and not _is_heading(piece) and piece != "(to be written)"]


def _is_heading(piece: str) -> bool:
    """Whether it only names what follows: a few words without a number, behind # or before a colon."""
    match = _HEADING.fullmatch(piece)
    if match is None or not (piece.startswith("#") or piece.endswith(":")):
        return False
    return len(match[1].split()) <= LABEL_WORDS and not _NUMBER.search(match[1]) and not _WORDED.search(match[1])


def _split(text: str) -> Iterator[str]:
    start = 0
    for match in _SENTENCE.finditer(text):
        # Citations behind the full stop belong to the sentence that it ends.
        yield text[start : match.end()]
        start = match.end()
    yield text[start:]


class _Carried:
    """The numbers in the items' texts, their dates and their times of day; known: the numbers of the items."""

    def __init__(self, items: Sequence[Evidence]) -> None:
        self.known = frozenset(number for number, item in enumerate(items, 1) if not item.dropped)
        self._ats = [item.at for item in items if item.at is not None]
        self._texts = [f"{item.source} {item.text}" for item in items]
        self._numbers = frozenset(normal(token) for text in self._texts for token in _NUMBER.findall(text))
        self._told = frozenset(_moment(match) for text in self._texts for match in _TIME.finditer(text))

    def number(self, token: str) -> bool:
        """Whether an item says that number; its time says none."""
        return normal(token) in self._numbers

    def moment(self, match: re.Match[str]) -> bool:
        """Whether an item is of that date or time of day, or names it."""
        moment = _moment(match)
        return moment in self._told or any(_is_at(moment, at) for at in self._ats)


Moment = tuple[int | None, ...]
"""Year, month and day; or hour, minute and second behind three Nones. What is not said is None."""


def _moment(match: re.Match[str]) -> Moment:
    found = match.groupdict()
    if found["hour"]:
        return (None, None, None, int(found["hour"]), int(found["minute"]), _whole(found["second"]))
    year, day = (found[name] or found[f"{name}1"] or found[f"{name}2"] for name in ("year", "day"))
    named = found["month1"] or found["month2"]
    month = _month(named) if named else int(found["month"])
    return (_whole(year), month, int(day))


def _month(name: str) -> int:
    return next(number for number, month in enumerate(MONTHS, 1) if month.startswith(name.lower()))


def _whole(text: str | None) -> int | None:
    return int(text) if text else None


def _is_at(moment: Moment, at: datetime) -> bool:
    said = (at.year, at.month, at.day, at.hour, at.minute, at.second)
    return all(part is None or part == known for part, known in zip(moment, said, strict=False))


def _checked(sentence: str, carried: _Carried) -> Sentence:
    cites = cited(sentence)
    unknown = [f"[{number}] is no item" for number in cites if number not in carried.known]
    plain = _STANDING_IN.sub(" ", _CITED.sub(" ", sentence))
    loose = [match[0] for match in _TIME.finditer(plain) if not carried.moment(match)]
    rest = _TIME.sub(" ", plain)
    loose += [token for token in _NUMBER.findall(rest) if not carried.number(token)]
    loose += [match[0] for match in _WORDED.finditer(rest) if not carried.number(_worded(match))]
    problems = [*([] if cites else ["cites nothing"]), *unknown, *(f"{each} is in no item" for each in loose)]
    return Sentence(sentence, cites, tuple(problems))


def _worded(match: re.Match[str]) -> str:
    """The digits of a number in words; "" for one that says no number."""
    if match["vague"]:
        return ""
    ones = match["ones"]
    more = 0 if not ones else 1 if ones.lower() == "one" else _WORDS[ones.lower()]
    return str(_WORDS[(match["tens"] or match["small"]).lower()] + more)


def normal(token: str) -> str:
    """A number in one writing: without thousands' commas and leading zeros.

    >>> normal("1,500"), normal("03:04"), normal("0.50")
    ('1500', '3:4', '0.50')
    """
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", token)
    return ":".join(_without_zeros(part) for part in plain.split(":"))


def _without_zeros(number: str) -> str:
    whole, dot, rest = number.partition(".")
    return f"{whole.lstrip('0') or '0'}{dot}{rest}"
