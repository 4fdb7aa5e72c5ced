"""When another attempt can help, and how long to wait before it.

Plain code rather than a library: each pause is an event of the answer, counted down where a person sees it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from backends.clients.errors import AccessDenied, BackendError, BadAnswer, NotConfigured
from backends.drafting.errors import NothingSaid

_PASSING: Final = frozenset({408, 409, 425, 429})
"""Statuses below 500 that another attempt can mend."""


def can_help(problem: BackendError) -> bool:
    """Whether the same request may succeed later: not what is wrong with the request, the key or the account."""
    if isinstance(problem, NothingSaid | AccessDenied | NotConfigured):
        return False
    answer = _answer(problem)
    if getattr(answer, "code", None) == "insufficient_quota":
        return False
    status = getattr(answer, "status_code", None)
    return status is None or status in _PASSING or status >= 500


def is_unreached(problem: BackendError) -> bool:
    """Whether no model answered that can be used: the endpoint fails, knows no such model, or its stream makes no sense
    or lacks its end. A model that refuses the request, or ends properly without a word, was reached."""
    status = getattr(_answer(problem), "status_code", None)
    refused = status is not None and status < 500 and status != 404
    return isinstance(problem, BadAnswer) and not isinstance(problem, NothingSaid) and not refused


def pause_before(attempt: int, problem: BackendError, first_s: float) -> float:
    """Seconds before the attempt of that number (the second is the first retry): doubling from first_s with jitter of
    a quarter, or what the endpoint's Retry-After asks for."""
    response = getattr(_answer(problem), "response", None)
    asked = retry_after(response.headers, datetime.now(UTC)) if response is not None else None
    if asked is not None:
        return asked
    return float(first_s * 2 ** (attempt - 2) * random.uniform(0.75, 1.25))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds of a Retry-After header in either form; None where there is none that makes sense.

    >>> now = datetime(2026, 1, 2, tzinfo=UTC)
    >>> retry_after({"retry-after": "7"}, now), retry_after({"retry-after": "Fri, 02 Jan 2026 00:00:30 GMT"}, now)
    (7.0, 30.0)
    >>> retry_after({"retry-after": "soon"}, now), retry_after({}, now), retry_after({"retry-after": "-1"}, now)
    (None, None, None)
    """
    text = headers.get("retry-after", "").strip()
    if text.isdecimal() or text.replace(".", "", 1).isdecimal():
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def _answer(problem: BackendError) -> Any:
    """The driver's exception behind the problem, which knows the HTTP answer if there was one."""
    return problem.__cause__
