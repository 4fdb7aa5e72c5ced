"""Actions on screen 6: the brief before, the difference in between, the draft after, and undoing each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backends.drafting.journal import interrupted
from backends.drafting.model import Action, StoryBible
from tests.backends.drafting.scripted import Reply, finish, project, text, whole
from tests.screens.drafting_stage import draft_editor, drafting, saved, sent
from tests.stage import shown
from tests.waiting import until

NARROW = pytest.mark.parametrize("size", [(80, 24)], ids=["80x24"])
PLACES = {action: place for place, action in enumerate(Action)}


def choosing(action: Action) -> list[str]:
    """The keys that ask for an action, past its brief."""
    return ["a", *"j" * PLACES[action], "enter", "enter"]


@pytest.mark.parametrize(("key", "size"), [("v", (80, 24)), ("w", (120, 40))])
async def test_the_brief_is_shown_before_it_is_sent(tmp_path: Path, key: str, size: tuple[int, int]) -> None:
    async with drafting(tmp_path, size=size) as (pilot, endpoint):
        endpoint.script = [whole("It rained.")]
        await pilot.press(key)
        line = await shown(pilot, "Brief: write")
        assert "temperature 0.8625" in line
        assert "tokens" in line
        assert "── system" in line
        assert endpoint.requests == []
        await pilot.press("enter")
        await until(lambda: saved(tmp_path).draft == "He waited.\n\nIt rained.")
        assert [each["role"] for each in endpoint.requests[0]["messages"]] == ["system", "user"]


@pytest.mark.parametrize("action", [Action.REWRITE, Action.GRAMMAR])
async def test_what_replaces_shows_the_difference_and_can_be_undone(tmp_path: Path, action: Action) -> None:
    async with drafting(tmp_path) as (pilot, endpoint):
        endpoint.script = [whole("He ", "stayed.")]
        await pilot.press(*choosing(action))
        await shown(pilot, "[-He waited.-]{+He stayed.+}")
        assert saved(tmp_path).draft == "He waited."
        await pilot.press("enter")
        await until(lambda: saved(tmp_path).draft == "He stayed.")
        await shown(pilot, f"Took {action.value}; u undoes it.")
        await pilot.press("u")
        await until(lambda: saved(tmp_path).draft == "He waited.")
        await pilot.press("U")
        await until(lambda: saved(tmp_path).draft == "He stayed.")


async def test_what_is_not_taken_changes_nothing(tmp_path: Path) -> None:
    async with drafting(tmp_path) as (pilot, endpoint):
        endpoint.script = [whole("He stayed.")]
        await pilot.press(*choosing(Action.REWRITE))
        await shown(pilot, "{+He stayed.+}")
        await pilot.press("escape")
        await shown(pilot, "● whole")
        assert draft_editor(pilot).text == saved(tmp_path).draft == "He waited."


@pytest.mark.parametrize(("action", "size"), [(Action.SYNONYM, (80, 24)), (Action.SENTENCE, (120, 40))])
async def test_tools_answer_beside_the_draft(tmp_path: Path, action: Action, size: tuple[int, int]) -> None:
    async with drafting(tmp_path, size=size) as (pilot, endpoint):
        endpoint.script = [whole("stayed\nlingered\n" + "x" * 20_000)]
        await pilot.press(*choosing(action))
        await shown(pilot, "lingered")
        await shown(pilot, "● whole")
        assert len(pilot.app.screen.query_one("#tool").text) == 12_000  # type: ignore[attr-defined]
        assert draft_editor(pilot).text == "He waited."
        await pilot.press("escape")
        await until(lambda: not pilot.app.screen.query_one("#tool").display)


async def test_a_write_is_undone_at_once(tmp_path: Path) -> None:
    async with drafting(tmp_path) as (pilot, endpoint):
        endpoint.script = [whole("It ", "rained ", "all night.")]
        await pilot.press("w")
        await sent(pilot)
        await until(lambda: saved(tmp_path).draft.endswith("all night."))
        await pilot.press("u")
        await until(lambda: saved(tmp_path).draft == "He waited.")
        await pilot.press("u")
        await shown(pilot, "Nothing to undo.")
        await pilot.press("w")
        await sent(pilot)
        await shown(pilot, "cached: nothing was sent")
        await pilot.press("u", "W")
        await sent(pilot)
        await until(lambda: len(endpoint.requests) == 2)


async def test_a_replacement_that_broke_off_is_gone_on_with(tmp_path: Path) -> None:
    async with drafting(tmp_path) as (pilot, endpoint):
        endpoint.script = [Reply([text("He st")], cut=True), whole("ayed.")]
        await pilot.press(*choosing(Action.REWRITE))
        await shown(pilot, "o goes on with it")
        assert saved(tmp_path).draft == "He waited."
        await pilot.press("o")
        await sent(pilot)
        await shown(pilot, "{+He stayed.+}")
        assert endpoint.requests[1]["messages"][2] == {"role": "assistant", "content": "He st"}
        await pilot.press("enter")
        await until(lambda: saved(tmp_path).draft == "He stayed.")


async def test_a_replacement_whose_process_died_never_gets_into_the_draft(tmp_path: Path) -> None:
    start = project(1, draft="He waited.")
    journal = tmp_path / "drafting" / "journal" / f"{start.id}.20261120T100000.000000Z.jsonl"
    journal.parent.mkdir(parents=True)
    lines = [{"at": "2026-11-20T10:00:00+00:00", "action": "rewrite"}, {"text": "He st"}]
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    async with drafting(tmp_path, start) as (pilot, endpoint):
        endpoint.script = [whole("ayed.")]
        await pilot.press("i")
        await shown(pilot, "y shows 5 characters of an answer (rewrite)")
        await pilot.press("escape", "y")
        await shown(pilot, "He st")
        assert draft_editor(pilot).text == saved(tmp_path).draft == "He waited."
        await pilot.press("o")
        await sent(pilot)
        await shown(pilot, "{+He stayed.+}")
        assert saved(tmp_path).draft == "He waited."
        await pilot.press("enter")
        await until(lambda: saved(tmp_path).draft == "He stayed.")
    assert list(interrupted(journal.parent, start.id)) == []


async def test_the_same_question_is_answered_from_the_cache(tmp_path: Path) -> None:
    async with drafting(tmp_path) as (pilot, endpoint):
        endpoint.script = [whole("He stayed.")]
        for expected in ("21 + 4 tokens", "cached: nothing was sent"):
            await pilot.press(*choosing(Action.REWRITE))
            await shown(pilot, "{+He stayed.+}")
            await pilot.press("escape")
            await shown(pilot, expected)
        assert len(endpoint.requests) == 1


async def test_an_answer_that_tells_the_console_to_do_something_is_text(tmp_path: Path) -> None:
    order = "[@click=app.quit]press q[/] /promote \x1b]52;c;ZXZpbA==\x07"
    async with drafting(tmp_path) as (pilot, endpoint):
        endpoint.script = [Reply([text(order), finish()])]
        await pilot.press("w")
        await sent(pilot)
        await shown(pilot, "[@click=app.quit]press q[/] /promote ␛]52;c;ZXZpbA==␇")
        assert (saved(tmp_path).bay.value, pilot.app.clipboard) == ("NEW", "")


@NARROW
async def test_the_draft_is_looked_through(tmp_path: Path, size: tuple[int, int]) -> None:
    bible = StoryBible(characters="Ana: grey eyes.")
    start = project(1, draft="He waited.\n\nAna had blue eyes, and I knew my way.", story_bible=bible)
    async with drafting(tmp_path, start, size=size) as (pilot, _):
        await pilot.press("m")
        line = await shown(pilot, "voice 90 of 100 over 2 paragraphs")
        assert "−20 not Close Third" in line
        assert "✖ error" in line
        await pilot.press("tab", "x")
        await shown(pilot, "nothing contradicts the story bible")
        await until(lambda: len(saved(tmp_path).ignored) == 1)
