"""Executing runs in Mongo: each batch one transaction whose last write is the lease, filtered by its token.

Where the server has no transactions the token is looked at before and after a batch, so a takeover has to wait until
no operation of the holder before can be under way any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bson.binary import Binary
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from backends.clients.errors import BadAnswer
from backends.clients.mongo import mongo_errors
from backends.clients.targets import MongoTarget
from backends.runs.model import RUNS, Checkpoint, Holder, Lease, Progress, Run, RunState
from backends.runs.mongo_commands import send
from backends.runs.mongo_store import BEATS, CHECKPOINTS, CONTROLS, HALTS, LEASES, NOW
from backends.runs.records import control_of, halt_of, progress_of, progress_record, time
from backends.runs.store import Fence, Orders, TryAgain, Work, Worker, require_lease

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase

MAJORITY: Final = WriteConcern("majority")
UUID_SUBTYPE: Final = 4
COMMITS: Final = 3
"""How often a commit is asked for whose answer did not come; asking again can't commit twice."""

_CONFLICT, _NO_SUCH_COMMAND = 112, 59

Document = dict[str, Any]


@dataclass(slots=True)
class MongoWork(Work):
    """A batch's transaction, and what it will save."""

    database: AsyncIOMotorDatabase[Document]
    session: AsyncIOMotorClientSession | None
    saved: Document = field(default_factory=dict)

    @property
    def connection(self) -> Any:
        raise TypeError("this run's records are in Mongo: there is no Postgres connection")

    def save(self, body: Mapping[str, Any], progress: Progress) -> None:
        self.saved = {"body": dict(body), "progress": progress_record(progress)}


