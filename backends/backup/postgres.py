"""A Postgres database dumped by pg_dump from one snapshot, and put back beside it to be compared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from backends.backup.model import TEST_SUFFIX, Part
from backends.backup.mongo_dump import Tell
from backends.backup.tools import Tools, find_tools, run
from backends.clients.errors import Refused
from backends.clients.postgres import PostgresClient
from backends.clients.queries import query
from backends.clients.targets import PostgresTarget

if TYPE_CHECKING:
    from backends.clients.postgres import Session
    from backends.safety.gate import Token

MARK: Final = "made by olorin-console to prove a backup"
"""The comment on a database that says that it is ours to drop."""

DAY_S: Final = 86_400.0
"""Seconds that one table's digest may take: as long as the table needs."""

COMMAND_MS: Final = 300_000
"""Creating and dropping a database, in milliseconds."""


def database_name(target: PostgresTarget) -> str:
    """The database that the URL names. Raises Refused where it names none."""
    name = unquote(urlsplit(target.url).path.lstrip("/"))
    if not name:
        raise Refused("The URL names no database.", where=target.where, hint=f"Complete {target.variable}.")
    return name


def restored_target(target: PostgresTarget) -> PostgresTarget:
    """Where a backup of the database is restored."""
    path = f"/{database_name(target)}{TEST_SUFFIX}"
    return PostgresTarget(urlunsplit(urlsplit(target.url)._replace(path=path)), target.variable)


async def dump_database(client: PostgresClient, path: Path, tell: Tell) -> tuple[Part, ...]:
    """Writes a custom-format dump; returns what the tables hold in the same snapshot. Raises BackendError, OSError."""
    async with snapshot(client) as (session, name):
        tools = await tools_for(session)
        await run(tools.dump, ["--format=custom", f"--snapshot={name}", f"--file={path}"], client.target.url)
        return await parts_of(session, tell)


async def restore_database(token: Token, client: PostgresClient, path: Path, tell: Tell) -> tuple[Part, ...]:
    """Makes `<name>_test` from the dump; returns what its tables hold. Raises BackendError.

    token: for an act on the test database, with the original beside it, since a database is made from another one.
    """
    async with client.reading() as session:
        tools = await tools_for(session)
    await clear(token, client)
    await _create(token, client)
    return await _fill(token, client, tools, path, tell)


async def clear(token: Token, client: PostgresClient) -> None:
    """Drops `<name>_test` if it is ours; raises Refused if it is another's. One that isn't there is fine."""
    name = database_name(restored_target(client.target))
    async with client.writing(token, COMMAND_MS) as connection:
        comment = await connection.fetchrow(query(__file__, "database"), name)
        if comment is None:
            return
        if comment["comment"] != MARK:
            hint = "It was not made by this console. Rename or drop it by hand if nobody needs it."
            raise Refused(f"{name} exists already: nothing is restored into it.", where=name, hint=hint)
        await connection.execute(f"DROP DATABASE {quoted(name)}")


@asynccontextmanager
async def snapshot(client: PostgresClient) -> AsyncIterator[tuple[Session, str]]:
    """A reading session on one snapshot, and the name under which pg_dump joins it."""
    async with client.reading(timeout_ms=0) as session:
        await session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield session, await session.fetchval("SELECT pg_export_snapshot()")


async def tools_for(session: Session) -> Tools:
    """The tools that can dump this server. Raises Refused."""
    version = await session.fetchval("SELECT current_setting('server_version_num')::int")
    return await find_tools(version // 10_000)


async def parts_of(session: Session, tell: Tell) -> tuple[Part, ...]:
    """Rows and digest of each table, as the session sees them."""
    found = []
    for name in await tables_of(session):
        row = await session.fetchrow(query(__file__, "digest").format(table=name), timeout=DAY_S)
        assert row is not None
        tell(name, row["rows"])
        found.append(Part(name, row["rows"], None, row["digest"]))
    return tuple(found)


async def tables_of(session: Session) -> list[str]:
    """The tables' names, as the catalogue quotes them."""
    return [each["name"] for each in await session.fetch(query(__file__, "tables"))]


async def _create(token: Token, client: PostgresClient) -> None:
    name = quoted(database_name(restored_target(client.target)))
    async with client.writing(token, COMMAND_MS) as connection:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        await connection.execute(f"COMMENT ON DATABASE {name} IS '{MARK}'")


async def _fill(token: Token, client: PostgresClient, tools: Tools, path: Path, tell: Tell) -> tuple[Part, ...]:
    target = restored_target(client.target)
    token.require_target(target.where)
    arguments = ["--no-owner", "--no-privileges", "--exit-on-error", str(path)]
    await run(tools.restore, arguments, target.url)
    restored = PostgresClient(target)
    try:
        async with snapshot(restored) as (session, _):
            return await parts_of(session, tell)
    finally:
        await restored.aclose()


def quoted(name: str) -> str:
    """The name as an SQL identifier.

    >>> quoted('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'
