"""The pools screen at both sizes: an ordinary day, and a bad one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from backends.clients.errors import DeadlineExceeded
from backends.clients.http import HttpClient
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget, mongo_targets
from backends.clients.timings import Timings
from backends.pools.acts import PoolActs
from backends.pools.model import (
    AppConnections,
    Cost,
    Kind,
    Latency,
    OwnSide,
    Place,
    Pool,
    Published,
    Server,
    Session,
)
from backends.pools.service import PoolsService
from backends.sampling.reading import Problem
from screens.frame import Frame
from screens.pools import PoolsScreen
from tests.stage import shown, staged

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]

QUICK = Timings(0.4, 1.2, 3.4, 60)
OPENED = Timings(2.0, 8.1, 8.1, 2)
OWN = OwnSide(
    (
        Pool("db1:27017", Kind.MONGO, "main, olorin, bayit reference", 2, 0, 1, 1, 0, QUICK, OPENED, own=True),
        Pool("pg1:5432/bots", Kind.POSTGRES, "bot sessions", 2, 0, 0, 1, 0, QUICK, OPENED, own=True),
        Pool("pg1:5432/chunks", Kind.POSTGRES, "chunks", 2, 0, 0, 0, 0, own=True),
    ),
    Cost(4, 6.5, 9.0, 1),
)
PYMONGO, MOTOR, NODE = "PyMongo+c 4.20.0", "PyMongo+c+Motor 4.20.0+3.7.1", "nodejs+Mongoose 6.1.0"
MONGO = (
    AppConnections("bayit-api", ("10.0.0.5", "10.0.0.6"), (MOTOR,), 12, 48, 2),
    AppConnections("olorin-dubbing", ("10.0.0.9",), (PYMONGO,), 9, 1, 1),
    AppConnections(None, ("10.0.0.40",), (NODE,), 0, 3, 1),
    AppConnections("olorin-console/mo@bastion", ("10.0.0.2",), (MOTOR,), 1, 0, 1),
    AppConnections("report [@click=app.quit]x[/]", ("10.0.0.7",), (PYMONGO,), 0, 1, 0),
)
POSTGRES = (
    AppConnections("bot-orchestrator", ("10.0.0.11", "10.0.0.12"), (), 6, 12, 1, 1, 4.0, {"Lock": 2}),
    AppConnections("semantik", ("10.0.0.13",), (), 3, 5, 0),
    AppConnections("olorin-console/mo@bastion", ("10.0.0.2",), (), 1, 0, 0),
    AppConnections("psql", ("local socket",), (), 0, 0, 1, 1, 1900.0),
)
STARS = Place(Kind.MONGO, "db1:27017,db2:27017,db3:27017")
ELEPHANT = Place(Kind.POSTGRES, "pg1:5432")
FROZEN = DeadlineExceeded("No answer within 10 s.", where="pg1:5432", hint="The server is overloaded or frozen.")


class Fixed(PoolsService):
    """A service whose numbers never change."""

    def __init__(self, servers: dict[Place, Server | DeadlineExceeded], published: Published, latency: Latency) -> None:
        mongo = MongoClients(mongo_targets({"MONGODB_URI": "mongodb://db3,db2,db1/?replicaSet=rs0"}))
        postgres = {"chunks": PostgresClient(PostgresTarget("postgresql://pg1/chunks", "CHUNKS_DATABASE_URL"))}
        super().__init__(mongo, postgres, HttpClient(), ("http://api",) if published != Published() else ())
        self._fixed = servers
        self._others = published
        self._look_ups = latency

    async def own(self) -> OwnSide:
        return OWN

    async def published(self) -> Published:
        return self._others

    async def latency(self) -> Latency:
        return self._look_ups

    async def server(self, place: Place) -> Server:
        server = self._fixed[place]
        if isinstance(server, DeadlineExceeded):
            raise server
        return server


GOOD = Fixed(
    {STARS: Server(STARS, 79, 51_200, MONGO), ELEPHANT: Server(ELEPHANT, 29, 97, POSTGRES[:3])},
    Published(),
    Latency(
        Timings(0.9, 2.1, 3.0, 30),
        Timings(4.1, 8.8, 9.9, 30),
        cached=Timings(0.03, 0.05, 0.1, 30),
        find_contents=Timings(7.0, 12.0, 14.0, 30),
        hit_rate=0.5,
    ),
)
BAD = Fixed(
    {
        STARS: Server(
            STARS, 79, 80, MONGO, ("only this user's connections are listed: grant the role clusterMonitor",)
        ),
        ELEPHANT: FROZEN,
    },
    Published(
        (
            Pool("bayit_plus at api-1:9100", Kind.MONGO, None, 100, 20, 100, 0, 7),
            Pool("bots at api-1:9100", Kind.POSTGRES, None, 10, 2, 3, 4, 0),
        ),
        (Problem("cannot connect", "No answer: refused", "http://api-2:9100/metrics", "Is the service running?"),),
    ),
    Latency(Timings(60.0, 180.0, 220.0, 30), Timings(90.0, 240.0, 260.0, 30)),
)
BEGAN = "2026-01-20T03:00:00.123456+00:00"
HOLDER = Session(
    4711, BEGAN, "bot-orchestrator", "bots", "10.0.0.11", "bots", "idle in transaction", 412.0, "",
    "SELECT * FROM bot_sessions WHERE id = 7 FOR UPDATE",
)  # fmt: skip
BLOCKED = Fixed(
    {
        STARS: Server(STARS, 79, 51_200, MONGO),
        ELEPHANT: Server(
            ELEPHANT,
            29,
            97,
            POSTGRES[:3],
            sessions=(
                HOLDER,
                Session(
                    4720, BEGAN, "bot-orchestrator", "bots", "10.0.0.12", "bots", "active", 61.0, "Lock transactionid",
                    "UPDATE bot_sessions SET state = 'stopping' WHERE id = 7", (4711,),
                ),
                Session(
                    4733, BEGAN, "semantik", "sem", "10.0.0.13", "bots", "active", 12.0, "Lock tuple",
                    "UPDATE bot_sessions SET note = '[@click=app.quit]x[/]' WHERE id = 7", (4720,),
                ),
                Session(5001, BEGAN, None, "ops", "local socket", "bots", "active", 3.0, "IO DataFileRead", "VACUUM"),
            ),
            poolers=(
                Pool("bots/bots at pg1:5432", Kind.POSTGRES, "pgbouncer", 20, 0, 20, 0, 6, longest_wait_s=3.2),
            ),
            full_in_s=250.0,
        ),
    },
    Published(),
    Latency(Timings(0.9, 2.1, 3.0, 30), Timings(4.1, 8.8, 9.9, 30)),
)  # fmt: skip


class Planned(PoolActs):
    """Plans, and changes nothing."""

    def __init__(self) -> None:
        self._postgres = {ELEPHANT: [PostgresClient(PostgresTarget("postgresql://ops:x@pg1/bots", "X"))]}


def before(*texts: str) -> Callable[[Pilot[Any]], Awaitable[None]]:
    async def run(pilot: Pilot[Any]) -> None:
        await pilot.press("2")
        for text in texts:
            await shown(pilot, text)

    return run


def pools(service: PoolsService) -> Callable[[Frame], PoolsScreen]:
    # Rare reads, so that a slow machine takes the same picture.
    return lambda frame: PoolsScreen(replace(frame, refresh=20.0), service, Planned)


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt's time stands on the screen."""
    monkeypatch.setattr("backends.sampling.poller.random.uniform", lambda low, high: (low + high) / 2)


