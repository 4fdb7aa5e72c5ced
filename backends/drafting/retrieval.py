"""Which samples a brief shows to the model: the likest ones, each with where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backends.drafting.bibles import Bibles, Lane, Sample, Style
from backends.drafting.vectors import cosine, vector


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A sample in a brief: its text, where it came from, and how alike it is to what was asked about (-1 to 1)."""

    text: str
    origin: str
    lane: Lane
    likeness: float


def voice_exemplars(bibles: Bibles, query: str, lane: Lane) -> tuple[Exemplar, ...]:
    """Up to three of the trained voice: two of the lane and one of Narration, each alike at all, none twice."""
    voice = bibles.find_voice(bibles.voice.trained_voice)
    if voice is None:
        return ()
    asked = _alike(query, voice.of(lane))[:2]
    told = [pair for pair in _alike(query, voice.of(Lane.NARRATION)) if pair[1].text not in {s.text for _, s in asked}]
    return tuple(_exemplar(pair, f"voice {voice.name}") for pair in (*asked, *told[:1]))


def style_exemplars(bibles: Bibles, query: str, lane: Lane) -> tuple[Exemplar, ...]:
    """Of the chosen style's bank, 1 to 3 by its intensity: of the lane, or of all lanes where that has none."""
    bank = bibles.bank(bibles.voice.writing_style)
    if bank is None or bibles.voice.writing_style is Style.NEUTRAL:
        return ()
    pool = bank.of(lane) or bank.samples
    count = exemplar_count(bibles.voice.style_intensity)
    return tuple(_exemplar(pair, f"style {bank.style.value}") for pair in _ranked(query, pool)[:count])


def exemplar_count(intensity: float) -> int:
    """How many style exemplars an intensity asks for.

    >>> exemplar_count(0.0), exemplar_count(0.5), exemplar_count(1.0)
    (1, 2, 3)
    """
    return 1 + int(2 * intensity)


def _alike(query: str, samples: Iterable[Sample]) -> list[tuple[float, Sample]]:
    return [pair for pair in _ranked(query, samples) if pair[0] > 0]


def _ranked(query: str, samples: Iterable[Sample]) -> list[tuple[float, Sample]]:
    """The samples, likest first, each text once; of equally like ones the newest first."""
    asked = vector(query)
    once = {sample.text: sample for sample in samples}
    ranked = [(cosine(asked, vector(sample.text)), sample) for sample in reversed(once.values())]
    return sorted(ranked, key=lambda pair: -pair[0])


def _exemplar(pair: tuple[float, Sample], bank: str) -> Exemplar:
    likeness, sample = pair
    origin = f"{bank}, {sample.lane.value}, added {sample.added_at:%Y-%m-%d %H:%M} UTC"
    return Exemplar(sample.text, origin, sample.lane, round(likeness, 3))


def origins(exemplars: Sequence[Exemplar]) -> list[str]:
    """Where each came from and how alike it is, in a line."""
    return [f"{each.origin}, likeness {each.likeness:.2f}" for each in exemplars]
