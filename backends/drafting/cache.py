"""Answers kept for a while by the exact request that they answered."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from backends.clients.model import ModelTarget
from backends.drafting.answer import Outcome, Usage
from backends.drafting.brief import Brief

ENTRIES: Final = 100


class AnswerCache:
    """Whole answers of this process. ttl_s: seconds for which one is good; 0 keeps none."""

    def __init__(self, ttl_s: float, entries: int = ENTRIES, now: Callable[[], float] = time.monotonic) -> None:
        self._ttl_s = ttl_s
        self._room = entries
        self._now = now
        self._kept: OrderedDict[str, tuple[float, Outcome]] = OrderedDict()

    @property
    def on(self) -> bool:
        """Whether it keeps anything."""
        return self._ttl_s > 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, target: ModelTarget, brief: Brief) -> Outcome | None:
        """The answer to exactly this request, marked as one that cost nothing; None where there is none any more."""
        self._drop_old()
        found = self._kept.get(request_key(target, brief))
        if found is None:
            return None
        nothing = Usage(0, 0, measured=True)
        return replace(found[1], usage=nothing, seconds=0.0, first_s=0.0, waited_s=0.0, attempts=0, cached=True)

    def put(self, target: ModelTarget, brief: Brief, outcome: Outcome) -> None:
        """Keeps a whole answer; the oldest goes where there is no room."""
        if not outcome.whole or not self.on:
            return
        key = request_key(target, brief)
        self._kept.pop(key, None)
        self._kept[key] = (self._now(), outcome)
        while len(self._kept) > self._room:
            self._kept.popitem(last=False)

    def _drop_old(self) -> None:
        oldest = self._now() - self._ttl_s
        while self._kept and next(iter(self._kept.values()))[0] <= oldest:
            self._kept.popitem(last=False)


def request_key(target: ModelTarget, brief: Brief) -> str:
    """A digest of all that a request says: two that differ in one character differ in this."""
    request = [target.url, target.model, brief.temperature, brief.messages]
    return hashlib.sha256(json.dumps(request).encode("ascii")).hexdigest()
