"""Projects as JSON and back, whatever they hold; and what is no project is refused with the field's name."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.drafting.bibles import Bibles, Lane, Sample, Style, StyleBank, Voice
from backends.drafting.model import Library, Project, StoryBible
from backends.drafting.records import decode, encode, project_of
from backends.drafting.shapes import Unfit, plain
from backends.safety.text import display_text, prose
from tests.backends.drafting.scripted import AT, project

TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
SAMPLES = st.lists(st.builds(Sample, st.sampled_from(Lane), TEXT, st.just(AT)), max_size=3).map(tuple)


@given(TEXT, TEXT, SAMPLES, st.floats(0, 1), st.sampled_from(Style))
def test_every_project_comes_back_as_it_was_sanitised(
    draft: str, title: str, samples: tuple[Sample, ...], intensity: float, style: Style
) -> None:
    bibles = Bibles(
        voice=replace(Bibles().voice, writing_style=style, lock_intensity=intensity),
        voices=(Voice("Ana", AT, samples),),
        banks=(StyleBank(Style.LYRICAL, AT, samples),),
    )
    start = project(1, title=title, draft=draft, intensity=intensity, bibles=bibles, story_bible=StoryBible(draft))
    [once] = decode(encode(Library((start,)), AT)).library.projects
    assert once.draft == prose(draft)
    assert once.title == display_text(title)
    assert [each.text for each in once.bibles.voices[0].samples] == [prose(each.text) for each in samples]
    [twice] = decode(encode(Library((once,)), AT)).library.projects
    assert twice == once


@given(TEXT)
def test_prose_keeps_nothing_that_commands_a_terminal(text: str) -> None:
    kept = prose(text)
    assert prose(kept) == kept
    assert not any(ord(char) < 0x20 and char != "\n" for char in kept)
    assert not set("\x7f\x9b\u202a\u202e\u2066\u2069\ufeff") & set(kept)


def record(**changes: object) -> dict[str, object]:
    return {**json.loads(json.dumps(plain(project(1)))), **changes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": 7}, "id is int where a text belongs"),
        ({"bay": "SOLD"}, "bay is 'SOLD', which is no bay"),
        ({"created_at": "2026-01-02T03:04:05"}, "created_at is a time without its zone"),
        ({"created_at": "never"}, "created_at is no time"),
        ({"intensity": 1.5}, "intensity is not from 0 to 1"),
        ({"intensity": True}, "intensity is not from 0 to 1"),
        ({"story_bible": []}, "story_bible is no object"),
        ({"bibles": {"voices": [{"name": "Ana"}]}}, r"bibles.voices\[0\].created_at is missing"),
        ({"bibles": {"voice": {"lock_on": 1}}}, "bibles.voice.lock_on is neither true nor false"),
        ({"ignored": "all"}, "ignored is no list"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, object], said: str) -> None:
    with pytest.raises(Unfit, match=said):
        project_of(record(**changes))


def test_what_is_missing_has_its_default_and_what_is_unknown_is_left_out() -> None:
    known = {name: record()[name] for name in ("id", "title", "created_at", "updated_at")}
    assert project_of({**known, "later": 1}) == Project(project(1).id, project(1).title, AT, AT)
