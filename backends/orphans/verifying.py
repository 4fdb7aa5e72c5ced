"""Whether what was removed is whole in quarantine and nowhere else, and what was restored is what it was."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

from backends.clients.errors import NotThere
from backends.clients.mongo import MongoClients
from backends.clients.read_only import ReadingDatabase
from backends.clients.targets import Role
from backends.orphans import raw
from backends.orphans.quarantine import LOOK_UP, QUARANTINES, about_name, copies_name, parts, skipped_name
from backends.orphans.values import folded_id, json_of, spellings, value_of
from backends.runs.measures import cleaned
from backends.runs.model import Progress
from backends.runs.mongo_store import CHECKPOINTS
from backends.runs.records import progress_of

READ: Final = 500
SUCCESS: Final = 95
"""The percent of what was planned that a clean-up should remove; the founding document alerts below it."""


@dataclass(frozen=True, slots=True)
class CollectionProof:
    """A collection's documents in one run's quarantine.

    whole: as they were removed; damaged: missing or changed in quarantine; absent: not in their collection; restored:
    in it again, the same; conflict: another document has their id; unexpected: there although it was not restored;
    gone: absent although it was, and in no later quarantine.
    """

    name: str
    quarantined: int = 0
    whole: int = 0
    damaged: int = 0
    absent: int = 0
    restored: int = 0
    conflict: int = 0
    unexpected: int = 0
    gone: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was lost, and nothing is where it should not be."""
        return not (self.damaged or self.unexpected or self.gone)

    @property
    def why(self) -> str:
        """What is wrong, in words."""
        said = {"damaged in quarantine": self.damaged, "not deleted": self.unexpected, "restored and gone": self.gone}
        return ", ".join(f"{self.name}: {number:,} {what}" for what, number in said.items() if number)


async def newest_run(mongo: MongoClients) -> str:
    """The newest clean-up that removed anything. Raises NotThere."""
    async with mongo.settled(Role.OLORIN) as database:
        cursor = database[QUARANTINES].find({"dropped_at": None}, {"_id": 1}).sort([("at", -1), ("_id", -1)])
        while found := [str(each["_id"]) for each in await cursor.to_list(LOOK_UP)]:
            told = await _recorded(database, found)
            # By what the run recorded: a quarantine that was lost must not be taken for one of nothing.
            for run_id in found:
                if run_id in told and told[run_id].counts.get("quarantined"):
                    return run_id
    raise NotThere("There is no quarantine.", hint="Nothing was cleaned here, or its time is over.")


async def _recorded(database: ReadingDatabase, run_ids: list[str]) -> dict[str, Progress]:
    """What these runs recorded of what they did; those that are not recorded any more are not among them."""
    cursor = database[CHECKPOINTS].find({"_id": {"$in": run_ids}}, {"progress": 1})
    return {each["_id"]: progress_of(each.get("progress") or {}) for each in await cursor.to_list(None)}


async def about_run(mongo: MongoClients, run_id: str) -> Mapping[str, Any]:
    """What is known of a run's quarantine. Raises NotThere."""
    async with mongo.settled(Role.OLORIN) as database:
        found = await database[QUARANTINES].find_one({"_id": run_id})
    if found is None or found.get("dropped_at") is not None:
        over = "" if found is None else f" any more: its time was over at {found['dropped_at']:%Y-%m-%d %H:%M} UTC"
        raise NotThere(f"There is no quarantine of a run {run_id}{over}.", hint="olorin runs list names the runs.")
    return found


async def holds(mongo: MongoClients, run_id: str, names: Sequence[str], parent: str, document: str) -> bool:
    """Whether the run's quarantine holds anything of these collections, or of this parent, or this document of them.

    parent: in any spelling, "" for any; document: its id as extended JSON, "" for any. Raises BackendError.
    """
    query: dict[str, Any] = {"_id.c": {"$in": list(names)}}
    if document:
        query = {"_id": {"$in": [{"c": name, "id": value_of(document, "json")} for name in names]}}
    if parent:
        query["$or"] = [{"parent": {"$in": list(spellings(parent))}}]
        if folded := folded_id(parent):
            query["$or"].append({"parent": {"$regex": f"^{folded}$", "$options": "i"}})
    async with mongo.settled(Role.OLORIN) as database:
        return await database[about_name(run_id)].find_one(query, {"_id": 1}) is not None


