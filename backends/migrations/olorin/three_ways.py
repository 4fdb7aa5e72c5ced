"""Three lists side by side: a document as the manifest of the hold, the main database and the target have it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import Enum
from typing import Any, NamedTuple

from backends.migrations.olorin.manifest import hashed
from backends.migrations.olorin.merge import Side
from backends.migrations.olorin.order import sort_key
from backends.migrations.olorin.raw import Value
from backends.migrations.olorin.streams import Entry


class Does(Enum):
    """What follows from comparing a document three ways."""

    NOTHING = "nothing"
    CARRY = "carry"
    CONFLICT = "conflict"


class Three(NamedTuple):
    """A document as the manifest has it (its hash), and as it is in the source and in the target; None: not there."""

    manifest: Entry | None
    source: Entry | None
    target: Entry | None

    @property
    def one(self) -> Entry:
        """The document, wherever it is."""
        entry = self.target or self.source or self.manifest
        assert entry is not None
        return entry

    @property
    def is_lacking(self) -> bool:
        """Whether only the target has it."""
        return self.source is None and self.target is not None

    @property
    def after_switch(self) -> Does:
        """What only the target changed is carried back, and what only the target has: there the platform saw it."""
        was, here, there = self._three
        if there == here:
            return Does.NOTHING
        if here is None:
            return Does.CARRY
        if there == was:
            return Does.NOTHING
        return Does.CARRY if here == was else Does.CONFLICT

    @property
    def untold(self) -> Does:
        """The same where nothing tells which side is right: nothing is carried then."""
        was, here, there = self._three
        if there is None or there == here or (here is not None and there == was):
            return Does.NOTHING
        return Does.CONFLICT

    @property
    def _three(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        was, here, there = self
        return was and was.data, here and hashed(here).data, there and hashed(there).data


async def three_ways(*lists: AsyncIterator[list[Entry]]) -> AsyncIterator[list[Three]]:
    """Manifest, source and target side by side in the order of `_id`. Each is passed over once."""
    sides = [Side(each) for each in lists]
    while True:
        filled = [await side.fill() for side in sides]
        if not any(filled):
            return
        found: list[Three] = []
        while any(side.ready for side in sides) and all(
            side.ready or not has for side, has in zip(sides, filled, strict=True)
        ):
            least = min(side.next.key for side in sides if side.ready)
            found.append(Three(*(_take(side, least) for side in sides)))
        yield found


async def behind(lists: AsyncIterator[list[Entry]], after: Value | None) -> AsyncIterator[list[Entry]]:
    """What of the lists comes after this `_id`; None for all."""
    least = None if after is None else sort_key(after)
    async for entries in lists:
        kept = [entry for entry in entries if least is None or entry.key > least]
        if kept:
            yield kept


def _take(side: Side, least: Any) -> Entry | None:
    return side.take() if side.ready and side.next.key == least else None
