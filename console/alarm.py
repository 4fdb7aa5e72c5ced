"""The alarm on every screen: looks at all rules now and then, and tells a person whose terminal may make a sound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from backends.alerts.model import Board, Phase
from backends.clients.imports import load
from backends.safety.text import display_text
from console.alerting import MODULES
from console.settings import ConfigurationInvalid
from screens.alert_rows import alarm
from widgets.tone import Part, Tone

if TYPE_CHECKING:
    from console.wiring import Services

LOOK_S: Final = 15.0
"""Seconds between two looks at all rules."""

NOTIFIED: Final = 120
"""Characters of a notification through the terminal."""


class Alarm:
    """What the first line of every screen says of the alerts.

    bell rings the terminal's; write sends it a sequence: both only where alerts.toml asks for that.
    """

    def __init__(self, services: Services, bell: Callable[[], None], write: Callable[[str], None]) -> None:
        self._services = services
        self._bell = bell
        self._write = write
        self._known: frozenset[str] | None = None
        self.part: Part | None = None

    async def run(self) -> None:
        """Looks until it is cancelled. Raises nothing: a failure is in the reports, and the line stays as it was."""
        for module in MODULES:
            await load(module)
        while True:
            try:
                self.take(await self._services.alerts.board())
            except ConfigurationInvalid:
                self.part = Part(" ? alerts.toml is malformed ", Tone.NO_DATA)
            except Exception as error:
                self._services.unexpected("looking at the alerts", error)
            await asyncio.sleep(LOOK_S)

    def take(self, board: Board) -> None:
        """Takes a look's result; what fires since the last one is told, what fired before the console's start isn't."""
        self.part = alarm(board)
        firing = {each.rule.id: each for each in board.alerts if each.state is Phase.FIRING and not each.cause}
        fresh = sorted(set(firing) - self._known) if self._known is not None else []
        self._known = frozenset(firing)
        if fresh:
            self._tell(fresh)

    def _tell(self, fresh: Iterable[str]) -> None:
        settings = self._services.alerts.settings
        if settings.bell:
            self._bell()
        if settings.osc9:
            text = display_text(f"{self._services.settings.profile}: {', '.join(fresh)}")[:NOTIFIED]
            self._write(f"\x1b]9;{text}\x07")
