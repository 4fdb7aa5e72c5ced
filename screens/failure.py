"""What stands in the place of a screen that failed: what happened, where the report is, and how to try again."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from backends.sampling.reading import Problem
from screens.frame import Frame
from widgets.key_line import KeyLine
from widgets.page import Page
from widgets.panel import problem_lines
from widgets.title_bar import TitleBar
from widgets.tone import Part, Tone


class FailureScreen(Screen[None]):
    """Stands in for one screen; every other goes on."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "retry", "try again", tooltip="Build this screen anew")]
    DEFAULT_CSS = """
    FailureScreen Page { margin: 1 2; }
    """

    class Retry(Message):
        """The person wants the screen built anew."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, frame: Frame, key: str, problem: Problem) -> None:
        super().__init__()
        self.frame = frame
        self._key = key
        self._problem = problem

    def compose(self) -> ComposeResult:
        """Title, the problem, keys."""
        frame = self.frame
        yield TitleBar(frame.profile, frame.kind, frame.production, frame.tabs, self._key)
        yield Page()
        yield KeyLine([("r", "try again"), ("0-6", "other screens"), ("q", "quit")])

    def on_mount(self) -> None:
        """Shows the problem."""
        self.set_class(self.frame.production, "-production")
        head = (Part("✖ this screen failed; everything else goes on", Tone.CRITICAL),)
        self.query_one(Page).show([head, (Part(""),), *problem_lines(self._problem)])

    def action_retry(self) -> None:
        """Builds the screen anew."""
        self.post_message(self.Retry(self._key))
