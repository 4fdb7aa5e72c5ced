"""Whose fault a failed session is, by its error's words, and whether there are more of them lately. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from backends.bots.model import FaultCount, Side

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(hours=24)

_WORDS: Final = (
    # What a person in the meeting did or did not do comes first: its words are the most telling.
    (
        Side.HOST,
        r"not admitted|before the bot was admitted|denied entry|not let in|waiting room|lobby|removed by|kicked|"
        r"ejected|meeting (?:has )?(?:ended|not (?:found|started))|invalid meeting|host ",
    ),
    (
        Side.NETWORK,
        r"timed? ?out|connection (?:reset|refused|lost|closed)|network|unreachable|dns|name resolution|"
        r"no route|tls|ssl|broken pipe|econn\w+|websocket closed",
    ),
    (
        Side.PLATFORM,
        r"google|meet (?:changed|selector)|zoom|teams|selector|captcha|sign.?in|platform|sdk|unsupported browser|"
        r"quota of the meeting",
    ),
    (
        Side.US,
        r"out of memory|oom|crash|speech service|whisper|translat|transcri|no audio|disk|database|exception|traceback|"
        r"internal error|model|gpu|429|assert|segfault|killed",
    ),
)
_SIDES: Final = tuple((side, re.compile(words, re.IGNORECASE)) for side, words in _WORDS)


def side_of(error: str) -> Side:
    """The side at fault, by the error's words.

    >>> [side_of(error).value for error in ("the meeting ended before the bot was admitted", "browser crashed", "?")]
    ['host', 'us', 'unknown']
    """
    return next((side for side, words in _SIDES if words.search(error)), Side.UNKNOWN)


def fault_counts(failures: Iterable[tuple[datetime, str]], now: datetime) -> tuple[FaultCount, ...]:
    """Failures (when, and the error) by side, the most first; what is older than a day doesn't count."""
    day: Counter[Side] = Counter()
    hour: Counter[Side] = Counter()
    for at, error in failures:
        if now - at <= DAY:
            side = side_of(error)
            day[side] += 1
            hour[side] += now - at <= HOUR
    return tuple(FaultCount(side, hour[side], number) for side, number in day.most_common())
