"""Other processes' pools, read over real sockets from endpoints that behave, and from those that don't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.clients.errors import BadAnswer
from backends.pools.metrics_text import Sample, is_metrics_text, samples
from backends.pools.model import Kind, Pool
from backends.pools.published import MOST_POOLS, published_pools
from tests.backends.pools.conftest import Build
from tests.nasty import NASTY

URL = "http://ops:hunter22@bayit-1:9100/metrics"
METRICS = """\
# HELP db_client_connection_count Connections by state.
# TYPE db_client_connection_count gauge
db_client_connection_count{db_client_connection_pool_name="bayit_plus",db_client_connection_state="used",db_system_name="mongodb"} 97
db_client_connection_count{db_client_connection_pool_name="bayit_plus",db_client_connection_state="idle",db_system_name="mongodb"} 3 1768878245000
db_client_connection_max{db_client_connection_pool_name="bayit_plus",db_system_name="mongodb"} 1e2
db_client_connection_idle_min{db_client_connection_pool_name="bayit_plus",db_system_name="mongodb"} 20
db_client_connection_pending_requests{db_client_connection_pool_name="bayit_plus",db_system_name="mongodb"} 4
db_client_connections_usage{pool_name="bots",state="used",db_system="postgresql"} 2
db_client_connection_count{db_client_connection_pool_name="cache",db_client_connection_state="used",db_system="redis"} 9
olorin_db_connections_active{pool="olorin_platform"} 12.0
olorin_db_connections_idle{pool="olorin_platform"} 8.0
process_resident_memory_bytes 1.2e+08
"""  # noqa: E501


def test_opentelemetrys_names_and_the_platforms_own_are_read() -> None:
    assert published_pools(METRICS, URL) == (
        Pool("bayit_plus at bayit-1:9100", Kind.MONGO, None, 100, 20, 97, 3, 4, app="bayit_plus"),
        Pool("bots at bayit-1:9100", Kind.POSTGRES, active=2, app="bots"),
        Pool("olorin_platform at bayit-1:9100", None, active=12, idle=8, app="olorin_platform"),
    )


def test_a_pool_that_does_not_say_its_system_has_none_unless_it_is_the_platforms_only_one() -> None:
    text = 'olorin_db_connections_active 3\ndb_client_connection_count{pool_name="x",state="used"} 2\n'
    assert [(pool.app, pool.kind) for pool in published_pools(text, URL)] == [("", Kind.MONGO), ("x", None)]


async def test_an_applications_connections_tell_where_its_pool_goes(build: Build, postgres_database: str) -> None:
    connection = await asyncpg.connect(postgres_database, server_settings={"application_name": "chunk-api"})
    text = 'olorin_db_connections_active{pool="chunk-api"} 1\nolorin_db_connections_active{pool="other"} 1\n'
    async with endpoint(page(text.encode())) as url:
        service = build(chunks=postgres_database, metrics=(url,))
        assert [pool.kind for pool in (await service.published()).pools] == [None, None]
        assert [pool.kind for pool in (await service.sample()).published.pools] == [Kind.POSTGRES, None]
        assert [pool.kind for pool in (await service.published()).pools] == [Kind.POSTGRES, None]
    await connection.close()


def test_a_number_published_under_both_spellings_counts_once() -> None:
    text = (
        'db_client_connections_usage{pool_name="mongo",state="used"} 5\n'
        'db_client_connection_count{pool_name="mongo",state="used",db_system="mongodb"} 5\n'
        'olorin_db_connections_active{pool="mongo"} 5\n'
    )
    assert [pool.active for pool in published_pools(text, URL)] == [5]


def test_what_is_not_published_is_not_zero() -> None:
    (pool,) = published_pools('olorin_db_connections_idle{pool="o"} 4\nolorin_db_connections_active NaN\n', URL)
    assert (pool.active, pool.idle, pool.waiting, pool.max) == (None, 4, None, None)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-3", "1e300", "0x10", "one", ""])
def test_values_without_sense_are_no_numbers(value: str) -> None:
    with pytest.raises(BadAnswer):
        published_pools(f"up 1\nolorin_db_connections_active {value}\n", URL)


@pytest.mark.parametrize("name", NASTY)
def test_hostile_labels_are_harmless(name: str) -> None:
    label = NASTY[name].replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    text = f'up 1\nolorin_db_connections_active{{pool="{label}"}} 3\n'
    pools = published_pools(text, URL) if len(label) < 16_000 else ()
    for pool in pools:
        assert pool.active == 3
        assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in pool.name)
        assert len(pool.name) < 200


def test_labels_without_end_make_no_screens_of_pools() -> None:
    text = "".join(f'olorin_db_connections_active{{pool="{n}"}} 1\n' for n in range(MOST_POOLS + 1))
    with pytest.raises(BadAnswer, match="more than"):
        published_pools(text, URL)


LABELS = st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(max_size=20), max_size=4)


@given(labels=LABELS, value=st.floats(allow_nan=False, allow_infinity=False))
def test_any_labels_are_read_as_they_were_written(labels: dict[str, str], value: float) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'

    line = "pool_max{" + ",".join(f"{name}={quoted(text)}" for name, text in labels.items()) + f"}} {value!r}"
    assert list(samples(line, frozenset({"pool_max"}))) == [Sample("pool_max", labels, value)]


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    list(samples(f"olorin_db_connections_active{text}", frozenset({"olorin_db_connections_active"})))
    is_metrics_text(text)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("tail", ['"x",', '"', "\\", 'a="b",', "1", " "])
def test_hostile_lines_cost_no_time(tail: str) -> None:
    line = "olorin_db_connections_active{" + tail * 4_000
    list(samples("\n".join([line[:16_000]] * 200), frozenset({"olorin_db_connections_active"})))


Answer = Callable[[asyncio.StreamWriter], object]


@asynccontextmanager
async def endpoint(answer: Answer) -> AsyncIterator[str]:
    """A socket that answers every request so; the URL of it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            result = answer(writer)
            if asyncio.iscoroutine(result):
                await result
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics"


