"""Runs in Mongo: collections `console_run…` of the database that the runs change, made by the first run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from backends.clients.mongo import MongoClients
from backends.clients.targets import MongoTarget
from backends.runs.model import RUNS, Control, Halt, Lease, NewRun, Run
from backends.runs.records import control_record, halt_of, lease_of, run_of, time
from backends.runs.store import RunKey, RunStore, Timing, Worker
from backends.safety.mirrors import MongoMirror

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorDatabase

    from backends.clients.read_only import ReadingDatabase
    from backends.safety.gate import Token

LEASES: Final = "console_run_leases"
BEATS: Final = "console_run_beats"
"""Heartbeats stand apart from the leases, or each would make a batch that is under way fail as a write conflict."""

CHECKPOINTS: Final = "console_run_checkpoints"
CONTROLS: Final = "console_run_controls"
HALTS: Final = "console_run_halts"

ANSWER_MS: Final = 5_000
PAGE_DAYS: Final = (1, 8, 64, 512, 0)
"""Days before its newest run in which a page is looked for, one after the other; 0 for any."""

OPERATION_S: Final = 10.0
"""Seconds after which the clients give an operation up: without transactions a takeover waits this much longer, or as
long as the lease says that the operation which is under way may take."""

NOW: Final = {"$addFields": {"now": "$$NOW"}}

Document = dict[str, Any]


class MongoRunStore(RunStore):
    """The runs that change one Mongo database."""

    def __init__(self, mongo: MongoClients, target: MongoTarget, timing: Timing | None = None) -> None:
        self._mongo = mongo
        self._target = target
        self._timing = timing or Timing()

    @property
    def where(self) -> str:
        return self._target.where

    async def page(self, limit: int, after: RunKey | None = None) -> tuple[Run, ...]:
        async with self._reading() as database:
            return await self._runs(database, await _newest(database, limit, after))

    async def run(self, run_id: str) -> Run | None:
        async with self._reading() as database:
            record = await database[RUNS].find_one({"_id": run_id}, max_time_ms=ANSWER_MS)
            return None if record is None else (await self._runs(database, [record]))[0]

    async def lease(self, scope: str) -> Lease | None:
        async with self._reading() as database:
            return (await _leases(database, {"_id": scope})).get(scope)

    async def halts(self) -> tuple[Halt, ...]:
        async with self._reading() as database:
            cursor = database[HALTS].find({}, max_time_ms=ANSWER_MS)
            return tuple(halt_of({**record, "kind": record["_id"]}) for record in await cursor.to_list(None))

    async def create(self, token: Token, run: NewRun, who: str, version: str) -> None:
        async with self._mongo.writing(token, self._target) as database:
            await database[RUNS].create_index([("created_at", -1), ("_id", -1)])
            await database[CHECKPOINTS].insert_one(
                {"_id": run.id, "number": 0, "body": {}, "progress": {}, "plan": run.plan, "version": version}
            )
            await database[CONTROLS].insert_one({"_id": run.id, "want": "go", "who": who, "why": ""})
            await database[RUNS].update_one(
                {"_id": run.id, "kind": {"$exists": False}}, _created(run, who), upsert=True
            )

    async def control(
        self, token: Token, run_id: str, fields: Mapping[str, object], seen: Control | None = None
    ) -> None:
        change: Document = {"$set": control_record(fields)}
        change |= {"$currentDate": {"at": True}} if "want" in fields else {}
        same = {} if seen is None else {"at": seen.at}
        async with self._mongo.writing(token, self._target) as database:
            await database[CONTROLS].update_one({"_id": run_id, **same}, change)

    async def halt(self, token: Token, halt: Halt) -> None:
        async with self._mongo.writing(token, self._target) as database:
            change = {"$set": {"who": halt.who, "why": halt.why}, "$currentDate": {"at": True}}
            await database[HALTS].update_one({"_id": halt.kind}, change, upsert=True)

    async def lift(self, token: Token, kind: str) -> bool:
        async with self._mongo.writing(token, self._target) as database:
            return bool((await database[HALTS].delete_one({"_id": kind})).deleted_count)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[ReadingDatabase]:
        """The database as its primary has it: a secondary may not know a run yet that was recorded a moment ago."""
        async with self._mongo.reading_at(self._target) as database:
            yield database.settled()

    @asynccontextmanager
    async def worker(self, token: Token) -> AsyncIterator[Worker]:
        from backends.runs.mongo_worker import MongoWorker

        async with self._mongo.writing(token, self._target) as database:
            transactions = await has_transactions(database)
            async with await database.client.start_session() as session:
                yield MongoWorker(database, session if transactions else None, self._target)

    def mirror(self) -> MongoMirror:
        return MongoMirror(self._mongo, self._target)

    async def _runs(self, database: ReadingDatabase, records: Sequence[Document]) -> tuple[Run, ...]:
        ids = [record["_id"] for record in records]
        if not ids:
            return ()
        checkpoints, controls, leases = await asyncio.gather(
            _by_id(database, CHECKPOINTS, ids), _by_id(database, CONTROLS, ids), _leases(database, {})
        )
        return tuple(
            run_of(
                {**record, "id": record["_id"]},
                checkpoints.get(record["_id"], {}),
                controls.get(record["_id"], {}),
                leases.get(str(record.get("scope"))),
                self._timing.expiry_s,
            )
            for record in records
        )


async def has_transactions(database: AsyncIOMotorDatabase[Document]) -> bool:
    """Whether the server has transactions: a member of a replica set does, and a router."""
    hello = await database.command("hello")
    return bool(hello.get("setName")) or hello.get("msg") == "isdbgrid"


async def _newest(database: ReadingDatabase, limit: int, after: RunKey | None) -> Sequence[Document]:
    """A page's records. The range begins small and grows until the page is full: some servers sort all of it."""
    top = after.created_at if after else (await database.command("hello"))["localTime"]
    same = [] if after is None else await _sorted(database, {"created_at": top, "_id": {"$lt": after.id}}, limit)
    below: list[Document] = []
    for days in PAGE_DAYS:
        bounds = {"$lt": top} if after else {}
        bounds |= {"$gte": top - timedelta(days=days)} if days else {}
        below = await _sorted(database, {"created_at": bounds} if bounds else {}, limit)
        if len(same) + len(below) >= limit:
            break
    return [*same, *below][:limit]


