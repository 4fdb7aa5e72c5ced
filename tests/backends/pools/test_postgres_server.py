"""A Postgres server's own numbers, with real sessions in every state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeAlias
from urllib.parse import urlsplit

import asyncpg
import pytest

from backends.clients.errors import AccessDenied, DeadlineExceeded
from backends.pools.model import Server
from backends.pools.rules import judge_server
from backends.safety.text import display_text
from backends.sampling.state import State
from tests.backends.pools.conftest import Build, app
from tests.nasty import NASTY

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@asynccontextmanager
async def session(url: str, name: str) -> AsyncIterator[Connection]:
    """A session of an application."""
    connection = await asyncpg.connect(url, server_settings={"application_name": name})
    try:
        yield connection
    finally:
        connection.terminate()


async def read(build: Build, url: str) -> Server:
    service = build(chunks=url)
    return await service.server(service.places[0])


async def seen(build: Build, url: str, name: str, **expected: object) -> Server:
    """The server, once the application is there as expected."""
    service = build(chunks=url)
    async with asyncio.timeout(15):
        while True:
            server = await service.server(service.places[0])
            found = [each for each in server.by_app if each.app == name]
            if found and {key: getattr(found[0], key) for key in expected} == expected:
                return server


async def test_numbers_are_the_servers(build: Build, postgres_database: str) -> None:
    async with AsyncExitStack() as stack:
        for name, count in (("bots", 3), ("chunks", 2)):
            for _ in range(count):
                await stack.enter_async_context(session(postgres_database, name))
        admin = await stack.enter_async_context(session(postgres_database, "admin"))
        server = await seen(build, postgres_database, "bots", idle=3, active=0, other=0)
        assert app(server, "chunks").total == 2
        # The server's own counter; between two questions a session of somebody else's may come or go.
        service, counter = build(chunks=postgres_database), "SELECT sum(numbackends) FROM pg_stat_database"
        async with asyncio.timeout(15):
            while sum(each.total for each in server.by_app) != await admin.fetchval(counter):
                server = await service.server(service.places[0])
        assert server.current == sum(each.total for each in server.by_app)
        reserved = "current_setting('superuser_reserved_connections')::int"
        assert server.limit == await admin.fetchval(f"SELECT current_setting('max_connections')::int - {reserved}")
        assert app(server, "bots").hosts == ("127.0.0.1",)


async def test_idle_in_transaction_has_an_age_and_is_not_idle(build: Build, postgres_database: str) -> None:
    async with session(postgres_database, "forgetful") as one, session(postgres_database, "forgetful") as two:
        await one.execute("BEGIN")
        await two.execute("BEGIN")
        with pytest.raises(asyncpg.PostgresError):
            await two.execute("SELECT 1/0")
        server = await seen(build, postgres_database, "forgetful", in_transaction=2)
        entry = app(server, "forgetful")
        assert (entry.active, entry.idle, entry.other) == (0, 0, 2)
        assert 0 < entry.oldest_s < 60


async def test_who_waits_for_a_lock_is_active_and_who_waits_for_its_client_is_idle(
    build: Build, postgres_database: str
) -> None:
    async with AsyncExitStack() as stack:
        holder, blocked, copier = [
            await stack.enter_async_context(session(postgres_database, name))
            for name in ("holder", "blocked", "copier")
        ]
        await holder.execute("CREATE TABLE t (a int)")
        await holder.execute("BEGIN; LOCK TABLE t")
        waiting = asyncio.create_task(blocked.execute("SELECT * FROM t"))
        await seen(build, postgres_database, "blocked", active=1, waits={"Lock": 1})
        # A COPY whose client sends nothing: the server calls it active, waiting for ClientRead.
        copying = asyncio.create_task(copy_from_silence(copier))
        server = await seen(build, postgres_database, "copier", active=0, idle=1)
        assert app(server, "holder").in_transaction == 1
        await holder.execute("COMMIT")
        await waiting
        copying.cancel()
        await asyncio.wait([copying])


async def copy_from_silence(connection: Connection) -> None:
    async def silence() -> AsyncIterator[bytes]:
        yield b""
        await asyncio.Event().wait()

    await connection.execute("CREATE TEMP TABLE silent (a int)")
    await connection.copy_to_table("silent", source=silence())


async def test_a_missing_privilege_is_named_and_the_rest_goes_on(build: Build, postgres_database: str) -> None:
    async with session(postgres_database, "admin") as admin:
        await admin.execute("CREATE ROLE \"on-call [red]\" LOGIN PASSWORD 'pw-of-peon'")
        try:
            parts = urlsplit(postgres_database)
            netloc = f"on-call%20%5Bred%5D:pw-of-peon@{parts.hostname}:{parts.port}"
            server = await read(build, parts._replace(netloc=netloc).geturl())
            assert server.notes[0].endswith("is hidden: GRANT pg_read_all_stats TO on-call [red]")
            assert app(server, "admin").other == app(server, "admin").total == 1
            # Somebody may wait, or leave a transaction open, without our seeing it.
            assert server.locks_hidden == server.transactions_hidden == server.notes[0]
            assert judge_server(server).state is State.NO_DATA
            await admin.execute('GRANT pg_read_all_stats TO "on-call [red]"')
            server = await read(build, parts._replace(netloc=netloc).geturl())
            assert server.notes == ()
            assert judge_server(server).state is State.OK
            assert app(server, "admin").idle == 1
        finally:
            await admin.execute('DROP OWNED BY "on-call [red]"')
            await admin.execute('DROP ROLE "on-call [red]"')


async def test_two_databases_on_one_server_are_one_server(build: Build, postgres_url: str) -> None:
    other = urlsplit(postgres_url)._replace(path="/template1").geturl()
    service = build(bots=postgres_url, chunks=other)
    assert len(service.places) == 1
    assert len((await service.own()).pools) == 2
    missing = urlsplit(postgres_url)._replace(path="/no_such_database").geturl()
    through_the_other = build(bots=missing, chunks=other)
    assert (await through_the_other.server(through_the_other.places[0])).current
    nobody = urlsplit(missing)._replace(netloc=f"nobody:x@{other.rpartition('@')[2].partition('/')[0]}").geturl()
    refused = build(bots=nobody)
    with pytest.raises(AccessDenied):
        await refused.server(refused.places[0])


async def test_hostile_names_are_harmless(build: Build, postgres_database: str) -> None:
    names = {name: text for name, text in NASTY.items() if text and "\x00" not in text and "\ud800" not in text}
    async with AsyncExitStack() as stack:
        for text in names.values():
            await stack.enter_async_context(session(postgres_database, text[:63]))
        server = await read(build, postgres_database)
    shown = {each.app for each in server.by_app if each.app}
    assert display_text("[@click=app.quit]x[/]") in shown
    assert not [name for name in shown if any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in name)]
    # Postgres itself writes what isn't printable ASCII as \xNN, before version 16 as a question mark.
    assert any(name.startswith((r"\x1b[2J", "?[2J")) for name in shown)


async def test_a_monitoring_query_is_ended_by_the_server(build: Build, postgres_database: str) -> None:
    """The catalogue itself is locked, which only its own superuser can do: the query ends after 400 ms."""
    async with session(postgres_database, "locker") as locker:
        await locker.execute("BEGIN; LOCK TABLE pg_catalog.pg_authid IN ACCESS EXCLUSIVE MODE")
        service = build(chunks=postgres_database)
        with pytest.raises(DeadlineExceeded):
            await service.server(service.places[0])
