"""The demo service's bots: they go on by themselves, and do what they are told, one thing at a time.

Only sessions whose bot_id begins with `sim-` are touched. As one ends, the oldest that ended the same way is deleted in
the same transaction and a new one arrives, so the number of sessions, of live ones, and of failed ones stays; a bot
that somebody asked for has no successor.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import asyncpg

from backends.bots.status import status_of
from console.demo.bots_rows import SERVICE
from console.demo.bots_seed import STRAY, live_sessions
from console.demo.seeding import Size, dice
from console.demo.simulated import WINDOWS, Live, arrive, live, step, turned

RATE: Final = 4.0
"""Steps a second at scale 1."""
RATE_RANGE: Final = (2.0, 12.0)
BACK_OFF: Final = (0.2, 5.0)
"""Seconds before the first new attempt to connect, and the most."""
DEADLINE: Final = 10.0
"""Seconds for a statement: a frozen server is left behind."""
COUNT_EVERY_S: Final = 60.0
"""Seconds between two countings of the pipeline."""
SPARE: Final = 4
"""Places for bots that somebody asks for, beside those that are always there."""

FAILURES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Tell = Callable[[Live], object]
Answer = tuple[int, dict[str, Any]]
"""HTTP status and body."""


class Fleet:
    """tell is called with each bot after it did something."""

    def __init__(self, url: str, size: Size, tell: Tell) -> None:
        self._url = url
        self._size = size
        self._tell = tell
        self._pace = dice("simulator")
        self._bots: list[Live] = []
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._started = datetime.now(UTC)
        self._count_at = 0.0
        self._strays = {STRAY}

    @property
    def capacity(self) -> int:
        """Bots at a time."""
        return live_sessions(self._size) + SPARE

    async def run(self) -> None:
        """Go on forever; a server that is away is asked again and again."""
        pause, longest = BACK_OFF
        while True:
            with contextlib.suppress(*FAILURES):
                connection = await asyncpg.connect(
                    self._url, timeout=5, command_timeout=DEADLINE, server_settings={"application_name": SERVICE}
                )
                pause = BACK_OFF[0]
                try:
                    await self._go_on(connection)
                finally:
                    self._connection = None
                    connection.terminate()
            await asyncio.sleep(pause * self._pace.uniform(0.5, 1.5))
            pause = min(pause * 2, longest)

    async def _go_on(self, connection: Connection) -> None:
        asked = {bot.session["session_id"] for bot in self._bots if bot.requested}
        found = await live(connection, self._pace)
        self._bots = [replace(bot, requested=bot.session["session_id"] in asked) for bot in found]
        while len(self._bots) < live_sessions(self._size):
            self._bots.append(await arrive(connection, self._pace))
        self._connection = connection
        least, most = RATE_RANGE
        between = 1 / max(least, min(most, RATE * self._size.scale))
        while True:
            await asyncio.sleep(between * self._pace.uniform(0.4, 1.6))
            async with self._turn:
                if time.monotonic() >= self._count_at:
                    self._count_at = time.monotonic() + COUNT_EVERY_S
                    await connection.execute(WINDOWS)
                await self._step(connection, self._pace.randrange(len(self._bots)))

    async def _step(self, connection: Connection, index: int) -> None:
        before = self._bots[index]
        async with connection.transaction():
            after = await step(connection, before, self._pace)
        self._put(before, after)

    def _put(self, before: Live, after: Live) -> None:
        """A bot in the place of what it was; one that is over leaves its place."""
        self._bots = [after if bot is before else bot for bot in self._bots if bot is not before or not after.over]
        self._tell(after)

    def active(self) -> list[dict[str, Any]]:
        """The bots that run, as the service tells of them, and the one that nobody knows of."""
        bots = [_told(bot) for bot in self._bots]
        return bots + [_stray(bot_id, self._started) for bot_id in sorted(self._strays)]

    def told(self, bot_id: str) -> dict[str, Any] | None:
        """One of them; None where it isn't one."""
        return next((bot for bot in self.active() if bot["bot_id"] == bot_id), None)

    async def ended(self, bot_id: str) -> dict[str, Any] | None:
        """A bot that ran once, as it ended; None where none of this id has ended."""
        async with self._turn:
            if self._connection is None:
                return None
            row = await self._connection.fetchrow(_ENDED, bot_id)
        return {"bot_id": bot_id, "session_id": str(row["session_id"]), "status": row["status"]} if row else None

    async def spawn(self, body: dict[str, Any]) -> Answer:
        """A bot that somebody asked for."""
        meeting_id, url = body.get("meeting_id"), body.get("meeting_url")
        if not isinstance(meeting_id, str) or not meeting_id or not isinstance(url, str) or not url:
            return 400, {"detail": "meeting_id and meeting_url are required"}
        if len(self._bots) >= self.capacity:
            return 503, {"detail": f"{len(self._bots)} of {self.capacity} bots run already"}
        given = _given(body, meeting_id, url)
        async with self._turn:
            if self._connection is None:
                return 500, {"detail": "the database is away"}
            async with self._connection.transaction():
                bot = replace(await arrive(self._connection, self._pace, **given), requested=True)
            self._bots.append(bot)
        self._tell(bot)
        return 200, _told(bot) | {"message": "Bot spawned successfully"}

    async def terminate(self, bot_id: str, expected: str | None) -> Answer:
        """Ends a bot in good order: it leaves the call with its next step."""
        if bot_id in self._strays:
            self._strays.discard(bot_id)
            return 200, {"bot_id": bot_id, "status": "terminated", "message": "the process was ended"}
        return await self._told_to(bot_id, expected, "stopping", "it leaves the call")

    async def restart(self, bot_id: str, expected: str | None) -> Answer:
        """Ends a bot, and starts another for the same meeting."""
        bot = self._bot(bot_id)
        status, answer = await self._told_to(bot_id, expected, "stopping", "it leaves and comes back")
        if status != 200 or bot is None:
            return status, answer
        meeting = {name: bot.session[name] for name in ("meeting_id", "meeting_title", "meeting_uri", "bot_type")}
        async with self._turn:
            if self._connection is None:
                return 500, {"detail": "the database is away"}
            async with self._connection.transaction():
                new = replace(await arrive(self._connection, self._pace, **meeting), requested=True)
            self._bots.append(new)
        self._tell(new)
        return 200, answer | {"new_bot_id": new.session["bot_id"]}

    async def extend(self, bot_id: str, seconds: object) -> Answer:
        """Lets a session run longer."""
        bot = self._bot(bot_id)
        if bot is None or self._connection is None:
            return 404, {"detail": f"Bot {bot_id} not found"}
        if not isinstance(seconds, int) or not 0 < seconds <= 86_400:
            return 400, {"detail": "seconds must be from 1 to 86400"}
        async with self._turn:
            extended = await self._connection.fetchval(_EXTEND, bot.session["session_id"], seconds)
        return 200, {"bot_id": bot_id, "status": "extended", "message": f"extended by {extended} s in all"}

    async def _told_to(self, bot_id: str, expected: str | None, status: str, message: str) -> Answer:
        async with self._turn:
            bot = self._bot(bot_id)
            if bot is None or self._connection is None:
                return 404, {"detail": f"Bot {bot_id} not found"}
            now = bot.session["status"]
            if now == status:
                return 409, {"detail": f"Bot {bot_id} is {status} already"}
            if expected and status_of(expected) is not status_of(now):
                return 409, {"detail": f"Bot {bot_id} is {now} and not {expected}"}
            async with self._connection.transaction():
                after = await turned(self._connection, bot, status)
            self._put(bot, after)
        return 200, {"bot_id": bot_id, "status": status, "message": message}

    def _bot(self, bot_id: str) -> Live | None:
        return next((bot for bot in self._bots if bot.session["bot_id"] == bot_id), None)


