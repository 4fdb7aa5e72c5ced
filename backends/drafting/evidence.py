"""What an incident draft rests on: numbered items with their times, as plain values whoever they came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

from backends.drafting.bibles import ONE_LINE


class Template(Enum):
    """What an incident draft is to become."""

    STATUS_UPDATE = "status update"
    HAND_OVER = "hand-over"
    POST_MORTEM = "post-mortem timeline"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was read: from which screen, what it says, and when that was so (UTC; None where unknown)."""

    source: str = field(metadata=ONE_LINE)
    text: str
    at: datetime | None = None

    @property
    def dropped(self) -> bool:
        """Whether this is only the place of an item that was dropped."""
        return not self.text


DROPPED: Final = Evidence("dropped", "")
"""What stands in the place of an item that was dropped, so that no other gets its number."""


@dataclass(frozen=True, slots=True)
class Incident:
    """What an incident project has beside its draft: its template, its evidence (item n is the n-th), and the digest of
    the draft that a person marked as reviewed ('' for none)."""

    template: Template = Template.STATUS_UPDATE
    items: tuple[Evidence, ...] = ()
    reviewed: str = field(default="", metadata=ONE_LINE)
