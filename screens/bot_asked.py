"""What a person asked for lately, on whichever page: where it stands, until its end was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from backends.bots.effects import Asked, Effect, Traces, effect
from backends.bots.managers.model import Handle, Place
from widgets.panel import duration
from widgets.tone import Cell, Part, Tone

if TYPE_CHECKING:
    from backends.bots.service import BotsService

KEPT_S: Final = 30.0
"""Seconds for which the end of something that was asked for stays on the screen."""

SHOWN: Final = 4
"""Lines at most; what is not over stands before what is."""


@dataclass(slots=True)
class Entry:
    """One of them: since when; what is looked for, where it was sent; its place in the queue; how it ended.

    is_sent: the service has answered, or won't. seen is what the newest look saw.
    """

    title: str
    since: datetime
    asked: Asked | None = None
    handle: Handle | None = None
    is_sent: bool = False
    refused: str = ""
    seen: Effect | None = None
    over_at: datetime | None = None

    def watch(self, now: datetime, unanswered: str = "") -> None:
        """From now on its effect is looked for. unanswered: why it isn't known whether the service agreed."""
        if self.asked is not None:
            # Counted from the answer, not from when the person was asked.
            self.asked = replace(self.asked, at=now, unanswered=unanswered)
        self.since, self.is_sent = now, True

    def refuse(self, why: str, now: datetime) -> None:
        """It was not done."""
        self.refused, self.over_at = why, now

    def leave(self, now: datetime) -> None:
        """Nobody waits for the answer any more: what was not sent yet won't be."""
        taken_back = self.handle is not None and self.handle.cancel()
        if taken_back or self.asked is None:
            self.refuse("the page was left before it was asked", now)
        else:
            self.watch(now, "the page was left")

    def judge(self, traces: Traces, now: datetime) -> None:
        """What the traces, which were read since, say of it."""
        if self.asked is not None:
            self.seen = effect(self.asked, traces, now)
            self.over_at = now if self.seen.over else None

    @property
    def waits(self) -> bool:
        """Whether it waits for a place, and can be taken back."""
        return self.handle is not None and self.handle.place is Place.QUEUED


@dataclass(slots=True)
class AskedLog:
    """Shared by the list and the pages: each judges by the sessions that are meant, whatever it shows itself."""

    entries: list[Entry] = field(default_factory=list)

    async def look(self, bots: BotsService, now: Callable[[], datetime]) -> None:
        """Reads what is there of all that is watched, if anything is. Raises BackendError."""
        watched = [each for each in self.entries if each.is_sent and each.over_at is None]
        if watched:
            traces = await bots.traces([each.asked for each in watched if each.asked is not None])
            for each in watched:
                each.judge(traces, now())

    def lines(self, now: datetime) -> list[tuple[Cell, ...]]:
        """Each as it stands; what has long been over goes."""
        self.entries = [each for each in self.entries if not _is_old(each, now)]
        over = [each for each in reversed(self.entries) if each.over_at is not None]
        ranked = [each for each in self.entries if each.over_at is None] + over
        queue = [each for each in self.entries if each.waits]
        lines = [_line(each, queue, now) for each in ranked[:SHOWN]]
        more = len(ranked) - SHOWN
        return [*lines, (Part(f"and {more} more", Tone.MUTED),)] if more > 0 else lines


def _is_old(entry: Entry, now: datetime) -> bool:
    return entry.over_at is not None and (now - entry.over_at).total_seconds() > KEPT_S


def _line(entry: Entry, queue: list[Entry], now: datetime) -> tuple[Cell, ...]:
    if entry.refused:
        return (Part(f"✖ {entry.title}: {entry.refused}", Tone.CRITICAL),)
    if entry.seen is not None and entry.seen.over:
        symbol, tone = ("●", Tone.OK) if entry.seen.good else ("▲", Tone.WARNING)
        return (Part(f"{symbol} {entry.title}: {entry.seen.words}", tone),)
    waited = Part(f" · {duration((now - entry.since).total_seconds())}", Tone.MUTED)
    tone = Tone.WARNING if entry.asked is not None and entry.asked.unanswered else Tone.ACCENT
    return (Part(f"◔ {entry.title}: {_standing(entry, queue)}", tone), waited)


def _standing(entry: Entry, queue: list[Entry]) -> str:
    if entry.waits:
        last = "; w takes it back" if queue[-1] is entry else ""
        return f"every place is taken, number {queue.index(entry) + 1} of those who wait{last}"
    if not entry.is_sent:
        return "the service was asked, and has not answered yet"
    return entry.seen.words if entry.seen is not None else "the service agreed"
