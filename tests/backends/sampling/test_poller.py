"""The loop of a source: one read at a time, failures as data, back-off, and no value lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from backends.clients.errors import CannotConnect
from backends.sampling.poller import LONGEST_PAUSE, Poller, pause_after
from backends.sampling.reading import Freshness, Problem, Reading

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def unexpected(error: Exception) -> Problem:
    return Problem("unexpected failure", repr(error))


async def readings(read: Callable[[], Awaitable[int]], count: int, **options: float) -> list[Reading[int]]:
    """The first readings that a poller with a refresh of 1 ms publishes."""
    seen: list[Reading[int]] = []
    enough = asyncio.Event()

    def publish(reading: Reading[int]) -> None:
        seen.append(reading)
        if len(seen) >= count:
            enough.set()

    poller = Poller(read, 0.001, unexpected, **options)  # type: ignore[arg-type]
    task = asyncio.create_task(poller.run(publish))
    await enough.wait()
    task.cancel()
    await asyncio.wait([task])
    return seen[:count]


async def test_values_are_published_with_their_time() -> None:
    values = iter(range(10))

    async def read() -> int:
        return next(values)

    first, second = await readings(read, 2)
    assert (first.value, second.value) == (0, 1)
    assert first.taken_at is not None
    assert first.problem is None


async def test_a_failure_keeps_the_last_value_with_its_own_time() -> None:
    answers = iter([7])

    async def read() -> int:
        for answer in answers:
            return answer
        raise CannotConnect("gone", where="db")

    good, bad, worse = await readings(read, 3)
    assert bad.value == worse.value == 7
    assert bad.taken_at == worse.taken_at == good.taken_at
    assert bad.problem == Problem("cannot connect", "gone", "db")
    assert (bad.failures, worse.failures) == (1, 2)


async def test_what_nobody_foresaw_is_a_problem_too() -> None:
    async def read() -> int:
        raise KeyError("x")

    (only,) = await readings(read, 1)
    assert only.problem == Problem("unexpected failure", "KeyError('x')")


async def test_a_read_that_never_answers_meets_its_deadline() -> None:
    async def read() -> int:
        await asyncio.Event().wait()
        return 0

    (only,) = await readings(read, 1, deadline=0.01)
    assert only.problem is not None
    assert only.problem.kind == "too slow"


async def test_a_source_recovers_by_itself() -> None:
    outcomes = iter([True, False, False])

    async def read() -> int:
        if next(outcomes):
            raise CannotConnect("gone")
        return 1

    bad, good = await readings(read, 2)
    assert bad.problem is not None
    assert good.problem is None
    assert good.failures == 0


async def test_refresh_now_ends_the_sleep() -> None:
    reads = 0
    twice = asyncio.Event()

    async def read() -> int:
        nonlocal reads
        reads += 1
        return reads

    poller = Poller(read, 3600, unexpected)

    def publish(reading: Reading[int]) -> None:
        if reading.value == 2:
            twice.set()
        else:
            asyncio.get_running_loop().call_soon(poller.refresh_now)

    task = asyncio.create_task(poller.run(publish))
    await twice.wait()
    task.cancel()


async def test_a_young_value_is_shown_again_without_reading() -> None:
    reads = 0

    async def read() -> int:
        nonlocal reads
        reads += 1
        return reads

    poller = Poller(read, 3600, unexpected)
    for _ in range(3):
        published = asyncio.Event()
        task = asyncio.create_task(poller.run(lambda _, event=published: event.set()))  # type: ignore[misc]
        await published.wait()
        task.cancel()
        await asyncio.wait([task])
    assert reads == 1


@pytest.mark.parametrize("failures", [1, 5, 100, 10_000])
def test_pauses_are_bounded(failures: int) -> None:
    assert 0 < pause_after(failures, 2.0) <= LONGEST_PAUSE * 1.25


def test_freshness_follows_age_and_problem() -> None:
    empty: Reading[int] = Reading(2.0)
    reading = empty.succeeded(1, NOW, 0.1)
    assert empty.freshness(NOW) is Freshness.LOADING
    assert reading.freshness(NOW + timedelta(seconds=6)) is Freshness.LIVE
    assert reading.freshness(NOW + timedelta(seconds=6.1)) is Freshness.STALE
    failed = reading.failed(Problem("cannot connect", ""), NOW, 0.1)
    assert failed.freshness(NOW) is Freshness.DISCONNECTED
    assert reading.failed(Problem("not configured", ""), NOW, 0.1).freshness(NOW) is Freshness.NOT_CONFIGURED


def test_a_clock_that_goes_back_makes_no_negative_age() -> None:
    empty: Reading[int] = Reading(2.0)
    reading = empty.succeeded(1, NOW, 0.1)
    assert reading.age(NOW - timedelta(hours=1)) == timedelta()


async def test_a_value_that_asks_for_rest_is_read_less_often_and_is_live_meanwhile() -> None:
    values = iter([0, 5, 0])

    async def read() -> int:
        return next(values)

    calm, hot = await readings(read, 2, rest=float)  # type: ignore[arg-type]
    assert (calm.refresh, hot.refresh) == (0.001, 5.001)
    assert hot.taken_at is not None
    assert hot.freshness(hot.taken_at + timedelta(seconds=14)) is Freshness.LIVE