class MongoWorker(Worker):
    """The worker's session. session: None where the server has no transactions."""

    def __init__(
        self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None, target: MongoTarget
    ) -> None:
        self._database = database.client.get_database(
            database.name,
            write_concern=MAJORITY,
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
        self._session: Any = session  # the driver's stubs take its properties for methods
        self._target = target

    async def claim(self, run: Run, holder: Holder, seen: Lease | None) -> Fence | None:
        with mongo_errors(self._target):
            if seen is not None and seen.session and not seen.released:
                await self._end_session(seen.session)
            token = await (self._first(run, holder) if seen is None else self._next(run, holder, seen))
            if token is None:
                return None
            await self._beat(run.scope, token)
            # Whatever is written without a transaction is filtered by this token, in the same write.
            mark = {"_id": run.id}, {"$max": {"token": token}}
            marked = [await self._database[name].update_one(*mark) for name in (CHECKPOINTS, RUNS)]
            if not all(each.matched_count for each in marked):
                raise BadAnswer(f"The run {run.id} is not recorded any more.", where=self._target.where)
            return Fence(run.scope, run.id, token)

    async def beat(self, fence: Fence) -> bool:
        with mongo_errors(self._target):
            if not await self._database[LEASES].find_one({"_id": fence.scope, "token": fence.token}, {"_id": 1}):
                return False
            return await self._beat(fence.scope, fence.token)

    async def release(self, fence: Fence) -> None:
        with mongo_errors(self._target):
            lease = {"_id": fence.scope, "token": fence.token}
            await self._database[LEASES].update_one(lease, {"$set": {"released": True}})

    async def enter(self, fence: Fence, state: RunState, who: str, why: str) -> None:
        entered = {"state": state.value, "at": "$$NOW", "who": {"$literal": who}, "why": {"$literal": why}}
        history = {"$concatArrays": [{"$ifNull": ["$history", []]}, [entered]]}
        change = {"$set": {"state": state.value, "why": {"$literal": why}, "since": "$$NOW", "history": history}}
        with mongo_errors(self._target):
            await self._check(fence)
            found = await self._database[RUNS].update_one({"_id": fence.run_id, "token": fence.token}, [change])
        require_lease(found.matched_count, fence)

    async def resumed(self, fence: Fence) -> tuple[Checkpoint, Progress]:
        with mongo_errors(self._target):
            await self._check(fence)
            found = await self._database[CHECKPOINTS].find_one({"_id": fence.run_id}) or {}
        checkpoint = Checkpoint(
            found.get("number", 0), found.get("body", {}), found.get("plan", ""), found.get("version", "")
        )
        return checkpoint, progress_of(found.get("progress", {}))

    async def orders(self, run: Run) -> Orders:
        with mongo_errors(self._target):
            controls = await self._database[CONTROLS].aggregate([{"$match": {"_id": run.id}}, NOW]).to_list(1)
            halt = await self._database[HALTS].find_one({"_id": run.kind})
        now = time(controls[0]["now"]) if controls else None
        if now is None:
            raise BadAnswer(f"The run {run.id} has no control record.", where=self._target.where)
        return Orders(control_of(controls[0]), None if halt is None else halt_of({**halt, "kind": run.kind}), now)

    async def note(self, fence: Fence, progress: Progress) -> None:
        with mongo_errors(self._target):
            change: Document = {"$set": {"progress": progress_record(progress)}, "$currentDate": {"at": True}}
            mine = {"_id": fence.run_id, "token": fence.token}
            require_lease((await self._database[CHECKPOINTS].update_one(mine, change)).matched_count, fence)

    @asynccontextmanager
    async def work(self, fence: Fence, before: Checkpoint) -> AsyncIterator[Work]:
        work = MongoWork(self._database, self._session)
        with mongo_errors(self._target):
            try:
                if self._session is not None:
                    self._session.start_transaction(ReadConcern("snapshot"), MAJORITY, ReadPreference.PRIMARY)
                await self._begin(fence, before)
                yield work
                await self._save(fence, before, work.saved)
                await self._commit()
            except BaseException as error:
                await self._roll_back()
                if _may_be_repeated(error):
                    raise TryAgain("Another writer was in the way.", where=self._target.where) from error
                raise

    async def command(self, fence: Fence, command: Mapping[str, Any], lasts_s: float) -> Mapping[str, Any]:
        with mongo_errors(self._target):
            return await send(self._database, self._session, fence, command, lasts_s)

    async def reopen(self) -> None:
        """The driver connects anew by itself."""

    async def _begin(self, fence: Fence, before: Checkpoint) -> None:
        if self._session is None:
            await self._check(fence)
        found = await self._database[CHECKPOINTS].find_one({"_id": fence.run_id}, {"number": 1}, session=self._session)
        if (found or {}).get("number") != before.number:
            raise TryAgain("The checkpoint is another one by now.", where=self._target.where)

    async def _save(self, fence: Fence, before: Checkpoint, saved: Document) -> None:
        change: Document = {"$set": {**saved, **_next(before)}, "$currentDate": {"at": True}}
        was = {"_id": fence.run_id, "number": before.number, "token": fence.token}
        found = await self._database[CHECKPOINTS].update_one(was, change, session=self._session)
        if not found.matched_count:
            await self._check(fence)
            raise TryAgain("The checkpoint is another one by now.", where=self._target.where)
        await self._check(fence, self._session)

    async def _check(self, fence: Fence, session: AsyncIOMotorClientSession | None = None) -> None:
        """The fence: a write, since only a write meets a takeover that is under way. Raises LeaseLost."""
        lease = {"_id": fence.scope, "token": fence.token}
        if session is None:
            # Outside of a transaction nothing is won by writing, and batches would conflict with it.
            require_lease(await self._database[LEASES].find_one(lease, {"_id": 1}), fence)
            return
        found = await self._database[LEASES].update_one(lease, {"$inc": {"batches": 1}}, session=session)
        require_lease(found.matched_count, fence)

    async def _commit(self) -> None:
        if self._session is None:
            return
        for left in reversed(range(COMMITS)):
            try:
                await self._session.commit_transaction()
                return
            except PyMongoError as error:
                if not (left and error.has_error_label("UnknownTransactionCommitResult")):
                    raise

    async def _roll_back(self) -> None:
        if self._session is not None and self._session.in_transaction:
            try:
                await self._session.abort_transaction()
            except PyMongoError:
                return  # the server gives it up by itself, and a takeover ends it

    async def _first(self, run: Run, holder: Holder) -> int | None:
        try:
            await self._database[LEASES].insert_one({"_id": run.scope, "token": 0, "released": True})
        except DuplicateKeyError:
            return None
        return await self._take(run, holder, 0)

    async def _next(self, run: Run, holder: Holder, seen: Lease) -> int | None:
        return await self._take(run, holder, seen.token)

    async def _take(self, run: Run, holder: Holder, token: int) -> int | None:
        session = self._session.session_id["id"] if self._session is not None else None
        taken = {"run_id": run.id, "holder": asdict(holder), "session": session, "released": False, "token": token + 1}
        taken["operation_s"] = 0.0
        change: Document = {"$set": taken, "$currentDate": {"since": True}}
        found = await self._database[LEASES].update_one({"_id": run.scope, "token": token}, change)
        return token + 1 if found.matched_count else None

    async def _beat(self, scope: str, token: int) -> bool:
        """False where a later holder's heart beats."""
        change: Document = {"$set": {"token": token}, "$inc": {"beats": 1}, "$currentDate": {"at": True}}
        try:
            await self._database[BEATS].update_one({"_id": scope, "token": {"$lte": token}}, change, upsert=True)
        except DuplicateKeyError:
            return False
        return True

    async def _end_session(self, session: bytes) -> None:
        """Ends what a frozen holder has open: its transaction would block everybody until the server gives it up."""
        try:
            await self._database.client.admin.command("killSessions", [{"id": Binary(session, UUID_SUBTYPE)}])
        except OperationFailure as error:
            if error.code != _NO_SUCH_COMMAND:
                raise


def _next(before: Checkpoint) -> Document:
    return {"number": before.number + 1, "version": before.version}


def _may_be_repeated(error: BaseException) -> bool:
    """Whether the transaction failed because of others, and changed nothing; a lost connection is told as that."""
    if not isinstance(error, OperationFailure):
        return False
    return error.has_error_label("TransientTransactionError") or error.code == _CONFLICT
