"""Verifying: both sides streamed side by side, every document compared as it is stored. Only reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from backends.backup.mongo_dump import Tell
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin import indexes
from backends.migrations.olorin.indexes import Index
from backends.migrations.olorin.manifest import Manifest, Writing, hashed, hashes
from backends.migrations.olorin.merge import Kind, Pair, merged
from backends.migrations.olorin.model import CollectionProof, Difference, SinceSwitch
from backends.migrations.olorin.names import moved_name
from backends.migrations.olorin.places import Places, indexes_at, kinds_of
from backends.migrations.olorin.planning import LISTED, id_json
from backends.migrations.olorin.raw import Value
from backends.migrations.olorin.streams import Entry, in_order, one_of

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingCollection


@dataclass(slots=True)
class Count:
    """What a comparison found: documents of both sides, those of each kind, and the first that are not the same."""

    source: int = 0
    target: int = 0
    kinds: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    listed: list[tuple[Kind, Value]] = field(default_factory=list)

    def add(self, pairs: Sequence[Pair]) -> None:
        """Counts the pairs in."""
        same = len(pairs)
        for pair in pairs:
            kind = pair.kind
            if kind is Kind.SAME:
                continue
            same -= 1
            self.source += pair.source is not None
            self.target += pair.target is not None
            self.kinds[kind] += 1
            # So many of each kind: many of one must not hide the others.
            if self.kinds[kind] <= LISTED:
                self.listed.append((kind, pair.one.id))
        self.source, self.target = self.source + same, self.target + same
        self.kinds[Kind.SAME] += same

    def take_back(self, kind: Kind) -> None:
        """One that is the same by now."""
        self.kinds[kind] -= 1
        self.kinds[Kind.SAME] += 1


async def verify(places: Places, manifest: Manifest, tell: Tell) -> tuple[CollectionProof, ...]:
    """Every collection, verified. With the flag on the source must still be what the manifest says.

    Where everything passes before the switch, the manifest is written anew. Raises LeaseHeld where another verification
    does that, and BackendError.
    """
    await places.require_two()
    if places.move.flag and all(manifest.has(name) for name in OLORIN_COLLECTIONS):
        return await _verify(places, manifest, tell)
    with manifest.locked():
        return await _verify(places, manifest, tell)


async def _verify(places: Places, manifest: Manifest, tell: Tell) -> tuple[CollectionProof, ...]:
    written: list[Writing] = []
    try:
        async with places.reading_source() as source, places.reading_target() as target:
            here, there = await kinds_of(source), await kinds_of(target)
            proofs = []
            for name in OLORIN_COLLECTIONS:
                mine_is = name if name in here else moved_name(name, here) or name
                if places.move.flag and manifest.has(name):
                    found = await _after(source[mine_is], target[name], manifest, tell)
                else:
                    written.append(manifest.write(name))
                    found = await _before(source[mine_is], target[name], written[-1], tell)
                mine = await indexes_at(source, mine_is, mine_is in here)
                found = _with_indexes(found, mine, await indexes_at(target, name, name in there))
                proofs.append(replace(found, read_as=mine_is))
        if not places.move.flag and all(each.passed for each in proofs):
            for writing in written:
                await asyncio.to_thread(writing.keep)
        return tuple(proofs)
    finally:
        # Not in a thread: who is cancelled again while waiting for it would leave the rest open.
        for writing in written:
            writing.drop()


async def _before(
    source: ReadingCollection, target: ReadingCollection, writing: Writing, tell: Tell
) -> CollectionProof:
    """Source against target."""
    count, name = Count(), target.name
    async for pairs in merged(in_order(source), in_order(target)):
        count.add(pairs)
        entries = [pair.source for pair in pairs if pair.source is not None]
        await asyncio.to_thread(lambda kept: writing.add([hashed(each) for each in kept]), entries)
        tell(name, count.source)
    await _look_again(count, source, target)
    return _proof(name, count)


async def _after(
    source: ReadingCollection, target: ReadingCollection, manifest: Manifest, tell: Tell
) -> CollectionProof:
    """Source against manifest, which must be the same, and target against manifest, which tells its own writes."""
    name = target.name
    count = await _counted(hashes(in_order(source)), manifest.read(name), name, tell)
    since = await _counted(manifest.read(name), hashes(in_order(target)), name, tell)
    kinds = since.kinds
    gained = SinceSwitch(kinds[Kind.EXTRA], kinds[Kind.DIFFERENT], kinds[Kind.MISSING])
    proof = _proof(name, count)
    return CollectionProof(
        name, count.source, since.target, proof.missing, proof.extra, proof.different,
        differences=proof.differences, since=gained,
    )  # fmt: skip


async def _counted(left: AsyncIterator[list[Entry]], right: AsyncIterator[list[Entry]], name: str, tell: Tell) -> Count:
    count = Count()
    async for pairs in merged(left, right):
        count.add(pairs)
        tell(name, count.source)
    return count


async def _look_again(count: Count, source: ReadingCollection, target: ReadingCollection) -> None:
    """Takes back what differed only because both sides were not read at the same moment."""
    kept = []
    for kind, id_ in count.listed:
        mine, other = await one_of(source, id_), await one_of(target, id_)
        if (mine and mine.data) == (other and other.data):
            count.take_back(kind)
        else:
            kept.append((kind, id_))
    count.listed = kept


def _proof(name: str, count: Count) -> CollectionProof:
    kinds = count.kinds
    differences = tuple(Difference(kind.value, id_json(id_)) for kind, id_ in count.listed)
    return CollectionProof(
        name, count.source, count.target, kinds[Kind.MISSING], kinds[Kind.EXTRA], kinds[Kind.DIFFERENT],
        differences=differences,
    )  # fmt: skip


def _with_indexes(proof: CollectionProof, mine: Sequence[Index], other: Sequence[Index]) -> CollectionProof:
    declared = indexes.lacking(indexes.declared(proof.name), other)
    return replace(
        proof,
        indexes=indexes.differences(mine, other),
        declared=tuple(indexes.said(each) for each in declared),
    )
