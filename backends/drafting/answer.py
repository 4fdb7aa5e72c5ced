"""What a call to the model gives, event by event: waits, chunks of safe text, and one outcome at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backends.drafting.model import Action, Lane
from backends.sampling.reading import Problem

CUT_SHORT: Final = frozenset({"length", "content_filter", "tool_calls", "function_call"})
"""Reasons with which a model ends before its end; endpoints have many words for a proper one."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A pause of so many seconds begins, before the attempt of that number; problem is why, None for the limit."""

    seconds: float
    attempt: int
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """More of the answer, sanitised."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a call. measured: the server's own count; otherwise it is at least so many."""

    prompt_tokens: int
    completion_tokens: int
    measured: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an answer ended.

    text is all that came; finish_reason the server's; broken says what cut the answer off, None where it ended
    properly. seconds: the answering attempt's; first_s: until its first text; waited_s: all pauses; attempts: HTTP
    requests made. cached: an earlier answer to the same request.
    """

    action: Action
    lane: Lane
    model: str
    temperature: float
    text: str
    usage: Usage
    finish_reason: str | None
    broken: Problem | None
    seconds: float
    first_s: float | None
    waited_s: float
    attempts: int
    cached: bool = False

    @property
    def whole(self) -> bool:
        """Whether the model said all it wanted to say."""
        return self.broken is None and self.finish_reason is not None and self.finish_reason not in CUT_SHORT


Event = Waiting | Chunk | Outcome
