"""The sliding-window limit on calls, shared by every process that uses the same state folder."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from backends.drafting.errors import StorageFailed
from backends.safety.files import locked, private_folder, write_atomically

T = TypeVar("T")

WINDOW_S: Final = 60.0
SLACK_S: Final = 0.25
"""Seconds added to the window: a call reaches the endpoint a little after it was counted, and not all equally so."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the limit leaves: calls in one window (None: no limit), left now, and seconds until one more is left
    (None while nothing is used up)."""

    calls: int | None
    left: int | None = None
    next_s: float | None = None


class CallLimit:
    """Counts calls by wall-clock time in a locked file. calls None: counts nothing and allows all.

    Each method raises StorageFailed where the file can't be used: a limit that can't be kept allows nothing.
    """

    def __init__(
        self, folder: Path, calls: int | None, window_s: float = WINDOW_S, now: Callable[[], float] = time.time
    ) -> None:
        self.calls = calls
        self.window_s = window_s
        self._folder = folder
        self._file = folder / "calls.json"
        self._now = now

    async def take(self) -> float:
        """Counts one call and returns 0, or counts nothing and returns the seconds until one may be made."""
        return 0.0 if self.calls is None else await asyncio.to_thread(self._take, self.calls)

    async def allowance(self) -> Allowance:
        """What is left now; counts nothing."""
        return Allowance(None) if self.calls is None else await asyncio.to_thread(self._allowance, self.calls)

    def _take(self, calls: int) -> float:
        return self._in_turn(calls, self._count_one)

    def _count_one(self, calls: int, now: float, times: list[float]) -> float:
        if len(times) >= calls:
            return self._frees(times[-calls], now)
        self._write([*times, now])
        return 0.0

    def _allowance(self, calls: int) -> Allowance:
        return self._in_turn(calls, self._look)

    def _look(self, calls: int, now: float, times: list[float]) -> Allowance:
        left = max(calls - len(times), 0)
        return Allowance(calls, left, self._frees(times[0], now) if times else None)

    def _frees(self, at: float, now: float) -> float:
        return max(at + self.window_s + SLACK_S - now, 0.001)

    def _in_turn(self, calls: int, work: Callable[[int, float, list[float]], T]) -> T:
        try:
            with locked(private_folder(self._folder) / "calls.lock"):
                now = self._now()
                return work(calls, now, self._recent(calls, now))
        except (OSError, TimeoutError) as error:
            raise StorageFailed(
                f"The shared limit can't be kept: {error}.", where=str(self._file), hint="Is the state folder writable?"
            ) from error

    def _recent(self, calls: int, now: float) -> list[float]:
        """Times of the calls in the window, oldest first.

        A time in the future (the clock went back) becomes now, and a file that can't be read counts as a full window:
        both err on the side of waiting, and never for longer than one window.
        """
        stored = self._read(calls, now)
        times = sorted(min(at, now) for at in stored if at + self.window_s + SLACK_S > now)
        if any(at > now for at in stored):
            self._write(times)
        return times

    def _read(self, calls: int, now: float) -> list[float]:
        try:
            return [float(at) for at in json.loads(self._file.read_bytes())]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError):
            full = [now] * calls
            self._write(full)
            return full

    def _write(self, times: list[float]) -> None:
        write_atomically(self._file, json.dumps(times).encode("ascii"))
