"""Failures that only drafting knows, in the family of `backends.clients.errors`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from backends.clients.errors import BackendError, BadAnswer
from backends.drafting.model import Holder

P = ParamSpec("P")
T = TypeVar("T")


class StorageFailed(BackendError):
    """The drafts could not be read or written."""

    kind = "storage failed"


class HeldByAnother(BackendError):
    """Another console has the project open for writing."""

    kind = "held by another console"

    def __init__(self, title: str, holder: Holder | None) -> None:
        self.holder = holder
        who = str(holder) if holder else "a console that has not said who it is yet"
        super().__init__(f"“{title}” is being written by {who}.", hint="It opens for writing once that one ends.")


class LimitReached(BackendError):
    """The shared limit leaves no call now; wait_s says in how many seconds it will."""

    kind = "limit reached"

    def __init__(self, wait_s: float, calls: int, window_s: float) -> None:
        self.wait_s = wait_s
        super().__init__(
            f"The limit of {calls} calls in {window_s:g} s is used up: the next call can be made in"
            f" {math.ceil(wait_s)} s."
        )


class NotAccepted(BackendError):
    """What was given can't be worked on: the message names the field and its limit."""

    kind = "not accepted"


class NothingSaid(BadAnswer):
    """The model ended properly without a word: asking the same again would not help."""

    kind = "no answer"


def in_words(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does the work; an OSError of it becomes StorageFailed."""
    try:
        return work(*args, **kwargs)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageFailed(
            f"The drafts' files can't be used: {reason}.",
            where=str(error.filename or ""),
            hint="Check the state folder's permissions and free space.",
        ) from error
