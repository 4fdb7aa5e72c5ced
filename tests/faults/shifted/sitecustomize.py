"""A process whose wall clock is wrong by TOY_CLOCK seconds; SIGUSR1 makes it jump as far to the other side.

Python imports this before anything else where its folder leads PYTHONPATH. Monotonic time goes on as it is, as it does
on a machine whose clock is set.
"""

from __future__ import annotations

import datetime
import os
import signal
import time
from datetime import datetime as plain
from typing import Self

_clock = time.time_ns
_wrong_s = int(os.environ["TOY_CLOCK"])


def _jump(*_: object) -> None:
    global _wrong_s
    _wrong_s = -_wrong_s


def _time_ns() -> int:
    return _clock() + _wrong_s * 1_000_000_000


class _Every(type):
    """Takes every time for one of its own: C code makes plain ones."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, plain)


class _Datetime(plain, metaclass=_Every):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Self:
        return cls.fromtimestamp(_time_ns() / 1e9, tz)


time.time_ns, time.time = _time_ns, lambda: _time_ns() / 1e9
datetime.datetime = _Datetime  # type: ignore[misc]
signal.signal(signal.SIGUSR1, _jump)
