"""The clean-up of old sessions as a run: rows batch by batch, and a batch's audio files once its rows are gone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from backends.bots.audio_files import FileState, remove, state_of
from backends.bots.cleaning import KIND
from backends.bots.repository.cleanup import FileRow, old_sessions, take
from backends.clients.orm import orm_session
from backends.runs.job import Batch, Context, Job, Step, Verification
from backends.runs.model import Progress, Unit
from backends.runs.sizing import Limits

if TYPE_CHECKING:
    from backends.runs.model import Run

SESSIONS: Final = "bot_sessions"
"""The run's unit, and the count of sessions."""


class CleanupJob(Job):
    """Deletes what ended before the plan's time.

    The files of a batch stand in the checkpoint from the commit that deletes their rows: first as their rows tell of
    them, then with how each was found, so that a file that a killed process removed is still counted as removed.
    """

    kind: ClassVar[str] = KIND
    act: ClassVar[str] = KIND
    limits = Limits(50, 10, 200)
    """A batch is a dozen statements however few its sessions are: on a slow line smaller ones would only be slower."""

    def __init__(self, run: Run) -> None:
        self._before = datetime.fromisoformat(run.options["before"])
        self._planned = int(run.options["rows"].get(SESSIONS, 0))

    async def prepare(self, context: Context) -> None:
        context.expect(Unit(SESSIONS, self._planned))

    async def batch(self, context: Context) -> Step:
        body = context.checkpoint
        if "found" in body:
            return await self._remove(context, body["files"], body["found"])
        if body.get("files"):
            return await self._look(context, body["files"])
        return await self._take(context)

    async def verify(self, context: Context) -> Verification:
        async with context.batch() as batch:
            left = await self._left(batch)
        said = f"{left:,} sessions are left that ended before {self._before:%Y-%m-%d %H:%M:%S}Z" if left else ""
        return Verification(left <= _failed(context.progress), said)

    async def _take(self, context: Context) -> Step:
        """Rows; where none is to be had any more, what others hold is left, and told as such."""
        async with context.batch() as batch:
            async with orm_session(batch.connection, in_transaction=True) as session:
                taken = await take(session, self._before, context.size)
            batch.count(**taken.rows)
            batch.checkpoint = {"files": [list(file) for file in taken.files]}
            batch.did(SESSIONS, taken.sessions)
            if not taken.sessions:
                batch.did(SESSIONS, failed=await self._left(batch) - _failed(batch.progress))
        return Step.MORE if taken.sessions else Step.DONE

    async def _look(self, context: Context, files: Sequence[FileRow]) -> Step:
        found = await asyncio.to_thread(lambda: [state_of(*file).value for file in files])
        async with context.batch() as batch:
            batch.checkpoint = {"files": files, "found": found}
        return Step.MORE

    async def _remove(self, context: Context, files: Sequence[FileRow], found: Sequence[str]) -> Step:
        states = await asyncio.to_thread(_removed, files, found)
        async with context.batch() as batch:
            batch.count(**_counts(states))
            batch.checkpoint = {}
        return Step.MORE

    async def _left(self, batch: Batch) -> int:
        async with orm_session(batch.connection, in_transaction=True) as session:
            return await old_sessions(session, self._before)


def _failed(progress: Progress) -> int:
    return sum(unit.failed for unit in progress.units)


def _removed(files: Sequence[FileRow], found: Sequence[str]) -> Counter[FileState]:
    """What became of the files. One that was intact and is gone was removed by the process that died."""
    states: Counter[FileState] = Counter()
    for file, before in zip(files, found, strict=True):
        intact = before == FileState.INTACT.value
        now = remove(*file) if intact else FileState(before)
        states[FileState.DELETED if intact and now is FileState.MISSING else now] += 1
    return states


def _counts(states: Mapping[FileState, int]) -> dict[str, Any]:
    """The counts' names.

    >>> _counts({FileState.NOT_HERE: 2, FileState.DELETED: 1})
    {'files_not_on_this_machine': 2, 'files_deleted': 1}
    """
    return {f"files_{state.value.replace(' ', '_')}": number for state, number in states.items()}
