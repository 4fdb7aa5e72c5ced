"""Plan, arm, confirm: what agrees, what doesn't, and that nothing else does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from backends.safety.arming import ARMED_S
from backends.safety.gate import Consent
from screens.consent import ConsentScreen
from tests.screens.changing import REQUEST, Changing, Clock, app_of, type_by_hand
from tests.stage import NOW, shown
from tests.waiting import until
from tests.widgets.harness import screen_text
from widgets.typed_name import TypedName


async def asked(pilot: Pilot[Any], *keys: str) -> Changing:
    """The screen, once its dialog is there; then the keys are pressed."""
    await shown(pilot, "41 % moved")
    screen = pilot.app.screen
    assert isinstance(screen, Changing)
    await pilot.press("p")
    await until(lambda: isinstance(pilot.app.screen, ConsentScreen))
    await pilot.press(*keys)
    return screen


async def test_outside_production_arming_and_a_key_agree(tmp_path: Path) -> None:
    async with app_of(tmp_path).run_test() as pilot:
        screen = await asked(pilot, "y", "enter", "i")
        assert "read-only: ! arms" in await shown(pilot, "usage_records")
        assert screen.said == []
        await pilot.press("exclamation_mark")
        text = await shown(pilot, "ARMED 10:00 · y does it, esc leaves")
        assert "[@click=app.quit]the worker" in text
        assert "olorin --env-file eu-west.env runs pause 7f3a" in text
        await pilot.press("y")
        await until(lambda: screen.said)
        assert screen.said == [Consent("screen", explicit=True)]


async def test_escape_leaves_and_nothing_else_does(tmp_path: Path) -> None:
    async with app_of(tmp_path).run_test() as pilot:
        screen = await asked(pilot, "exclamation_mark", "1", "q", "space", "r", "e", "c", "n")
        assert isinstance(pilot.app.screen, ConsentScreen)
        await pilot.press("escape")
        await until(lambda: screen.said)
        assert screen.said == [None]


async def test_production_agrees_to_its_name_typed_by_hand(tmp_path: Path) -> None:
    async with app_of(tmp_path, "production").run_test() as pilot:
        screen = await asked(pilot, "exclamation_mark", "y", "exclamation_mark", "escape", "y")
        assert screen.said == []
        await shown(pilot, "type production, then enter")
        for wrong in ("staging", "Production", ""):
            await type_by_hand(pilot, wrong)
            await pilot.press("enter")
            await shown(pilot, "that is not production")
        await type_by_hand(pilot, "productiox")
        await pilot.press("backspace", "n", "enter")
        await until(lambda: screen.said)
        assert screen.said == [Consent("screen", explicit=True, typed="production")]


async def test_a_share_is_typed_before_the_name(tmp_path: Path) -> None:
    async with app_of(tmp_path, "production").run_test() as pilot:
        await shown(pilot, "41 % moved")
        screen = pilot.app.screen
        assert isinstance(screen, Changing)
        screen.request = replace(REQUEST, typed="62")
        await asked(pilot, "exclamation_mark", "y")
        for typed, then in (("production", "that is not 62"), ("62", "type production, then enter")):
            await type_by_hand(pilot, typed)
            await pilot.press("enter")
            await shown(pilot, then)
        assert screen.said == []
        # Who left the field begins again.
        await pilot.press("escape", "y")
        await shown(pilot, "type 62, then enter")
        for typed in ("62", "production"):
            await type_by_hand(pilot, typed)
            await pilot.press("enter")
        await until(lambda: screen.said)
        assert screen.said == [Consent("screen", explicit=True, typed="production")]


async def test_a_paste_does_not_count(tmp_path: Path) -> None:
    async with app_of(tmp_path, "production").run_test() as pilot:
        screen = await asked(pilot, "exclamation_mark", "enter")
        field = pilot.app.screen.query_one(TypedName)
        await until(lambda: field.has_focus)
        pilot.app.post_message(events.Paste("production"))
        await shown(pilot, "a paste does not count")
        await pilot.press("enter")
        await shown(pilot, "that is not production")
        # A terminal without bracketed paste hands the keys over, all at once.
        for key in [*"production", "enter"]:
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else "\r"))
        await shown(pilot, "a paste does not count")
        # Nor does a paste whose last letter is typed.
        for key in "productio":
            pilot.app.post_message(events.Key(key, key))
        await type_by_hand(pilot, "n")
        await pilot.press("enter")
        await shown(pilot, "a paste does not count")
        assert screen.said == []
        await pilot.press("escape", "escape")
        await until(lambda: screen.said)
        assert screen.said == [None]


async def test_arming_that_ends_while_the_dialog_stands_closes_it_to_consent(tmp_path: Path) -> None:
    clock = Clock()
    async with app_of(tmp_path, "production", clock).run_test() as pilot:
        screen = await asked(pilot, "exclamation_mark", "enter")
        await shown(pilot, "type production, then enter")
        clock.now += ARMED_S
        await type_by_hand(pilot, "production")
        await pilot.press("enter")
        await shown(pilot, "read-only")
        assert screen.said == []


async def test_an_expired_plan_is_no_plan(tmp_path: Path) -> None:
    async with app_of(tmp_path).run_test() as pilot:
        await shown(pilot, "41 % moved")
        assert isinstance(pilot.app.screen, Changing)
        pilot.app.screen.request = replace(REQUEST, expires_at=NOW)
        screen = await asked(pilot, "exclamation_mark", "y")
        await shown(pilot, "the plan has expired")
        assert screen.said == []


@pytest.mark.parametrize("why", ["broken", "frozen"])
async def test_keys_that_change_are_off_on_data_that_is_not_live(tmp_path: Path, why: str) -> None:
    async with app_of(tmp_path).run_test(notifications=True) as pilot:
        await shown(pilot, "41 % moved")
        screen = pilot.app.screen
        assert isinstance(screen, Changing)
        if why == "broken":
            screen.broken = True
            await pilot.press("r")
            await until(lambda: screen.reading("things").problem)
        else:
            await pilot.press("space")
        await pilot.press("exclamation_mark", "p")
        await shown(pilot, "disconnected" if why == "broken" else "The display is frozen")
        await until(lambda: screen.said)
        assert screen.said == [None]
        assert pilot.app.screen is screen


async def test_what_it_is_about_is_read_on_under_the_dialog_and_judged_at_the_answer(tmp_path: Path) -> None:
    async with app_of(tmp_path).run_test() as pilot:
        screen = await asked(pilot, "exclamation_mark")
        read = screen.reading("things").number
        await until(lambda: screen.reading("things").number > read)
        screen.broken = True
        await shown(pilot, "things: disconnected")
        await pilot.press("y")
        assert screen.said == []
        screen.broken = False
        await shown(pilot, "y does it")
        await pilot.press("y")
        await until(lambda: screen.said)
        assert screen.said == [Consent("screen", explicit=True)]


async def test_the_title_counts_down_on_every_screen(tmp_path: Path) -> None:
    clock = Clock()
    async with app_of(tmp_path, clock=clock).run_test() as pilot:
        assert "ARMED" not in await shown(pilot, "41 % moved")
        await pilot.press("exclamation_mark")
        await shown(pilot, "ARMED 10:00")
        clock.now += 61
        await shown(pilot, "ARMED 8:59")
        await pilot.press("4")
        await shown(pilot, "ARMED 8:59")
        clock.now += ARMED_S
        await until(lambda: "ARMED" not in "".join(screen_text(pilot.app)))
        await pilot.press("exclamation_mark")
        await shown(pilot, "ARMED 10:00")
        await pilot.press("exclamation_mark")
        assert not app_armed(pilot)


def app_armed(pilot: Pilot[Any]) -> bool:
    """Whether the application may change anything."""
    armed: bool = pilot.app.frame.arming.armed  # type: ignore[attr-defined]
    return armed
