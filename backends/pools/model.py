"""Connection pools as their clients count them, and connections as the servers see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from backends.clients.timings import NOT_MEASURED, Timings
from backends.sampling.reading import Problem


class Kind(Enum):
    """What a pool's connections go to."""

    MONGO = "mongo"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class Session:
    """One connection that does something, holds something, or waits for something.

    number: Postgres' pid, Mongo's opid. started: what tells it from a later one of the same number (backend_start; of
    an operation its connection). state in words. for_s: seconds in that state; None where the server doesn't tell.
    waits: what for. query: the text or command, masked. blocked_by: the numbers of those it waits for (0 is a
    prepared transaction).
    """

    number: int | str
    started: str
    app: str | None
    user: str = ""
    host: str = ""
    database: str = ""
    state: str = ""
    for_s: float | None = None
    waits: str = ""
    query: str = ""
    blocked_by: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Pool:
    """One client's pool. What its client doesn't publish is None.

    role: what it is for, several where they share it. active: checked out; waiting: requests that have none yet.
    wait and create: how long check-outs and the establishing of connections took. own: one of this console's.
    app: the name under which another process publishes it, often that of its connections on the server.
    server: the name of its server where that is known. answers: whether that answered us last; None: not asked.
    opened, closed: connections since its client was made. failures: requests that got none, by reason. longest_wait_s:
    how long the first of those who wait has been waiting. limit: what its server takes in all. full_in_s: when it is
    full if it goes on as it did lately. holders: while somebody waits, whose sessions have its connections. apart: its
    client's connections beside the pool.
    """

    name: str
    kind: Kind | None
    role: str | None = None
    max: int | None = None
    min: int | None = None
    active: int | None = None
    idle: int | None = None
    waiting: int | None = None
    wait: Timings = NOT_MEASURED
    create: Timings = NOT_MEASURED
    own: bool = False
    app: str = ""
    server: str = ""
    opened: int | None = None
    closed: int | None = None
    failures: Mapping[str, int] = field(default_factory=dict)
    longest_wait_s: float | None = None
    limit: int | None = None
    full_in_s: float | None = None
    holders: tuple[Session, ...] = ()
    answers: bool | None = None
    apart: int = 0

    @property
    def tells_times(self) -> bool:
        """Whether its client tells how long check-outs or connecting took, or who got none."""
        return self.own or bool(self.wait.n or self.create.n or self.failures)


@dataclass(frozen=True, slots=True)
class Origin:
    """How many connections of an application come from one host with one driver; "" for what isn't told."""

    host: str
    driver: str
    n: int


@dataclass(frozen=True, slots=True)
class AppConnections:
    """One application's connections to a server. app is None where the client gave no name.

    active: running something now. idle: waiting for their client. other: neither, or not told which; where the server
    tells of none which it is, active and idle are None. hosts, drivers: where from, and with what.
    in_transaction: how many are idle inside a transaction (they count as other), the oldest for oldest_s seconds.
    waits: what active ones wait for (Lock, IO …) → how many. monitors: how many of the others are drivers' own.
    counted: how many its clients count themselves, where they publish it; difference: why that is another number.
    origins: the same connections by host and driver, the most first.
    """

    app: str | None
    hosts: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    active: int | None = None
    idle: int | None = None
    other: int = 0
    in_transaction: int = 0
    oldest_s: float = 0.0
    waits: Mapping[str, int] = field(default_factory=dict)
    monitors: int = 0
    counted: int | None = None
    difference: str = ""
    origins: tuple[Origin, ...] = ()

    @property
    def total(self) -> int:
        """All of its connections."""
        return (self.active or 0) + (self.idle or 0) + self.other


@dataclass(frozen=True, slots=True)
class Use:
    """An application that is connected to a Mongo server. app: as AppConnections has it. namespace: what one of its
    operations is about just now (on servers that don't tell what runs: was last), "" for a connection without any.
    """

    app: str | None
    namespace: str


@dataclass(frozen=True, slots=True)
class Place:
    """A server that is watched: what it is, and its host and port."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Server:
    """A server's connections in its own numbers.

    limit: how many ordinary clients it takes in all; None where it doesn't tell. notes: what the numbers leave out,
    and why (a privilege that is missing is named). problem: why there are no numbers. sessions: those worth naming,
    blockers and the longest first. poolers: the pools of the PgBouncer that the URL points at. took_s: seconds that
    reading it took the server, the way there and back left out. full_in_s: when it is full if it goes on as it did
    lately. pools_max: what the pools that are known to be on it may open together. rest_s: seconds to leave it alone
    beyond a refresh, since it is hot. locks_hidden, transactions_hidden: why not everybody who waits for a lock, or
    leaves a transaction open, is known; "" where all are. tells_locks: whether this server tells who waits at all.
    """

    place: Place
    current: int | None = None
    limit: int | None = None
    by_app: tuple[AppConnections, ...] = ()
    notes: tuple[str, ...] = ()
    problem: Problem | None = None
    sessions: tuple[Session, ...] = ()
    poolers: tuple[Pool, ...] = ()
    took_s: float = 0.0
    rest_s: float = 0.0
    pools_max: int | None = None
    full_in_s: float | None = None
    locks_hidden: str = ""
    transactions_hidden: str = ""
    tells_locks: bool = True


@dataclass(frozen=True, slots=True)
class Published:
    """The pools that other processes publish, and the endpoints that gave none."""

    pools: tuple[Pool, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """What watching costs: this console's connections, monitors included, and its round trips to databases a second.

    queries_per_s is None until there are two readings to compare, and so is busy_ms_per_s: milliseconds a second that
    its queries took. monitors: how many of the connections are drivers' own, outside the pools; apart: how many are
    ours outside them, for listening, for what takes minutes, and for writing.
    """

    connections: int
    queries_per_s: float | None
    busy_ms_per_s: float | None = None
    monitors: int = 0
    apart: int = 0


@dataclass(frozen=True, slots=True)
class OwnSide:
    """What this process knows by itself: its pools, and what they cost."""

    pools: tuple[Pool, ...]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the content look-ups of the platform take from here, across the databases; milliseconds.

    get_content is by id from the server, cached the same from the cache; hit_rate: the cache's, None before its first.
    """

    get_content: Timings = NOT_MEASURED
    get_contents_batch: Timings = NOT_MEASURED
    problem: Problem | None = None
    cached: Timings = NOT_MEASURED
    find_contents: Timings = NOT_MEASURED
    hit_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at once."""

    taken_at: datetime
    own: OwnSide
    published: Published
    servers: tuple[Server, ...]
    latency: Latency

    @property
    def pools(self) -> tuple[Pool, ...]:
        """Every pool: this console's, those that other processes publish, and those of PgBouncers."""
        return (*self.own.pools, *self.published.pools, *(pool for server in self.servers for pool in server.poolers))
