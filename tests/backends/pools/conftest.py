"""Pools services on real servers, and clients of other applications that hold connections there."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psutil
import pytest
from pymongo import AsyncMongoClient

from backends.clients.http import HttpClient
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PoolLimits, PostgresTarget, mongo_targets
from backends.pools.model import AppConnections, Server
from backends.pools.service import PoolsService

QUICK = PoolLimits(max=2, min=0, wait_s=1.0, connect_s=1.0, selection_s=1.0)
Build = Callable[..., PoolsService]


@pytest.fixture
async def build() -> AsyncIterator[Build]:
    """Makes services: `build(mongo=url, chunks=url, …)`; their clients are closed afterwards."""
    opened: list[Any] = []

    def make(
        *, mongo: str = "", metrics: tuple[str, ...] = (), deadline_s: float = 10.0, database: str = "bayit_plus",
        limits: PoolLimits = QUICK, content: str = "content", olorin: str = "", **postgres: str,
    ) -> PoolsService:  # fmt: skip
        environment = {"MONGODB_URI": mongo, "MONGODB_DB_NAME": database} if mongo else {}
        if olorin:
            environment |= {"OLORIN_USE_SEPARATE_DATABASE": "true", "OLORIN_MONGODB_URL": olorin}
        clients = {name: PostgresClient(PostgresTarget(url, name), limits) for name, url in postgres.items()}
        mongo_clients, http = MongoClients(mongo_targets(environment), limits), HttpClient(1.0, 1.0)
        opened.extend([mongo_clients, http, *clients.values()])
        return PoolsService(mongo_clients, clients, http, metrics, content_collection=content, deadline_s=deadline_s)

    yield make
    for each in opened:
        await each.aclose()


@asynccontextmanager
async def mongo_app(url: str, name: str | None, connections: int) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    """A client of an application that holds so many connections, its monitor's included."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        url, appname=name, minPoolSize=connections - 1, serverMonitoringMode="poll"
    )
    async with client:
        await client.admin.command("ping")
        yield client


def app(server: Server, name: str | None) -> AppConnections:
    """The application's entry."""
    return next(each for each in server.by_app if each.app == name)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stops a server process of the test's own, with its children, and lets it go on afterwards."""
    process = psutil.Process(pid)
    pids = [process.pid, *(child.pid for child in process.children(recursive=True))]
    for each in pids:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in pids:
            os.kill(each, signal.SIGCONT)
