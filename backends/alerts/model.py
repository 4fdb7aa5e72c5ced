"""The systems of a profile and how each stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from backends.sampling.reading import Problem
from backends.sampling.state import State, Summary


@dataclass(frozen=True, slots=True)
class System:
    """A system: the key and name of its screen, how often to look (seconds), and what tells its state."""

    key: str
    name: str
    refresh: float
    read: Callable[[], Awaitable[Summary]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a system stands: its state and its worst finding; the problem where it could not be asked."""

    name: str
    state: State
    headline: str
    problem: Problem | None = None