@SIZES
def test_an_ordinary_day(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Nobody waits."""
    ready = before("bot-orchestrator", "bayit-api", "main, olorin", "8.8 ms")
    assert snap_compare(staged(tmp_path, "2", pools(GOOD)), terminal_size=size, run_before=ready)


@SIZES
def test_a_bad_day(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """A full pool, a server near its limit, one that is frozen, slow look-ups, an endpoint that is down."""
    ready = before("frozen", "clusterMonitor", "✖ critical mongo bayit_plus", "240 ms")
    app = staged(tmp_path, "2", pools(BAD), kind="production")
    assert snap_compare(app, terminal_size=size, run_before=ready)


@SIZES
def test_who_blocks_whom(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Sessions as a tree, a PgBouncer in which people wait, a server that fills up."""

    async def ready(pilot: Pilot[Any]) -> None:
        await before("bot-orchestrator", "bayit-api", "full in about 4 min")(pilot)
        await pilot.press("v")
        await shown(pilot, "2 move when it ends")

    assert snap_compare(staged(tmp_path, "2", pools(BLOCKED)), terminal_size=size, run_before=ready)


@SIZES
def test_terminating_the_one_who_blocks(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """What it is, what ending it does, and how many move then."""

    async def ready(pilot: Pilot[Any]) -> None:
        await before("bot-orchestrator", "full in about 4 min")(pilot)
        await pilot.press("v")
        await shown(pilot, "2 move when it ends")
        await pilot.press("t")
        await shown(pilot, "2 that wait for it move then")

    assert snap_compare(staged(tmp_path, "2", pools(BLOCKED)), terminal_size=size, run_before=ready)
