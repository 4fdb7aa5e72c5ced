"""Samples into voices and style banks, and out of them: split, capped with the newest kept, scored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from backends.drafting.bibles import TRAINABLE, Bibles, Lane, Sample, Style, StyleBank, Voice
from backends.drafting.errors import NotAccepted
from backends.drafting.lanes import ACTION_VERBS, THOUGHT_WORDS, detect_lane
from backends.drafting.limits import STYLE_CAP, STYLE_SAMPLE, VOICE_CAP, VOICE_NAME, VOICE_SAMPLE, Length

TOP_SCORED: Final = 10

SENSORY_WORDS: Final = frozenset(
    {
        "saw", "see", "sees", "glow", "glint", "gleam", "shadow", "bright", "dark", "colour", "color", "heard", "hear",
        "hears", "sound", "whisper", "whispered", "echo", "silence", "loud", "smell", "smelled", "smelt", "scent",
        "stench", "taste", "tasted", "bitter", "sweet", "salt", "sour", "touch", "touched", "cold", "warm", "rough",
        "smooth", "soft", "sharp", "wet",
    }
)  # fmt: skip

_BLANK_LINE: Final = re.compile(r"\n\s*\n")
_SENTENCE_END: Final = re.compile(r"[.!?…]+[\"'”’)]*(?:\s+|$)")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
BEST_SENTENCE: Final = 15
"""Words of a sentence that score best."""


LONGEST_WORD: Final = 100
"""Characters before a cut in which a word's end is looked for."""


def add_voice(bibles: Bibles, name: str, now: datetime) -> Bibles:
    """The bibles with a voice of that name. Raises NotAccepted where there is one, or the name is none."""
    name = VOICE_NAME.check(name.strip())
    if bibles.find_voice(name) is not None:
        raise NotAccepted(f"There is a voice “{name}” already.")
    return replace(bibles, voices=(*bibles.voices, Voice(name, now)))


def add_voice_sample(bibles: Bibles, name: str, text: str, now: datetime, lane: Lane | None = None) -> Bibles:
    """The bibles with one more sample of the voice; its lane is detected unless given. Raises NotAccepted."""
    text = VOICE_SAMPLE.check(text.strip())
    voice = bibles.find_voice(name)
    if voice is None:
        raise NotAccepted(f"There is no voice “{name}”.")
    grown = capped((*voice.samples, Sample(lane or detect_lane(text), text, now)), VOICE_CAP)
    return _with_voice(bibles, replace(voice, samples=grown))


def add_style_samples(
    bibles: Bibles, style: Style, text: str, now: datetime, *, by_paragraph: bool, lane: Lane | None = None
) -> tuple[Bibles, int]:
    """The bibles with the text in the style's bank, and how many samples it made.

    by_paragraph: each paragraph that is long enough is a sample; else the whole text is one. Raises NotAccepted where
    nothing is.
    """
    if style not in TRAINABLE:
        raise NotAccepted(f"style is {style.value}, which has no bank; it must be one of {_names()}.")
    pieces = split(text) if by_paragraph else [STYLE_SAMPLE.check(text.strip())]
    if not pieces:
        raise NotAccepted(f"style sample: no paragraph has {STYLE_SAMPLE.least} to {STYLE_SAMPLE.most:,} characters.")
    made = tuple(Sample(lane or detect_lane(piece), piece, now) for piece in pieces)
    bank = bibles.bank(style) or StyleBank(style, now)
    grown = capped((*bank.samples, *made), STYLE_CAP)
    return _with_bank(bibles, replace(bank, samples=grown)), len(made)


def without_voice_sample(bibles: Bibles, name: str, sample: Sample) -> Bibles:
    """The bibles without that sample of the voice."""
    voice = bibles.find_voice(name)
    return bibles if voice is None else _with_voice(bibles, replace(voice, samples=_without(voice.samples, sample)))


def without_style_sample(bibles: Bibles, style: Style, sample: Sample) -> Bibles:
    """The bibles without that sample of the style."""
    bank = bibles.bank(style)
    return bibles if bank is None else _with_bank(bibles, replace(bank, samples=_without(bank.samples, sample)))


