"""The pages above the drafting screen at both sizes, with fixed projects, answers and clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from backends.drafting.answer import Chunk, Event, Outcome, Usage
from backends.drafting.bibles import Bibles, Lane, Sample, Style, StyleBank, Voice
from backends.drafting.evidence import Evidence, Incident, Template
from backends.drafting.model import Action, Bay, Kind, Project, StoryBible
from tests.backends.drafting.scripted import AT, project
from tests.snapshots.test_drafting import DRAFT, SIZES, Compare, after, desk

OLD = "The harbour lay still under the first snow."
NEW = OLD.replace("still", "quiet") + " Nobody came."
SAMPLES = tuple(Sample(lane, f"The keeper counted the cold lamps, {lane.value} by night.", AT) for lane in Lane)
BIBLES = Bibles(
    voice=replace(Bibles().voice, writing_style=Style.LYRICAL, trained_on=True, trained_voice="Ana", lock_on=True),
    voices=(Voice("Ana", AT, SAMPLES), Voice("Ben", AT)),
    banks=(StyleBank(Style.LYRICAL, AT, SAMPLES),),
)
STORY = StoryBible(
    "A keeper counts lamps.", "Quiet.", "There are no trains.", "Ana: the keeper, grey eyes.", "1. Snow."
)
BOOK = project(1, title="Harbour lights", draft=DRAFT, bay=Bay.ROUGH, story_bible=STORY, bibles=BIBLES)
WRONG = replace(BOOK, draft=f"{DRAFT}\n\nAna had blue eyes, and I slowly knew my trains were late.")
PLAIN = project(1, title="Harbour lights", draft=OLD, story_bible=STORY)
ITEMS = (
    Evidence("alerts", "pools: critical: 50 of 50 connections in use", AT),
    Evidence("sessions", "no data: cannot connect: nobody answers", AT),
)
INCIDENT = project(
    1,
    title="Pools run dry",
    kind=Kind.INCIDENT,
    draft="All 50 connections are in use [1]. It began at 01:00 [2].\n\nNobody knows why.",
    incident=Incident(Template.HAND_OVER, ITEMS[:1]),
)
REWRITTEN = Outcome(
    Action.REWRITE, Lane.NARRATION, "gpt-4o-mini", 0.8625, NEW, Usage(212, 9, True), "stop", None,
    seconds=1.8, first_s=0.4, waited_s=0.0, attempts=1,
)  # fmt: skip
SYNONYMS = replace(REWRITTEN, action=Action.SYNONYM, text="hush\nfrost\nwhite")


@dataclass(frozen=True)
class Shot:
    """A picture: the keys that lead to it, and what is seen then."""

    keys: tuple[str, ...]
    seen: str
    shown: Project = BOOK
    events: tuple[Event, ...] = ()


REWRITE = ("a", "j", "enter", "enter")
SHOTS = {
    "story bible": Shot(("b",), "Fingerprint"),
    "voice bible": Shot(("b", "v"), "AI intensity"),
    "voice vault": Shot(("b", "v", "v"), "● trained"),
    "style banks": Shot(("b", "v", "v", "v"), "EMOTIONAL"),
    "actions": Shot(("a",), "enter shows the brief"),
    "brief": Shot(("v",), "Brief: write"),
    "difference": Shot(REWRITE, "Nobody came", PLAIN, (Chunk(NEW), REWRITTEN)),
    "tool": Shot(("a", *"jjjjjjjj", "enter", "enter"), "frost", PLAIN, (Chunk(SYNONYMS.text), SYNONYMS)),
    "check": Shot(("m",), "✖ error", WRONG),
    "history": Shot(("h",), "enter shows the difference"),
    "evidence": Shot(("f",), "nobody answers", INCIDENT),
    "coverage": Shot(("m",), "not covered", INCIDENT),
    "figures": Shot(("s",), "Drafting in figures"),
}


@SIZES
@pytest.mark.parametrize("name", SHOTS)
def test_a_page(snap_compare: Compare, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    """Each page with what it is for."""
    shot = SHOTS[name]
    app = desk(tmp_path, *shot.events, projects=(replace(shot.shown, draft="Before."), shot.shown), evidence=ITEMS)
    assert snap_compare(app, terminal_size=size, run_before=after("10 left", *shot.keys, then=(shot.seen,)))
