"""The brief: the same parts in the same order, whatever the project holds."""

from dataclasses import replace

import pytest

from backends.drafting.brief import build_brief
from backends.drafting.errors import NotAccepted
from backends.drafting.lanes import detect_lane
from backends.drafting.limits import BRIEF, TEXT
from backends.drafting.model import Action, Effect, Lane, StoryBible
from tests.backends.drafting.scripted import project

BIBLE = StoryBible("A keeper drowns.", "Noir", "A port in winter.", "Ana, the keeper.", "1. Storm.")


def test_the_instructions_are_the_parts_in_their_order() -> None:
    brief = build_brief(Action.WRITE, project(draft="He ran and jumped.", story_bible=BIBLE, intensity=1.0))
    places = [brief.instructions.index(label) for label in ("ROLE\n", "CANON\n", "LANE\n", "INTENSITY\n")]
    places += [
        brief.instructions.index("STORY BIBLE\nSynopsis: A keeper drowns."),
        brief.instructions.index("ACTION\n"),
    ]
    assert places == sorted(places)
    assert "Characters: Ana, the keeper." in brief.instructions
    assert "1.00 (MAX)" in brief.instructions
    assert brief.temperature == 1.1


def test_the_lane_is_the_drafts_or_the_synopsis_or_the_one_that_is_asked_for() -> None:
    spoken = project(draft="It rained.\n\n“Go,” she said. “Now.”")
    assert build_brief(Action.WRITE, spoken).lane is Lane.DIALOGUE
    assert build_brief(Action.WRITE, spoken, Lane.ACTION).lane is Lane.ACTION
    blank = project(draft=" \n", story_bible=StoryBible(synopsis="I think of my mother, and I know."))
    assert build_brief(Action.WRITE, blank).lane is Lane.INTERIORITY


def test_only_the_end_of_a_long_draft_goes_with_a_write() -> None:
    brief = build_brief(Action.WRITE, project(draft="start " + "x" * TEXT.most))
    assert brief.request.endswith("DRAFT:\n" + "x" * TEXT.most)


def test_a_story_bible_that_is_too_long_is_named_with_its_limit() -> None:
    long = project(story_bible=replace(BIBLE, world="x" * BRIEF.most))
    with pytest.raises(NotAccepted, match=r"brief has 50,.* at most 50,000 are accepted"):
        build_brief(Action.WRITE, long)


@pytest.mark.parametrize("action", [each for each in Action if each.effect is Effect.REPLACE])
def test_what_replaces_a_draft_is_sent_all_of_it(action: Action) -> None:
    draft = "First line.\n\nLast line."
    assert build_brief(action, project(draft=draft)).request.endswith(f"DRAFT:\n{draft}")
    with pytest.raises(NotAccepted, match="empty"):
        build_brief(action, project(draft="\n"))


@pytest.mark.parametrize(
    ("paragraph", "lane"),
    [
        ("— Who goes there?", Lane.DIALOGUE),
        ("'Tis I", Lane.DIALOGUE),
        ("I’d known it; my hands told me.", Lane.NARRATION),
        ("I know my hands.", Lane.INTERIORITY),
        ("She pulled!", Lane.NARRATION),
        ("She pulled and pushed.", Lane.ACTION),
        ("“He ran, he jumped,” I think, and I know.", Lane.DIALOGUE),
    ],
)
def test_lanes(paragraph: str, lane: Lane) -> None:
    assert detect_lane("Another paragraph.\n \n" + paragraph + "\n\n") is lane
