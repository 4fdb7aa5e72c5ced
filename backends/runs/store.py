"""Where runs are recorded: what a store must do, for whoever looks and for the one who executes.

Two stores keep these promises: `mongo_store` and `postgres_store`. All times are those of the server's clock.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from backends.clients.errors import BackendError, LeaseHeld
from backends.runs.model import Checkpoint, Control, Halt, Holder, Lease, NewRun, Progress, Run, RunState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asyncpg import Connection, Record
    from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase

    from backends.safety.audit import AuditMirror
    from backends.safety.gate import Token


class LeaseLost(LeaseHeld):
    """Somebody else was given the right to execute; nothing may be written any more."""

    kind = "lease lost"


class TryAgain(BackendError):
    """The batch met another writer, or it is not known whether it was committed: read the state again and repeat."""

    kind = "to be repeated"


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: between two heartbeats, until a lease expires, and that a worker's transaction may idle (Postgres)."""

    heartbeat_s: float = 5.0
    expiry_s: float = 30.0
    idle_s: float = 20.0

    @property
    def silent_s(self) -> float:
        """From which age of its last heartbeat a holder is silent."""
        return self.heartbeat_s * 1.5


@dataclass(frozen=True, slots=True)
class Fence:
    """A lease as its holder has it: good as long as the scope's token is still this one."""

    scope: str
    run_id: str
    token: int


def require_lease(found: Any, fence: Fence) -> Any:
    """What was found under the lease's token. Raises LeaseLost where that is nothing."""
    if not found:
        hint = "It works on; nothing was changed here after it began."
        raise LeaseLost(f"The run {fence.run_id} was taken over by another process.", hint=hint)
    return found


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker looks at before each batch: what people want, whether its kind is halted, the server's time."""

    control: Control
    halt: Halt | None
    now: datetime


@dataclass(frozen=True, slots=True)
class RunKey:
    """The place of a run in the list, newest first."""

    created_at: datetime
    id: str


class Work(Protocol):
    """One batch's transaction, open. The job writes through it; what it saves is committed with it.

    `connection` is Postgres', inside the transaction. `database` and `session` are Mongo's: every operation of the
    batch takes `session=work.session`, which is None where the server has no transactions.
    """

    @property
    def connection(self) -> Connection[Record]:
        """Raises TypeError on a Mongo store."""

    @property
    def database(self) -> AsyncIOMotorDatabase[dict[str, Any]]:
        """Raises TypeError on a Postgres store."""

    @property
    def session(self) -> AsyncIOMotorClientSession | None:
        """Raises TypeError on a Postgres store."""

    def save(self, body: Mapping[str, Any], progress: Progress) -> None:
        """What the checkpoint and the progress will be once this is committed."""


class Worker(Protocol):
    """The session of the one who executes runs of a store. Every method raises BackendError."""

    async def claim(self, run: Run, holder: Holder, seen: Lease | None) -> Fence | None:
        """Takes the lease of the run's scope if it is still as it was seen; None where somebody was faster."""

    async def beat(self, fence: Fence) -> bool:
        """A heartbeat; False where the lease is somebody else's."""

    async def release(self, fence: Fence) -> None:
        """Gives the lease back; nothing where it is somebody else's."""

    async def enter(self, fence: Fence, state: RunState, who: str, why: str) -> None:
        """Brings the run into a state. Raises LeaseLost."""

    async def resumed(self, fence: Fence) -> tuple[Checkpoint, Progress]:
        """Where the run goes on, and how far it was. Raises LeaseLost."""

    async def orders(self, run: Run) -> Orders:
        """What to look at before a batch."""

    async def note(self, fence: Fence, progress: Progress) -> None:
        """Saves the progress between batches. Raises LeaseLost."""

    def work(self, fence: Fence, before: Checkpoint) -> AbstractAsyncContextManager[Work]:
        """A batch's transaction, committed with its checkpoint at the block's end, by the version that `before` names.

        Raises LeaseLost, and TryAgain where the checkpoint isn't `before` any more or another writer was in the way.
        """

    async def command(self, fence: Fence, command: Mapping[str, Any], lasts_s: float) -> Mapping[str, Any]:
        """Mongo's command that no transaction takes, right behind the fence. Raises LeaseLost.

        lasts_s: seconds that it may take. Raises TypeError where the records are elsewhere.
        """
        raise TypeError("this run's records are not in Mongo")

    async def reopen(self) -> None:
        """Connects anew, after a connection was lost."""


class RunStore(Protocol):
    """The runs of one database. reads: whether they only read, which needs nobody's consent."""

    reads: ClassVar[bool] = False

    @property
    def where(self) -> str:
        """The database, masked. Raises NotConfigured."""

    async def page(self, limit: int, after: RunKey | None = None) -> tuple[Run, ...]:
        """Runs, newest first, without their histories. Raises BackendError."""

    async def run(self, run_id: str) -> Run | None:
        """A run with its history. Raises BackendError."""

    async def lease(self, scope: str) -> Lease | None:
        """Who executes what changes the scope. Raises BackendError."""

    async def halts(self) -> tuple[Halt, ...]:
        """The kinds that must not run. Raises BackendError."""

    async def create(self, token: Token, run: NewRun, who: str, version: str) -> None:
        """Records a run as planned. Raises BackendError."""

    async def control(
        self, token: Token, run_id: str, fields: Mapping[str, object], seen: Control | None = None
    ) -> None:
        """Leaves an order for whoever executes the run: these fields of Control, and no others, in one write.

        A new `want` sets the time of the order. seen: the order that this one is instead of; nothing is written where
        it is another one by now. Raises BackendError.
        """

    async def halt(self, token: Token, halt: Halt) -> None:
        """Halts a kind. Raises BackendError."""

    async def lift(self, token: Token, kind: str) -> bool:
        """Lifts a halt; False where there was none. Raises BackendError."""

    def worker(self, token: Token) -> AbstractAsyncContextManager[Worker]:
        """A session for executing. Raises BackendError."""

    def mirror(self) -> AuditMirror:
        """Where audit entries of this database's runs are kept beside them."""
