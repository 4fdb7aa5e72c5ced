"""Screen 6 on a scripted endpoint: projects, typing, streaming, stopping, saving, and who else writes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from backends.clients.errors import NotConfigured
from backends.clients.model import ModelClient, ModelTarget
from backends.drafting.locks import ProjectLock
from backends.drafting.model import Project
from backends.drafting.options import DraftingOptions
from backends.drafting.service import DraftingService
from backends.drafting.store import Store
from screens.drafting import DraftingScreen
from tests.backends.drafting.scripted import (
    AT,
    DONE,
    USAGE,
    Endpoint,
    Reply,
    failure,
    finish,
    project,
    running_endpoint,
    text,
    whole,
)
from tests.screens.drafting_stage import sent
from tests.stage import StagedApp, shown, staged
from tests.waiting import until
from tests.widgets.harness import screen_text
from widgets.editor import Editor

KEY = "sk-test-0123456789"


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint() as served:
        yield served


@pytest.fixture
async def client(endpoint: Endpoint) -> AsyncIterator[ModelClient]:
    made = ModelClient(ModelTarget(endpoint.url, KEY, "asked-1", 10.0))
    yield made
    await made.aclose()


@pytest.fixture
def app(tmp_path: Path, client: ModelClient) -> StagedApp:
    """The console on screen 6 with two projects, "Project 1" holding "He waited." and "Project 2" nothing."""
    store = Store(tmp_path / "drafting")
    store.put(project(1, draft="He waited."))
    store.put(project(2))
    service = DraftingService(tmp_path / "drafting", client, DraftingOptions(backoff_s=0.01))
    return staged(tmp_path, "6", lambda frame: DraftingScreen(frame, service))


def saved(folder: Path, place: int = 0) -> Project:
    """A project as it is on disk."""
    return Store(folder / "drafting").load().library.projects[place]


def editor(pilot: Pilot[int]) -> Editor:
    return pilot.app.screen.query_one(Editor)


async def open_screen(pilot: Pilot[int]) -> None:
    await pilot.press("6")
    await shown(pilot, "He waited.")


async def test_projects_are_listed_and_the_one_under_the_cursor_is_shown(app: StagedApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        text_now = "\n".join(screen_text(app))
        assert "Project 2" in text_now
        assert "0.75 HIGH → temp 0.8625" in text_now
        assert "10/min: 10 left" in text_now
        assert not isinstance(app.focused, Editor)
        await pilot.press("j")
        await until(lambda: editor(pilot).text == "")


async def test_typing_is_text_until_escape_and_saves_itself(app: StagedApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        await pilot.press("i", *"q 1w", "enter", "question_mark")
        assert editor(pilot).text == "He waited.q 1w\n?"
        await shown(pilot, "unsaved")
        await pilot.press("escape")
        assert not isinstance(app.focused, Editor)
        await until(lambda: saved(tmp_path).draft == "He waited.q 1w\n?")


async def test_a_change_is_saved_without_leaving_the_text(client: ModelClient, tmp_path: Path) -> None:
    Store(tmp_path / "drafting").put(project(1, draft="He waited."))
    service = DraftingService(tmp_path / "drafting", client, DraftingOptions(autosave_s=0.05))
    app = staged(tmp_path, "6", lambda frame: DraftingScreen(frame, service))
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        await pilot.press("enter", "x")
        await until(lambda: saved(tmp_path).draft == "He waited.x")
        assert isinstance(app.focused, Editor)


async def test_q_saves_and_lets_others_write(app: StagedApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        await pilot.press("i", "x")
        app.set_focus(None)
        await pilot.press("q")
        assert saved(tmp_path).draft == "He waited.x"
        ProjectLock.take(tmp_path / "drafting/locks", saved(tmp_path), AT).release()


async def test_a_write_streams_to_the_end_and_is_saved(app: StagedApp, endpoint: Endpoint, tmp_path: Path) -> None:
    go = asyncio.Event()
    endpoint.script = [Reply([text("It rained"), text(" all night."), finish(), USAGE, DONE], go=go)]
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        await pilot.press("w")
        await sent(pilot)
        await shown(pilot, "It rained")
        assert "▶ writing" in "\n".join(screen_text(app))
        go.set()
        line = await shown(pilot, "● whole")
        assert "scripted-1" in line
        assert "at 0.8625, 21 + 4 tokens" in line
        assert "10/min: 9 left" in await shown(pilot, "9 left")
        assert editor(pilot).text == "He waited.\n\nIt rained all night."
        await until(lambda: saved(tmp_path).draft == "He waited.\n\nIt rained all night.")


async def test_escape_stops_the_model_and_keeps_what_came(app: StagedApp, endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.script = [Reply([text("It rained")], hold=True)]
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        await pilot.press("w")
        await sent(pilot)
        await shown(pilot, "It rained")
        await pilot.press("escape")
        await asyncio.wait_for(endpoint.hung_up.wait(), 0.2)
        await shown(pilot, "Stopped; what came is kept.")
        await until(lambda: saved(tmp_path).draft == "He waited.\n\nIt rained")


async def test_quitting_while_the_model_writes_keeps_what_came(
    app: StagedApp, endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.script = [Reply([text("It rained")], hold=True)]
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        await pilot.press("w")
        await sent(pilot)
        await shown(pilot, "It rained")
        await pilot.press("q")
        assert saved(tmp_path).draft == "He waited.\n\nIt rained"


async def test_text_that_streams_in_moves_nobody_who_reads_elsewhere(
    app: StagedApp, endpoint: Endpoint, tmp_path: Path
) -> None:
    Store(tmp_path / "drafting").put(project(1, draft="\n".join(f"line {number}" for number in range(200))))
    go = asyncio.Event()
    endpoint.script = [Reply([text("first"), text("\nmore\n" * 20), finish(), DONE], go=go)]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("6")
        await shown(pilot, "line 199")
        await pilot.press("w")
        await sent(pilot)
        await shown(pilot, "first")
        assert editor(pilot).cursor_location == editor(pilot).document.end
        await pilot.press("i", "pageup", "pageup", "up")
        place, scroll = editor(pilot).cursor_location, editor(pilot).scroll_offset
        go.set()
        await shown(pilot, "● whole")
        assert editor(pilot).text.endswith("more\n")
        assert (editor(pilot).cursor_location, editor(pilot).scroll_offset) == (place, scroll)


async def test_a_broken_stream_is_said_and_can_be_continued(app: StagedApp, endpoint: Endpoint) -> None:
    endpoint.script = [Reply([text("It ra")], cut=True), whole("ined.")]
    async with app.run_test(size=(80, 24)) as pilot:
        await open_screen(pilot)
        await pilot.press("w")
        await sent(pilot)
        await shown(pilot, "w continues it")
        await pilot.press("w")
        await sent(pilot)
        await shown(pilot, "● whole")
        assert "It ra" in endpoint.requests[1]["messages"][1]["content"]


async def test_waits_are_counted_down_and_can_be_stopped(app: StagedApp, endpoint: Endpoint) -> None:
    endpoint.script = [failure(429, **{"Retry-After": "30"})]
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        await pilot.press("w")
        await sent(pilot)
        await shown(pilot, "attempt 2 in 30 s: The endpoint's limit is reached")
        await pilot.press("escape")
        await shown(pilot, "Stopped")


async def test_a_refused_key_is_said_with_what_to_do(app: StagedApp, endpoint: Endpoint) -> None:
    endpoint.script = [failure(401)]
    async with app.run_test(size=(80, 24)) as pilot:
        await open_screen(pilot)
        await pilot.press("w")
        await sent(pilot)
        assert "invalid key: The endpoint refused the key." in await shown(pilot, "Check OPENAI_API_KEY.")


async def test_without_a_key_it_says_what_to_set_and_the_rest_works(tmp_path: Path) -> None:
    client = ModelClient(NotConfigured("No language model is configured.", hint="Set OPENAI_API_KEY."))
    service = DraftingService(tmp_path / "drafting", client, DraftingOptions())
    app = staged(tmp_path, "6", lambda frame: DraftingScreen(frame, service))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await shown(pilot, "workspace")
        assert "Set OPENAI_API_KEY." in "\n".join(screen_text(app))
        await pilot.press("n", *"[red]Salt")
        await shown(pilot, "[red]Salt")
        await pilot.press("enter")
        await shown(pilot, "[red]Salt  NEW  ● saved")
        await pilot.press("i", *"Rain.", "escape")
        await until(lambda: saved(tmp_path).draft == "Rain.")
        await pilot.press("w")
        await shown(pilot, "not configured")


async def test_the_workspace_becomes_a_project_with_what_was_written_there(client: ModelClient, tmp_path: Path) -> None:
    service = DraftingService(tmp_path / "drafting", client, DraftingOptions())
    app = staged(tmp_path, "6", lambda frame: DraftingScreen(frame, service))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await shown(pilot, "workspace")
        await pilot.press("i", *"A storm.", "escape")
        await until(lambda: Store(tmp_path / "drafting").load().library.workspace is not None)
        await pilot.press("p")
        await shown(pilot, "n makes a project of it")
        await pilot.press("n", *"Storm", "enter")
        await shown(pilot, "Storm  NEW")
        library = Store(tmp_path / "drafting").load().library
        assert (library.projects[0].draft, library.projects[0].binding.source.value) == ("A storm.", "workspace")
        assert library.workspace is not None
        assert library.workspace.draft == ""


async def test_bay_and_intensity_change_by_keys(app: StagedApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        await pilot.press("plus", "plus", "p")
        await shown(pilot, "0.85 HIGH → temp 0.9575")
        await pilot.press("minus")
        await shown(pilot, "0.80 HIGH")
        await pilot.press("p", "p", "p")
        await shown(pilot, "FINAL is the last bay.")
        await pilot.press("q")
        assert (saved(tmp_path).bay.value, saved(tmp_path).intensity) == ("FINAL", 0.8)


async def test_what_another_console_writes_is_read_only_here(app: StagedApp, tmp_path: Path) -> None:
    lock = ProjectLock.take(tmp_path / "drafting/locks", project(1), AT)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        await pilot.press("i", "x", "q")
        line = await shown(pilot, "since 2026-01-02 03:04:05 UTC")
        assert "▲ read-only" in line
        assert editor(pilot).text == "He waited."
        lock.release()
        await pilot.press("escape", "i", "x")
        await until(lambda: editor(pilot).text == "He waited.x")


async def test_what_others_wrote_meanwhile_is_there_when_it_is_opened(app: StagedApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        store = Store(tmp_path / "drafting")
        store.put(replace(project(1), draft="From elsewhere."))
        store.put(replace(project(2), draft="Also from elsewhere."))
        await pilot.press("i", "x", "escape")
        await until(lambda: saved(tmp_path).draft == "From elsewhere.x")
        assert saved(tmp_path, 1).draft == "Also from elsewhere."


async def test_escapes_in_answers_and_pastes_reach_no_terminal(app: StagedApp, endpoint: Endpoint) -> None:
    endpoint.script = [whole("a\x1b]0;owned\x07[/]b")]
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        await pilot.press("w")
        await sent(pilot)
        await shown(pilot, "a␛]0;owned␇[/]b")
        await pilot.press("i")
        editor(pilot).post_message(events.Paste("p\x1b[2Jq"))
        await shown(pilot, "p␛[2Jq")


async def test_a_full_disk_is_said_and_the_text_stays(app: StagedApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await open_screen(pilot)
        await pilot.press("i", "x")
        (tmp_path / "drafting/state.json").unlink()
        (tmp_path / "drafting/state.json").mkdir()
        await pilot.press("escape")
        await shown(pilot, "storage failed")
        assert editor(pilot).text == "He waited.x"
        (tmp_path / "drafting/state.json").rmdir()
        await pilot.press("q")
        assert saved(tmp_path).draft == "He waited.x"
