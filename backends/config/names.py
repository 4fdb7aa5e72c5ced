"""Variables that nothing reads though their names look as if: misspelt, or spelled with look-alike letters."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from backends.config.catalogue import ELSEWHERE, known_names, known_prefixes, specs
from backends.config.model import Finding, Status, UnknownName
from backends.config.sources import Sources
from backends.safety.text import display_text

NEAR_ENOUGH: Final = 0.75
"""Similarity from which a known name is offered; 1 is the same name."""


def unknown_names(sources: Sources) -> Iterator[UnknownName]:
    """Names inside a known prefix, or with letters that only look like one, that nothing reads; each once."""
    told: set[str] = set()
    for raw in sources.all():
        if raw.name in told or not _suspect(raw.name):
            continue
        told.add(raw.name)
        yield UnknownName(display_text(raw.name, 80), nearest_name(raw.name), raw.where)


def unknown_finding(unknown: UnknownName) -> Finding:
    """The finding about an unknown name."""
    hint = f"; did you mean {unknown.nearest}?" if unknown.nearest else ""
    return Finding(
        f"unknown.{unknown.name}",
        "known name",
        Status.WARN,
        f"{unknown.name} ({unknown.source}) is read by nothing{hint}",
        f"{unknown.nearest}=  # the value of {unknown.name}" if unknown.nearest else "",
        "A name behind a known prefix is one that something reads.",
        "what the variable was meant to set, which keeps its default",
    )


def nearest_name(name: str) -> str:
    """The known name that is nearest, empty where none is near.

    >>> nearest_name("OLORIN_DUBING_ENABLED"), nearest_name("OLORIN_Q")
    ('OLORIN_DUBBING_ENABLED', '')
    """
    matches = get_close_matches(name.upper(), known_names() - ELSEWHERE, n=1, cutoff=NEAR_ENOUGH)
    return matches[0] if matches else ""


def _suspect(name: str) -> bool:
    upper = name.upper()
    if name in known_names() or upper in _any_case_names():
        return False
    if not name.isascii():
        return bool(nearest_name(name))
    return upper.startswith(known_prefixes())


def _any_case_names() -> frozenset[str]:
    return frozenset(spec.name for spec in specs() if spec.any_case)
