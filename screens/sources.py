"""The sources of a screen: one loop each, running only while the screen is seen; frozen without stopping them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from textual.message import Message

from backends.sampling.poller import Poller
from backends.sampling.reading import Reading
from widgets.panel import Panel


class Sampled(Message, bubble=False):
    """A source was read."""

    def __init__(self, source: str, reading: Reading[Any]) -> None:
        super().__init__()
        self.source = source
        self.reading = reading


@dataclass(slots=True)
class Source:
    """A source: its loop, the panels that carry its state, and what shows its value."""

    name: str
    poller: Poller[Any]
    panels: tuple[Panel, ...]
    show: Callable[[Any], None]
    shown: Reading[Any] | None = None
    held: int = 0
    is_behind: bool = False
    newest: Any = None

    def below(self, reading: Reading[Any]) -> None:
        """Knows the reading without showing its value, while something else is on top."""
        value = self.shown.value if self.shown is not None else None
        self.shown, self.is_behind = replace(reading, value=value), True

    def hold(self, reading: Reading[Any]) -> None:
        """Counts a reading that is not shown, where its value is another one than before."""
        self.held += reading.value is not self.newest
        self.newest = reading.value

    def take(self, reading: Reading[Any]) -> bool:
        """Makes the reading the one that is shown; says whether its value is new."""
        new = self.shown is None or reading.value is not self.shown.value
        self.shown, self.held, self.newest, self.is_behind = reading, 0, reading.value, False
        return new and reading.value is not None


Read = Callable[[], Awaitable[Any]]