async def _sorted(database: ReadingDatabase, query: Document, limit: int) -> list[Document]:
    cursor = database[RUNS].find(query, {"history": 0}, limit=limit, max_time_ms=ANSWER_MS)
    return list(await cursor.sort([("created_at", -1), ("_id", -1)]).to_list(limit))


async def _by_id(database: ReadingDatabase, name: str, ids: Sequence[object]) -> Mapping[object, Document]:
    cursor = database[name].find({"_id": {"$in": list(ids)}}, {"body": 0}, max_time_ms=ANSWER_MS)
    return {record["_id"]: record for record in await cursor.to_list(None)}


async def _leases(database: ReadingDatabase, query: Document) -> Mapping[str, Lease]:
    """Scope → lease, with the age of its last heartbeat (or of the lease itself) by the server's clock."""
    records = await database[LEASES].aggregate([{"$match": query}, NOW], maxTimeMS=ANSWER_MS).to_list(None)
    beats = {each["_id"]: each for each in await database[BEATS].find(query, max_time_ms=ANSWER_MS).to_list(None)}
    return {str(each["_id"]): _lease(each, beats.get(each["_id"], {})) for each in records}


def _lease(record: Document, beat: Document) -> Lease:
    is_his = beat.get("token") == record["token"]
    seen = [found for found in (time(record.get("since")), time(beat.get("at")) if is_his else None) if found]
    now = time(record.get("now"))
    age_s = (now - max(seen)).total_seconds() if now and seen else 0.0
    known = {**record, "id": record["_id"], "age_s": age_s, "beats": beat.get("beats", 0) if is_his else 0}
    operation_s = max(OPERATION_S, float(record.get("operation_s") or 0.0))
    return lease_of(known, 0.0 if record.get("session") else operation_s)


def _created(run: NewRun, who: str) -> list[Document]:
    planned = {"state": "planned", "at": "$$NOW", "who": {"$literal": who}, "why": ""}
    said = {"kind": run.kind, "place": run.where, "scope": run.scope, "plan": run.plan, "options": dict(run.options)}
    fixed = {name: {"$literal": value} for name, value in said.items()}
    times = {"created_at": "$$NOW", "since": "$$NOW"}
    return [{"$set": {**fixed, **times, "state": "planned", "why": "", "token": 0, "history": [planned]}}]
