"""The separation as a run: copy, catch up, index, follow, hold. Every batch is committed with where it goes on.

While a pass is under way, changes are only recorded (which documents, never what they were): what the pass has read may
be older than they are. Once it is written, each recorded document is read again, and so is each that changes later;
whatever is applied is therefore newer than what it replaces, and nothing that was deleted comes back.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC
from typing import Any, ClassVar, Final

from backends.clients.changes import TokenLost
from backends.clients.errors import BadAnswer, Refused, StoppedByThreshold
from backends.clients.mongo import mongo_errors
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.following import Changes, CollectionGone, Lag, ahead_s, changes_of, current
from backends.migrations.olorin.gates import check_gates
from backends.migrations.olorin.memory import ON, recorded
from backends.migrations.olorin.memory import record as record_switch
from backends.migrations.olorin.model import KIND, Seen
from backends.migrations.olorin.names import CHANGED
from backends.migrations.olorin.pass_job import PassJob, Phase
from backends.migrations.olorin.places import Places, kinds_of
from backends.migrations.olorin.preparing import copy_all_indexes, has_duplicates, make_collections
from backends.migrations.olorin.putting import Group, How
from backends.migrations.olorin.raw import Value
from backends.migrations.olorin.standing import LAG, READY_S
from backends.migrations.olorin.touched import check_untouched, mark
from backends.migrations.olorin.writing import Writer, key, keys_of
from backends.runs.job import Batch, Context, Step
from backends.runs.model import Unit
from backends.runs.sizing import Limits
from backends.sampling.reading import utc_now

WAIT_MS: Final = 200
"""How long a change is waited for while the source is followed."""

SWITCHED_S: Final = 5.0
"""Seconds between two looks, while the source is followed, whether the platform was switched meanwhile."""

RETRY_S: Final = 30.0
"""Seconds between two times that what the target refused is offered again, while the source is followed."""

RETRIES: Final = 3
"""How often it is offered again before a run that does not stay holds."""

INDEX_TRIES: Final = 5
"""How often indexes are tried, each time after catching up: a value that moved from one document to another may be in
both while the changes are applied."""

QUIET_S: Final = 5.0
"""Seconds without a change after which a run that stays leaves its mark in the target's changes."""

MOST_REFUSED: Final = 10_000
"""Documents refused by the target beyond which something is wrong with it as a whole."""