def without_voice(bibles: Bibles, name: str) -> Bibles:
    """The bibles without the voice; where it was the trained one, none is."""
    trained = "" if bibles.voice.trained_voice == name else bibles.voice.trained_voice
    kept = tuple(voice for voice in bibles.voices if voice.name != name)
    return replace(bibles, voices=kept, voice=replace(bibles.voice, trained_voice=trained))


def capped(samples: tuple[Sample, ...], cap: int) -> tuple[Sample, ...]:
    """The samples with at most `cap` of each lane, the newest."""
    room = dict.fromkeys(Lane, cap)
    kept = []
    for sample in reversed(samples):
        if room[sample.lane] > 0:
            room[sample.lane] -= 1
            kept.append(sample)
    return tuple(reversed(kept))


def split(text: str) -> list[str]:
    r"""The paragraphs that are long enough for a sample and not too long.

    >>> [len(piece) for piece in split("short\n\n" + "x" * 40 + "\n \n" + "y" * 9001)]
    [40]
    """
    pieces = (piece.strip() for piece in _BLANK_LINE.split(text))
    return [piece for piece in pieces if STYLE_SAMPLE.least <= len(piece) <= STYLE_SAMPLE.most]


def left_out(text: str) -> int:
    """How many paragraphs are too short or too long for a sample.

    >>> left_out("short\\n\\n" + "x" * 40)
    1
    """
    return sum(bool(piece.strip()) for piece in _BLANK_LINE.split(text)) - len(split(text))


def parted(text: str, length: Length) -> list[str]:
    """The text, or where it is too long parts of about one size, each ending with a word where there is one near.

    >>> parted("one two three four", Length("sample", 1, 12))
    ['one two', 'three four']
    """
    if len(text) <= length.most:
        return [text]
    # A tenth less than the most is aimed at, so that the last part has room for what the others left.
    parts, rest = [], text
    for left in range(int(len(text) / (0.9 * length.most)) + 1, 1, -1):
        aim = len(rest) // left
        cut = rest.rfind(" ", max(aim - LONGEST_WORD, 1), aim + 1)
        cut = cut if cut > 0 else aim
        parts.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [*parts, rest]


def score(text: str) -> float:
    """How much there is to learn from a style sample.

    30 × the share of different words, 15 a sensory word, 20 × how close its sentences come to fifteen words, 10 an
    action verb, 5 a thought word.

    >>> score("The cold salt wind ran."), score("")
    (76.7, 0.0)
    """
    words = [word.lower() for word in _WORD.findall(text)]
    if not words:
        return 0.0
    variety = 30 * len(set(words)) / len(words)
    length = len(words) / max(len([piece for piece in _SENTENCE_END.split(text) if piece.strip()]), 1)
    closeness = 20 * max(0.0, 1 - abs(length - BEST_SENTENCE) / BEST_SENTENCE)
    counted = 15 * _count(words, SENSORY_WORDS) + 10 * _count(words, ACTION_VERBS) + 5 * _count(words, THOUGHT_WORDS)
    return round(variety + closeness + counted, 1)


def best(samples: Iterable[Sample]) -> list[tuple[float, Sample]]:
    """The ten samples with the highest scores, best first."""
    return sorted(((score(each.text), each) for each in samples), key=lambda pair: -pair[0])[:TOP_SCORED]


def _count(words: list[str], known: frozenset[str]) -> int:
    return sum(word in known for word in words)


def _without(samples: tuple[Sample, ...], sample: Sample) -> tuple[Sample, ...]:
    place = samples.index(sample) if sample in samples else len(samples)
    return (*samples[:place], *samples[place + 1 :])


def _with_voice(bibles: Bibles, voice: Voice) -> Bibles:
    return replace(bibles, voices=tuple(voice if each.name == voice.name else each for each in bibles.voices))


def _with_bank(bibles: Bibles, bank: StyleBank) -> Bibles:
    others = tuple(each for each in bibles.banks if each.style is not bank.style)
    return replace(bibles, banks=tuple(sorted((*others, bank), key=lambda each: TRAINABLE.index(each.style))))


def _names() -> str:
    return ", ".join(style.value for style in TRAINABLE)
