"""Whether what was removed is whole in quarantine and nowhere else, and what was restored is what it was."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

from backends.clients.errors import NotThere
from backends.clients.mongo import MongoClients
from backends.clients.read_only import ReadingDatabase
from backends.clients.targets import Role
from backends.orphans import raw
from backends.orphans.quarantine import LOOK_UP, QUARANTINES, about_name, copies_name, parts, skipped_name
from backends.orphans.values import json_of
from backends.runs.model import Progress

READ: Final = 500
SUCCESS: Final = 0.95
"""The part of what was planned that a clean-up should remove; the founding document alerts below it."""


@dataclass(frozen=True, slots=True)
class CollectionProof:
    """A collection's documents in one run's quarantine.

    whole: as they were removed; damaged: missing or changed in quarantine; absent: not in their collection; restored:
    in it again, the same; conflict: another document has their id; unexpected: there although nothing was restored.
    """

    name: str
    quarantined: int = 0
    whole: int = 0
    damaged: int = 0
    absent: int = 0
    restored: int = 0
    conflict: int = 0
    unexpected: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was lost, and nothing is where it should not be."""
        return not self.damaged and not self.unexpected

    @property
    def why(self) -> str:
        """What is wrong, in words."""
        said = {"damaged in quarantine": self.damaged, "not deleted": self.unexpected}
        return ", ".join(f"{self.name}: {number:,} {what}" for what, number in said.items() if number)


async def newest_run(mongo: MongoClients) -> str:
    """The newest clean-up with a quarantine. Raises NotThere."""
    async with mongo.settled(Role.OLORIN) as database:
        cursor = database[QUARANTINES].find({"dropped_at": None}, {"_id": 1}, limit=1)
        found = await cursor.sort([("at", -1), ("_id", -1)]).to_list(1)
    if not found:
        raise NotThere("There is no quarantine.", hint="Nothing was cleaned here, or its time is over.")
    return str(found[0]["_id"])


async def about_run(mongo: MongoClients, run_id: str) -> Mapping[str, Any]:
    """What is known of a run's quarantine. Raises NotThere."""
    async with mongo.settled(Role.OLORIN) as database:
        found = await database[QUARANTINES].find_one({"_id": run_id})
    if found is None or found.get("dropped_at") is not None:
        over = "" if found is None else f" any more: its time was over at {found['dropped_at']:%Y-%m-%d %H:%M} UTC"
        raise NotThere(f"There is no quarantine of a run {run_id}{over}.", hint="olorin runs list names the runs.")
    return found


async def verify_clean(mongo: MongoClients, run_id: str) -> list[CollectionProof]:
    """Looks at every document of the run. Raises NotThere and BackendError."""
    known = await about_run(mongo, run_id)
    restored = bool(known.get("restored_at"))
    return [await _proof(mongo, run_id, name, restored=restored) for name in known["collections"]]


async def _proof(mongo: MongoClients, run_id: str, name: str, *, restored: bool) -> CollectionProof:
    proof = CollectionProof(name)
    async with mongo.settled(Role.OLORIN) as database, aclosing(_Copies(database, copies_name(run_id, name))) as held:
        async for said in about_lists(database, run_id, name):
            ids = [each["_id"]["id"] for each in said]
            # Of a list in which nothing is found a server makes short work, however long it is.
            there = await raw_by_id(database, name, ids, LOOK_UP if restored else READ)
            proof = _compared(proof, said, await held.of(ids), there, restored=restored)
        # A copy that nothing is known of would be one that no restore brings back.
        copies = await database[copies_name(run_id, name)].count_documents({})
    return replace(proof, damaged=proof.damaged + max(copies - proof.quarantined, 0))


