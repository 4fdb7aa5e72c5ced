"""The pass of the separation's run: beginning, everything read and written once, changes recorded meanwhile."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from backends.clients.changes import NoChangeStreams
from backends.clients.mongo import mongo_errors
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.copying import Pass, Portion, position, positioned
from backends.migrations.olorin.following import STAGES, Changes, changes_of
from backends.migrations.olorin.names import CHANGED, REFUSED
from backends.migrations.olorin.places import Places
from backends.migrations.olorin.standing import BLIND
from backends.migrations.olorin.writing import Writer, record
from backends.runs.job import Batch, Context, Job

if TYPE_CHECKING:
    from backends.clients.changes import ChangeFeed
    from backends.clients.read_only import ReadingDatabase

RECORD_S: Final = 1.0
"""Seconds between two looks at the changes while a pass is under way."""

TOKEN_S: Final = 30.0
"""Seconds after which a newer token is saved although nothing changed, so that the server still remembers it."""


class Phase(Enum):
    """What the run does, in this order; following lasts until the switch."""

    COPY = "copy"
    CATCH_UP = "catch up"
    INDEX = "index"
    RETRY = "retry"
    FOLLOW = "follow"


class PassJob(Job):
    """What reads and writes everything once. What comes after that is the subclass's."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._source: ReadingDatabase
        self._target: ReadingDatabase
        self._writer: Writer
        self._names: tuple[str, ...] = ()
        self._pass: Pass | None = None
        self._pass_at: tuple[object, ...] = ()
        self._feed: ChangeFeed | None = None
        self._looked_at = self._saved_at = -TOKEN_S

    @abstractmethod
    async def _after_pass(self, context: Context) -> None:
        """Every collection was passed over."""

    # Beginning

    async def _begin(self, context: Context) -> None:
        """From before the first batch on it is known what changes."""
        await self._start(context, passes=0)

    async def _begin_again(self, context: Context) -> None:
        """The server has forgotten what happened since: both sides are compared as a whole."""
        await self._start(context, passes=context.checkpoint["passes"] + 1)

    async def _start(self, context: Context, passes: int) -> None:
        self._feed = self._source.changes(STAGES)
        blind = False
        try:
            with mongo_errors(self._places.source):
                await self._feed.open()
        except NoChangeStreams:
            blind = True
        # Without a token nothing could be followed after a restart.
        blind = blind or not self._feed.token
        async with context.batch() as batch:
            if not passes:
                # What an earlier run's target refused is met again by this run's pass, if it is still refused.
                others = {"r": {"$ne": context.run.id}}
                await batch.database[REFUSED].delete_many(others, session=batch.session)
            batch.checkpoint = {
                "phase": Phase.COPY.value, "collection": 0, "after": None, "loading": False, "passes": passes,
                "token": self._feed.token, "blind": blind, "whole": context.checkpoint.get("whole", 0),
            }  # fmt: skip
            _begin_pass(batch)
            batch.count(**({BLIND: 1} if blind else {}))

    # The pass

    async def _copy(self, context: Context) -> None:
        if await self._record_changes(context):
            return
        place = context.checkpoint["collection"]
        if place == len(OLORIN_COLLECTIONS):
            await self._after_pass(context)
            return
        name = OLORIN_COLLECTIONS[place]
        if name not in self._names:
            # One that is made meanwhile comes with the changes.
            await self._leave(context, collection=place + 1)
            return
        current_pass = await self._pass_from(context, name)
        portion = await current_pass.next(context.size)
        if portion is None:
            await self._forget_pass()
            await self._leave(context, collection=place + 1, after=None, loading=False)
        else:
            await self._write_portion(context, portion)
            self._pass_at = _place_of(context.checkpoint)

    async def _pass_from(self, context: Context, name: str) -> Pass:
        """The pass that is under way, opened where the checkpoint says unless it is just there."""
        said = context.checkpoint
        if self._pass is not None and self._pass_at == _place_of(said):
            return self._pass
        await self._forget_pass()
        after, loading = position(said), bool(said["loading"])
        if after is None:
            loading = await self._target[name].find_one({}, {"_id": 1}) is None
            await self._leave(context, loading=loading)
        # What the run wrote itself is in the source too, unless it was switched to meanwhile, and nobody recorded that.
        self._writer.aside = f"{context.run.id}_{said['passes']}" if said["whole"] else ""
        # Without transactions a batch may have been written in part, so it is compared what is there.
        loading = loading and (after is None or await self._has_transactions(context))
        self._pass = Pass(self._source, self._target, name, after, loading=loading)
        return self._pass

    async def _has_transactions(self, context: Context) -> bool:
        async with context.batch() as batch:
            return batch.session is not None

    async def _write_portion(self, context: Context, portion: Portion) -> None:
        def finish(batch: Batch) -> None:
            batch.checkpoint = {**batch.checkpoint, "after": positioned(portion.last)}
            same = portion.looked_at - len(portion.group.entries) - len(portion.group.gone)
            batch.did(portion.group.name, max(same, 0))

        if portion.group.ids:
            await self._writer.write(context, portion.group, portion.how, finish)
        else:
            async with context.batch() as batch:
                finish(batch)

    async def _record_changes(self, context: Context) -> bool:
        """Notes which documents changed, once a second; whether that was this batch."""
        if context.checkpoint["blind"] or time.monotonic() - self._looked_at < RECORD_S:
            return False
        feed = await self._open_feed(context)
        events, drained = await feed.take(1000, 1)
        if drained:
            self._looked_at = time.monotonic()
        changes = changes_of(events)
        if not changes.ids and not self._token_is_old():
            return False
        await self._record(context, changes, feed.token)
        return True

    async def _record(self, context: Context, changes: Changes, token: bytes) -> None:
        recording = [record(context.run.id, name, id_) for name, ids in changes.ids.items() for id_ in ids]
        async with context.batch() as batch:
            if recording:
                await batch.database[CHANGED].bulk_write(recording, ordered=False, session=batch.session)
            batch.checkpoint = {**batch.checkpoint, "token": token}
            batch.count(recorded=len(recording))
        self._saved_at = time.monotonic()

    async def _pass_again(self, context: Context, **changes: object) -> None:
        """Begins another pass where there are no changes to follow."""
        async with context.batch() as batch:
            passes = batch.checkpoint["passes"] + 1
            begun = {"phase": Phase.COPY.value, "collection": 0, "after": None, "passes": passes}
            batch.checkpoint = {**batch.checkpoint, **begun, **changes}
            _begin_pass(batch)

    # What it has open

    async def _open_feed(self, context: Context) -> ChangeFeed:
        if self._feed is None:
            self._feed = self._source.changes(STAGES)
            await self._feed.open(bytes(context.checkpoint["token"]))
        return self._feed

    async def _leave(self, context: Context, **changes: object) -> None:
        """Changes the checkpoint, and nothing else."""
        async with context.batch() as batch:
            batch.checkpoint = {**batch.checkpoint, **changes}

    def _token_is_old(self) -> bool:
        return time.monotonic() - self._saved_at >= TOKEN_S

    async def _forget(self) -> None:
        await self._forget_pass()
        feed, self._feed = self._feed, None
        if feed is not None:
            await feed.aclose()

    async def _forget_pass(self) -> None:
        current_pass, self._pass = self._pass, None
        if current_pass is not None:
            await current_pass.aclose()


def _begin_pass(batch: Batch) -> None:
    """Counts a pass, and what it does anew; what was refused before is refused still."""
    units = tuple(replace(unit, done=0, bytes=0) for unit in batch.progress.units)
    batch.progress = replace(batch.progress, units=units)
    batch.count(passes=1)


def _place_of(checkpoint: Mapping[str, Any]) -> tuple[object, ...]:
    after = checkpoint.get("after")
    return checkpoint.get("phase"), checkpoint.get("collection"), None if after is None else bytes(after)
