"""Where a page of a list ended, as a text that a person can pass back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from backends.bots.safe import utc


class CursorInvalid(ValueError):
    """The text is no cursor."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page: its time (UTC; None for rows without one, which come last) and its id."""

    time: datetime | None
    id: str

    def __str__(self) -> str:
        """The text that `parse` takes.

        >>> str(Cursor(datetime(2026, 1, 2, tzinfo=UTC), "00000000-0000-0000-0000-000000000001"))
        '2026-01-02T00:00:00+00:00_00000000-0000-0000-0000-000000000001'
        """
        return f"{self.time.astimezone(UTC).isoformat() if self.time else ''}_{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The cursor. Raises CursorInvalid."""
        time, _, id_ = text.strip().rpartition("_")
        try:
            return cls(utc(datetime.fromisoformat(time)) if time else None, str(UUID(id_)))
        except (ValueError, OverflowError):
            raise CursorInvalid(f"{text!r} is no cursor; pass what `next` said") from None
