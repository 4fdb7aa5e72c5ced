"""Clean-up of old sessions as a person carries it out: a plan with a hash, then a run of that plan and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backends.runs.model import NewRun, new_id
from backends.safety.plans import Plan, PlanStore
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from backends.bots.repository import BotSessionRepository
    from backends.clients.postgres import PostgresClient

KIND: Final = "bots.cleanup"


@dataclass(frozen=True, slots=True)
class Cleanup:
    """A plan: what ended before `before` (UTC) goes, which at that time was so many rows and bytes of audio."""

    plan: Plan
    before: datetime
    rows: Mapping[str, int]
    audio_bytes: int


class SessionCleanup:
    """Plans, and makes runs of plans. Every method raises BackendError."""

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

    def run(self, cleanup: Cleanup) -> NewRun:
        """The run that carries the plan out."""
        return NewRun(
            new_id("sessions", utc_now()),
            KIND,
            self._postgres.target.where,
            cleanup.plan.hash,
            options=cleanup.plan.body,
        )


def _cleanup(plan: Plan) -> Cleanup:
    body: Mapping[str, Any] = plan.body
    return Cleanup(plan, datetime.fromisoformat(body["before"]), body["rows"], body["audio_bytes"])
