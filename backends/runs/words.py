"""Times of runs as people say them."""

from __future__ import annotations


def eta_words(eta: tuple[float, float] | None) -> str:
    """The time left in words.

    >>> eta_words(None), eta_words((30.0, 60.0)), eta_words((4000.0, 9000.0))
    ('time left unknown', '30 s to 1 min left', '1.1 h to 2.5 h left')
    """
    return "time left unknown" if eta is None else f"{span(eta[0])} to {span(eta[1])} left"


def takeover_words(extra_s: float) -> str:
    """What makes a takeover wait longer than a lease lasts; "" for nothing.

    >>> takeover_words(10.0), takeover_words(0.0)
    ('this server has no transactions: a takeover waits 10 s longer', '')
    """
    return f"this server has no transactions: a takeover waits {extra_s:g} s longer" if extra_s else ""


def span(seconds: float) -> str:
    """Seconds in the unit that fits them."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