async def about_lists(
    database: ReadingDatabase, run_id: str, name: str, after: Any = None
) -> AsyncIterator[list[dict[str, Any]]]:
    """What is known of a collection's documents, in lists, in the order of their ids."""
    from bson import MaxKey, MinKey

    low = {"$gt": {"c": name, "id": MinKey() if after is None else after}}
    query = {"_id": {**low, "$lt": {"c": name, "id": MaxKey()}}}
    cursor = database[about_name(run_id)].find(query, batch_size=READ).sort("_id", 1)
    while said := await cursor.to_list(READ):
        yield said


async def raw_by_id(
    database: ReadingDatabase, collection: str, ids: list[Any], in_list: int = LOOK_UP
) -> dict[str, bytes]:
    """The documents of these ids as bytes, by their ids as JSON."""
    found: dict[str, bytes] = {}
    for part in parts(ids, in_list):
        async for batch in database[collection].find_raw_batches({"_id": {"$in": part}}):
            found |= {json_of(raw.document(each)["_id"]): each for each in raw.split(batch)}
    return found


class _Copies:
    """A collection's copies, asked for in the order of their ids: one long pass, as long as none of them is missing."""

    def __init__(self, database: ReadingDatabase, name: str) -> None:
        self._database, self._name = database, name
        self._pass = self._documents()
        self._in_step = True

    async def of(self, ids: list[Any]) -> dict[str, bytes]:
        """The copies of the next ids, by these as JSON."""
        if self._in_step:
            found = {json_of(raw.document(each)["_id"]): each async for each in self._next(len(ids))}
            if found.keys() == set(map(json_of, ids)):
                return found
            self._in_step = False
        return await raw_by_id(self._database, self._name, ids)

    async def aclose(self) -> None:
        """Gives the cursor back."""
        await self._pass.aclose()

    async def _next(self, number: int) -> AsyncIterator[bytes]:
        for _ in range(number):
            each = await anext(self._pass, None)
            if each is not None:
                yield each

    async def _documents(self) -> AsyncGenerator[bytes, None]:
        async for batch in self._database[self._name].find_raw_batches({}, batch_size=READ, sort=[("_id", 1)]):
            for each in raw.split(batch):
                yield each


def _compared(
    proof: CollectionProof,
    said: list[dict[str, Any]],
    copies: Mapping[str, bytes],
    there: Mapping[str, bytes],
    *,
    restored: bool,
) -> CollectionProof:
    whole = absent = back = conflict = 0
    for each in said:
        key = json_of(each["_id"]["id"])
        intact = key in copies and raw.hash_of(copies[key]) == bytes(each["hash"])
        whole += intact
        absent += key not in there
        same = key in there and raw.hash_of(there[key]) == bytes(each["hash"])
        back += same
        conflict += key in there and not same
    unexpected = 0 if restored else back
    return replace(
        proof,
        quarantined=proof.quarantined + len(said),
        whole=proof.whole + whole,
        damaged=proof.damaged + len(said) - whole,
        absent=proof.absent + absent,
        restored=proof.restored + (back if restored else 0),
        conflict=proof.conflict + conflict,
        unexpected=proof.unexpected + unexpected,
    )


async def skipped(mongo: MongoClients, run_id: str, limit: int) -> list[dict[str, Any]]:
    """What was on the list and was left alone, with why. Raises BackendError."""
    async with mongo.settled(Role.OLORIN) as database:
        return list(await database[skipped_name(run_id)].find({}, limit=limit).sort("_id", 1).to_list(limit))


def words(progress: Progress) -> str:
    """A clean-up in words: success rate, storage reclaimed.

    >>> words(Progress(counts={"planned": 200, "deleted": 180, "reappeared": 4, "bytes": 5_000}))
    '180 of 200 removed, 5,000 bytes reclaimed; below 95 %: 91.8 %'
    """
    counts = progress.counts
    planned, deleted = counts.get("planned", 0), counts.get("deleted", 0)
    said = f"{deleted:,} of {planned:,} removed, {counts.get('bytes', 0):,} bytes reclaimed"
    due = planned - counts.get("reappeared", 0)
    return said if not due or deleted / due >= SUCCESS else f"{said}; below 95 %: {deleted / due * 100:.1f} %"
