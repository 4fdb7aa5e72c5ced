"""The hours in which a run may work: `HH:MM-HH:MM [zone]`, on the clock of that zone, over midnight and DST alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final, Self
from zoneinfo import ZoneInfo

_WRITTEN: Final = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})(?:\s+(\S+))?")
_DAYS_AHEAD: Final = 3
"""A window is missed on a day whose clock jumps over it, never on two."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `opens` to just before `closes`, as the zone's clocks show; over midnight where it closes earlier."""

    opens: time
    closes: time
    zone: tzinfo
    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The window as people write it; without a zone in UTC. Raises ValueError.

        >>> Window.parse("22:00-06:00 Europe/Berlin").contains(datetime(2026, 7, 1, 20, 30, tzinfo=UTC))
        True
        >>> Window.parse("00:00-24:00").contains(datetime(2026, 7, 1, tzinfo=UTC))  # which lifts another one
        True
        """
        found = _WRITTEN.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is no window: write HH:MM-HH:MM and a zone, such as 22:00-06:00 Europe/Berlin")
        *numbers, zone = found.groups()
        first, first_minute, last, last_minute = map(int, numbers)
        opens, closes = time(first, first_minute), time(0 if last == 24 else last, last_minute)
        if opens == closes and last != 24:
            raise ValueError(f"{text!r} opens when it closes")
        return cls(opens, closes, _zone(zone), text.strip())

    def contains(self, at: datetime) -> bool:
        """Whether it is open at this instant (aware)."""
        clock = at.astimezone(self.zone).time()
        if self.opens < self.closes:
            return self.opens <= clock < self.closes
        return clock >= self.opens or clock < self.closes

    def opens_at(self, at: datetime) -> datetime:
        """An instant (UTC) at which it is open: `at` itself where it is open then, else a day's start."""
        if self.contains(at):
            return at.astimezone(UTC)
        today = at.astimezone(self.zone).date()
        starts = (
            datetime.combine(today + timedelta(days=day), self.opens, self.zone).replace(fold=fold).astimezone(UTC)
            for day in range(_DAYS_AHEAD)
            for fold in (0, 1)
        )
        return next(start for start in starts if start > at and self.contains(start))


def _zone(name: str | None) -> tzinfo:
    if name is None:
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error
