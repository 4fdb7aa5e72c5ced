"""What is hidden from us is no data to the rules, and never 0; what is seen of it counts all the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from backends.clients.timings import Timings
from backends.pools.measures import measures
from backends.pools.model import (
    AppConnections,
    Cost,
    Kind,
    Latency,
    OwnSide,
    Place,
    Published,
    Server,
    Session,
    Snapshot,
)
from backends.pools.rules import judge_server
from backends.pools.rules_latency import judge_latency
from backends.sampling.measure import Absent
from backends.sampling.reading import utc_now
from backends.sampling.state import State

POSTGRES = Server(Place(Kind.POSTGRES, "db:5432"), current=9, limit=97)
MONGO = Server(Place(Kind.MONGO, "db:27017"), current=9, limit=97)
LOCKS, OPEN, ROOM = "pools.lock_wait_s", "pools.idle_in_transaction_s", "pools.server_use"
HIDDEN = replace(POSTGRES, locks_hidden="GRANT x", transactions_hidden="GRANT x")
WAITING = Session(7, "x", "api", for_s=9.5, blocked_by=(3,))
LEFT_OPEN = AppConnections("api", in_transaction=1, other=1, oldest_s=400.0)


def told(server: Server, name: str) -> list[float | Absent | None]:
    """The measure's values, and why it has none."""

    def found() -> Iterator[float | Absent | None]:
        snapshot = Snapshot(utc_now(), OwnSide((), Cost(0, None)), Published(), (server,), Latency())
        for each in measures(snapshot):
            if each.name == name:
                yield each.absent or each.value

    return list(found())


@pytest.mark.parametrize(
    ("server", "name", "expected"),
    [
        (POSTGRES, LOCKS, [0.0]),
        (POSTGRES, OPEN, [0.0]),
        (HIDDEN, LOCKS, [Absent.NO_DATA]),
        (HIDDEN, OPEN, [Absent.NO_DATA]),
        (replace(HIDDEN, sessions=(WAITING,)), LOCKS, [Absent.NO_DATA, 9.5]),
        (replace(HIDDEN, by_app=(LEFT_OPEN,)), OPEN, [Absent.NO_DATA, 400.0]),
        (replace(HIDDEN, current=None), ROOM, [Absent.NO_DATA]),
        (MONGO, LOCKS, [0.0]),
        (MONGO, OPEN, [Absent.NOTHING]),
        (replace(MONGO, sessions=(Session(7, "x", "api", for_s=6.0, waits="Lock"),)), LOCKS, [6.0]),
        (replace(MONGO, tells_locks=False), LOCKS, [Absent.UNTOLD]),
    ],
)  # fmt: skip
def test_what_is_not_known_is_not_zero(server: Server, name: str, expected: list[float | Absent]) -> None:
    assert told(server, name) == expected


def test_finding_is_judged_by_its_own_promise_and_the_others_by_the_alert_too() -> None:
    """Between 100 and 200 ms a find is well, for `check` as for `pools`; a get or a batch is neither."""
    slow, quick = Timings(90.0, 150.0, 160.0, 9), Timings(1.0, 2.0, 3.0, 9)
    for latency, value, state in (
        (Latency(quick, quick, find_contents=slow), 2.0, State.OK),
        (Latency(quick, slow, find_contents=quick), 150.0, State.WARNING),
    ):
        found = measures(Snapshot(utc_now(), OwnSide((), Cost(0, None)), Published(), (MONGO,), latency))
        assert [each.value for each in found if each.name == "pools.content_p95_ms"] == [value]
        assert judge_latency(latency).state is state


def test_what_is_hidden_makes_no_server_ok() -> None:
    assert judge_server(POSTGRES).state is State.OK
    assert judge_server(HIDDEN).state is State.NO_DATA
    assert judge_server(replace(MONGO, locks_hidden="grant x")).why == "grant x"
    lock = Session(7, "x", "api", for_s=6.0, waits="Lock")
    assert judge_server(replace(MONGO, sessions=(lock,))).why == "1 operation blocked, 7 the longest"
