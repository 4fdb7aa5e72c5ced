"""The pass over a collection: everything into an empty target, or only what differs into one that holds something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from backends.migrations.olorin.merge import Kind, Pair, merged
from backends.migrations.olorin.planning import BATCH_BYTES, BATCH_DOCUMENTS
from backends.migrations.olorin.putting import LOOSE, Group, How
from backends.migrations.olorin.raw import Value
from backends.migrations.olorin.streams import Entry, by_ids, in_order

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase

LOOKED_AT: Final = 50_000
"""Documents that are passed over before a position is saved although none of them needed writing."""


@dataclass(slots=True)
class Portion:
    """What a pass writes next. last: the `_id` that it came to; looked_at: documents that it passed over."""

    group: Group
    how: How
    last: Value | None
    looked_at: int


class Pass:
    """One collection's pass, from a position on. What it replaces or removes is set aside.

    loading: the target's collection was empty, so nothing needs comparing.
    """

    def __init__(
        self,
        source: ReadingDatabase,
        target: ReadingDatabase,
        name: str,
        start: Value | None,
        *,
        loading: bool,
    ) -> None:
        self._source, self._name = source, name
        self._loading = loading
        mine = in_order(source[name], start)
        lists = _alone(mine) if loading else merged(mine, in_order(target[name], start))
        self._pairs = _Ahead(lists)
        self._following: asyncio.Task[Portion | None] | None = None

    async def next(self, most: int) -> Portion | None:
        """The next portion, of at most so many documents and eight megabytes; None at the end. Raises BackendError.

        The one after it is made while it is written, and so has as many documents at most as this one.
        """
        portion = await (self._following or self._made(most))
        self._following = None if portion is None else asyncio.ensure_future(self._made(most))
        return portion

    async def aclose(self) -> None:
        """Stops reading."""
        await _ended(self._following)
        await self._pairs.aclose()

    async def _made(self, most: int) -> Portion | None:
        taken = _Taken()
        while not taken.is_full and (pairs := await self._pairs.at_hand()):
            self._pairs.skip(taken.add(pairs, min(most, BATCH_DOCUMENTS)))
        return await self._portion(taken) if taken.looked_at else None

    async def _portion(self, taken: _Taken) -> Portion:
        entries = [pair.source for pair in taken.changed if pair.source is not None]
        gone = await self._really_gone([pair.target for pair in taken.changed if pair.source is None and pair.target])
        replaced = [pair.target for pair in taken.changed if pair.source is not None and pair.target is not None]
        group = Group(self._name, entries, [entry.id for entry in gone], [*gone, *replaced], is_pass=True)
        return Portion(group, self._how(replaced), taken.last, taken.looked_at)

    def _how(self, replaced: list[Entry]) -> How:
        if any(entry.id.type in LOOSE for entry in replaced):
            return How.AGAIN
        return How.REPLACE if replaced else How.INSERT

    async def _really_gone(self, extra: list[Entry]) -> list[Entry]:
        """Those that the source still does not have: nothing is removed for what was not there a while ago."""
        there = set()
        async for entries in by_ids(self._source[self._name], [entry.id for entry in extra]):
            there |= {entry.key for entry in entries}
        return [entry for entry in extra if entry.key not in there]


@dataclass(slots=True)
class _Taken:
    changed: list[Pair] = field(default_factory=list)
    bytes: int = 0
    looked_at: int = 0
    last: Value | None = None
    is_full: bool = False

    def add(self, pairs: Sequence[Pair], most: int) -> int:
        """Takes the pairs as far as there is room; how many it passed over."""
        passed = 0
        for pair in pairs:
            if pair.kind is not Kind.SAME and not self._took(pair):
                self.is_full = True
                break
            passed += 1
            if len(self.changed) == most or self.looked_at + passed == LOOKED_AT:
                self.is_full = True
                break
        self.looked_at += passed
        if passed:
            self.last = pairs[passed - 1].one.id
        return passed

    def _took(self, pair: Pair) -> bool:
        source, target = pair
        size = max(len(source.data) if source is not None else 0, len(target.data) if target is not None else 0)
        if self.changed and self.bytes + size > BATCH_BYTES:
            return False
        self.changed.append(pair)
        self.bytes += size
        return True


async def _alone(lists: AsyncIterator[list[Entry]]) -> AsyncIterator[list[Pair]]:
    async for entries in lists:
        yield [Pair(entry, None) for entry in entries]


class _Ahead:
    """Pairs in lists; the next list is read while those of this one are written."""

    def __init__(self, lists: AsyncIterator[list[Pair]]) -> None:
        self._lists = lists
        self._pairs: list[Pair] = []
        self._at = 0
        self._reading: asyncio.Task[list[Pair] | None] | None = None

    async def at_hand(self) -> list[Pair]:
        """The next pairs, left where they are; none at the end."""
        while self._at >= len(self._pairs):
            given = await (self._reading or self._read())
            if given is None:
                return []
            self._pairs, self._at = given, 0
            self._reading = self._read()
        return self._pairs[self._at :] if self._at else self._pairs

    def skip(self, number: int) -> None:
        self._at += number

    async def aclose(self) -> None:
        await _ended(self._reading)
        closing: Any = getattr(self._lists, "aclose", None)
        if closing is not None:
            await closing()

    def _read(self) -> asyncio.Task[list[Pair] | None]:
        return asyncio.ensure_future(_next(self._lists))


async def _ended(task: asyncio.Task[Any] | None) -> None:
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


async def _next(lists: AsyncIterator[list[Pair]]) -> list[Pair] | None:
    return await anext(lists, None)


def position(checkpoint: Mapping[str, Any]) -> Value | None:
    """The `_id` behind which a checkpoint goes on; None for the beginning."""
    after = checkpoint.get("after")
    if after is None:
        return None
    data = bytes(after)
    return Value(data[0], data[1:])


def positioned(id_: Value | None) -> bytes | None:
    """The position as a checkpoint keeps it: the type, then the value's bytes."""
    return None if id_ is None else bytes([id_.type]) + id_.data
