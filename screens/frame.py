"""What every screen is told about the console that it stands in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from backends.sampling.reading import Problem
from widgets.title_bar import Tab
from widgets.tone import Part

if TYPE_CHECKING:
    from backends.safety.arming import Arming
    from backends.safety.gate import Gate


@dataclass(frozen=True, slots=True)
class Frame:
    """The profile's name and kind, the screens' tabs, and what screens can't know themselves.

    refresh is in seconds; program is the command line up to the subcommand, such as `olorin --env-file prod.env`;
    unexpected turns an exception into a Problem with a masked report; now is the clock (UTC); arming is whether
    anything may be changed now; gate gives what every change passes; alarm: how many alerts fire, and the worst.
    """

    profile: str
    kind: str
    production: bool
    tabs: tuple[Tab, ...]
    refresh: float
    program: str
    exports: Path
    unexpected: Callable[[str, Exception], Problem]
    now: Callable[[], datetime]
    arming: Arming
    gate: Callable[[], Gate]
    alarm: Callable[[], Part | None] = lambda: None