async def verify_clean(mongo: MongoClients, run_id: str) -> list[CollectionProof]:
    """Looks at every document of the run, and for as many as it recorded. Raises NotThere and BackendError."""
    known = await about_run(mongo, run_id)
    async with mongo.settled(Role.OLORIN) as database:
        told = (await _recorded(database, [run_id])).get(run_id)
        if told is None:
            raise NotThere(f"The run {run_id} is not recorded: nothing tells how much its quarantine has to hold.")
        later = {"at": {"$gt": known["at"]}, "dropped_at": None}
        others = [str(each["_id"]) for each in await database[QUARANTINES].find(later, {"_id": 1}).to_list(None)]
        proofs = [await _proof(database, run_id, name, others) for name in known["collections"]]
    return [replace(each, damaged=each.damaged + _missing(each, told)) for each in proofs]


def _missing(proof: CollectionProof, told: Progress) -> int:
    """Documents that the run took and that its quarantine knows nothing of."""
    taken = sum(unit.done for unit in told.units if unit.name.partition(".")[0] == proof.name)
    return max(taken - proof.quarantined, 0)


async def _proof(database: ReadingDatabase, run_id: str, name: str, later: list[str]) -> CollectionProof:
    """later: runs whose quarantine may hold what was restored of this one."""
    proof = CollectionProof(name)
    async with aclosing(_Copies(database, copies_name(run_id, name))) as held:
        async for said in about_lists(database, run_id, name):
            ids = [each["_id"]["id"] for each in said]
            # Of a list in which nothing is found a server makes short work, however long it is.
            restored = any(each.get("restored_at") for each in said)
            there = await raw_by_id(database, name, ids, LOOK_UP if restored else READ)
            gone = await _not_cleaned_again(database, later, [each for each in said if _gone(each, there)])
            proof = _compared(proof, said, await held.of(ids), there, gone)
        # A copy that nothing is known of would be one that no restore brings back.
        copies = await database[copies_name(run_id, name)].count_documents({})
    return replace(proof, damaged=proof.damaged + max(copies - proof.quarantined, 0))


def _gone(said: Mapping[str, Any], there: Mapping[str, bytes]) -> bool:
    return bool(said.get("restored_at")) and json_of(said["_id"]["id"]) not in there


async def _not_cleaned_again(database: ReadingDatabase, later: list[str], gone: list[dict[str, Any]]) -> int:
    """How many of the documents that were restored and are gone no later clean-up took."""
    left = {json_of(each["_id"]["id"]): each["_id"] for each in gone}
    for run_id in later if left else ():
        for part in parts(list(left.values())):
            found = await database[about_name(run_id)].find({"_id": {"$in": part}}, {"_id": 1}).to_list(None)
            for each in found:
                left.pop(json_of(each["_id"]["id"]), None)
    return len(left)


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
    gone: int,
) -> CollectionProof:
    whole = absent = back = conflict = unexpected = 0
    for each in said:
        key = json_of(each["_id"]["id"])
        intact = key in copies and raw.hash_of(copies[key]) == bytes(each["hash"])
        whole += intact
        absent += key not in there
        same = key in there and raw.hash_of(there[key]) == bytes(each["hash"])
        conflict += key in there and not same
        back += same and bool(each.get("restored_at"))
        unexpected += same and not each.get("restored_at")
    return replace(
        proof,
        quarantined=proof.quarantined + len(said),
        whole=proof.whole + whole,
        damaged=proof.damaged + len(said) - whole,
        absent=proof.absent + absent,
        restored=proof.restored + back,
        conflict=proof.conflict + conflict,
        unexpected=proof.unexpected + unexpected,
        gone=proof.gone + gone,
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
    share = cleaned(counts)
    return said if share is None or share >= SUCCESS else f"{said}; below {SUCCESS} %: {share:.1f} %"