_ENDED: Final = """
    SELECT session_id, status FROM bot_sessions WHERE bot_id = $1 AND ended_at IS NOT NULL
    ORDER BY created_at DESC LIMIT 1"""

_EXTEND: Final = """
    UPDATE bot_sessions SET session_metadata = coalesce(session_metadata, '{}'::jsonb)
        || jsonb_build_object('extended_s', coalesce((session_metadata ->> 'extended_s')::int, 0) + $2::int)
    WHERE session_id = $1 RETURNING session_metadata ->> 'extended_s'"""


def _given(body: dict[str, Any], meeting_id: str, url: str) -> dict[str, Any]:
    config = body.get("config") if isinstance(body.get("config"), dict) else {}
    languages = [str(each)[:10] for each in (config or {}).get("target_languages") or ["en"]]
    return {
        "meeting_id": meeting_id[:255],
        "meeting_uri": url,
        "meeting_title": str((config or {}).get("meeting_title") or "")[:500] or None,
        "bot_type": str(body.get("bot_type") or "google_meet")[:50],
        "target_languages": json.dumps(languages),
    }


def _told(bot: Live) -> dict[str, Any]:
    session = bot.session
    return {
        "bot_id": session["bot_id"],
        "session_id": str(session["session_id"]),
        "status": "recovering" if session["recovering"] else session["status"],
        "meeting_id": session["meeting_id"],
        "bot_type": session["bot_type"],
        "created_at": session["created_at"].isoformat(),
    }


def _stray(bot_id: str, started: datetime) -> dict[str, Any]:
    """A process that was left behind: its session is in no table."""
    return {
        "bot_id": bot_id,
        "session_id": "00000000-0000-4000-8000-00000000057a",
        "status": "active",
        "meeting_id": "str-aybo-tto",
        "bot_type": "google_meet",
        "created_at": (started - timedelta(hours=2)).isoformat(),
    }
