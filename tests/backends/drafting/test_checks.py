"""Voice conformity and canon findings: each rule found where it holds, and silent where it does not."""

from dataclasses import replace
from typing import Any

import pytest

from backends.drafting.bibles import Bibles, Genre, Pov, Style, Tense
from backends.drafting.canon import Kind, canon_findings
from backends.drafting.conformity import average, conformity
from backends.drafting.model import StoryBible
from tests.backends.drafting.scripted import project

PLAIN = "He waited at the wall and counted the lamps."
LONG = " ".join(["He waited at the wall and counted every lamp that hung there in its row."] * 2)


def bibles(**changes: Any) -> Bibles:
    return replace(Bibles(), voice=replace(Bibles().voice, **changes))


def score(paragraph: str, **changes: Any) -> int:
    [found] = conformity(paragraph, bibles(**changes))
    assert found.score == 100 - sum(each.points for each in found.deductions)
    return found.score


@pytest.mark.parametrize(
    ("paragraph", "changes", "expected"),
    [
        (PLAIN, {}, 100),
        ("I took my coat and I went.", {}, 80),
        ("I took my coat and I went.", {"pov": Pov.FIRST}, 100),
        ("He took his coat.", {"pov": Pov.FIRST}, 80),
        ("He is here and she has gone.", {}, 85),
        ("He is here and she has gone.", {"tense": Tense.PRESENT}, 100),
        ("He waited and counted.", {"tense": Tense.PRESENT}, 85),
        (LONG, {"writing_style": Style.EMOTIONAL}, 85),
        (LONG + " His heart.", {"writing_style": Style.EMOTIONAL}, 100),
        (LONG, {"genre": Genre.SCIFI}, 90),
        (LONG, {"genre": Genre.SCIFI, "genre_on": False}, 100),
        (PLAIN, {"genre": Genre.SCIFI}, 100),
        ("He slowly waited.", {"lock_on": True}, 75),
        ("He slowly waited.", {}, 100),
        ("The lamp was broken.", {"lock_on": True}, 80),
        ("There were eleven.", {"lock_on": True}, 100),
        ("“I am here and I have my coat,” he said.", {}, 100),
    ],
)
def test_what_is_taken_off(paragraph: str, changes: dict[str, Any], expected: int) -> None:
    assert score(paragraph, **changes) == expected


def test_every_paragraph_is_judged_and_an_empty_draft_has_no_mean() -> None:
    found = conformity(f"{PLAIN}\n\n\n{PLAIN}", Bibles())
    assert [each.index for each in found] == [0, 1]
    assert average(found) == 100
    assert average(conformity(" \n", Bibles())) is None


BIBLE = StoryBible(
    synopsis="The winter of 1921.",
    world="A port. There are no telephones, and without trains.",
    characters="Ana: the keeper, grey eyes, black hair.\nOld Tom: drowned in the storm.",
    outline="1. The storm of 1922.",
)


@pytest.mark.parametrize(
    ("draft", "kind", "issue"),
    [
        ("Ana had blue eyes.", Kind.CHARACTER_TRAIT, "Ana has grey eyes in the story bible, and blue eyes here."),
        ("Old Tom laughed.", Kind.CONTINUITY, "Old Tom is dead since the story bible, and acts here."),
        ("Ana died.\n\nAna said no.", Kind.CONTINUITY, "Ana is dead since paragraph 1, and acts here."),
        ("It was 1935.", Kind.TIMELINE, "1935 is outside the story's time, 1921 to 1922."),
        ("The trains came late.", Kind.WORLD_BUILDING, "The story bible's world has no trains, and it is here."),
    ],
)
def test_each_kind_is_found(draft: str, kind: Kind, issue: str) -> None:
    [found] = canon_findings(project(draft=draft, story_bible=BIBLE))
    assert (found.kind, found.issue) == (kind, issue)
    assert len(found.resolutions) == 2


@pytest.mark.parametrize(
    "draft",
    ["Ana had grey eyes.", "Ben had blue eyes.", "It was 1922.", "There were no trains.", "Ana laughed.", ""],
)
def test_what_fits_is_not_found(draft: str) -> None:
    assert canon_findings(project(draft=draft, story_bible=BIBLE)) == ()


def test_what_was_set_aside_is_not_found_again() -> None:
    start = project(draft="Ana had blue eyes.", story_bible=BIBLE)
    [found] = canon_findings(start)
    assert found.key == "character_trait:0:Ana had blue eyes."
    assert found.confidence == 85
    assert canon_findings(replace(start, ignored=(found.key,))) == ()
