"""Clean-up of old sessions as a person carries it out: a plan with a hash, then that plan and nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backends.safety.gate import Act
from backends.safety.plans import Plan, PlanStore

if TYPE_CHECKING:
    from backends.bots.repository import BotSessionRepository
    from backends.clients.postgres import PostgresClient
    from backends.safety.gate import Token

KIND: Final = "bots.cleanup"


@dataclass(frozen=True, slots=True)
class Cleanup:
    """A plan: what ended before `before` (UTC) goes, which at that time was so many rows and bytes of audio."""

    plan: Plan
    before: datetime
    rows: Mapping[str, int]
    audio_bytes: int


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """What was deleted, as the server counted it: rows by table, audio files by what became of them."""

    rows: Mapping[str, int]
    files: Mapping[str, int]
    stopped: bool


class SessionCleanup:
    """Plans and carries out. Every method raises BackendError."""

    def __init__(self, postgres: PostgresClient, repository: Callable[[], BotSessionRepository], state: Path) -> None:
        self._postgres = postgres
        self._repository = repository
        self._plans = PlanStore(state)

    async def plan(self, older_than: timedelta) -> Cleanup:
        """What would go now; kept for fifteen minutes."""
        found = await self._repository().session_cleanup_plan(older_than)
        body = {"before": found.before.isoformat(), "rows": dict(found.rows), "audio_bytes": found.audio_bytes}
        return _cleanup(await asyncio.to_thread(self._plans.save, KIND, self._postgres.target.where, body))

    async def planned(self, hash_: str) -> Cleanup:
        """The plan of this hash, to carry out. Raises Refused where it may not be started from."""
        target = self._postgres.target.where
        return _cleanup(await asyncio.to_thread(self._plans.load_to_start, hash_, KIND, target))

    def act(self, cleanup: Cleanup) -> Act:
        """What is to be recorded before it."""
        details = {"before": cleanup.before.isoformat(), "rows": dict(cleanup.rows)}
        return Act(KIND, self._postgres.target.where, details=details, plan=cleanup.plan.hash)

    async def carry_out(
        self, token: Token, cleanup: Cleanup, stop: asyncio.Event, tell: Callable[[int], object]
    ) -> CleanupResult:
        """Deletes batch by batch; `tell` hears how many sessions are gone. stop ends it after the batch under way."""
        rows: Counter[str] = Counter()
        files: Counter[str] = Counter()
        async for batch in self._repository().session_cleanup_old(token, cleanup.before, stop):
            rows.update(batch.rows)
            files.update(batch.files)
            token.outcome(rows=dict(rows), files=dict(files))
            tell(rows["bot_sessions"])
        return CleanupResult(dict(rows), dict(files), stop.is_set())


def _cleanup(plan: Plan) -> Cleanup:
    body: Mapping[str, Any] = plan.body
    return Cleanup(plan, datetime.fromisoformat(body["before"]), body["rows"], body["audio_bytes"])
