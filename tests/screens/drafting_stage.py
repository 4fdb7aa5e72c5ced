"""Screen 6 on a scripted endpoint with two projects, for every test of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from backends.clients.errors import NotConfigured
from backends.clients.model import ModelClient, ModelTarget
from backends.drafting.evidence import Evidence
from backends.drafting.model import Project
from backends.drafting.options import DraftingOptions
from backends.drafting.service import DraftingService
from backends.drafting.store import Store
from screens.drafting import DraftingScreen
from tests.backends.drafting.scripted import Endpoint, project, running_endpoint
from tests.stage import StagedApp, answer, shown, staged
from widgets.editor import Editor

KEY = "sk-test-0123456789"


@asynccontextmanager
async def drafting(
    folder: Path,
    *projects: Project,
    size: tuple[int, int] = (120, 40),
    evidence: tuple[Evidence, ...] = (),
    key: str = KEY,
    **options: Any,
) -> AsyncIterator[tuple[Pilot[int], Endpoint]]:
    """The running console on screen 6 with these projects ("Project 1" holding "He waited." where none is given)."""
    store = Store(folder / "drafting")
    for each in projects or (project(1, draft="He waited."),):
        store.put(each)
    async with running_endpoint() as endpoint:
        target = ModelTarget(endpoint.url, key, "asked-1", 10.0) if key else NotConfigured("No model.")
        client = ModelClient(target)
        service = DraftingService(folder / "drafting", client, DraftingOptions(backoff_s=0.01, **options))
        app: StagedApp = staged(folder, "6", lambda frame: DraftingScreen(frame, service, answer(evidence)))
        try:
            async with app.run_test(size=size) as pilot:
                await pilot.press("6")
                await shown(pilot, "[6 drafting]")
                await shown(pilot, "words")
                await shown(pilot, "10/min")
                yield pilot, endpoint
        finally:
            await client.aclose()


async def sent(pilot: Pilot[int]) -> None:
    """Sends the brief that is shown."""
    await shown(pilot, "Brief: ")
    await pilot.press("enter")


def saved(folder: Path, place: int = 0) -> Project:
    """A project as it is on disk."""
    return Store(folder / "drafting").load().library.projects[place]


def draft_editor(pilot: Pilot[int]) -> Editor:
    """The draft's editor."""
    return pilot.app.screen_stack[0].query_one("#editor", Editor)
