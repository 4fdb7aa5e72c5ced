"""Differences: right for any two texts, and quick for the longest drafts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from backends.drafting.bibles import Bibles, Lane, Sample, Voice
from backends.drafting.changes import changed_parts, changes
from backends.drafting.difference import Change, Piece, difference
from backends.drafting.evidence import Evidence, Incident
from backends.drafting.matching import matches
from backends.drafting.model import Bay, StoryBible
from tests.backends.drafting.scripted import AT, project

LONG = 500_000
"""Characters: MAX_DRAFT_LENGTH."""


def prose(seed: int) -> str:
    """A long draft whose blank lines, words and some sentences are those of any other."""
    chance, pieces = random.Random(seed), ["Yes. "]
    while len(pieces) < LONG // 60:
        words = chance.choices(("salt", "rope", "lamp", "wall", "keeper", "storm"), k=12)
        pieces.append(" ".join(words) + chance.choice((". ", ".\n\n", ". Yes. ")))
    return "".join(pieces)[:LONG]


def unchanged(old: str, new: str) -> list[Piece]:
    """What stayed of the old text, once it is certain that neither text is told wrongly."""
    found = difference(old, new)
    assert "".join(each.text for each in found if each.change is not Change.ADDED) == old
    assert "".join(each.text for each in found if each.change is not Change.REMOVED) == new
    return [each for each in found if each.change is Change.SAME]


LONGEST: dict[str, Callable[[], tuple[str, str]]] = {
    "unrelated": lambda: (prose(1), prose(2)),
    "each sentence changed": lambda: (prose(1), prose(1).replace("salt", "sea salt")),
    "one sentence over and over": lambda: ("He waited. " * 45_000, "She left. " + "He waited. " * 45_000 + "End."),
    "a blank line each": lambda: ("a\n" * 250_000, "b\n" * 250_000),
    "nothing but dots": lambda: ("." * LONG, ". " * (LONG // 2)),
}


@pytest.mark.parametrize("name", LONGEST)
def test_the_longest_drafts_are_compared_in_seconds(name: str) -> None:
    old, new = LONGEST[name]()
    started = time.process_time()
    unchanged(old, new)
    assert time.process_time() - started < 5


def test_a_sentence_more_costs_nothing_else_its_place() -> None:
    old = prose(3)
    middle = old.index(". ", LONG // 2) + 2
    same = unchanged(old, f"{old[:middle]}Nobody came. {old[middle:]}")
    assert sum(len(each.text) for each in same) == len(old)


@pytest.mark.parametrize("seed", range(5))
def test_places_that_match_hold_the_same_and_rise(seed: int) -> None:
    chance = random.Random(seed)
    before = chance.choices("abcdefgh" * 3 + "ijklmnop", k=60)
    after = [each for each in before if chance.random() < 0.8] + chance.choices("axyz", k=5)
    found = matches(before, after)
    assert all(before[i] == after[j] for i, j in found)
    assert all(i < m and j < n for (i, j), (m, n) in pairwise(found))
    assert len(found) >= len(after) - 10


def test_every_part_of_a_project_is_compared() -> None:
    old = project(draft="He waited.")
    sample = Sample(Lane.ACTION, "He ran.", AT)
    new = project(
        title="Salt",
        bay=Bay.ROUGH,
        draft="He left.",
        intensity=0.5,
        story_bible=StoryBible(world="A port."),
        bibles=Bibles(voices=(Voice("Ana", AT, (sample,)),), forced_lane=Lane.ACTION),
        ignored=("x",),
        incident=Incident(items=(Evidence("pools", "in use 50 of 50"),), reviewed="x"),
    )
    names = changed_parts(old, new)
    assert names == tuple(each.part for each in changes(old, new))
    assert names == (
        "draft", "title", "bay", "intensity", "story bible world", "voice bible", "voice vault", "set aside",
        "evidence", "review",
    )  # fmt: skip
    come = {each.part: "".join(p.text for p in each.pieces if p.change is Change.ADDED) for each in changes(old, new)}
    assert (come["voice bible"], come["voice vault"]) == ("Lane: Action", "Ana, 1 samples\n\nAction: He ran.")
    assert changes(old, old) == ()
