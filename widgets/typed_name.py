"""A field for a name that must be typed by hand: what arrives at once, as a paste does, is thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from widgets.line import Line
from widgets.tone import Part, Tone

QUICKEST_S: Final = 0.02
"""Seconds from key to key that a hand needs at least; a terminal that hands over a paste as keys needs none."""

LONGEST: Final = 64


class TypedName(Line, can_focus=True):
    """Collects printable keys while it has the focus; enter gives them, escape leaves the field."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "give", "give", show=False),
        Binding("escape", "leave", "leave", show=False),
        Binding("backspace", "rub_out", "rub out", show=False),
        Binding("ctrl+u", "clear", "clear", show=False),
    ]
    DEFAULT_CSS = """
    TypedName:focus { background: $surface-lighten-1; }
    """

    class Given(Message):
        """The name was typed by hand."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Pasted(Message):
        """Something arrived that no hand typed; it was thrown away."""

    class Left(Message):
        """The field was left."""

    def __init__(self, label: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = label
        self._text = ""
        self._times: list[float] = []

    def on_mount(self) -> None:
        """Shows the empty field."""
        self.action_clear()

    def ask(self, label: str) -> None:
        """Asks for something else, from the beginning."""
        self._label = label
        self.action_clear()

    def on_key(self, event: events.Key) -> None:
        """Takes a printable key; while the field has the focus it is text, whatever it means elsewhere."""
        if event.is_printable and event.character:
            event.stop()
            event.prevent_default()
            if len(self._text) < LONGEST:
                self._show(self._text + event.character, [*self._times, event.time])

    def on_paste(self, event: events.Paste) -> None:
        """A paste never counts, nor what was typed before it."""
        event.stop()
        self._refuse()

    def on_focus(self) -> None:
        """Shows the cursor."""
        self._show(self._text, self._times)

    def on_blur(self) -> None:
        """Hides the cursor, and forgets what was typed: nobody confirms with another's half word."""
        self.action_clear()

    def action_rub_out(self) -> None:
        """Takes the last character back."""
        self._show(self._text[:-1], self._times[:-1])

    def action_clear(self) -> None:
        """Empties the field."""
        self._show("", [])

    def action_leave(self) -> None:
        """Leaves the field."""
        self.post_message(self.Left())

    def action_give(self) -> None:
        """Gives what was typed, or refuses what was not typed by hand."""
        if typed_by_hand(self._times):
            self.post_message(self.Given(self._text))
        else:
            self._refuse()

    def _refuse(self) -> None:
        self.action_clear()
        self.post_message(self.Pasted())

    def _show(self, text: str, times: list[float]) -> None:
        self._text, self._times = text, times
        cursor = "▏" if self.has_focus else ""
        self.show(Part(f"{self._label} ", Tone.MUTED), Part(f"{text}{cursor}", Tone.STRONG))


def typed_by_hand(times: Sequence[float]) -> bool:
    """Whether keys came as from a hand: slowly on the whole, and no more than half of them on the heels of another.

    times: of each key, in seconds. A slow line hands over a few keys together, a paste all of them.

    >>> typed_by_hand([0.0, 0.11, 0.19, 0.33]), typed_by_hand([0.0, 0.001, 0.002, 0.003])
    (True, False)
    >>> typed_by_hand([0.0, 0.001, 0.002, 0.003, 0.004, 1.5])
    False
    """
    gaps = [later - earlier for earlier, later in pairwise(times)]
    quick = sum(gap < QUICKEST_S for gap in gaps)
    return sum(gaps) >= QUICKEST_S * len(gaps) and quick * 2 <= len(gaps)
