"""Figures as Prometheus text, and as a baseline that later figures are compared with. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from backends.sampling.measure import Measure

COMPARED: Final = ("latency", "pool", "error")
"""Kinds of figures that a baseline keeps."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure of a family. labels: name → value, in the order in which they are printed.

    passing: it is of this process alone, and says nothing to a baseline.
    """

    value: float
    labels: Mapping[str, str]
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """Figures of one name. about: which kind of figure a baseline takes it for, "" where it takes it not."""

    name: str
    type: Literal["gauge", "counter", "summary"]
    help: str
    samples: tuple[Sample, ...]
    about: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure before and now; None where one of both has none."""

    figure: str
    before: float | None
    now: float | None

    @property
    def change_percent(self) -> float | None:
        """By how much it grew; None where that can't be told.

        >>> Difference("x", 40.0, 50.0).change_percent, Difference("x", 0.0, 5.0).change_percent
        (25.0, None)
        """
        if self.before is None or self.now is None or not self.before:
            return None
        return 100.0 * (self.now - self.before) / self.before


def sample(value: float | None, **labels: str) -> tuple[Sample, ...]:
    """A sample, or none where there is no value: what isn't known is left out, and is never 0."""
    return () if value is None else (Sample(value, labels),)


def text(families: Iterable[Family]) -> str:
    """The families as Prometheus text; those without a sample are left out."""
    return "".join(f"{line}\n" for family in families if family.samples for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {_escaped(family.help)}"
    yield f"# TYPE {family.name} {family.type}"
    for each in family.samples:
        yield f"{family.name}{_labels(each.labels)} {each.value:.10g}"


def _labels(labels: Mapping[str, str]) -> str:
    said = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items() if value)
    return f"{{{said}}}" if said else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def figures(families: Iterable[Family]) -> dict[str, float]:
    """Name with labels → value, of the figures that a baseline keeps."""
    return {
        f"{family.name}{_labels(each.labels)}": each.value
        for family in families
        if family.about in COMPARED
        for each in family.samples
        if not each.passing
    }


def differences(before: Mapping[str, float], now: Mapping[str, float]) -> tuple[Difference, ...]:
    """Every figure of either, the ones that grew most first."""
    found = [Difference(name, before.get(name), now.get(name)) for name in sorted({*before, *now})]
    return tuple(sorted(found, key=lambda each: -(each.change_percent or 0.0)))


def of_measures(measures: Iterable[Measure], named: Mapping[str, tuple[str, str, str]]) -> Iterator[Family]:
    """Measures as families. named: measure → metric's name, its help, and what a baseline takes it for."""
    kept = list(measures)
    for name, (metric, about_it, about) in named.items():
        found = [each for each in kept if each.name == name]
        samples = tuple(one for each in found for one in sample(each.value, subject=each.subject))
        yield Family(metric, "gauge", about_it, samples, about)
