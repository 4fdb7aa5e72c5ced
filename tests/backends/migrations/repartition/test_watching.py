"""What a re-partitioning watches while it runs: the machine's node exporter, the database's counters, and locks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

import asyncpg

from backends.clients.http import HttpClient
from backends.migrations.repartition.watching import ENOUGH, RULES, Counters, Errors, Watch
from backends.pools.machines import Machines
from backends.runs.throttle import Decision, Ladder
from tests.backends.migrations.repartition.place import Place

NODE = """# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{{cpu="0",mode="idle"}} {idle}
node_cpu_seconds_total{{cpu="0",mode="user"}} {user}
node_memory_MemTotal_bytes 1.6e+10
node_memory_MemAvailable_bytes 1.2e+09
"""
POOLS = "# TYPE db_client_connection_count gauge\ndb_client_connection_count 3\n"


@asynccontextmanager
async def published(text: str | Callable[[], str]) -> AsyncIterator[str]:
    """A metrics endpoint, or one that answers each time anew; its processors are nine parts of ten at work."""
    readings = count()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        number = next(readings)
        body = (text if isinstance(text, str) else text()).format(idle=100 + number, user=50 + 9 * number).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics"


async def decided(place: Place, *urls: str) -> Decision:
    """What the rules make of one sample, with these metrics configured."""
    http = HttpClient()
    sample = await Watch(place.client, Machines(http, urls)).sample(None)
    await http.aclose()
    return Ladder(RULES).look(0, sample)


async def test_a_busy_machine_pauses_and_shrinks(place: Place) -> None:
    async with published(NODE) as url:
        decision = await decided(place, url)
    assert decision.pause == {"cpu": "cpu 90 % above 80 %"}
    assert decision.shrink == ("memory 92.5 % above 90 %",)


async def test_what_is_not_configured_is_not_measured_and_pauses_nothing(place: Place) -> None:
    async with published(POOLS) as url:
        decision = await decided(place, url)
    assert (decision.pause, decision.stop) == ({}, "")
    assert {"cpu", "memory"} <= set(decision.not_measured)


async def test_a_silent_exporter_pauses(place: Place) -> None:
    async with published(NODE) as url:
        pass
    assert set((await decided(place, url)).pause) == {"cpu", "memory"}


async def test_an_exporter_that_answers_with_something_else_for_once_pauses_and_is_asked_again() -> None:
    answers = [NODE, NODE, POOLS, "<!doctype html>", NODE]
    http, given = HttpClient(), iter(answers)
    async with published(lambda: next(given, NODE)) as url:
        machines = Machines(http, [url])
        assert (await machines.read())["cpu"] == 90
        assert [await machines.read() for _ in range(2)] == [{"cpu": None, "memory": None}] * 2
        assert (await machines.read())["cpu"] == 90
    await http.aclose()


async def test_a_lock_that_is_waited_for_names_its_blocker(place: Place) -> None:
    await place.make("plain", 10)
    watch, ladder = Watch(place.client, None), Ladder(RULES)
    blocker, waiter = await asyncpg.connect(place.url), await asyncpg.connect(place.url)
    await blocker.execute("BEGIN; LOCK TABLE chunks")
    waiting = asyncio.create_task(waiter.execute("DELETE FROM chunks"))
    async with asyncio.timeout(60):
        waited: float | None = 0.0
        while not waited:
            waited = (await watch.sample(None))["lock wait"]
    pids = [connection.get_server_pid() for connection in (blocker, waiter)]
    told = watch.detail("lock wait")
    assert told.startswith(f"pid {pids[0]} ")
    assert f"; → pid {pids[1]} " in told
    await blocker.execute("ROLLBACK")
    await waiting
    assert not ladder.look(0, {"lock wait": 4.0}).warn
    assert ladder.look(1, {"lock wait": 6.0}).warn == {"lock wait": "lock wait 6 s above 5 s"}
    await blocker.close()
    await waiter.close()


def test_only_unusual_errors_stop_a_run() -> None:
    errors, ladder, at = Errors(), Ladder(RULES), count(0, 10)
    assert errors.add(Counters(9 * ENOUGH, ENOUGH, 0)) is None, "the usual share: a tenth"
    usual = [errors.add(Counters(9 * ENOUGH + 900 * n, ENOUGH + 100 * n, 0)) for n in range(1, 6)]
    assert usual == [0.0] * 5
    last = 1_500
    failing = [errors.add(Counters(13_500, last + 400 * n, 0)) for n in range(1, 6)]
    stops = [ladder.look(next(at), {"errors": each}).stop for each in failing]
    assert stops[0] == ""
    assert stops[-1].startswith("errors ")


async def test_a_young_database_has_no_usual_share_yet() -> None:
    errors = Errors()
    assert errors.add(Counters(10, 10, 0)) is None
    assert errors.add(Counters(1_000, 10, 0)) is None
    assert errors.add(Counters(2_000, 10, 0)) == 0.0
