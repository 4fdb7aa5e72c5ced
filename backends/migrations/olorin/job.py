"""The separation as a run: copy, catch up, index, follow, hold. Every batch is committed with where it goes on.

While a pass is under way, changes are only recorded (which documents, never what they were): what the pass has read may
be older than they are. Once it is written, each recorded document is read again, and so is each that changes later;
whatever is applied is therefore newer than what it replaces, and nothing that was deleted comes back.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Final

from backends.clients.changes import NoChangeStreams, TokenLost
from backends.clients.errors import Refused, StoppedByThreshold
from backends.clients.mongo import mongo_errors
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.copying import Pass, Portion, position, positioned
from backends.migrations.olorin.following import STAGES, Changes, Lag, ahead_s, changes_of, current
from backends.migrations.olorin.gates import check_gates
from backends.migrations.olorin.model import KIND
from backends.migrations.olorin.names import CHANGED, REFUSED
from backends.migrations.olorin.places import Places, indexes_at
from backends.migrations.olorin.preparing import copy_indexes, make_collections
from backends.migrations.olorin.raw import Value
from backends.migrations.olorin.standing import BLIND, LAG, READY_S
from backends.migrations.olorin.putting import Group, How
from backends.migrations.olorin.writing import Writer, key, keys_of, record
from backends.runs.job import Batch, Context, Job, Step
from backends.runs.model import Unit
from backends.runs.sizing import Limits

if TYPE_CHECKING:
    from backends.clients.changes import ChangeFeed

RECORD_S: Final = 1.0
"""Seconds between two looks at the changes while a pass is under way."""

WAIT_MS: Final = 200
"""How long a change is waited for while the source is followed."""

SWITCHED_S: Final = 5.0
"""Seconds between two looks, while the source is followed, whether the platform was switched meanwhile."""

TOKEN_S: Final = 30.0
"""Seconds after which a newer token is saved although nothing changed, so that the server still remembers it."""

MOST_REFUSED: Final = 10_000
"""Documents refused by the target beyond which something is wrong with it as a whole."""


class Phase(Enum):
    """What the run does, in this order; following lasts until the switch."""

    COPY = "copy"
    CATCH_UP = "catch up"
    INDEX = "index"
    RETRY = "retry"
    FOLLOW = "follow"


class SeparationJob(Job):
    """Olorin's separation. switched: says when a switch was seen. stay: goes on following at the hold, until told.

    The checkpoint: phase, collection (its place among the seven), after (a position), loading, passes begun and whole,
    token, blind (no change streams).
    """

    kind: ClassVar[str] = KIND
    act: ClassVar[str] = "separation.execute"
    limits = Limits(1000, 250, 1000)

    def __init__(self, places: Places, *, switched: Callable[[Places], Awaitable[str]], stay: bool = False) -> None:
        self._places, self._stay, self._switched = places, stay, switched
        self._names: tuple[str, ...] = ()
        self._pass: Pass | None = None
        self._pass_at: tuple[object, ...] = ()
        self._feed: ChangeFeed | None = None
        self._looked_at = self._saved_at = self._asked_at = -TOKEN_S
        self._ahead_s = 0.0
        self._retried = self._indexed = False

    async def prepare(self, context: Context) -> None:
        """Checks every gate, makes the collections, and counts what is to be done. Raises BackendError."""
        await check_gates(self._places, await self._switched(self._places))
        self._writer = Writer(context.run.id)
        places = self._places
        async with places.reading_source() as source, places.reading_target() as target:
            self._source, self._target = source, target
            self._names = await make_collections(source, target, context)
            await self._writer.load(target)
            self._ahead_s = await ahead_s(source)
            units = [Unit(name, await source[name].estimated_document_count()) for name in self._names]
        context.expect(*units)

    async def batch(self, context: Context) -> Step:
        """One step of the phase that it is in. Raises BackendError; whatever it had open is opened anew then."""
        try:
            with mongo_errors(self._places.source):
                return await self._step(context)
        except TokenLost:
            await self._forget()
        except BaseException:
            await self._forget()
            raise
        try:
            await self._begin_again(context)
        except BaseException:
            # Its feed is newer than what the checkpoint knows: kept open, it would skip what lies between.
            await self._forget()
            raise
        return Step.MORE

    async def _step(self, context: Context) -> Step:
        said = context.checkpoint
        if not said:
            await self._begin(context)
            return Step.MORE
        if len(self._writer.refused) > MOST_REFUSED:
            raise StoppedByThreshold("The target refuses more than 10,000 documents.", where=self._places.target.where)
        phase = Phase(said["phase"])
        if phase is Phase.COPY:
            await self._copy(context)
        elif phase is Phase.CATCH_UP:
            await self._catch_up(context)
        elif phase is Phase.INDEX:
            await self._index(context)
        elif phase is Phase.RETRY:
            await self._retry(context)
        else:
            return await self._follow(context)
        return Step.MORE

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
            batch.count(passes=1, **({BLIND: 1} if blind else {}))

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
        first = not said["whole"]
        # Without transactions a batch may have been written in part, so it is compared what is there.
        loading = loading and (after is None or await self._has_transactions(context))
        self._pass = Pass(self._source, self._target, name, after, loading=loading, first=first)
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

    async def _after_pass(self, context: Context) -> None:
        said = context.checkpoint
        whole = said["whole"] + 1
        if said["blind"] and whole == 1:
            await self._leave(context, collection=0, passes=said["passes"] + 1, whole=whole)
            return
        await self._leave(context, phase=Phase.CATCH_UP.value, whole=whole)

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

    # After the pass

    async def _catch_up(self, context: Context) -> None:
        """Reads again what changed during the pass."""
        from pymongo import DeleteOne

        found = self._target[CHANGED].find_raw_batches({"r": context.run.id}, limit=context.size)
        recorded = [each async for batch in found for each in keys_of(batch)]
        if not recorded:
            await self._leave(context, phase=Phase.INDEX.value)
            return
        for name in dict.fromkeys(name for name, _ in recorded):
            await self._apply(context, name, [id_ for named, id_ in recorded if named == name], _nothing)
        gone = [DeleteOne({"_id": key(context.run.id, name, id_)}) for name, id_ in recorded]
        async with context.batch() as batch:
            await batch.database[CHANGED].bulk_write(gone, ordered=False, session=batch.session)

    async def _index(self, context: Context) -> None:
        built = 0
        for name in self._names:
            mine, other = await indexes_at(self._source, name), await indexes_at(self._target, name)
            built += await copy_indexes(mine, other, context, name)
        async with context.batch() as batch:
            batch.count(indexes=built)
            batch.checkpoint = {**batch.checkpoint, "phase": Phase.RETRY.value}
        self._indexed = True

    async def _retry(self, context: Context) -> None:
        """Offers the target again what it refused."""
        refused = list(self._writer.refused)
        for name in dict.fromkeys(name for name, _ in refused):
            await self._apply(context, name, [id_ for named, id_ in refused if named == name], _nothing)
        self._retried = True
        await self._leave(context, phase=Phase.FOLLOW.value)

    # Following

    async def _follow(self, context: Context) -> Step:
        if context.checkpoint["blind"]:
            return await self._hold_blind(context)
        if not self._indexed or (self._writer.refused and not self._retried):
            # Once in each execution: indexes that came meanwhile, and what was refused before.
            await self._leave(context, phase=Phase.RETRY.value if self._indexed else Phase.INDEX.value)
            return Step.MORE
        await self._check_switched()
        feed = await self._open_feed(context)
        events, drained = await feed.take(context.size, WAIT_MS)
        lag = Lag(time.monotonic(), events, drained, self._ahead_s)
        await self._apply_all(context, changes_of(events), feed.token, lag)
        if not drained or lag.seconds >= READY_S:
            return Step.MORE
        return Step.FOLLOW if self._stay else Step.HOLD

    async def _check_switched(self) -> None:
        """Raises Refused where the platform was switched: what it writes there now must not be overwritten."""
        if time.monotonic() - self._asked_at < SWITCHED_S:
            return
        self._asked_at = time.monotonic()
        if switched := await self._switched(self._places):
            raise Refused(f"A switch was recorded at {switched}: the source is not followed any more.")

    async def _apply_all(self, context: Context, changes: Changes, token: bytes, lag: Lag) -> None:
        """Applies the changes; the token and the lag are saved with the last of them."""
        names = list(changes.ids)
        for name in names[:-1]:
            await self._apply(context, name, changes.ids[name], _nothing)

        def finish(batch: Batch) -> None:
            batch.checkpoint = {**batch.checkpoint, "token": token}
            batch.count(followed=changes.events)
            counts = {**batch.progress.counts, LAG: round(lag.seconds * 1000)}
            batch.progress = replace(batch.progress, counts=counts)

        told = context.progress.counts.get(LAG)
        was_behind = told is None or told >= READY_S * 1000
        is_newer = token != bytes(context.checkpoint["token"]) and (self._token_is_old() or not self._stay)
        if names:
            await self._apply(context, names[-1], changes.ids[names[-1]], finish)
            self._saved_at = time.monotonic()
        elif is_newer or was_behind:
            async with context.batch() as batch:
                finish(batch)
            self._saved_at = time.monotonic()

    async def _apply(self, context: Context, name: str, ids: list[Value] | Any, finish: Any) -> None:
        """Brings these documents to what they are in the source now; `finish` is committed with the last of them."""
        before: Group | None = None
        async for group in current(self._source, name, ids):
            if before is not None:
                await self._writer.write(context, before, How.REPLACE, _nothing)
            before = group
        if before is not None:
            await self._writer.write(context, before, How.REPLACE, finish)

    async def _hold_blind(self, context: Context) -> Step:
        """Without change streams each start makes another pass, and what changes after it is not seen."""
        if self._retried:
            return Step.HOLD
        self._retried = True
        await self._leave(
            context, phase=Phase.COPY.value, collection=0, after=None, passes=context.checkpoint["passes"] + 1
        )
        return Step.MORE

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


def _nothing(_: Batch) -> None:
    """Leaves the checkpoint as it is."""


def _place_of(checkpoint: Mapping[str, Any]) -> tuple[object, ...]:
    after = checkpoint.get("after")
    return checkpoint.get("phase"), checkpoint.get("collection"), None if after is None else bytes(after)
