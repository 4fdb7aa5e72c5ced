"""Which samples a brief shows: the mix of lanes, the count by intensity, the same in every process."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from backends.drafting.bibles import Bibles, Lane, Sample, Style, StyleBank, Voice
from backends.drafting.brief import build_brief
from backends.drafting.limits import STYLE_CAP, VOICE_CAP
from backends.drafting.model import Action, Project, StoryBible
from backends.drafting.retrieval import exemplar_count, style_exemplars, voice_exemplars
from backends.drafting.vectors import DIMENSIONS, cosine, vector
from backends.safety.secrets import mask
from tests.backends.drafting.scripted import AT, project

SEA = "The salt wind and the grey water under the harbour wall."
SPOKEN = "“The harbour,” she said. “The salt.”"


def sample(text: str, lane: Lane = Lane.NARRATION) -> Sample:
    return Sample(lane, text, AT)


def trained(*kept: Sample) -> Bibles:
    start = Bibles(voices=(Voice("Ana", AT, kept),))
    return replace(start, voice=replace(start.voice, trained_on=True, trained_voice="Ana"))


def styled(*kept: Sample, intensity: float = 1.0) -> Bibles:
    start = Bibles(banks=(StyleBank(Style.LYRICAL, AT, kept),))
    return replace(start, voice=replace(start.voice, writing_style=Style.LYRICAL, style_intensity=intensity))


def test_two_of_the_lane_and_one_of_narration_none_twice() -> None:
    kept = [sample(f"{SPOKEN} {number}", Lane.DIALOGUE) for number in range(4)]
    kept += [sample(f"{SEA} {number}") for number in range(3)]
    found = voice_exemplars(trained(*kept), "the salt harbour wind", Lane.DIALOGUE)
    assert [each.lane for each in found] == [Lane.DIALOGUE, Lane.DIALOGUE, Lane.NARRATION]
    narrated = voice_exemplars(trained(*kept), "the salt harbour wind", Lane.NARRATION)
    assert len({each.text for each in narrated}) == 3
    twice = trained(sample(SPOKEN, Lane.DIALOGUE), sample(SPOKEN))
    assert len(voice_exemplars(twice, SPOKEN, Lane.DIALOGUE)) == 1


def test_what_is_not_alike_at_all_is_no_exemplar() -> None:
    assert voice_exemplars(trained(sample("…")), SEA, Lane.NARRATION) == ()
    assert voice_exemplars(Bibles(), SEA, Lane.NARRATION) == ()


def test_a_style_shows_one_to_three_of_the_lane_or_of_all_where_that_has_none() -> None:
    kept = [sample(f"{SEA} {number}") for number in range(5)]
    for intensity, count in ((0.0, 1), (0.5, 2), (1.0, 3)):
        assert exemplar_count(intensity) == count
        assert len(style_exemplars(styled(*kept, intensity=intensity), SEA, Lane.NARRATION)) == count
    elsewhere = style_exemplars(styled(*kept), SEA, Lane.DIALOGUE)
    assert {each.lane for each in elsewhere} == {Lane.NARRATION}
    neutral = replace(styled(*kept), voice=Bibles().voice)
    assert style_exemplars(neutral, SEA, Lane.NARRATION) == ()


def test_the_likest_comes_first_with_its_origin() -> None:
    [first, *_] = style_exemplars(styled(sample("Quite another thing."), sample(SEA)), SEA, Lane.NARRATION)
    assert (first.text, first.likeness) == (SEA, 1.0)
    assert first.origin == "style LYRICAL, Narration, added 2026-01-02 03:04 UTC"


def test_vectors_are_the_same_in_every_process() -> None:
    assert len(vector(SEA)) == DIMENSIONS
    code = f"from backends.drafting.vectors import vector; print(vector({SEA!r})[:40])"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert runs == {f"{vector(SEA)[:40]}\n"}
    assert cosine(vector(SEA), vector("salt water wind")) > cosine(vector(SEA), vector("of a cabbage"))


def full() -> Project:
    lanes = list(Lane)
    spoken = [Sample(lane, f"{SEA} {number}", AT) for lane in lanes for number in range(VOICE_CAP)]
    written = [Sample(lane, f"{SEA} {number}", AT) for lane in lanes for number in range(STYLE_CAP)]
    start = trained(*spoken)
    chosen = replace(start.voice, writing_style=Style.LYRICAL, style_intensity=1.0)
    return project(
        draft=SEA, bibles=replace(start, voice=chosen, banks=(StyleBank(Style.LYRICAL, AT, tuple(written)),))
    )


def test_a_brief_has_all_parts_in_their_order_and_says_where_exemplars_came_from() -> None:
    start = full()
    voice: dict[str, Any] = {
        "match_on": True, "voice_sample": "m" * 3_000, "lock_on": True, "voice_lock_prompt": "No adverbs.",
    }  # fmt: skip
    told = replace(
        start,
        bibles=replace(start.bibles, voice=replace(start.bibles.voice, **voice)),
        story_bible=StoryBible(world="A port."),
    )
    brief = build_brief(Action.WRITE, told)
    assert [label for label, _ in brief.sections] == [
        "ROLE", "CANON", "LANE", "INTENSITY", "VOICE CONTROLS", "STYLE", "STYLE EXEMPLARS", "TRAINED EXEMPLARS",
        "STORY BIBLE", "ACTION",
    ]  # fmt: skip
    assert len(brief.exemplars) == 6
    assert all(each.text in brief.instructions for each in brief.exemplars)
    assert "to be kept strictly: No adverbs." in brief.instructions
    assert "m" * 2_000 in brief.instructions
    assert "m" * 2_001 not in brief.instructions
    assert brief.tokens >= len(brief.instructions) / 4


@pytest.mark.parametrize("part", ["style_on", "genre_on", "technical_on", "trained_on", "match_on", "lock_on"])
def test_what_is_off_says_nothing(part: str) -> None:
    every = dict.fromkeys(("style_on", "genre_on", "technical_on", "trained_on", "match_on", "lock_on"), True)
    texts = {"voice_sample": "Sample.", "voice_lock_prompt": "Lock."}
    start = full()

    def said(**changes: Any) -> str:
        voice = replace(start.bibles.voice, **{**every, **texts, **changes})
        return build_brief(Action.WRITE, replace(start, bibles=replace(start.bibles, voice=voice))).instructions

    assert len(said(**{part: False})) < len(said())


def test_a_forced_lane_wins_over_the_detected_one() -> None:
    forced = project(draft=SPOKEN, bibles=Bibles(forced_lane=Lane.ACTION))
    assert build_brief(Action.WRITE, forced).lane is Lane.ACTION
    assert build_brief(Action.WRITE, forced, Lane.INTERIORITY).lane is Lane.INTERIORITY


def test_secrets_are_masked_in_what_is_shown_and_sent() -> None:
    mask.learn(["hunter2-hunter2"])
    brief = build_brief(Action.WRITE, project(draft="The key is hunter2-hunter2."))
    assert all("hunter2" not in text for _, text in brief.messages)
