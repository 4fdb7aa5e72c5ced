"""The real application over given screens, with a fixed clock: for pilot tests and snapshots."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from textual.events import Mount
from textual.pilot import Pilot
from textual.screen import Screen

from console.app import ConsoleApp
from console.settings import Settings, own_settings
from console.wiring import Services
from screens.frame import Frame
from tests.widgets.harness import screen_text

T = TypeVar("T")

NOW = datetime(2026, 1, 20, 3, 4, 5, tzinfo=UTC)
"""The time on every staged screen."""


class StagedApp(ConsoleApp):
    """The application with its clock fixed, starting on one screen; nobody but that screen asks anything."""

    def __init__(
        self, folder: Path, screens: Mapping[str, Callable[[Frame], Screen[Any]]], kind: str = "staging"
    ) -> None:
        environment = {"OLORIN_CONSOLE_STATE": str(folder), "ENVIRONMENT": kind}
        settings = Settings(environment, Path("eu-west.env"), own_settings(environment))
        first = next(iter(screens.values()))
        super().__init__(settings, Services(settings), {**dict.fromkeys("0123456", first), **screens})
        self.frame = replace(self.frame, now=lambda: NOW)

    def on_mount(self, event: Mount) -> None:  # type: ignore[override]
        """Doesn't look at the alerts, which would come at some moment."""
        event.prevent_default()


def staged(folder: Path, key: str, screen: Callable[[Frame], Screen[Any]], kind: str = "staging") -> StagedApp:
    """The application whose screen at `key` is the given one; press the key to open it."""
    return StagedApp(folder, {key: screen}, kind)


def answer(value: T) -> Callable[[], Awaitable[T]]:
    """A read that always gives the value, for screens whose data is fixed."""

    async def read() -> T:
        return value

    return read


async def shown(pilot: Pilot[Any], expected: str, within_s: float = 15.0) -> str:
    """Waits until the screen shows the text; returns its lines joined without their margins."""
    deadline = pilot.app._loop.time() + within_s if pilot.app._loop else 0.0
    while True:
        await pilot.pause(0.01)
        text = "\n".join(screen_text(pilot.app))
        if expected in text:
            return "".join(line.strip() for line in text.splitlines())
        if pilot.app._loop is None or pilot.app._loop.time() > deadline:
            raise AssertionError(f"{expected!r} never appeared in:\n{text}")
