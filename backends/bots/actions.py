"""What a person may do to a bot: ask for one, stop, restart, extend it; bound to the session as it was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.bots.managers.model import BotRequest, Handle, ServiceRefused
from backends.bots.managers.unified import EXTEND, RESTART, SPAWN, STOP, UnifiedBotManager
from backends.bots.model import ENDED, Session, Status, Stray
from backends.bots.queries import sql
from backends.bots.rows import session_row
from backends.bots.status import shown_status
from backends.bots.unmasking import UNMASK, Sight, unmask
from backends.clients.errors import NotThere, Refused
from backends.safety.gate import Act

if TYPE_CHECKING:
    from backends.clients.postgres import PostgresClient
    from backends.safety.gate import Token

EXTENSION_S: Final = 3_600
"""Seconds by which one key press lets a session run longer."""

VERBS: Final = {"stop": STOP, "restart": RESTART, "extend": EXTEND, "request": SPAWN}


class ChangedMeanwhile(Refused):
    """The session is not as it was when the person looked at it."""

    kind = "changed meanwhile"


@dataclass(frozen=True, slots=True)
class Seen:
    """A bot as a person saw it when he decided. version "" is that of a bot without a session."""

    session_id: str
    bot_id: str
    platform: str
    status: str
    version: str

    @classmethod
    def of(cls, bot: Session | Stray) -> Seen:
        """The bot's."""
        version = bot.version if isinstance(bot, Session) else ""
        return cls(bot.session_id, bot.bot_id, bot.platform, bot.status, version)


class BotActions:
    """Every method that changes something takes the gate's token for the act that `act` made."""

    def __init__(self, postgres: PostgresClient, manager: UnifiedBotManager) -> None:
        self._postgres = postgres
        self._manager = manager

    @property
    def where(self) -> str:
        """The service, masked. Raises NotConfigured."""
        return self._manager.where

    @property
    def manager(self) -> UnifiedBotManager:
        """Who carries it out."""
        return self._manager

    def act(self, verb: str, bot: str, **details: object) -> Act:
        """What is to be recorded, for one of VERBS. Raises NotConfigured where there is no service."""
        return Act(VERBS[verb], self.where, details={"bot": bot, **details})

    def unmask_act(self, session_id: str) -> Act:
        """What is to be recorded before personal data is shown."""
        return Act(UNMASK, self._postgres.target.where, details={"session_id": session_id})

    def unmask(self, token: Token, session_id: str) -> Sight:
        """A person's sight of the session's personal data."""
        return unmask(token, session_id)

    async def stop(self, token: Token, seen: Seen) -> str:
        """Ends the bot; returns what the service said. Raises ChangedMeanwhile, ServiceRefused, BackendError."""
        token.require(STOP, self.where)
        await self._check(seen)
        return await self._manager.stop(token, seen.bot_id, seen.platform, _expected(seen))

    async def restart(self, token: Token, seen: Seen) -> str:
        """Another bot in this one's place. Raises as `stop` does."""
        token.require(RESTART, self.where)
        await self._check(seen)
        return await self._manager.restart(token, seen.bot_id, seen.platform, _expected(seen))

    async def extend(self, token: Token, seen: Seen, seconds: int = EXTENSION_S) -> str:
        """Lets the session run that much longer. Raises as `stop` does."""
        token.require(EXTEND, self.where)
        await self._check(seen)
        return await self._manager.extend(token, seen.bot_id, seen.platform, seconds)

    async def request(self, token: Token, request: BotRequest, *, wait: bool) -> Handle:
        """Asks for a bot, which waits for a place where it may. Raises OverCapacity, ServiceRefused, BackendError."""
        return await self._manager.request(token, request, wait=wait)

    async def _check(self, seen: Seen) -> None:
        """Raises ChangedMeanwhile unless the session is as it was seen, and ServiceRefused where it has ended."""
        if not seen.version:
            return
        async with self._postgres.reading() as connection:
            records = await connection.fetch(sql("sessions"), [seen.session_id])
        where = self._postgres.target.where
        if not records:
            raise NotThere(f"The session {seen.session_id} is not there any more.", where=where)
        row = session_row(records[0])
        now = shown_status(row.raw_status)
        if row.version != seen.version:
            hint = "Look at it as it is now, and decide again."
            raise ChangedMeanwhile(f"The session changed meanwhile: it is {now}.", where=where, hint=hint)
        if now in {status.value for status in ENDED}:
            raise ServiceRefused(f"The session is {now} already.", where=where)


def _expected(seen: Seen) -> str:
    """The status that the service is told to expect; none that it wouldn't know."""
    return seen.status if seen.status in {status.value for status in Status} else ""
