"""What follows from the numbers: temperature, intensity bands, joints, estimates, and the system's summary."""

from __future__ import annotations

import math
from typing import Final

from backends.clients.errors import BackendError, NotConfigured
from backends.drafting.model import Library
from backends.sampling.state import State, Summary

COOLEST: Final = 0.1
HOTTEST: Final = 1.1
CHARACTERS_A_TOKEN: Final = 6
"""Hardly any prose holds more characters a token than this."""

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
    """What of an interrupted answer is not at the draft's end yet, with the joint that it needs there.

    >>> missing_part("He waited. It ra", "It rained."), missing_part("He waited", "for rain.")
    ('ined.', ' for rain.')
    >>> missing_part("It rained.", "It rained.")
    ''
    """
    there = next((size for size in range(len(answer), 0, -1) if draft.endswith(answer[:size])), 0)
    return answer[there:] if there else joint(draft, answer) + answer


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
