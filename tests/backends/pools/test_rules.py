"""What the numbers mean."""

from __future__ import annotations

import doctest
import importlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backends.clients.timings import Timings
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
    Snapshot,
)
from backends.pools.rules import BLOCKED_WARNING_S, judge_pool, judge_server, state_of, summary
from backends.pools.rules_latency import judge_latency
from backends.sampling.reading import Problem
from backends.sampling.state import State

POOL = Pool("db:27017", Kind.MONGO, "main", max=100, min=20, active=10, idle=10, waiting=0)
SERVER = Server(Place(Kind.POSTGRES, "db:5432"), current=10, limit=100)
SNAPSHOT = Snapshot(
    datetime(2026, 1, 20, tzinfo=UTC), OwnSide((POOL,), Cost(3, None)), Published(), (SERVER,), Latency()
)
DOWN = Problem("cannot connect", "nobody answers", "db:5432")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, State.OK),
        ({"waiting": 10}, State.OK),
        ({"waiting": 11}, State.WARNING),
        ({"waiting": 1, "idle": 0}, State.WARNING),
        ({"waiting": 1, "longest_wait_s": 1.0}, State.WARNING),
        ({"active": 100, "idle": 0}, State.WARNING),
        ({"active": 100, "idle": 0, "own": True}, State.OK),
        ({"active": 100, "waiting": 1, "own": True}, State.OK),
        ({"active": 0, "idle": 0, "own": True}, State.NO_DATA),
        ({"active": 0, "idle": 0, "own": True, "answers": True}, State.OK),
        ({"active": 0, "idle": 0, "own": True, "answers": True, "failures": {"timeout": 1}}, State.NO_DATA),
        ({"own": True, "answers": False}, State.NO_DATA),
        ({"active": 100, "waiting": 7}, State.CRITICAL),
        ({"max": None, "waiting": None}, State.OK),
        ({"active": None, "idle": None}, State.NO_DATA),
    ],
)
def test_pools(changes: dict[str, object], state: State) -> None:
    assert judge_pool(replace(POOL, **changes)).state is state  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, State.OK),
        ({"current": 79}, State.OK),
        ({"current": 80}, State.WARNING),
        ({"current": 90}, State.CRITICAL),
        ({"current": 120}, State.CRITICAL),
        ({"current": 5_000, "limit": None}, State.OK),
        ({"current": None}, State.NO_DATA),
        ({"problem": DOWN}, State.NO_DATA),
        ({"by_app": (AppConnections("api", in_transaction=1, oldest_s=299.0, other=1),)}, State.OK),
        ({"by_app": (AppConnections("api", in_transaction=1, oldest_s=300.0, other=1),)}, State.WARNING),
    ],
)
def test_servers(changes: dict[str, object], state: State) -> None:
    assert judge_server(replace(SERVER, **changes)).state is state  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("latency", "state"),
    [
        (Latency(), State.OK),
        (Latency(Timings(1.0, 50.0, 200.0, 9)), State.OK),
        (Latency(Timings(1.0, 50.1, 200.0, 9)), State.WARNING),
        (Latency(get_contents_batch=Timings(1.0, 100.0, 400.0, 9)), State.OK),
        (Latency(get_contents_batch=Timings(1.0, 100.1, 400.0, 9)), State.WARNING),
        (Latency(cached=Timings(1.0, 10.0, 10.0, 9)), State.OK),
        (Latency(cached=Timings(1.0, 10.1, 11.0, 9)), State.WARNING),
        (Latency(find_contents=Timings(1.0, 200.0, 400.0, 9)), State.OK),
        (Latency(find_contents=Timings(1.0, 200.1, 400.0, 9)), State.WARNING),
        (Latency(problem=DOWN), State.NO_DATA),
    ],
)
def test_latency(latency: Latency, state: State) -> None:
    assert judge_latency(latency).state is state


def test_the_worst_comes_first() -> None:
    full = Pool("bots at api-1:9100", Kind.POSTGRES, max=5, active=5, idle=0, waiting=2)
    snapshot = replace(SNAPSHOT, published=Published((full,), (DOWN,)), servers=(replace(SERVER, current=85),))
    assert state_of(snapshot) is State.CRITICAL
    assert summary(snapshot).headline == "bots at api-1:9100: all 5 in use, 2 waiting"
    assert summary(replace(snapshot, published=Published((), (DOWN,)))).state is State.NO_DATA
    assert summary(SNAPSHOT).headline == "nobody waits; connections: postgres 10"


def test_endpoints_alone_are_something_to_ask() -> None:
    alone = replace(SNAPSHOT, servers=(), published=Published((POOL,)))
    assert (state_of(alone), summary(alone).headline) == (State.OK, "nobody waits")
    assert state_of(replace(alone, published=Published((), (DOWN,)))) is State.NO_DATA


@pytest.mark.parametrize(
    "module",
    [
        "backends.clients.timings", "backends.clients.targets", "backends.pools.groups", "backends.pools.metrics_text",
        "backends.pools.mongo_side", "backends.pools.postgres_side", "screens.pools_parts",
    ],
)  # fmt: skip
def test_examples(module: str) -> None:
    tested = doctest.testmod(importlib.import_module(module))
    assert tested.attempted
    assert not tested.failed


HOLDER = Session(71, "", "api", state="idle in transaction", for_s=400.0)
BLOCKED = Session(72, "", "api", state="active", for_s=BLOCKED_WARNING_S, blocked_by=(71, 0))


@pytest.mark.parametrize(
    ("changes", "state", "why"),
    [
        ({"pools_max": 100}, State.OK, ""),
        ({"pools_max": 101}, State.WARNING, "its pools may open 101, it takes 100"),
        ({"pools_max": 101, "limit": None}, State.OK, ""),
        ({"full_in_s": 250.0}, State.WARNING, "full in about 4 min"),
        ({"sessions": (HOLDER,)}, State.OK, ""),
        ({"sessions": (HOLDER, BLOCKED)}, State.WARNING, "1 session blocked, 72 by 71, a prepared transaction"),
        ({"sessions": (HOLDER, replace(BLOCKED, for_s=4.9))}, State.OK, ""),
        ({"poolers": (replace(POOL, idle=1, waiting=2),)}, State.WARNING, "db:27017: 2 waiting"),
    ],
)
def test_servers_in_words(changes: dict[str, object], state: State, why: str) -> None:
    finding = judge_server(replace(SERVER, **changes))  # type: ignore[arg-type]
    assert (finding.state, finding.why) == (state, why)


@pytest.mark.parametrize(
    ("changes", "state", "why"),
    [
        ({"limit": 100}, State.OK, ""),
        ({"limit": 99}, State.WARNING, "its maximum of 100 is more than its server takes (99)"),
        ({"full_in_s": 50.0}, State.WARNING, "full in about 50 s"),
        (
            {"active": 100, "waiting": 3, "holders": (HOLDER,)}, State.CRITICAL,
            "all 100 in use, 3 waiting, held by 71 (idle in transaction 7 min)",
        ),
    ],
)  # fmt: skip
def test_pools_in_words(changes: dict[str, object], state: State, why: str) -> None:
    finding = judge_pool(replace(POOL, **changes))  # type: ignore[arg-type]
    assert (finding.state, finding.why) == (state, why)
