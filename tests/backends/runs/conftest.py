"""Both stores on databases of the test's own, with a gate to change them through and the drivers to look behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget, Role, mongo_targets
from backends.runs.mongo_store import MongoRunStore
from backends.runs.postgres_store import PostgresRunStore
from backends.runs.store import RunStore, Timing
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Act, Consent, Gate, Token
from tests.olorin import IMPATIENT

FLAG = Consent("command", explicit=True)
QUICK = Timing(heartbeat_s=0.1, expiry_s=0.6, idle_s=0.4)
"""Heartbeats and leases for tests in which somebody is waited for."""


@dataclass
class Place:
    """A database with runs: its store, and how to reach it."""

    name: str
    store: RunStore
    gate: Gate
    mongo: MongoClients
    postgres: PostgresClient

    @asynccontextmanager
    async def token(self, name: str = "toy.move", run_id: str = "") -> AsyncIterator[Token]:
        """A token for an act on this database."""
        async with self.gate.act(Act(name, self.store.where, run_id=run_id), FLAG, lifetime_s=None) as token:
            yield token


def place_at(kind: str, mongo_url: str, mongo_database: str, postgres_url: str, state: Path, timing: Timing) -> Place:
    """The place of this kind."""
    mongo = MongoClients(mongo_targets({"MONGODB_URI": mongo_url, "MONGODB_DB_NAME": mongo_database}), IMPATIENT)
    postgres = PostgresClient(PostgresTarget(postgres_url, "CHUNKS_DATABASE_URL"), IMPATIENT)
    gate = Gate(AuditTrail(state), this_author("demo", "development", "olorin test"), Arming(), production=False)
    store: RunStore = PostgresRunStore(postgres, timing)
    if kind == "mongo":
        store = MongoRunStore(mongo, mongo.target(Role.MAIN), timing)
    return Place(kind, store, gate, mongo, postgres)


def other_place(place: Place) -> Place:
    """Another console's clients on the same database."""
    if place.name == "postgres":
        client = PostgresClient(place.postgres.target)
        return replace(place, postgres=client, store=PostgresRunStore(client, QUICK))
    target = place.mongo.target(Role.MAIN)
    clients = MongoClients(dict.fromkeys(Role, target), IMPATIENT)
    return replace(place, mongo=clients, store=MongoRunStore(clients, target, QUICK))


@pytest.fixture(params=["mongo", "postgres"])
async def place(
    request: pytest.FixtureRequest, mongo_url: str, mongo_database: str, postgres_database: str, tmp_path: Path
) -> AsyncIterator[Place]:
    made = place_at(request.param, mongo_url, mongo_database, postgres_database, tmp_path / "state", QUICK)
    assert urlsplit(postgres_database).path != "/"
    yield made
    await made.mongo.aclose()
    await made.postgres.aclose()
