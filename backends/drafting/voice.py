"""The voice bible's controls as people set them: each with its name, its kind and how a step changes it."""

from __future__ import annotations

from dataclasses import fields, replace
from enum import Enum
from typing import Any, Final

from backends.drafting.bibles import Bibles, VoiceBible
from backends.drafting.errors import NotAccepted
from backends.drafting.limits import CONTROL
from backends.drafting.rules import stepped

CONTROLS: Final = tuple(field.name for field in fields(VoiceBible))
TEXTS: Final = ("voice_sample", "voice_lock_prompt")
STEP: Final = 0.05


def label(name: str) -> str:
    """A control's or section's name as people read it.

    >>> label("voice_lock_prompt")
    'Voice lock prompt'
    """
    return name.replace("_", " ").capitalize()


def shown(bibles: Bibles, name: str) -> str:
    """The control's value in a few words.

    >>> shown(Bibles(), "style_on"), shown(Bibles(), "pov"), shown(Bibles(), "lock_intensity")
    ('on', 'Close Third', '1.00')
    """
    value = getattr(bibles.voice, name)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.2f}"
    if name in TEXTS:
        return f"{len(value):,} characters" if value else "empty"
    return value.value if isinstance(value, Enum) else value or "none"


def turned(bibles: Bibles, name: str, step: int) -> Bibles:
    """The bibles with the control one step on (1) or back (-1): flags toggle, choices go round, intensities move.

    >>> turned(Bibles(), "pov", 1).voice.pov.value, turned(Bibles(), "lock_intensity", -1).voice.lock_intensity
    ('Omniscient', 0.95)
    """
    if name in TEXTS:
        return bibles
    value: Any = getattr(bibles.voice, name)
    return replace(bibles, voice=replace(bibles.voice, **{name: _turned(bibles, name, value, step)}))


def written(bibles: Bibles, name: str, text: str) -> Bibles:
    """The bibles with another text in a control that holds one. Raises NotAccepted."""
    if name not in TEXTS:
        raise NotAccepted(f"{label(name)} holds no text.")
    changes: dict[str, Any] = {name: CONTROL.check(text)}
    return replace(bibles, voice=replace(bibles.voice, **changes))


def _turned(bibles: Bibles, name: str, value: Any, step: int) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return stepped(value, STEP * step)
    choices: list[Any] = list(type(value)) if isinstance(value, Enum) else ["", *(v.name for v in bibles.voices)]
    place = choices.index(value) if value in choices else 0
    return choices[(place + step) % len(choices)]
