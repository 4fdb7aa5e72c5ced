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
class Pool:
    """One client's pool. What its client doesn't publish is None.

    role: what it is for, several where they share it. active: checked out; waiting: requests that have none yet.
    wait and create: how long check-outs and the establishing of connections took. own: one of this console's.
    app: the name under which another process publishes it, often that of its connections on the server.
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


@dataclass(frozen=True, slots=True)
class AppConnections:
    """One application's connections to a server. app is None where the client gave no name.

    active: running something now. idle: waiting for their client. other: neither, or not told which; where the server
    tells of none which it is, active and idle are None. hosts, drivers: where from, and with what.
    in_transaction: how many are idle inside a transaction (they count as other), the oldest for oldest_s seconds.
    waits: what active ones wait for (Lock, IO …) → how many.
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

    @property
    def total(self) -> int:
        """All of its connections."""
        return (self.active or 0) + (self.idle or 0) + self.other


@dataclass(frozen=True, slots=True)
class Place:
    """A server that is watched: what it is, and its host and port."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Server:
    """A server's connections in its own numbers.

    limit: how many ordinary clients it takes in all; None where it doesn't tell. notes: what the numbers leave out,
    and why (a privilege that is missing is named). problem: why there are no numbers.
    """

    place: Place
    current: int | None = None
    limit: int | None = None
    by_app: tuple[AppConnections, ...] = ()
    notes: tuple[str, ...] = ()
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """The pools that other processes publish, and the endpoints that gave none."""

    pools: tuple[Pool, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """What watching costs: this console's connections, monitors included, and its round trips to databases a second.

    queries_per_s is None until there are two readings to compare.
    """

    connections: int
    queries_per_s: float | None


@dataclass(frozen=True, slots=True)
class OwnSide:
    """What this process knows by itself: its pools, and what they cost."""

    pools: tuple[Pool, ...]
    cost: Cost


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the content look-ups of the platform take from here, across the databases; milliseconds."""

    get_content: Timings = NOT_MEASURED
    get_contents_batch: Timings = NOT_MEASURED
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at once."""

    taken_at: datetime
    own: OwnSide
    published: Published
    servers: tuple[Server, ...]
    latency: Latency