def page(body: bytes, status: int = 200) -> Answer:
    head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    return lambda writer: writer.write(head + body)


async def fifty_megabytes(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 x\r\nContent-Length: 52428800\r\nConnection: close\r\n\r\n")
    for _ in range(800):
        writer.write(b'up{x="y"} 1     \n' * 3855)
        await writer.drain()


async def silence(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


BAD = {
    "HTML": (page(b"<!doctype html><html><body>Sign in</body></html>"), "not Prometheus"),
    "nothing": (page(b""), "not Prometheus"),
    "50 MB": (fifty_megabytes, "larger"),
    "an error": (page(b"# oops", 503), "HTTP 503"),
    "a redirect": (page(b"", 302), "HTTP 302"),
    "no pools": (page(b"up 1\n"), "No connection pool"),
    "silence": (silence, "No answer"),
    "a hang-up": (lambda writer: writer.close(), "No answer"),
    "no HTTP": (lambda writer: writer.write(b"\x00\x01\x02" * 50), "No answer"),
}


async def test_endpoints_that_misbehave_are_problems_and_hide_nobody(build: Build) -> None:
    async with AsyncExitStack() as stack:
        good = await stack.enter_async_context(endpoint(page(METRICS.encode())))
        bad = [await stack.enter_async_context(endpoint(answer)) for answer, _ in BAD.values()]
        published = await build(metrics=(*bad, good, "http://127.0.0.1:9/"), deadline_s=8.0).published()
    assert [pool.active for pool in published.pools] == [97, 2, 12]
    messages = [problem.message for problem in published.problems]
    assert len(messages) == len(BAD) + 1
    for (name, (_, expected)), message in zip(BAD.items(), messages, strict=False):
        assert expected in message, name
    assert all(problem.where.startswith("http://127.0.0.1") for problem in published.problems)
