"""The services' health: over real sockets, and by the rules from probe to probe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.alerts.watch import SOURCE_DEADLINE_S
from backends.bots import probes
from backends.bots.model import Health
from backends.bots.monitor import FAILURES_UNHEALTHY, SLOW_MS, ServiceHealth, answered, failed, overall
from backends.bots.probes import ServicesHealth
from backends.clients.errors import NotConfigured
from backends.clients.http import HttpClient
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import WATCHING, PostgresTarget, mongo_targets

PROBES = st.lists(st.one_of(st.none(), st.floats(0, 20_000)), min_size=1, max_size=30)


def after(results: list[float | None]) -> ServiceHealth:
    """The service after these probes: milliseconds, or None for a failure."""
    service = ServiceHealth("x")
    for result in results:
        service = failed(service, "no") if result is None else answered(service, result)
    return service


@given(PROBES)
def test_three_failures_in_a_row_are_unhealthy(results: list[float | None]) -> None:
    assert after([*results, None, None, None]).health is Health.UNHEALTHY


@given(PROBES)
def test_four_good_answers_in_a_row_are_healthy_whatever_was(results: list[float | None]) -> None:
    assert after([*results, 1.0, 1.0, 1.0, 1.0]).health is Health.HEALTHY


@given(PROBES)
def test_nothing_is_healthy_right_after_a_failure(results: list[float | None]) -> None:
    service = after([*results, None])
    assert service.health is not Health.HEALTHY
    assert service.failures >= 1
    assert service.response_ms is None


@given(PROBES)
def test_a_slow_answer_is_never_healthy_and_a_fast_one_mends_it(results: list[float | None]) -> None:
    slow = after([*results, SLOW_MS + 1])
    assert slow.health is not Health.HEALTHY
    if slow.health is Health.DEGRADED:
        assert answered(slow, 1.0).health is Health.HEALTHY


def test_the_way_back_is_two_then_four() -> None:
    states = [after([None] * FAILURES_UNHEALTHY + [1.0] * good).health.value for good in range(5)]
    assert states == ["unhealthy", "unhealthy", "recovering", "recovering", "healthy"]


@given(st.lists(st.builds(ServiceHealth, st.just("x"), st.sampled_from(Health), configured=st.booleans())))
def test_the_whole_is_as_bad_as_its_worst_configured_part(services: list[ServiceHealth]) -> None:
    configured = [service.health for service in services if service.configured]
    assert overall(services) is (max(configured, key=lambda each: each.rank) if configured else Health.UNKNOWN)


@dataclass(slots=True)
class Page:
    """A health page on loopback: what it answers, and which paths were asked."""

    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    port: int = 0
    asked: list[str] = field(default_factory=list)
    silent: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        line = await reader.readline()
        self.asked.append(line.decode().split(" ")[1] if b" " in line else "")
        while not self.silent and (await reader.readline()).strip():
            pass
        if self.silent:
            await reader.read()
        writer.write(self.answer)
        writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def pages(number: int) -> AsyncIterator[list[Page]]:
    """So many health pages."""
    made = [Page() for _ in range(number)]
    servers = [await asyncio.start_server(page.serve, "127.0.0.1", 0) for page in made]
    for page, server in zip(made, servers, strict=True):
        page.port = server.sockets[0].getsockname()[1]
    yield made
    for server in servers:
        server.close()


@asynccontextmanager
async def watching(
    urls: dict[str, str], postgres: str = "", mongo: dict[str, str] | None = None
) -> AsyncIterator[ServicesHealth]:
    """The services' health over these addresses."""
    target = PostgresTarget(postgres, "X") if postgres else NotConfigured("none", hint="Set X")
    clients = HttpClient(connect_s=1.0), PostgresClient(target), MongoClients(mongo_targets(mongo or {}), WATCHING)
    yield ServicesHealth(urls, *clients)
    for client in clients:
        await client.aclose()


