"""The base of the pages that open above the drafting screen: they work on the same desk, and say what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from backends.clients.errors import BackendError
from backends.drafting.model import Project
from backends.sampling.reading import Problem
from screens.base import LiveScreen, closed_with
from screens.drafting_desk import Desk
from screens.frame import Frame
from widgets.line import Line
from widgets.tone import Part, Tone

_ELSEWHERE: Final = frozenset({"freeze", "filter", "export"})
"""Actions of other screens that mean nothing on a page of the desk."""


class DeskPage(LiveScreen):
    """A page over the desk's project; escape saves and goes back. A subclass yields a `Line(id="said")` in its body."""

    KEY = "6"
    COMMAND = "draft projects"

    def __init__(self, frame: Frame, desk: Desk) -> None:
        super().__init__(frame)
        self.desk = desk

    @property
    def project(self) -> Project:
        """The project that the page is about. Raises LookupError where there is none any more."""
        if self.desk.project is None:
            raise LookupError("the desk is empty")
        return self.desk.project

    def shown_keys(self) -> list[tuple[str, str]]:
        """The keys that do something here."""
        return [key for key in super().shown_keys() if key[1] not in _ELSEWHERE]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing moves here by itself, and nothing is narrowed."""
        return action not in _ELSEWHERE

    def back(self) -> None:
        """Saves, and goes back to the draft."""
        self.begin(self._leave())

    async def _leave(self) -> None:
        await self.desk.save()
        self.app.pop_screen()

    async def on_leave(self) -> None:
        """Saves what was changed here."""
        await self.contained(self.desk.save())

    def say(self, text: str, tone: Tone = Tone.MUTED) -> None:
        """Says it on the page's own line."""
        if self.is_mounted:
            self.query_one("#said", Line).show(Part(text, tone))

    def change(self, change: Callable[[Project], Project], done: str) -> bool:
        """Changes the project and saves it, and says so; whether that was possible."""
        try:
            if not self.desk.writable:
                raise self.desk.refusal()
            self.desk.change(change)
        except BackendError as error:
            self.say(f"▲ {error.message} {error.hint}".rstrip(), Tone.WARNING)
            return False
        self.say(done)
        self.begin(self.desk.save())
        return True

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """Does the work beside; a failure of it is said, and ends nothing else."""
        closed_with(self.run_worker(partial(self.contained, work), group="desk", exit_on_error=False), work)

    async def contained(self, work: Coroutine[Any, Any, object]) -> None:
        """Does the work, and says what failed of it."""
        problem: Problem | None = None
        try:
            await work
        except BackendError as error:
            problem = error.problem()
        except Exception as error:
            problem = self.frame.unexpected("drafting", error)
        if problem is not None:
            self.say(f"✖ {problem.message} {problem.hint}".rstrip(), Tone.CRITICAL)
