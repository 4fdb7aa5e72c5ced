"""How a run shows its progress: a bar on a terminal, plain lines elsewhere, always on stderr, which may go away."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Final, TextIO

from backends.runs.rules import eta_s
from backends.runs.words import eta_words

if TYPE_CHECKING:
    from backends.runs.model import Progress

PLAIN_EVERY_S: Final = 10.0
BAR_EVERY_S: Final = 0.2
_BAR: Final = 20
_CLEAR: Final = "\r\x1b[K"


class Shown:
    """Tells a person, or a log, how a run goes on."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bar = self._stream.isatty()
        self._last = 0.0

    def state(self, state: str, why: str) -> None:
        """A line for each state."""
        self.say(f"{state}: {why}" if why else state)

    def say(self, text: str) -> None:
        """A line of its own, above the bar."""
        self._write(f"{_CLEAR if self._bar else ''}{text}\n")
        self._last = 0.0

    def progress(self, progress: Progress) -> None:
        """The bar, or now and then a line."""
        now = time.monotonic()
        if now - self._last < (BAR_EVERY_S if self._bar else PLAIN_EVERY_S):
            return
        self._last = now
        line = progress_line(progress)
        if self._bar:
            self._write(f"{_CLEAR}{line[: shutil.get_terminal_size().columns - 1]}")
        else:
            self._write(f"{line}\n")

    def end(self) -> None:
        """Leaves the bar's line."""
        if self._bar:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._bar = False  # the terminal is gone; the run is not


def progress_line(progress: Progress) -> str:
    """The progress in one line.

    >>> from backends.runs.model import Progress, Unit
    >>> progress_line(Progress((Unit("a", 200, 50, rate=12.5),), slow=10, fast=15))
    '█████                25 %  50 of 200  12/s  10 s to 15 s left'
    """
    done = sum(unit.done + unit.failed for unit in progress.units)
    totals = [unit.total for unit in progress.units if unit.total is not None]
    rates = [unit.rate for unit in progress.units if unit.rate is not None]
    total = sum(totals) if len(totals) == len(progress.units) and totals else None
    share = min(done / total, 1.0) if total else None
    bar = "" if share is None else f"{'█' * int(share * _BAR):<{_BAR}}{share:4.0%} ".replace("%", " %")
    rate = f"  {sum(rates):,.0f}/s" if rates else ""
    eta = eta_words(eta_s(None if total is None else max(total - done, 0), progress.slow, progress.fast))
    return f"{bar} {done:,} of {'an unknown number' if total is None else f'{total:,}'}{rate}  {eta}".strip()
