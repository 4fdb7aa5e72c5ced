"""What follows from the numbers: temperature, intensity bands, joints, estimates, and the system's summary."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Final

from backends.clients.errors import BackendError, NotConfigured
from backends.drafting.model import Library
from backends.sampling.state import State, Summary

COOLEST: Final = 0.1
HOTTEST: Final = 1.1
CHARACTERS_A_TOKEN: Final = 6
"""Hardly any prose holds more characters a token than this."""

SURELY_THERE: Final = 40
"""Characters of a text that stand in another by no accident."""

_BANDS: Final = ((0.25, "LOW"), (0.60, "MED"), (0.85, "HIGH"))


def temperature(intensity: float) -> float:
    """The sampling temperature: 0.15 + 0.95 × intensity, within 0.1 and 1.1, to four places.

    >>> temperature(0.0), temperature(0.75), temperature(1.0), temperature(-1), temperature(9)
    (0.15, 0.8625, 1.1, 0.1, 1.1)
    """
    return round(min(max(0.15 + 0.95 * intensity, COOLEST), HOTTEST), 4)


def band(intensity: float) -> str:
    """The intensity in a word.

    >>> [band(x) for x in (0.0, 0.25, 0.26, 0.6, 0.85, 0.86)]
    ['LOW', 'LOW', 'MED', 'MED', 'HIGH', 'MAX']
    """
    return next((name for upper, name in _BANDS if intensity <= upper), "MAX")


def stepped(intensity: float, step: float) -> float:
    """The intensity after a step, within 0 and 1.

    >>> stepped(0.75, 0.05), stepped(0.99, 0.05), stepped(0.0, -0.05)
    (0.8, 1.0, 0.0)
    """
    return round(min(max(intensity + step, 0.0), 1.0), 4)


def joint(before: str, after: str) -> str:
    r"""What goes between a draft and the text that continues it: nothing, a space, or a paragraph's end.

    >>> joint("", "Rain."), joint("The old", "house"), joint("The old ", "house")
    ('', ' ', '')
    >>> joint("It was over.", "Rain."), joint("It was over.\n", "Rain."), joint("It was over.\n\n", "Rain.")
    ('\n\n', '\n', '')
    """
    if not before or not after or after[0].isspace():
        return ""
    if before[-1].isspace():
        return "\n" if before.endswith("\n") and not before.endswith("\n\n") else ""
    if after[0] in ",.;:!?…)]”’":
        return ""
    return "\n\n" if before[-1] in ".!?…”\"')’" else " "


def missing_part(draft: str, answer: str) -> str:
    """What of an interrupted answer the draft lacks, with the joint that it needs at its end. What the draft ends with
    is there, and so is a long beginning of the answer that something was written behind since.

    >>> missing_part("He waited. It ra", "It rained."), missing_part("He waited", "for rain.")
    ('ined.', ' for rain.')
    >>> missing_part("It rained.", "It rained.")
    ''
    >>> begun = "It rained all night long, and all day long"
    >>> missing_part(f"{begun}. He left.", f"{begun}, and on and on.")
    ', and on and on.'
    """
    if there := _overlap(draft, answer):
        return answer[there:]
    # A beginning of a beginning is there as well, so the longest is found by halving.
    known = bisect_left(range(len(answer) + 1), True, key=lambda size: answer[:size] not in draft) - 1
    rest = answer[known:] if known >= SURELY_THERE else answer
    return joint(draft, rest) + rest if rest else ""


def _overlap(draft: str, answer: str) -> int:
    """Characters of the answer's beginning with which the draft ends, at most."""
    tail, place = draft[-len(answer) :], -1
    while answer and (place := tail.find(answer[0], place + 1)) >= 0:
        if answer.startswith(tail[place : place + 32]) and answer.startswith(tail[place:]):
            return len(tail) - place
    return 0


def least_tokens(text: str) -> int:
    """How many tokens the text is at least, for want of the server's number.

    >>> least_tokens(""), least_tokens("drafting")
    (0, 2)
    """
    return math.ceil(len(text) / CHARACTERS_A_TOKEN)


def estimated_tokens(text: str) -> int:
    """About how many tokens the text is: four bytes each, as in most prose.

    >>> estimated_tokens(""), estimated_tokens("drafting")
    (0, 2)
    """
    return math.ceil(len(text.encode("utf-8", "replace")) / 4)


def summary(library: Library, model: BackendError | None) -> Summary:
    """Drafting in one line. model is why no model can be asked, or None; without one everything else works.

    >>> summary(Library(), None)
    Summary(state=<State.OK: 'ok'>, headline='no projects yet')
    """
    count = len(library.projects)
    words = sum(project.words for project in library.projects)
    held = f"{count} project{'s' * (count != 1)}, {words:,} words" if count else "no projects yet"
    if isinstance(model, NotConfigured):
        return Summary(State.NOT_CONFIGURED, f"{held}; {model.message}")
    if model is not None:
        return Summary(State.WARNING, f"{model.message} {held}")
    return Summary(State.OK, held)
