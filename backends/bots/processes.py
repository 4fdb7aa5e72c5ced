"""The processes behind the sessions: what the service says it runs, held for seconds, and who is missing where."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from backends.bots.managers.model import RunningBot, ServiceView
from backends.bots.model import ENDED, Finding, SessionRow, Stray
from backends.bots.queries import sql
from backends.bots.rules import GRACE_S
from backends.bots.status import shown_status, status_of
from backends.clients.errors import BackendError, DeadlineExceeded
from backends.sampling.state import State

if TYPE_CHECKING:
    from backends.bots.managers.unified import UnifiedBotManager
    from backends.clients.postgres import Session as Connection

HELD_S: Final = 4.0
"""Seconds for which an answer, or the lack of one, is held."""

ANSWER_S: Final = 3.0
"""Seconds that the service may take."""

GLANCE_S: Final = 0.25
"""Seconds that a screen waits for it: a slow service must not slow the sessions down."""


class Processes:
    """Asks the manager what runs. Without one, or without an answer, nobody is called ghost or stray for it."""

    def __init__(self, manager: UnifiedBotManager | None) -> None:
        self._manager = manager
        self._view: ServiceView | None = None
        self._problem = ""
        self._asked_at = -HELD_S
        self._asking: asyncio.Task[None] | None = None

    @property
    def problem(self) -> tuple[str, ...]:
        """Why it is not known what runs, as a sentence; nothing where it is, or no service is configured."""
        return (f"{self._problem}: no telling ghosts and strays by their processes",) if self._problem else ()

    async def view(self, wait_s: float = ANSWER_S, held_s: float = HELD_S) -> ServiceView | None:
        """What runs, as it was last told. Raises nothing.

        wait_s: how long an answer is waited for; the question goes on, and the next to ask has its answer. held_s: how
        old an answer may be.
        """
        if self._manager is None or not self._manager.configured:
            return None
        if self._asking is None and time.monotonic() - self._asked_at >= held_s:
            self._asking = asyncio.ensure_future(self._ask(self._manager))
        asking = self._asking
        if asking is not None:
            done, _ = await asyncio.wait((asking,), timeout=wait_s)
            for task in done:
                task.result()  # what nobody foresaw comes out here
        return self._view

    async def _ask(self, manager: UnifiedBotManager) -> None:
        view, problem = None, ""
        try:
            async with asyncio.timeout(ANSWER_S):
                view = await manager.refresh()
        except TimeoutError:
            problem = f"{DeadlineExceeded.kind}: no answer within {ANSWER_S:g} s"
        except BackendError as error:
            problem = f"{error.kind}: {error.message}"
        finally:
            self._view, self._problem = view, f"the orchestration service: {problem}" if problem else ""
            self._asked_at, self._asking = time.monotonic(), None


def runs(view: ServiceView | None, row: SessionRow) -> bool | None:
    """Whether the session's bot runs; None where that isn't known."""
    return None if view is None else view.runs(row.bot_id, row.session_id)


async def read_strays(connection: Connection, view: ServiceView | None, now: datetime) -> tuple[Stray, ...]:
    """The bots that run though no session says so. Raises what the driver raises."""
    if view is None or not view.bots:
        return ()
    ids = [bot.session_id for bot in view.bots if _is_uuid(bot.session_id)]
    known = await connection.fetch(sql("known_bots"), [bot.bot_id for bot in view.bots], ids)
    return tuple(strays(view, known, now))


def strays(view: ServiceView, known: Sequence[Any], now: datetime) -> Iterator[Stray]:
    """Those of the bots whose session (the newest by session or bot id) is not there, or has ended."""
    by_session = {record["session_id"]: record["status"] for record in known}
    by_bot = {record["bot_id"]: record["status"] for record in known}
    for bot in view.bots:
        age_s = (now - bot.created_at).total_seconds() if bot.created_at else None
        word = by_session.get(bot.session_id) or by_bot.get(bot.bot_id)
        if status_of(bot.status) in ENDED or (age_s is not None and age_s <= GRACE_S):
            continue
        if word is None:
            yield _stray(bot, age_s, "the service runs it, and no session tells of it")
        elif status_of(word) in ENDED:
            yield _stray(bot, age_s, f"the service runs it, and its session is {shown_status(word)}")


def _stray(bot: RunningBot, age_s: float | None, what: str) -> Stray:
    finding = Finding("stray", State.CRITICAL, what)
    return Stray(bot.bot_id, bot.session_id, bot.meeting_id, bot.platform, shown_status(bot.status), age_s, finding)


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False
