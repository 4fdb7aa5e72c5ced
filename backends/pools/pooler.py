"""The pools of a PgBouncer, from what its admin console shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from backends.clients.errors import AccessDenied, BackendError, NotThere
from backends.clients.pgbouncer import DATABASE, PoolsHidden
from backends.clients.postgres import PostgresClient
from backends.pools.groups import safe_name
from backends.pools.model import Kind, Pool

PORT: Final = 6432
"""Where a PgBouncer listens unless it is told otherwise."""

ASK_AGAIN: Final = 30
"""Readings after which a console that was closed to us is asked again."""

Row = Mapping[str, str | None]
Answer = tuple[tuple[Pool, ...], tuple[str, ...]]
"""Pools, and notes on what is hidden."""


class Pooler:
    """Whether a server's URL points at a PgBouncer, and its pools if it does."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._is_one: bool | None = None
        self._note = ""
        self._rest = 0

    @property
    def is_one(self) -> bool:
        """Whether it is known to be a PgBouncer."""
        return self._is_one is True

    def is_suspected(self, client: PostgresClient, *, lent: bool = False) -> bool:
        """Whether it is one, or may be. lent: the server's session is not the one that our connection began with."""
        if self._is_one is None:
            return lent or client.target.server[1] == PORT
        return self._is_one

    async def read(self, client: PostgresClient) -> Answer:
        """Its pools, and notes on what is hidden; nothing where it turned out to be none."""
        if self._is_one is False:
            return (), ()
        if self._rest:
            self._rest -= 1
            return (), (self._note,)
        try:
            pools = pooler_pools(await client.show("POOLS"), await client.show("DATABASES"), self._place)
            self._is_one = True
            return pools, ()
        except PoolsHidden as error:
            self._note, self._rest = f"{error.message}: {error.hint}", ASK_AGAIN
        except (NotThere, AccessDenied):
            # A forwarded port, or the like: the server has no such database.
            self._is_one = False
            return (), ()
        except BackendError as error:
            self._note = f"PgBouncer's pools: {error.message}"
        return (), (self._note,)


def has_no_room(pools: Iterable[Pool], database: str) -> bool:
    """Whether a question to this database would have to wait: others do, or every connection is in use."""
    there = [pool for pool in pools if pool.name.startswith(f"{safe_name(database)}/")]
    return any(pool.waiting or (pool.active is not None and pool.active == pool.max) for pool in there)


def pooler_pools(pools: Iterable[Row], databases: Iterable[Row], place: str) -> tuple[Pool, ...]:
    """SHOW POOLS, with the sizes of SHOW DATABASES: its server connections are the pool's, its clients wait.

    >>> row = {"database": "bots", "user": "ops", "sv_active": "2", "sv_idle": "1", "cl_waiting": "4", "maxwait": "3"}
    >>> pool, = pooler_pools([row], [{"name": "bots", "pool_size": "2"}], "db:6432")
    >>> pool.name, pool.max, pool.active, pool.idle, pool.waiting, pool.longest_wait_s
    ('bots/ops at db:6432', 2, 2, 1, 4, 3.0)
    """
    sizes = {row.get("name"): row for row in databases}
    return tuple(
        _pool(row, sizes.get(row.get("database"), {}), place) for row in pools if row.get("database") != DATABASE
    )


def _pool(row: Row, size: Row, place: str) -> Pool:
    # Connections that log in or are tested belong to nobody yet, and are not free either.
    active = [_number(row, name) for name in ("sv_active", "sv_login", "sv_tested")]
    idle = [_number(row, name) for name in ("sv_idle", "sv_used")]
    waiting = _number(row, "cl_waiting")
    return Pool(
        safe_name(f"{row.get('database')}/{row.get('user')} at {place}"),
        Kind.POSTGRES,
        "pgbouncer",
        max=_limit(size),
        min=_number(size, "min_pool_size"),
        active=_sum(active),
        idle=_sum(idle),
        waiting=waiting,
        longest_wait_s=_longest(row) if waiting else None,
    )


def _limit(size: Row) -> int | None:
    """The pool's size, or what the database is allowed in all where that is less."""
    limits = [_number(size, "pool_size"), _number(size, "max_connections")]
    return min(filter(None, limits), default=None)


def _longest(row: Row) -> float:
    return (_number(row, "maxwait") or 0) + (_number(row, "maxwait_us") or 0) / 1e6


def _number(row: Row, name: str) -> int | None:
    text = row.get(name) or ""
    return int(text) if text.isdecimal() else None


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
