"""A screen with a key that changes something, for the dialog before it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.pilot import Pilot

from backends.clients.errors import CannotConnect
from backends.safety.arming import Arming
from backends.safety.gate import Consent
from screens.base import LiveScreen
from screens.consent import ConsentRequest, confirm
from screens.frame import Frame
from tests.stage import NOW, StagedApp
from widgets.line import Line
from widgets.panel import Panel
from widgets.tone import Part, Tone

REQUEST = ConsentRequest(
    title="Pause run 7f3a",
    target="mongodb://ops:••••@db1:27017/ database olorin_platform",
    plan=[
        ("usage_records       1,203,114 documents, 41 % moved",),
        ("dubbing_sessions       88,310 documents, done",),
        (Part("▲ [@click=app.quit]the worker finishes its batch first[/]", Tone.WARNING),),
    ],
    command="runs pause 7f3a",
    sources=("things",),
    undo="olorin runs resume 7f3a",
    expires_at=NOW + timedelta(minutes=15),
)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Changing(LiveScreen):
    """`p` asks; what the person said is kept."""

    KEY = "3"
    COMMAND = "runs list"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("p", "pause", "pause")]

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.said: list[Consent | None] = []
        self.broken = False
        self.request = REQUEST

    def body(self) -> ComposeResult:
        yield Panel("things", Line("…", id="things"))

    def on_mount(self) -> None:
        self.follow("things", self.read, self.show_things, self.query_one(Panel))

    async def read(self) -> str:
        if self.broken:
            raise CannotConnect("No server answers.")
        return "41 % moved"

    def show_things(self, text: str) -> None:
        self.query_one("#things", Line).show(text)

    @work
    async def action_pause(self) -> None:
        self.said.append(await confirm(self, self.request))


def app_of(folder: Path, kind: str = "staging", clock: Clock | None = None) -> StagedApp:
    """The application with the screen at 3; its arming has a clock of its own."""
    app = StagedApp(folder, {"3": Changing}, kind)
    app.frame = replace(app.frame, arming=Arming(clock=clock or Clock()))
    return app


async def type_by_hand(pilot: Pilot[Any], text: str) -> None:
    """Presses the keys at a quick hand's pace, which is what the field judges by."""
    for character in text:
        await pilot.press(character)
        await asyncio.sleep(0.03)
