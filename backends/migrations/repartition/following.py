"""What both directions do: apply what the log of changes names, and run a batch under a strong lock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final

from backends.clients.errors import BackendError, Refused, StoppedByThreshold, VerificationFailed
from backends.clients.postgres import PostgresClient
from backends.migrations.blockers import in_the_way
from backends.migrations.repartition.ddl import Target, keys, keys_checked, keys_whole
from backends.migrations.repartition.locking import LOCK_MS, lock, look
from backends.migrations.repartition.rows import Key, Prepared, Route, apply, differing, take
from backends.migrations.repartition.shape import TABLE, Shape, quoted
from backends.runs.job import Batch, Context, Job, Step
from backends.runs.store import TryAgain

if TYPE_CHECKING:
    from asyncpg import Connection, Record

    from backends.migrations.repartition.exchange import Exchange

DRAIN: Final = 1_000
"""Keys that are applied in one transaction at most."""

ALL: Final = 1_000_000
"""Entries that are applied under the lock, in which no new one comes."""

LITTLE: Final = 200
"""A backlog of so few keys counts as drained, as long as others go on writing."""

FEW: Final = 20
"""A backlog of so few keys is not made smaller before a lock; a larger one is, as long as it shrinks."""

TRIES: Final = 30
"""Attempts to get a lock before a person is asked to clear the way."""


class FollowingJob(Job):
    """A job that follows the changes of one table in another, along its route."""

    counted: ClassVar[str] = "applied"
    """What the entries that were applied are counted as."""

    target: Target
    route: Route
    _client: PostgresClient
    _tries: int

    async def drain(self, context: Context, *, check: bool = False) -> int:
        """Applies up to DRAIN entries of the log; check: and proves them. Gives the entries."""
        async with context.batch() as batch:
            await self._yield_to_writers(batch)
            return await self.apply_logged(batch, batch.connection, DRAIN, check=check)

    async def apply_logged(
        self, batch: Batch, connection: Connection[Record] | Prepared, size: int, *, check: bool
    ) -> int:
        """The same in a transaction that is open, by its connection."""
        taken, keys = await take(connection, self.route, size)
        if keys:
            await self.carry(connection, keys)
        if keys and check:
            await self.same(connection, keys)
        batch.count(**{self.counted: taken})
        return taken

    async def carry(self, connection: Connection[Record] | Prepared, keys: list[Key]) -> None:
        """Makes the rows of these keys in one table what they are in the other."""
        await apply(connection, self.route, keys)

    async def same(self, connection: Connection[Record] | Prepared, keys: list[Key]) -> None:
        """Raises VerificationFailed where a key's row is not the same on both sides."""
        if wrong := await differing(connection, self.route, keys):
            raise VerificationFailed(
                f"{len(wrong)} rows are not the same after they were applied, the first: {wrong[0][0]}."
            )

    async def all_locked(self, batch: Batch, make: Callable[[Shape], Exchange]) -> tuple[Exchange, float, int]:
        """Catches up, takes every lock of the exchange that is made for the table as it is, and applies what is left.

        Gives the exchange, when the first lock was had (monotonic seconds), and the entries applied behind it.
        """
        prepared = Prepared(batch.connection)
        seen = await look(batch.connection, self.target.shape.table)
        now = make(seen.live)
        if self.route.key != "?":
            await apply(prepared, self.route, [])
            await differing(prepared, self.route, [])
        before = ALL
        while (taken := await self.apply_logged(batch, prepared, DRAIN, check=True)) >= LITTLE or FEW < taken < before:
            before = taken
        began = await lock(batch.connection, now, seen)
        return now, began, await self.apply_logged(batch, prepared, ALL, check=True)

    @property
    def leaves_in_use(self) -> list[str]:
        """Where the table that the exchange puts into place has its rows."""
        raise NotImplementedError

    async def check_late(self, context: Context) -> Step:
        """The foreign keys that came with the exchange, asked of new rows only since: now of those that are there."""
        late = keys(self.target.shape, late=True)

        async def check(batch: Batch) -> None:
            await self.run(batch, keys_checked(self.leaves_in_use, late))
            batch.checkpoint = {**batch.checkpoint, "phase": "whole late"}

        return await self.locked(context, check)

    async def whole_late(self, context: Context) -> Step:
        """They are the whole table's from now on."""
        shape = self.target.shape

        async def add(batch: Batch) -> None:
            await self.run(batch, keys_whole(shape.table, self.leaves_in_use, keys(shape, late=True)))
            batch.checkpoint = {**batch.checkpoint, "phase": "keys in"}

        return await self.locked(context, add)

    async def validate_keys_in(self, context: Context) -> Step:
        """One foreign key of another table, taken over unread under the lock. In a transaction of its own: to read that
        table may take long, and nobody waits for it.
        """
        keys = list(context.checkpoint.get("keys_in", []))
        if not keys:
            return await self._go(context, {**context.checkpoint, "phase": "done"}, Step.DONE)

        async def validate(batch: Batch) -> None:
            line = f"ALTER TABLE {keys[0]['table']} VALIDATE CONSTRAINT {quoted(keys[0]['name'])}"
            await batch.connection.execute(line)
            batch.checkpoint = {**batch.checkpoint, "keys_in": keys[1:]}

        return await self.locked(context, validate)

    # Batches

    async def _go(self, context: Context, checkpoint: Mapping[str, Any], then: Step = Step.MORE) -> Step:
        async with context.batch() as batch:
            batch.checkpoint = checkpoint
        return then

    async def _yield_to_writers(self, batch: Batch) -> None:
        """Where it and a writer wait for each other, the server would end either; so it gives up first, and repeats."""
        await batch.connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")

    async def run(self, batch: Batch, lines: Iterable[str]) -> None:
        """Executes them in one round trip."""
        if text := ";\n".join(lines):
            await batch.connection.execute(text)

    async def locked(self, context: Context, act: Callable[[Batch], Awaitable[None]], last: Step = Step.MORE) -> Step:
        """Runs a batch that needs a strong lock for a moment; one that is not to be had soon is tried again later.

        Raises Refused, naming who holds it, when patience ends: nothing was changed then, and it may be resumed.
        """
        try:
            async with context.batch() as batch:
                await batch.connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
                await act(batch)
        except TryAgain:
            self._tries += 1
            if self._tries >= TRIES:
                hint = f"The table in use is as it was. {await in_the_way(self._client, self._locked_tables())}"
                raise Refused(f"No lock on {TABLE} in {TRIES} attempts.", hint=hint) from None
            await asyncio.sleep(random.uniform(0.2, 1.0))
            await context.reread()
            return Step.MORE
        self._tries = 0
        return last

    def _locked_tables(self) -> list[str]:
        """All whose locks a step may need: its own, and those at the other ends of foreign keys."""
        shape = self.target.shape
        own = [shape.table, shape.next, shape.named(self.target.backup)]
        return own + [key["table"] for part in ("keys_in", "keys_out") for key in shape[part]]


_ROOM: Final = "The table in use is as it was, but its writers fail too where the log of their changes can't grow."


@contextmanager
def told_when_full() -> Iterator[None]:
    """Turns a server's want of disk or memory into a stop that can be resumed. Raises StoppedByThreshold."""
    from asyncpg import InsufficientResourcesError, TooManyConnectionsError

    try:
        yield
    except BackendError as error:
        cause = error.__cause__
        if not isinstance(cause, InsufficientResourcesError) or isinstance(cause, TooManyConnectionsError):
            raise
        hint = f"{_ROOM} Make room and resume, or roll back, which frees what was built."
        raise StoppedByThreshold(f"Stopped, the server has no room: {error.message}.", hint=hint) from error
