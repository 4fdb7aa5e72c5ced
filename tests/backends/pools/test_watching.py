"""Reading on and on: a server that is silent delays no other, and its last numbers say how old they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from backends.pools.model import Kind, Place, Server
from backends.pools.report import report
from backends.pools.watching import Watching, as_known
from backends.sampling.reading import Problem, Reading, utc_now
from console.demo.servers import MongoServer
from tests.backends.pools.conftest import Build, frozen
from tests.waiting import until

REFRESH = 0.2


def unexpected(doing: str, error: Exception) -> Problem:
    raise AssertionError(doing) from error


async def test_a_frozen_server_keeps_its_last_numbers_and_no_other_waits(
    build: Build, tmp_path: Path, postgres_database: str
) -> None:
    async with MongoServer(tmp_path / "data", durable=False) as server:
        service = build(mongo=server.url, chunks=postgres_database, deadline_s=1.0)
        async with Watching(service, REFRESH, unexpected) as watching:
            await watching.all_read()
            before = await watching.snapshot()
            assert [each.problem for each in before.servers] == [None, None]
            mongo, postgres = watching._servers.values()
            with frozen(server.pid):
                silent = mongo.reading.number
                await until(lambda: as_known(before.servers[0].place, mongo.reading, utc_now()).problem is not None)
                answered = postgres.reading.number
                await until(lambda: postgres.reading.number >= answered + 3)
                assert mongo.reading.number <= silent + 1, "the other was read on while this one was waited for"
                found = await watching.snapshot()
                assert [each["status"] for each in report(found)["servers"]] == ["no data", "ok"]
                assert found.servers[0].current == before.servers[0].current
                assert "its numbers are " in (found.servers[0].problem or Problem("", "")).message
            await until(lambda: mongo.reading.number > silent and mongo.reading.problem is None)


def test_what_is_old_says_so_and_is_judged_no_more() -> None:
    place, now = Place(Kind.POSTGRES, "db:5432"), utc_now()
    server = Server(place, current=7, limit=100)
    unread: Reading[Server] = Reading(2.0)
    live = unread.succeeded(server, now - timedelta(seconds=3), 0.1)
    assert as_known(place, live, now) is server
    failed = live.failed(Problem("cannot connect", "refused", "db:5432"), now, 0.1)
    problem = as_known(place, failed, now).problem
    assert problem is not None
    assert problem.message == "refused (its numbers are 3 s old)"
    assert as_known(place, live, now + timedelta(seconds=4)).problem is not None
    hot = replace(live, refresh=17.0, value=replace(server, rest_s=15.0))
    resting = as_known(place, hot, now + timedelta(seconds=9))
    assert (resting.problem, resting.notes) == (None, ("it is hot and left alone: its numbers are 12 s old",))
