"""Incidents on screen 6: evidence is picked, drafted from, checked, reviewed, and leaves marked until then."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from backends.drafting.evidence import DROPPED, Evidence, Template
from backends.drafting.incidents import kept
from backends.drafting.model import Kind
from tests.backends.drafting.scripted import project, whole
from tests.screens.drafting_stage import draft_editor, drafting, saved, sent
from tests.stage import shown
from tests.waiting import until

NARROW = pytest.mark.parametrize("size", [(80, 24)], ids=["80x24"])
WIDE = pytest.mark.parametrize("size", [(120, 40)], ids=["120x40"])
AT = datetime(2026, 1, 20, 3, 2, 1, tzinfo=UTC)
OFFERED = (
    Evidence("alerts", "pools: critical: 50 of 50 in use", AT),
    Evidence("gauges", "mongo db1: 50 of 50 connections", AT),
    Evidence("sessions", "no data: cannot connect: nobody answers", AT),
)
INCIDENT = project(1, title="Pools", kind=Kind.INCIDENT)


@NARROW
async def test_evidence_is_picked_dropped_and_given_a_template(tmp_path: Path, size: tuple[int, int]) -> None:
    async with drafting(tmp_path, INCIDENT, size=size, evidence=OFFERED) as (pilot, _):
        await pilot.press("f")
        await shown(pilot, "50 of 50 in use")
        await pilot.press("enter", "j", "enter")
        await until(lambda: saved(tmp_path).incident.items == OFFERED[:2])
        await pilot.press("tab", "d")
        await until(lambda: saved(tmp_path).incident.items == (DROPPED, OFFERED[1]))
        await pilot.press("a", "t")
        await until(lambda: kept(saved(tmp_path).incident.items)[1:] == [(3, OFFERED[0]), (4, OFFERED[2])])
        await until(lambda: saved(tmp_path).incident.template is Template.HAND_OVER)
        line = await shown(pilot, "hand-over")
        assert "3 items" in line


@WIDE
async def test_a_draft_from_evidence_is_checked_reviewed_and_copied(tmp_path: Path, size: tuple[int, int]) -> None:
    async with drafting(tmp_path, INCIDENT, size=size, evidence=OFFERED) as (pilot, endpoint):
        endpoint.script = [whole("All 50 are in use [1]. It began at 01:00 [2]. Nobody knows why.")]
        await pilot.press("f")
        await shown(pilot, "50 of 50 in use")
        await pilot.press("a", "escape", "w")
        await sent(pilot)
        await until(lambda: saved(tmp_path).draft.endswith("knows why."))
        await shown(pilot, "2 sentences are not covered by the evidence")
        await pilot.press("m")
        line = await shown(pilot, "3 sentences  2 not covered")
        assert "01:00 is in no item" in line
        assert "cites nothing" in line
        await pilot.press("escape")
        await shown(pilot, "not reviewed")
        for keys in (("Y",), ("i", "f7", "ctrl+c", "escape")):
            pilot.app.copy_to_clipboard("")
            await pilot.press(*keys)
            await until(lambda: pilot.app.clipboard.startswith("[DRAFT - NOT REVIEWED]"))
        await pilot.press("R")
        await shown(pilot, "● reviewed")
        await pilot.press("i", "f7", "ctrl+c", "escape")
        await until(lambda: pilot.app.clipboard == saved(tmp_path).draft)
        await pilot.press("Y")
        await until(lambda: pilot.app.clipboard == saved(tmp_path).draft)
        await pilot.press("i", "x", "escape")
        await shown(pilot, "not reviewed")


async def test_without_a_key_w_fills_the_template(tmp_path: Path) -> None:
    async with drafting(tmp_path, INCIDENT, evidence=OFFERED, key="") as (pilot, endpoint):
        await pilot.press("f")
        await shown(pilot, "50 of 50 in use")
        await pilot.press("enter", "escape", "w")
        await sent(pilot)
        await until(lambda: "pools: critical: 50 of 50 in use [1]" in saved(tmp_path).draft)
        assert endpoint.requests == []
        await pilot.press("u")
        await until(lambda: draft_editor(pilot).text == "")


@NARROW
async def test_the_payload_is_shown_masked(tmp_path: Path, size: tuple[int, int]) -> None:
    start = project(1, title="Pools", kind=Kind.INCIDENT, draft="Ask ada@example.org.")
    async with drafting(tmp_path, start, size=size) as (pilot, _):
        await pilot.press("v")
        await shown(pilot, "Brief: write")
        await pilot.press("end")
        line = await shown(pilot, "Ask ‹mail 1›.")
        assert "ada@example.org" not in line


@NARROW
async def test_the_figures_are_shown_with_what_is_off(tmp_path: Path, size: tuple[int, int]) -> None:
    async with drafting(tmp_path, size=size, analytics=False) as (pilot, _):
        await pilot.press("s")
        line = await shown(pilot, "Drafting in figures")
        assert "off by ENABLE_ANALYTICS" in line
        assert "mean time           no data" in line