async def test_all_five_are_well(bots_database: str, mongo_url: str) -> None:
    async with pages(3) as (whisper, translation, orchestration):
        urls = {"whisper": whisper.url, "translation": f"{translation.url}/", "orchestration": orchestration.url}
        async with watching(urls, bots_database, {"MONGODB_URI": mongo_url}) as health:
            report = await health.check_thoroughly()
    assert report.overall is Health.HEALTHY
    assert {each.name: each.status for each in report.services} == dict.fromkeys(
        ("whisper", "translation", "orchestration", "postgres", "mongo"), "healthy"
    )
    assert all(each.response_ms is not None and each.response_ms >= 0 for each in report.services)
    assert [page.asked for page in (whisper, translation, orchestration)] == [
        ["/health"], ["/api/health"], ["/api/system/health"],
    ]  # fmt: skip


async def test_what_is_not_configured_does_not_count(bots_database: str) -> None:
    async with watching({}, bots_database) as health:
        report = await health.check_thoroughly()
    assert report.overall is Health.HEALTHY
    assert [each.name for each in report.services if each.configured] == ["postgres"]


async def test_a_database_without_its_tables_is_unhealthy(postgres_database: str) -> None:
    async with watching({}, postgres_database) as health:
        report = await health.check_thoroughly()
    assert report.overall is Health.UNHEALTHY
    assert "bot_sessions, audio_files" in (report.services[3].last_error or "")


async def test_nothing_configured_is_unknown() -> None:
    async with watching({}) as health:
        assert (await health.check()).overall is Health.UNKNOWN


async def test_the_worst_part_decides_and_says_why() -> None:
    async with pages(2) as (well, ill), watching({"whisper": well.url, "translation": ill.url}) as health:
        ill.answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        report = await health.check_thoroughly()
        translation = report.services[1]
        assert report.overall is Health.UNHEALTHY
        assert (translation.status, translation.failures) == ("unhealthy", FAILURES_UNHEALTHY)
        assert translation.last_error == "bad answer: It answered with HTTP 503."
        assert len(well.asked) == 1
        ill.answer = well.answer
        assert [(await health.check()).overall.value for _ in range(4)] == [
            "unhealthy", "recovering", "recovering", "healthy",
        ]  # fmt: skip
        assert health._report().services[1].last_error is not None


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>login</html>",
        b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"",
        b"HTTP/1.1 500 \x1b[31mred\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ],
)
async def test_a_page_that_is_none_is_a_failure(answer: bytes) -> None:
    async with pages(1) as (page,), watching({"whisper": page.url}) as health:
        page.answer = answer
        report = await health.check_thoroughly()
    assert report.overall is Health.UNHEALTHY
    assert "\x1b" not in (report.services[0].last_error or "")


async def test_a_page_that_never_answers_meets_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "PROBE_S", 0.2)
    async with pages(1) as (page,), watching({"whisper": page.url}) as health:
        page.silent = True
        report = await health.check()
        assert report.services[0].failures == 1
        assert "too slow" in (report.services[0].last_error or "")


async def test_one_that_is_silent_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its own time: who refuses is asked three times meanwhile, and no database is asked at all."""
    monkeypatch.setattr(probes, "PROBE_S", 0.3)
    monkeypatch.setattr(probes, "PAUSE_S", 0.01)
    monkeypatch.setattr(probes, "LOOK_S", 0.5)
    async with pages(1) as (page,), watching({"whisper": page.url, "translation": "http://127.0.0.1:9"}) as health:
        page.silent = True
        for _ in range(2):
            found = {each.name: each.failures for each in await health.look()}
            assert found == {"whisper": 1, "translation": 3, "orchestration": 0}


def test_a_look_ends_before_its_source_is_given_up() -> None:
    assert probes.PROBE_S + 2 * probes.PAUSE_S < probes.LOOK_S < SOURCE_DEADLINE_S


async def test_nobody_there_is_a_failure_without_the_password() -> None:
    async with watching({"whisper": "http://ops:hunter22@127.0.0.1:9"}) as health:
        report = await health.check_thoroughly()
    assert report.overall is Health.UNHEALTHY
    assert "hunter22" not in repr(report)
