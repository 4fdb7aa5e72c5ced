"""The drafting screen at both sizes, with fixed projects, answers and clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from backends.clients.errors import BackendError, NotConfigured
from backends.clients.model import ModelClient, ModelTarget
from backends.drafting.answer import Chunk, Event, Outcome, Usage, Waiting
from backends.drafting.brief import Brief
from backends.drafting.evidence import Evidence
from backends.drafting.locks import ProjectLock
from backends.drafting.model import Action, Bay, Lane, Project
from backends.drafting.options import DraftingOptions
from backends.drafting.service import DraftingService
from backends.drafting.store import Store
from backends.sampling.reading import Problem
from screens.drafting import DraftingScreen
from tests.backends.drafting.scripted import AT, project
from tests.stage import StagedApp, answer, shown, staged

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]
Before = Callable[[Pilot[Any]], Any]

TARGET = ModelTarget("http://127.0.0.1:9/v1", "sk-test-0123456789", "gpt-4o-mini")
DRAFT = (
    "The harbour lay still under the first snow, and the keeper counted the lamps along the wall as he did every"
    " night. There were eleven. There had always been twelve.\n\n“You saw it too,” she said from the stairs. [/red]"
)
PROJECTS = (
    project(1, title="Harbour lights", draft=DRAFT, bay=Bay.ROUGH),
    project(2, title="[red]Incident 4711[/]", draft="At 03:04 the pool ran dry.", bay=Bay.EDIT, intensity=0.2),
    project(3, title="冬の港 — notes", bay=Bay.FINAL, intensity=1.0),
)
ANSWERED = Outcome(
    Action.WRITE, Lane.DIALOGUE, "gpt-4o-mini", 0.8625, "“I did,” he said.", Usage(212, 9, True), "stop", None,
    seconds=1.8, first_s=0.4, waited_s=0.0, attempts=1,
)  # fmt: skip
BROKEN = Outcome(
    Action.WRITE, Lane.DIALOGUE, "gpt-4o-mini", 0.8625, "“I did,” he", Usage(96, 2, False), None,
    Problem("bad answer", "The stream broke off before the answer's end."),
    seconds=1.8, first_s=0.4, waited_s=0.0, attempts=1,
)  # fmt: skip
WRITE = ("w", "enter")
LIMITED = Problem("rate limit", "The endpoint's limit is reached: Error code: 429")


class FixedService(DraftingService):
    """A service whose answers are these events, the same in every run; after a pause nothing comes."""

    events: tuple[Event, ...] = ()

    async def send(
        self, project: Project, brief: Brief, *, wait: bool = True, cached: bool = False
    ) -> AsyncGenerator[Event, None]:
        """The events."""
        for event in self.events:
            yield event
        if isinstance(self.events[-1], Waiting):
            await asyncio.Event().wait()


def desk(
    folder: Path,
    *events: Event,
    projects: tuple[Project, ...] = PROJECTS,
    model: ModelTarget | BackendError = TARGET,
    evidence: tuple[Evidence, ...] = (),
) -> StagedApp:
    """The console on the drafting screen."""
    store = Store(folder / "drafting", now=lambda: AT)
    for each in projects:
        store.put(each)
    service = FixedService(folder / "drafting", ModelClient(model), DraftingOptions(autosave_s=60.0), now=lambda: AT)
    service.events = events
    return staged(folder, "6", lambda frame: DraftingScreen(frame, service, answer(evidence)))


def after(first: str, *keys: str, then: tuple[str, ...] = ()) -> Before:
    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, first)
        await pilot.press(*keys)
        for text in then:
            await shown(pilot, text)

    return before


@SIZES
def test_projects_and_a_draft(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Three projects; the first one's draft, as it is before anyone touches it."""
    assert snap_compare(desk(tmp_path), terminal_size=size, run_before=after("10 left"))


@SIZES
def test_writing_in_the_editor(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """The editor has the focus, and what was typed is not saved yet."""
    before = after("10 left", "i", *" So he lied.", then=("unsaved",))
    assert snap_compare(desk(tmp_path), terminal_size=size, run_before=before)


@SIZES
def test_an_answer(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """The model wrote on, and its tokens and seconds are told."""
    app = desk(tmp_path, Chunk("“I did,” he said."), ANSWERED)
    assert snap_compare(app, terminal_size=size, run_before=after("10 left", *WRITE, then=("● whole", "44 words")))


@SIZES
def test_a_broken_answer(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """What came stays, and the way on is named."""
    app = desk(tmp_path, Chunk("“I did,” he"), BROKEN)
    assert snap_compare(
        app, terminal_size=size, run_before=after("10 left", *WRITE, then=("w continues it", "43 words"))
    )


@SIZES
def test_a_wait(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """A pause before the next attempt, with its reason."""
    app = desk(tmp_path, Waiting(7.0, 2, LIMITED))
    assert snap_compare(app, terminal_size=size, run_before=after("10 left", *WRITE, then=("attempt 2 in 7 s",)))


@SIZES
def test_nothing_set_up(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """No project and no key: what to press, and what to set."""
    missing = NotConfigured("No language model is configured.", hint="Set OPENAI_API_KEY.")
    app = desk(tmp_path, projects=(), model=missing)
    assert snap_compare(app, terminal_size=size, run_before=after("Set OPENAI_API_KEY."))


@SIZES
def test_a_new_project(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """The title is asked for on a line of its own."""
    before = after("10 left", "n", *"Salt", then=("Salt",))
    assert snap_compare(desk(tmp_path), terminal_size=size, run_before=before)


@SIZES
def test_held_by_another(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Another console writes the project: who, and that it is read-only here."""
    app = desk(tmp_path)
    lock = ProjectLock.take(tmp_path / "drafting/locks", PROJECTS[0], AT)
    signature = tmp_path / f"drafting/locks/{PROJECTS[0].id}.lock"
    signature.write_text(f'{{"pid": 4711, "user": "ana", "host": "ops-2", "since": "{AT.isoformat()}"}}')
    before = after("10 left", "i", then=("ana@ops-2",))
    assert snap_compare(app, terminal_size=size, run_before=before)
    lock.release()
