"""One screen's failure is one screen's: an error panel stands there, and everything else lives on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.screen import ModalScreen, Screen
from textual.worker import WorkerFailed

from console.app import ConsoleApp
from console.containment import FAILURES_AT_ONCE
from console.settings import Settings, own_settings
from console.wiring import Services
from screens.base import LiveScreen
from screens.failure import FailureScreen
from screens.frame import Frame
from tests.waiting import until
from tests.widgets.harness import screen_text
from widgets.line import Line
from widgets.panel import Panel


class Good(LiveScreen):
    """A screen that works."""

    KEY = "0"
    COMMAND = "good"

    def body(self) -> ComposeResult:
        yield Panel("things", Line("all good", id="value"))

    def on_mount(self) -> None:
        self.follow("things", self.read, self.show_things, self.query_one(Panel))

    async def read(self) -> int:
        return 1

    def show_things(self, value: int) -> None:
        self.query_one("#value", Line).show(f"value {value}")


class FailsInCompose(Good):
    def body(self) -> ComposeResult:
        yield Line("first")
        raise RuntimeError("compose")


class FailsOnMount(Good):
    def on_mount(self) -> None:
        raise RuntimeError("mount")


class FailsInRender(LiveScreen):
    KEY = "2"
    COMMAND = "bad"

    class Broken(Line):
        def render_line(self, y: int) -> Any:
            raise RuntimeError("render")

    def body(self) -> ComposeResult:
        yield self.Broken()


class FailsInTimer(Good):
    def on_mount(self) -> None:
        self.set_timer(0.01, self.fail)

    def fail(self) -> None:
        raise RuntimeError("timer")


class FailsInWorker(Good):
    def on_mount(self) -> None:
        self.run_worker(self.fail())

    async def fail(self) -> None:
        raise RuntimeError("worker")


class FailsOnKey(Good):
    BINDINGS = [("x", "explode", "explode")]  # noqa: RUF012

    def action_explode(self) -> None:
        raise RuntimeError("key")


class FailsShowing(Good):
    def show_things(self, value: int) -> None:
        raise RuntimeError("showing")


class FailsReading(Good):
    async def read(self) -> int:
        raise KeyError("reading")


def build_app(folder: Path, screen: type[LiveScreen] | Callable[[Frame], Screen[Any]]) -> ConsoleApp:
    """The real application whose screen 2 is the given one, and all others good."""
    environment = {"OLORIN_CONSOLE_STATE": str(folder)}
    settings = Settings(environment, None, own_settings(environment))
    return ConsoleApp(settings, Services(settings), {**dict.fromkeys("013456", Good), "2": screen})


async def settle(pilot: Any, app: ConsoleApp, expected: str) -> str:
    """Waits until the screen shows the text, and returns all of it."""
    for _ in range(200):
        await pilot.pause(0.01)
        text = "\n".join(screen_text(app))
        if expected in text:
            return "".join(line.strip() for line in text.splitlines())
    raise AssertionError(f"{expected!r} never appeared in:\n{text}")


BROKEN = [FailsInCompose, FailsOnMount, FailsInRender, FailsInTimer, FailsInWorker]


@pytest.mark.parametrize("screen", BROKEN, ids=lambda screen: screen.__name__)
async def test_a_broken_screen_becomes_an_error_panel(screen: type[LiveScreen], tmp_path: Path) -> None:
    app = build_app(tmp_path, screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        text = await settle(pilot, app, "this screen failed")
        assert "report-" in text
        assert isinstance(app.screen, FailureScreen)
        await pilot.press("3")
        await settle(pilot, app, "value 1")
        await pilot.press("2")
        await settle(pilot, app, "this screen failed")
    assert app.crash is None


async def test_a_key_that_fails_ends_its_screen_only(tmp_path: Path) -> None:
    app = build_app(tmp_path, FailsOnKey)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await settle(pilot, app, "value 1")
        await pilot.press("x")
        await settle(pilot, app, "this screen failed")
        await pilot.press("r")
        await settle(pilot, app, "value 1")


async def test_a_factory_that_fails_is_contained(tmp_path: Path) -> None:
    def broken(frame: Frame) -> Screen[Any]:
        raise ImportError("no such module")

    app = build_app(tmp_path, broken)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await settle(pilot, app, "no such module")


@pytest.mark.parametrize("screen", [FailsShowing, FailsReading], ids=lambda screen: screen.__name__)
async def test_a_source_that_fails_is_a_problem_on_its_panel(screen: type[LiveScreen], tmp_path: Path) -> None:
    app = build_app(tmp_path, screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        text = await settle(pilot, app, "unexpected failure")
        assert "report-" in text
        assert not isinstance(app.screen, FailureScreen)


async def test_a_failing_hidden_screen_leaves_the_one_in_view(tmp_path: Path) -> None:
    app = build_app(tmp_path, FailsOnKey)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await settle(pilot, app, "value 1")
        hidden = app.screen
        await pilot.press("3")
        await settle(pilot, app, "value 1")
        hidden.call_later(hidden.action_explode)  # type: ignore[attr-defined]
        for _ in range(100):
            await pilot.pause(0.01)
            if any((tmp_path / "reports").glob("*")):
                break
        assert not isinstance(app.screen, FailureScreen)
        await pilot.press("2")
        await settle(pilot, app, "this screen failed")


class FailsLeaving(Good):
    async def on_leave(self) -> None:
        raise RuntimeError("leaving")


async def test_a_screen_that_fails_while_leaving_keeps_nobody(tmp_path: Path) -> None:
    app = build_app(tmp_path, FailsLeaving)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await settle(pilot, app, "value 1")
        await pilot.press("q")
    assert app.return_value == 0
    assert list((tmp_path / "reports").iterdir())


class FailsAllOver(FailsInWorker):
    def on_mount(self) -> None:
        for _ in range(FAILURES_AT_ONCE):
            self.run_worker(self.fail())


async def test_a_storm_of_failures_ends_the_console_and_lets_every_screen_save(tmp_path: Path) -> None:
    app = build_app(tmp_path, FailsAllOver)

    async def open_it() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("2")
            await pilot.pause(5)

    with pytest.raises(WorkerFailed):
        await open_it()
    assert app.crash is not None
    assert app.leaving is not None
    await app.leaving


async def test_a_screen_that_goes_on_failing_may_be_tried_again_for_ever(tmp_path: Path) -> None:
    app = build_app(tmp_path, FailsInCompose)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        for _ in range(2 * FAILURES_AT_ONCE):
            await settle(pilot, app, "this screen failed")
            failed = app.screen
            await pilot.press("r")
            await until(lambda failed=failed: app.screen is not failed)  # type: ignore[misc]
        await settle(pilot, app, "this screen failed")
    assert app.crash is None


class Dialog(ModalScreen[str]):
    BINDINGS = [("x", "explode", "explode")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        yield Line("asking")

    def action_explode(self) -> None:
        raise RuntimeError("dialog")


async def test_a_dialog_that_fails_is_closed_without_an_answer_and_its_screen_stays(tmp_path: Path) -> None:
    app, answers = build_app(tmp_path, Good), list[str | None]()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("2")
        await settle(pilot, app, "value 1")
        below = app.screen
        app.push_screen(Dialog(), answers.append)
        await settle(pilot, app, "asking")
        await pilot.press("x")
        await until(lambda: app.screen is below)
        assert answers == [None]
        await settle(pilot, app, "report-")


class SavesOnLeaving(FailsOnKey):
    async def on_leave(self) -> None:
        LEFT.append(self)


LEFT: list[LiveScreen] = []


async def test_a_screen_that_failed_saves_before_another_takes_its_place(tmp_path: Path) -> None:
    app = build_app(tmp_path, SavesOnLeaving)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await settle(pilot, app, "value 1")
        failing = app.screen
        await pilot.press("x")
        await settle(pilot, app, "this screen failed")
        assert [failing] == LEFT


async def test_what_breaks_while_leaving_is_no_failure_of_the_console(tmp_path: Path) -> None:
    """A signal may come while the first screen is being built."""
    app = build_app(tmp_path, Good)
    async with app.run_test(size=(80, 24)):
        app.exit(143)
        app._handle_exception(RuntimeError("mounting"))
    assert (app.crash, app.return_value) == (None, 143)