class SeparationJob(PassJob):
    """Olorin's separation. seen: what is known of the switch. stay: goes on following at the hold, until told.

    The checkpoint: phase, collection (its place among the seven), after (a position), loading, passes begun and whole,
    token, blind (no change streams), gone (what of the source went as a whole, which a person was told), mark (of the
    target's changes when the run held at held_at; empty while it writes).
    """

    kind: ClassVar[str] = KIND
    act: ClassVar[str] = "separation.execute"
    limits = Limits(1000, 250, 1000)

    def __init__(self, places: Places, *, seen: Callable[[Places], Awaitable[Seen]], stay: bool = False) -> None:
        super().__init__(places)
        self._stay, self._seen = stay, seen
        self._asked_at = -SWITCHED_S
        self._ahead_s = 0.0
        self._retried = self._indexed = self._is_late = False
        self._retried_at = -RETRY_S
        self._index_tries = self._retries = 0
        self._quiet_since = 0.0

    async def prepare(self, context: Context) -> None:
        """Checks every gate, makes the collections, and counts what is to be done. Raises BackendError."""
        await self._refuse_switched(context)
        await check_gates(self._places, "")
        await self._check_untouched(context)
        self._writer = Writer(context.run.id)
        places = self._places
        async with places.reading_source() as source, places.reading_target() as target:
            self._source, self._target = source, target
            self._names = await make_collections(source, target, context)
            await self._writer.load(target)
            self._ahead_s = await ahead_s(source)
            units = [Unit(name, await source[name].estimated_document_count()) for name in self._names]
        context.expect(*units)

    async def _check_untouched(self, context: Context) -> None:
        """Raises Refused where the target was written to since the hold, and not carried back since."""
        said = context.checkpoint
        if not said.get("mark"):
            return
        back = (await recorded(self._places)).back
        if back is None or back < said["held_at"].astimezone(UTC):
            async with self._places.reading_target() as target:
                await check_untouched(target, bytes(said["mark"]), self._places.target.where)
        # From here on it is this run that writes.
        await self._leave(context, mark=b"")

    async def batch(self, context: Context) -> Step:
        """One step of the phase that it is in. Raises BackendError; whatever it had open is opened anew then."""
        try:
            with mongo_errors(self._places.source):
                return await self._step(context)
        except TokenLost:
            await self._forget()
        except CollectionGone as error:
            await self._forget()
            await self._check_back(context, error)
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

    async def _check_back(self, context: Context, error: CollectionGone) -> None:
        """Raises the error unless a person was told of it, goes on, and the collection is there."""
        if not context.checkpoint.get("gone"):
            await self._leave(context, gone=error.collection or "all")
            raise error
        with mongo_errors(self._places.source):
            here, there = await kinds_of(self._source), await kinds_of(self._target)
        names = [error.collection] if error.collection else [name for name in OLORIN_COLLECTIONS if name in there]
        if any(name not in here for name in names):
            raise error

    # After the pass

    async def _after_pass(self, context: Context) -> None:
        said = context.checkpoint
        whole = said["whole"] + 1
        if said["blind"] and whole == 1:
            await self._pass_again(context, whole=whole)
            return
        await self._leave(context, phase=Phase.CATCH_UP.value, whole=whole)

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
        try:
            built = await copy_all_indexes(self._source, self._target, context, self._names)
        except BadAnswer as error:
            self._index_tries += 1
            if not has_duplicates(error) or self._index_tries == INDEX_TRIES:
                raise
            await self._index_later(context)
            return
        async with context.batch() as batch:
            batch.count(indexes=built)
            batch.checkpoint = {**batch.checkpoint, "phase": Phase.RETRY.value}
        self._indexed, self._is_late = True, False

    async def _index_later(self, context: Context) -> None:
        if context.checkpoint["blind"]:
            await self._pass_again(context)
        else:
            self._is_late = True
            await self._leave(context, phase=Phase.FOLLOW.value)

    async def _retry(self, context: Context) -> None:
        """Offers the target again what it refused."""
        refused = list(self._writer.refused)
        for name in dict.fromkeys(name for name, _ in refused):
            await self._apply(context, name, [id_ for named, id_ in refused if named == name], _nothing)
        self._retried, self._retried_at, self._retries = True, time.monotonic(), self._retries + 1
        await self._leave(context, phase=Phase.FOLLOW.value)

    # Following

    async def _follow(self, context: Context) -> Step:
        if context.checkpoint["blind"]:
            return await self._hold_blind(context)
        if not self._indexed and not self._is_late:
            # Once in each execution: indexes that came meanwhile.
            await self._leave(context, phase=Phase.INDEX.value)
            return Step.MORE
        await self._check_switched(context)
        feed = await self._open_feed(context)
        events, drained = await feed.take(context.size, WAIT_MS)
        lag = Lag(time.monotonic(), events, drained, self._ahead_s)
        await self._apply_all(context, changes_of(events), feed.token, lag)
        # What was in the way of a refused document may be gone with these.
        self._retried = self._retried and not events
        if not drained or lag.seconds >= READY_S:
            return Step.MORE
        if self._is_late or self._is_to_retry:
            await self._leave(context, phase=Phase.INDEX.value if self._is_late else Phase.RETRY.value, mark=b"")
            return Step.MORE
        return await self._hold(context, bool(events))

    async def _hold(self, context: Context, is_busy: bool) -> Step:
        """Leaves a mark in the target's changes, as long as nothing is written there."""
        if is_busy:
            self._quiet_since = time.monotonic()
        is_quiet = not self._stay or time.monotonic() - self._quiet_since >= QUIET_S
        if is_quiet and not context.checkpoint.get("mark"):
            await self._leave(context, mark=await mark(self._target), held_at=utc_now())
        return Step.FOLLOW if self._stay else Step.HOLD

    @property
    def _is_to_retry(self) -> bool:
        is_time = time.monotonic() - self._retried_at >= RETRY_S if self._stay else self._retries < RETRIES
        return bool(self._writer.refused) and not self._retried and is_time

    async def _check_switched(self, context: Context) -> None:
        """Raises Refused where the platform was switched: what it writes there now must not be overwritten."""
        if time.monotonic() - self._asked_at < SWITCHED_S:
            return
        self._asked_at = time.monotonic()
        await self._refuse_switched(context)

    async def _refuse_switched(self, context: Context) -> None:
        """Raises Refused after a switch, which is recorded beside the data: other consoles can't have seen it."""
        seen = await self._seen(self._places)
        if seen.on_since is None:
            return
        if not seen.is_recorded:
            async with context.batch() as batch:
                await record_switch(batch.database, ON, seen.on_since, batch.session)
        raise Refused(f"A switch was recorded at {seen.said}: the source is not followed any more.")

    async def _apply_all(self, context: Context, changes: Changes, token: bytes, lag: Lag) -> None:
        """Applies the changes; the token and the lag are saved with the last of them."""
        names = list(changes.ids)
        if names and context.checkpoint.get("mark"):
            await self._leave(context, mark=b"")
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
        await self._pass_again(context)
        return Step.MORE


def _nothing(_: Batch) -> None:
    """Leaves the checkpoint as it is."""
