"""What is wrong, in a state and a few words."""

from __future__ import annotations

from dataclasses import dataclass

from backends.sampling.state import State


@dataclass(frozen=True, slots=True)
class Finding:
    """A state and, where it isn't ok, why in a few words."""

    state: State
    why: str = ""
