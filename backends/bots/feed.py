"""Which sessions changed, as soon as they do: from the database's notifications, and from the service's WebSocket.

Both only say where to look: what is shown is always read from the database.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.bots.messages import Message
from backends.bots.notifications import CHANNEL, FUNCTION, TOLD, Told
from backends.bots.queries import sql
from backends.bots.shape import SESSIONS
from backends.bots.socket import ServiceSocket, SocketState
from backends.clients.errors import BackendError, DeadlineExceeded, NotThere
from backends.sampling.poller import pause_after

if TYPE_CHECKING:
    from backends.clients.postgres import Listening, PostgresClient

PACE_S: Final = 0.5
"""Seconds between two tellings at least: what comes meanwhile is told together."""

PROBE_EVERY_S: Final = 20.0
"""Seconds between two looks whether notifications still arrive."""

PROBE_S: Final = 5.0
"""Seconds that a notification of our own may take."""

FIRST_PAUSE_S: Final = 0.5
ABSENT_PAUSE_S: Final = 60.0
"""Seconds between two looks for triggers where there are none."""

_PROBE: Final = "probe "


@dataclass(frozen=True, slots=True)
class Changes:
    """Sessions that changed; all_ where some may have been missed, and everything is to be read."""

    ids: frozenset[str]
    all_: bool


@dataclass(frozen=True, slots=True)
class FeedState:
    """How changes arrive.

    listening: the database tells them. why says why it doesn't, "" where it does. socket is the WebSocket's state,
    None where no service is configured.
    """

    listening: bool
    why: str
    socket: SocketState | None


class Feed:
    """Listens while `run` runs. session_id: whose changes alone are of interest; None for everybody's."""

    def __init__(
        self, client: PostgresClient, socket: ServiceSocket | None = None, session_id: str | None = None
    ) -> None:
        self._client = client
        self._socket = socket
        self._session_id = session_id
        self._ids: set[str] = set()
        self._all = False
        self._news = asyncio.Event()
        self._listening = False
        self._why = "not asked yet"

    @property
    def state(self) -> FeedState:
        """How changes arrive now."""
        return FeedState(self._listening, self._why, self._socket.state if self._socket else None)

    def take(self) -> Changes:
        """What changed since the last taking."""
        taken = Changes(frozenset(self._ids), self._all)
        self._ids.clear()
        self._all = False
        self._news.clear()
        return taken

    async def run(self, tell: Callable[[], object]) -> None:
        """Forever: calls `tell` when there is something to take, PACE_S apart at least."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell(tell))
            group.create_task(self._database())
            if self._socket is not None:
                group.create_task(self._socket.run(self._heard, self.missed))

    async def _tell(self, tell: Callable[[], object]) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            tell()
            await asyncio.sleep(PACE_S)

    def _changed(self, session_id: str) -> None:
        if self._session_id in {None, session_id}:
            self._ids.add(session_id)
            self._news.set()

    def missed(self) -> None:
        """Something changed of which no notification tells: everything is to be read."""
        self._all = True
        self._news.set()

    def _heard(self, message: Message) -> None:
        if message.changed_session is not None:
            self._changed(message.changed_session)

    async def _database(self) -> None:
        failures = 0
        while True:
            try:
                async with self._client.listening(CHANNEL) as heard:
                    await self._check_triggers(heard)
                    await self._prove(heard)
                    self._listening, self._why, failures = True, "", 0
                    self.missed()
                    await self._hear(heard)
            except NotThere as error:
                self._listening, self._why = False, error.message
                await asyncio.sleep(ABSENT_PAUSE_S)
            except BackendError as error:
                self._listening, self._why = False, f"{error.kind}: {error.message}"
                failures += 1
                await asyncio.sleep(pause_after(failures, FIRST_PAUSE_S))

    async def _check_triggers(self, heard: Listening) -> None:
        """Raises NotThere where a table that should tell doesn't."""
        records = await heard.connection.fetch(sql("triggers"), FUNCTION)
        telling = {
            record["table_name"]
            for record in records
            if record["inserts"] and record["updates"] and (record["deletes"] or record["table_name"] != SESSIONS)
        }
        silent = sorted({*TOLD} - telling)
        if silent:
            raise NotThere(f"no triggers on {', '.join(silent)}: `olorin migrate schema --upgrade` installs them")

    async def _hear(self, heard: Listening) -> None:
        while True:
            try:
                async with asyncio.timeout(PROBE_EVERY_S):
                    while True:
                        self._take_in(await heard.next())
            except TimeoutError:
                await self._prove(heard)
                await self._check_triggers(heard)  # dropped or disabled since, they tell nothing

    async def _prove(self, heard: Listening) -> None:
        """Says something and waits until it is heard: not so through a pooler that lends connections by transaction.

        Raises DeadlineExceeded.
        """
        probe = _PROBE + secrets.token_hex(8)
        try:
            async with asyncio.timeout(PROBE_S):
                await heard.say(probe)
                while (payload := await heard.next()) != probe:
                    self._take_in(payload)
        except TimeoutError:
            raise DeadlineExceeded("notifications do not arrive: is a transaction pooler between?") from None

    def _take_in(self, payload: str) -> None:
        told = Told.parse(payload)
        if told is not None:
            self._changed(told.session_id)
