"""The bibles on screen: every part is edited by keys and lands on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.drafting.bibles import Lane, Style
from backends.drafting.locks import ProjectLock
from tests.backends.drafting.scripted import AT, project
from tests.screens.drafting_stage import drafting, saved
from tests.stage import shown
from tests.waiting import until

NARROW = pytest.mark.parametrize("size", [(80, 24)], ids=["80x24"])
WIDE = pytest.mark.parametrize("size", [(120, 40)], ids=["120x40"])


@NARROW
async def test_a_section_is_written_and_locked(tmp_path: Path, size: tuple[int, int]) -> None:
    async with drafting(tmp_path, size=size) as (pilot, _):
        await pilot.press("b")
        await shown(pilot, "Genre style notes")
        await pilot.press("enter", *"A keeper drowns.", "escape")
        await until(lambda: saved(tmp_path).story_bible.synopsis == "A keeper drowns.")
        await pilot.press(*"jjjjj", "enter")
        await shown(pilot, "locked")
        await until(lambda: saved(tmp_path).binding.locked)
        await pilot.press("g", "enter")
        await shown(pilot, "The story bible is locked: enter on Lock opens it.")
        await pilot.press("escape")
        await shown(pilot, "He waited.")
        await until(lambda: saved(tmp_path).binding.fingerprint != "")


@WIDE
async def test_controls_turn_both_ways_and_texts_are_written(tmp_path: Path, size: tuple[int, int]) -> None:
    async with drafting(tmp_path, size=size) as (pilot, _):
        await pilot.press("b", "v")
        await shown(pilot, "AI intensity")
        await pilot.press("right", "j", "enter")
        await until(lambda: (saved(tmp_path).intensity, saved(tmp_path).bibles.voice.style_on) == (0.8, False))
        await pilot.press(*"jjjjjj", "l", "l")
        await until(lambda: saved(tmp_path).bibles.voice.writing_style is Style.DESCRIPTIVE)
        await pilot.press("h", "j", "j", "j", "enter", *"Like rain.", "escape")
        await until(lambda: saved(tmp_path).bibles.voice.voice_sample == "Like rain.")
        await pilot.press("G", "left")
        await until(lambda: saved(tmp_path).bibles.forced_lane is Lane.ACTION)
        assert saved(tmp_path).bibles.voice.writing_style is Style.NARRATIVE


@NARROW
async def test_voices_and_their_samples_are_made_and_dropped(tmp_path: Path, size: tuple[int, int]) -> None:
    async with drafting(tmp_path, size=size) as (pilot, _):
        await pilot.press("b", "v", "v")
        await shown(pilot, "no voices yet: n makes one")
        await pilot.press("n", *"Ana", "enter")
        await shown(pilot, "Dial 0")
        await pilot.press("a", *"He ran and jumped.", "escape")
        await shown(pilot, "He ran and jumped.")
        await until(lambda: [each.lane for each in saved(tmp_path).bibles.voices[0].samples] == [Lane.ACTION])
        await pilot.press("enter")
        await until(lambda: saved(tmp_path).bibles.voice.trained_voice == "Ana")
        await pilot.press("j", "d")
        await shown(pilot, "d again drops it")
        await pilot.press("d")
        await until(lambda: saved(tmp_path).bibles.voices[0].samples == ())


async def test_style_samples_are_split_scored_and_refused_by_their_limits(tmp_path: Path) -> None:
    async with drafting(tmp_path) as (pilot, _):
        await pilot.press("b", "v", "v", "v")
        await shown(pilot, "NARRATIVE")
        await pilot.press("a", *"too short", "escape")
        await shown(pilot, "no paragraph has 40 to 9,000 characters")
        await pilot.press(*" by far, so here comes some more of it", "enter", "enter", *"tiny", "escape")
        await shown(pilot, "1 samples added, 1 paragraphs left out: under 40 or over 9,000 characters")
        await until(lambda: len(saved(tmp_path).bibles.banks[0].samples) == 1)
        await pilot.press("m", "t")
        line = await shown(pilot, "new samples: whole")
        assert "lane Dialogue" in line


async def test_leaving_the_console_keeps_what_is_being_written(tmp_path: Path) -> None:
    async with drafting(tmp_path) as (pilot, _):
        await pilot.press("b")
        await shown(pilot, "Genre style notes")
        await pilot.press("enter", *"Half a th")
        await pilot.app.leave()  # type: ignore[attr-defined]
        assert saved(tmp_path).story_bible.synopsis == "Half a th"


async def test_what_another_console_writes_is_only_read(tmp_path: Path) -> None:
    lock = ProjectLock.take(tmp_path / "drafting/locks", project(1), AT)
    async with drafting(tmp_path) as (pilot, _):
        await pilot.press("b")
        await shown(pilot, "Genre style notes")
        await pilot.press("enter")
        await shown(pilot, "read-only")
        await pilot.press("v", "enter")
        await shown(pilot, "is being written by")
    lock.release()
    assert saved(tmp_path).intensity == 0.75
