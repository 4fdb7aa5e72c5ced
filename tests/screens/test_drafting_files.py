"""Files and commands on screen 6: the palette's commands, imports with an offered repair, exports."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from backends.drafting.model import Kind, StoryBible
from backends.drafting.store import Store
from tests.backends.drafting.scripted import project
from tests.screens.drafting_stage import draft_editor, drafting, saved
from tests.stage import shown
from tests.waiting import until

FIXTURES = Path(__file__).parents[1] / "backends/drafting/fixtures"


async def say(pilot: Pilot[int], command: str) -> None:
    """Gives a command through the palette."""
    await pilot.press("colon")
    await pilot.pause()
    pilot.app.screen.query_one(Input).value = command
    await until(lambda: pilot.app.screen.query_one("CommandList").option_count == 1)  # type: ignore[attr-defined]
    await pilot.press("enter")


async def test_the_originals_commands_work_from_the_palette(tmp_path: Path) -> None:
    bible = StoryBible(world="He is everywhere.", genre_style_notes="he he")
    async with drafting(tmp_path, project(1, draft="He waited. And he left.", story_bible=bible)) as (pilot, _):
        await say(pilot, "/promote")
        await until(lambda: saved(tmp_path).bay.value == "ROUGH")
        await say(pilot, "/find: he")
        line = await shown(pilot, "4 hits")
        assert "draft          1  He waited. And he left." in line
        assert "world          1  He is everywhere." in line
        await pilot.press("escape")
        await say(pilot, "/create: Salt and rope")
        await until(lambda: saved(tmp_path, -1).title == "Salt and rope")
        await say(pilot, "/incident: Pools")
        await until(lambda: saved(tmp_path, -1).kind is Kind.INCIDENT)


async def test_an_import_is_offered_repaired_and_can_be_undone(tmp_path: Path) -> None:
    (tmp_path / "wrong.txt").write_text("cafÃ©")
    (tmp_path / "long.txt").write_text("x" * 2_000)
    async with drafting(tmp_path, draft_characters=2_000) as (pilot, _):
        await say(pilot, f"/import: {tmp_path / 'wrong.txt'}")
        await shown(pilot, "wrong.txt was decoded wrongly in 1 places")
        await pilot.press("enter")
        await until(lambda: saved(tmp_path).draft == "He waited.\n\ncafé")
        await pilot.press("u")
        await until(lambda: saved(tmp_path).draft == "He waited.")
        await say(pilot, f"/import: {tmp_path / 'nowhere.txt'}")
        await shown(pilot, "nowhere.txt can't be read")
        await say(pilot, f"/import: {tmp_path / 'long.txt'}")
        await shown(pilot, "draft has 2,012 characters; at most 2,000")
        assert saved(tmp_path).draft == draft_editor(pilot).text == "He waited."


async def test_the_originals_state_is_added(tmp_path: Path) -> None:
    async with drafting(tmp_path) as (pilot, _):
        await say(pilot, f"/import: {FIXTURES / 'olivetti_state.json'}")
        await shown(pilot, "Added 2 projects.")
        await shown(pilot, "Harbour lights")


async def test_every_format_is_exported(tmp_path: Path) -> None:
    async with drafting(tmp_path) as (pilot, _):
        for form, suffix in (("txt", "txt"), ("md", "md"), ("docx", "docx"), ("bundle", "json")):
            await say(pilot, f"/export: {form}")
            await until(lambda suffix=suffix: list((tmp_path / "exports").glob(f"*.{suffix}")))  # type: ignore[misc]
        await say(pilot, "/export: library")
        await until(lambda: list((tmp_path / "exports").glob("drafts-*.json")))
        await say(pilot, "/export: pdf")
        await shown(pilot, "format “pdf” is none")


async def test_e_writes_something_useful_where_no_project_was_made(tmp_path: Path) -> None:
    (tmp_path / "drafting").mkdir()
    async with drafting(tmp_path) as (pilot, _):
        await pilot.press("slash", *"nothing has this name", "enter")
        await until(lambda: draft_editor(pilot).text == "")
        await pilot.press("e")
        await until(lambda: list((tmp_path / "exports").glob("drafts-*.json")))
        await pilot.press("slash", "escape", "e")
        await until(lambda: list((tmp_path / "exports").glob("draft-*.md")))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_a_backup_is_compared_and_brought_back(tmp_path: Path, size: tuple[int, int]) -> None:
    store = Store(tmp_path / "drafting")
    for draft in ("He came.", "He left."):
        store.put(project(1, draft=draft, story_bible=StoryBible(world=draft)))
    async with drafting(tmp_path, project(1, draft="He waited."), size=size) as (pilot, _):
        await pilot.press("h")
        await shown(pilot, "enter shows the difference")
        await pilot.press("j", "enter")
        line = await shown(pilot, "[-He waited.-]{+He came.+}")
        assert "── story bible world ──" in line
        assert line.index("{+He came.+}") < line.rindex("{+He came.+}")
        assert saved(tmp_path).draft == "He waited."
        await pilot.press("enter")
        await until(lambda: (saved(tmp_path).draft, saved(tmp_path).story_bible.world) == ("He came.", "He came."))
        await pilot.press("u")
        await until(lambda: (saved(tmp_path).draft, saved(tmp_path).story_bible.world) == ("He waited.", ""))
        await pilot.press("U")
        await until(lambda: saved(tmp_path).story_bible.world == "He came.")
