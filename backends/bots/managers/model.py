"""What the managers know of bots: what was asked for, what runs, and where each request stands."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from backends.bots.model import ENDED, Status
from backends.clients.errors import BackendError, Refused


class ServiceRefused(Refused):
    """The service said no; nothing was changed by it."""

    kind = "refused by the service"


class OverCapacity(Refused):
    """Every place for a bot is taken."""

    kind = "no free place"


@dataclass(frozen=True, slots=True)
class BotRequest:
    """A bot that somebody asks for. meeting_url is where it goes; languages are those that it translates to."""

    platform: str
    meeting_id: str
    meeting_url: str
    title: str = ""
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningBot:
    """A bot as the service tells of it. session_id is "" where it doesn't say; status is the service's own word."""

    bot_id: str
    session_id: str
    meeting_id: str
    platform: str
    status: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class ServiceView:
    """The bots that the service says it runs, at a time (UTC)."""

    at: datetime
    bots: tuple[RunningBot, ...]

    def runs(self, bot_id: str, session_id: str) -> bool:
        """Whether it runs the bot of this session."""
        return any(
            (each.bot_id == bot_id and each.session_id in {"", session_id}) or each.session_id == session_id
            for each in self.bots
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """What one manager allows: bots at a time, and one bot a meeting or several. How long each may take: `rules`."""

    capacity: int
    one_a_meeting: bool


@dataclass(frozen=True, slots=True)
class BotState:
    """Where a bot stands: its status since when, whether it recovers, and its end (UTC)."""

    status: Status
    recovering: bool
    since: datetime
    ended_at: datetime | None

    @property
    def holds_a_place(self) -> bool:
        """Whether it counts for the capacity: whatever has not ended does, recovering and stopping too."""
        return self.status not in ENDED


class EventKind(Enum):
    """What subscribers are told."""

    SPAWNED = "bot_spawned"
    TERMINATED = "bot_terminated"
    ERROR = "bot_error"
    STATUS_CHANGE = "status_change"
    LIFECYCLE = "lifecycle"


@dataclass(frozen=True, slots=True)
class BotEvent:
    """One thing that happened to a bot, in words besides."""

    kind: EventKind
    bot_id: str
    at: datetime
    before: Status | None
    after: Status | None
    what: str


class Place(Enum):
    """Where a request stands."""

    QUEUED = "queued"
    STARTING = "starting"
    STARTED = "started"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Handle:
    """A request that can be watched and, while it waits, cancelled."""

    def __init__(self, id_: str, request: BotRequest) -> None:
        self.id = id_
        self.request = request
        self.place = Place.QUEUED
        self.bot: RunningBot | None = None
        self.error: BackendError | None = None
        self._settled = asyncio.Event()

    async def settled(self) -> RunningBot:
        """Waits for the bot. Raises what its start raised, Refused where the request was cancelled."""
        await self._settled.wait()
        if self.error is not None:
            raise self.error
        if self.bot is None:
            raise Refused("The request was cancelled.", where=self.request.meeting_url)
        return self.bot

    def cancel(self) -> bool:
        """Takes the request out of the queue; False where it is none of the waiting any more."""
        if self.place is not Place.QUEUED:
            return False
        self.settle(Place.CANCELLED)
        return True

    def start(self) -> None:
        """It is being asked for: too late to take it back."""
        self.place = Place.STARTING

    def put_back(self) -> None:
        """The service had no place after all."""
        self.place = Place.QUEUED

    def settle(self, place: Place, bot: RunningBot | None = None, error: BackendError | None = None) -> None:
        """Says how it ended."""
        self.place, self.bot, self.error = place, bot, error
        self._settled.set()
