"""Voices, style banks and story bible: caps, limits, scoring, locks, and that all of it travels with the project."""

from dataclasses import replace
from pathlib import Path

import pytest

from backends.drafting import samples, story, voice
from backends.drafting.bibles import Bibles, Lane, Sample, Style, StyleBank, Voice
from backends.drafting.errors import NotAccepted
from backends.drafting.model import StoryBible
from backends.drafting.store import Store
from tests.backends.drafting.scripted import AT, project

LONG = "The keeper counted the lamps along the wall, as he did every night of that winter."


def bibles(**changes: object) -> Bibles:
    return replace(samples.add_voice(Bibles(), "Ana", AT), **changes)  # type: ignore[arg-type]


def test_a_voice_keeps_the_newest_sixty_of_each_lane() -> None:
    grown = bibles()
    for number in range(62):
        grown = samples.add_voice_sample(grown, "Ana", f"sample {number}", AT, Lane.ACTION)
    grown = samples.add_voice_sample(grown, "Ana", "“Go,” she said. “Now.”", AT)
    ana = grown.find_voice("Ana")
    assert ana is not None
    assert [each.text for each in ana.of(Lane.ACTION)] == [f"sample {number}" for number in range(2, 62)]
    assert len(ana.of(Lane.DIALOGUE)) == 1


def test_a_bank_keeps_the_newest_two_hundred_and_fifty_of_each_lane() -> None:
    text = "\n\n".join(f"{LONG} {number}" for number in range(252))
    grown, made = samples.add_style_samples(Bibles(), Style.LYRICAL, text, AT, by_paragraph=True, lane=Lane.NARRATION)
    bank = grown.bank(Style.LYRICAL)
    assert bank is not None
    assert (made, len(bank.samples)) == (252, 250)
    assert bank.samples[0].text.endswith(" 2")


@pytest.mark.parametrize(
    ("text", "by_paragraph", "said"),
    [
        ("x" * 39, False, "style sample has 39 characters; at least 40 are needed"),
        ("x" * 9_001, False, "style sample has 9,001 characters; at most 9,000 are accepted"),
        ("short\n\nalso short", True, "no paragraph has 40 to 9,000 characters"),
    ],
)
def test_a_style_sample_out_of_its_limits_is_refused(text: str, by_paragraph: bool, said: str) -> None:
    with pytest.raises(NotAccepted, match=said):
        samples.add_style_samples(Bibles(), Style.LYRICAL, text, AT, by_paragraph=by_paragraph)


def test_whole_is_one_sample_and_neutral_has_no_bank() -> None:
    grown, made = samples.add_style_samples(Bibles(), Style.EMOTIONAL, f"{LONG}\n\n{LONG}", AT, by_paragraph=False)
    assert made == 1
    assert grown.bank(Style.EMOTIONAL) is not None
    with pytest.raises(NotAccepted, match="Neutral, which has no bank"):
        samples.add_style_samples(Bibles(), Style.NEUTRAL, LONG, AT, by_paragraph=False)


@pytest.mark.parametrize("name", ["", " ", "x" * 61, "Ana"])
def test_a_voice_needs_a_name_of_its_own(name: str) -> None:
    with pytest.raises(NotAccepted, match="voice"):
        samples.add_voice(bibles(), name, AT)


def test_samples_and_voices_can_be_dropped() -> None:
    grown = samples.add_voice_sample(bibles(), "Ana", LONG, AT)
    grown = replace(grown, voice=replace(grown.voice, trained_voice="Ana"))
    [ana] = grown.voices
    assert samples.without_voice_sample(grown, "Ana", ana.samples[0]).voices[0].samples == ()
    gone = samples.without_voice(grown, "Ana")
    assert (gone.voices, gone.voice.trained_voice) == ((), "")
    styled, _ = samples.add_style_samples(Bibles(), Style.LYRICAL, LONG, AT, by_paragraph=False)
    [bank] = styled.banks
    assert samples.without_style_sample(styled, Style.LYRICAL, bank.samples[0]).banks[0].samples == ()


def test_the_best_ten_come_first() -> None:
    kept = [Sample(Lane.NARRATION, "cold " * number, AT) for number in range(1, 13)]
    assert len(samples.best(kept)) == 10
    scores = [score for score, _ in samples.best(kept)]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("name", voice.CONTROLS)
def test_every_control_turns_and_comes_back(name: str) -> None:
    start = bibles()
    start = replace(start, voice=replace(start.voice, lock_intensity=0.5))
    turned = voice.turned(start, name, 1)
    if name in voice.TEXTS:
        assert turned == start
        assert getattr(voice.written(start, name, "Salt.").voice, name) == "Salt."
        with pytest.raises(NotAccepted, match="at most 10,000"):
            voice.written(start, name, "x" * 10_001)
        return
    assert voice.shown(turned, name) != voice.shown(start, name)
    assert voice.turned(turned, name, -1) == start


def test_a_locked_story_bible_is_not_changed_and_tells_who_changed_it() -> None:
    open_one = story.with_section(project(), "world", "A port.")
    locked = story.locked(open_one, AT)
    with pytest.raises(NotAccepted, match="locked"):
        story.with_section(locked, "world", "A city.")
    assert not story.changed_since_lock(locked)
    assert story.changed_since_lock(replace(locked, story_bible=StoryBible(world="A city.")))
    assert story.locked(locked, AT).binding.locked is False


def test_a_section_too_long_is_named() -> None:
    with pytest.raises(NotAccepted, match=r"story bible section world has 20,001 characters; at most 20,000"):
        story.with_section(project(), "world", "x" * 20_001)


def test_all_of_a_project_travels_with_it_and_nothing_of_another(tmp_path: Path) -> None:
    sample = Sample(Lane.ACTION, "He ran. \u200d", AT)
    own = Bibles(
        voice=replace(Bibles().voice, lock_on=True, voice_lock_prompt="no adverbs", trained_voice="Ana"),
        voices=(Voice("Ana", AT, (sample,)),),
        banks=(StyleBank(Style.LYRICAL, AT, (sample,)),),
        forced_lane=Lane.DIALOGUE,
    )
    first = story.locked(project(1, bibles=own, story_bible=StoryBible(world="A port."), ignored=("x",)), AT)
    store = Store(tmp_path, now=lambda: AT)
    store.put(first)
    store.put(project(2))
    one, other = Store(tmp_path).load().library.projects
    assert one == first
    assert other.bibles == Bibles()
