"""Numbers that rules judge: what a system tells of itself now, in a form that every system shares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Absent(Enum):
    """Why a measure has no value. NOTHING: there is nothing now that the rule could be about, which is fine.
    UNTOLD: what is configured answers, and does not tell this: as if it weren't configured, but it resolves nothing.
    """

    NO_DATA = "no data"
    NOT_CONFIGURED = "not configured"
    UNTOLD = "not told"
    NOTHING = "nothing to judge"


@dataclass(frozen=True, slots=True)
class Measure:
    """One number. name: what rules call it, its source before the first dot ("pools.waiting").

    value: in the rule's unit; None where absent says why there is none. subject: what it is of (a pool, a collection),
    "" for the whole. what: the evidence in words, safe to show. at: when it was sampled (UTC), None for just now.
    """

    name: str
    value: float | None
    subject: str = ""
    what: str = ""
    absent: Absent | None = None
    at: datetime | None = None

    @classmethod
    def missing(cls, name: str, absent: Absent, what: str = "", subject: str = "") -> Measure:
        """A measure without a value."""
        return cls(name, None, subject, what, absent)


def measured(name: str, value: float | None, subject: str = "", what: str = "", at: datetime | None = None) -> Measure:
    """A measure; what could not be read, or is no number, is no data.

    >>> measured("pools.waiting", None).absent.value, measured("pools.waiting", math.nan).absent.value
    ('no data', 'no data')
    """
    value = None if value is not None and math.isnan(value) else value
    return Measure(name, value, subject, what, Absent.NO_DATA if value is None else None, at)
