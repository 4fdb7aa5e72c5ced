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
    # What a person in the meeting did or did not do comes first: its words are the most telling. A host is a person
    # only where something is done by him: servers are hosts as well.
    (
        Side.HOST,
        r"not admitted|before the bot was admitted|denied entry|not let in|waiting room|lobby\b|removed by|kicked\b|"
        r"ejected\b|meeting (?:room )?(?:has |was |is )?(?:ended|closed|not (?:found|started))|invalid meeting|"
        r"(?:by|for) (?:the |a )?(?:meeting )?host\b|(?:meeting|call)(?:'s)? host\b|"
        r"host (?:has |had |did )?(?:not |never )?(?:end|left|leave|denied|declined|admit|join|start|removed|muted)",
    ),
    (
        Side.NETWORK,
        r"timed? ?out|connection (?:\S+ ){0,6}?(?:reset|refused|lost|closed)\b|network\b|unreachable\b|dns\b|"
        r"name resolution|resolve (?:the )?host|getaddrinfo|no route|tls\b|ssl\b|broken pipe|econn\w+|"
        r"web ?socket closed",
    ),
    (
        Side.PLATFORM,
        r"google|meet (?:changed|selector)|zoom\b|teams\b|selectors?\b|captcha|sign.?in\b|platform\b|sdk\b|"
        r"unsupported browser|quota of the meeting",
    ),
    (
        Side.US,
        r"out of memory|oom(?:\b|-?kill)|crash|speech service|whisper|translat|transcri|no audio|disk\b|database\b|"
        r"exception|traceback|internal error|models?\b|gpu\b|429\b|assert|segfault|killed\b",
    ),
)
_JOINED: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where the words of an exception's name meet."""

_SIDES: Final = tuple((side, re.compile(rf"\b(?:{words})", re.IGNORECASE)) for side, words in _WORDS)


def side_of(error: str) -> Side:
    """The side at fault, by the error's words.

    >>> [side_of(error).value for error in ("the meeting ended before the bot was admitted", "browser crashed", "?")]
    ['host', 'us', 'unknown']
    """
    text = _JOINED.sub(" ", error)
    return next((side for side, words in _SIDES if words.search(text)), Side.UNKNOWN)


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
