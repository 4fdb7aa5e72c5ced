"""How far each paragraph keeps to the voice bible, from 0 to 100, by counted words; and what was taken off for what."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from backends.drafting.bibles import Bibles, Genre, Pov, Style, Tense
from backends.drafting.lanes import ACTION_VERBS, THOUGHT_WORDS
from backends.drafting.samples import SENSORY_WORDS
from backends.safety.text import display_text

WHOLE: Final = 100
SHORT: Final = 20
"""A paragraph of fewer words says nothing about style or genre."""

SNIPPET: Final = 100

_FIRST: Final = frozenset({"i", "me", "my", "mine", "myself", "i'm", "i'd", "i've", "i'll", "we", "us", "our"})
_THIRD: Final = frozenset({"he", "him", "his", "she", "her", "hers", "they", "them", "their"})
_PRESENT: Final = frozenset({"is", "are", "am", "has", "does", "says", "goes", "looks", "walks", "stands", "knows"})
_PAST: Final = frozenset({"was", "were", "had", "did", "said", "went", "saw", "came", "took", "knew", "stood", "ran"})
_FEELINGS: Final = frozenset(
    {
        "love", "loved", "fear", "feared", "afraid", "grief", "joy", "ache", "ached", "tears", "wept", "cried", "heart",
        "alone", "longing", "anger", "angry", "hope", "hoped", "shame", "guilt",
    }
)  # fmt: skip
_STYLES: Final = {
    Style.NARRATIVE: ACTION_VERBS | _PAST | _PRESENT,
    Style.DESCRIPTIVE: SENSORY_WORDS,
    Style.EMOTIONAL: _FEELINGS | THOUGHT_WORDS,
    Style.LYRICAL: SENSORY_WORDS | _FEELINGS,
}
_GENRES: Final = {
    Genre.NOIR: {"rain", "smoke", "night", "gun", "shadow", "street", "whisky", "neon", "dead", "cop"},
    Genre.THRILLER: {"blood", "gun", "run", "ran", "dead", "danger", "escape", "hunt", "threat", "knife"},
    Genre.COMEDY: {"laugh", "laughed", "joke", "ridiculous", "absurd", "grin", "grinned", "silly", "funny"},
    Genre.LYRICAL: {"light", "wind", "sea", "sky", "song", "river", "moon", "silence"},
    Genre.HORROR: {"blood", "scream", "screamed", "dark", "dead", "fear", "bones", "grave", "cold"},
    Genre.ROMANCE: {"love", "heart", "kiss", "kissed", "touch", "lips", "longing", "hand"},
    Genre.SCIFI: {"ship", "star", "planet", "machine", "signal", "orbit", "engine", "system"},
    Genre.FANTASY: {"magic", "sword", "king", "dragon", "spell", "forest", "crown", "gods"},
}
_SPEECH: Final = re.compile(r"[\"“«].*?(?:[\"”»]|$)", re.DOTALL)
_WORD: Final = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_ADVERB: Final = re.compile(r"\b(?!only\b|family\b|early\b|reply\b|supply\b|apply\b|fly\b)[a-z]{2,}ly\b", re.IGNORECASE)
_IRREGULAR: Final = (
    "beaten|bitten|born|broken|built|caught|chosen|drawn|driven|eaten|forgotten|found|frozen|given|heard|held|hidden|kept"
    "|known|lost|made|paid|seen|sent|shown|sold|spoken|stolen|struck|taken|taught|thrown|told|torn|woken|won|worn|written"
)
_PASSIVE: Final = re.compile(
    rf"\b(?:was|were|been|being|is|are|be)\s+(?:\w+ly\s+)?(?:\w{{2,}}ed|{_IRREGULAR})\b", re.IGNORECASE
)
_PARAGRAPHS: Final = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Deduction:
    """What was taken off, and for what."""

    points: int
    reason: str


@dataclass(frozen=True, slots=True)
class Conformity:
    """A paragraph (index from 0) with its score and how it came about."""

    index: int
    score: int
    snippet: str
    deductions: tuple[Deduction, ...]


def paragraphs(text: str) -> list[str]:
    """The paragraphs that hold anything."""
    return [piece.strip() for piece in _PARAGRAPHS.split(text) if piece.strip()]


def conformity(draft: str, bibles: Bibles) -> tuple[Conformity, ...]:
    """Each paragraph of the draft, judged by the controls that are on."""
    return tuple(_judged(index, paragraph, bibles) for index, paragraph in enumerate(paragraphs(draft)))


def average(found: Iterable[Conformity]) -> float | None:
    """The mean score; None for an empty draft."""
    scores = [each.score for each in found]
    return sum(scores) / len(scores) if scores else None


def _judged(index: int, paragraph: str, bibles: Bibles) -> Conformity:
    told = _SPEECH.sub(" ", paragraph.replace("’", "'"))
    words = [word.lower() for word in _WORD.findall(told)]
    taken = tuple(_deductions(told, words, bibles))
    score = max(WHOLE - sum(each.points for each in taken), 0)
    return Conformity(index, score, display_text(paragraph[:SNIPPET]), taken)


def _deductions(told: str, words: list[str], bibles: Bibles) -> Iterable[Deduction]:
    voice = bibles.voice
    if voice.technical_on and _other_pov(words, voice.pov):
        yield Deduction(20, f"not {voice.pov.value}")
    if voice.technical_on and _other_tense(words, voice.tense):
        yield Deduction(15, f"not {voice.tense.value.lower()} tense")
    long = len(words) >= SHORT
    if voice.style_on and long and voice.writing_style in _STYLES and not _STYLES[voice.writing_style] & set(words):
        yield Deduction(15, f"nothing {voice.writing_style.value.lower()}")
    if voice.genre_on and long and voice.genre in _GENRES and not _GENRES[voice.genre] & set(words):
        yield Deduction(10, f"nothing of {voice.genre.value}")
    if voice.lock_on and (adverbs := _ADVERB.findall(told)):
        yield Deduction(25, f"adverbs: {display_text(', '.join(adverbs[:3]))}")
    if voice.lock_on and (passive := _PASSIVE.search(told)):
        yield Deduction(20, f"passive: {display_text(passive[0])}")


def _other_pov(words: list[str], pov: Pov) -> bool:
    first, third = _count(words, _FIRST), _count(words, _THIRD)
    return first == 0 and third >= 2 if pov is Pov.FIRST else first >= 2 and first > third


def _other_tense(words: list[str], tense: Tense) -> bool:
    past = _count(words, _PAST) + sum(len(word) > 4 and word.endswith("ed") for word in words)
    present = _count(words, _PRESENT)
    return present >= 2 and present > past if tense is Tense.PAST else past >= 2 and past > present


def _count(words: list[str], known: frozenset[str]) -> int:
    return sum(word in known for word in words)
