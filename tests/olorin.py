"""The platform's two Mongo databases for a test, and a clock that stands still until it is moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from backends.clients.mongo import MongoClients
from backends.clients.targets import WATCHING, mongo_targets

Document = dict[str, Any]
IMPATIENT = replace(WATCHING, connect_s=3.0, selection_s=2.0)
"""The console's own limits, for tests in which nobody answers."""

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that a test moves."""

    at: datetime = T0

    def __call__(self) -> datetime:
        return self.at

    def pass_(self, **time: float) -> None:
        """Lets time pass."""
        self.at += timedelta(**time)


@dataclass
class Platform:
    """Bayit+ and Olorin on one server, written to by the test alone."""

    url: str
    bayit: Database[Document]
    olorin: Database[Document]

    def environment(self, **more: str) -> Mapping[str, str]:
        """The variables that point a console at it, separated unless they say otherwise."""
        return {
            "MONGODB_URI": self.url,
            "MONGODB_DB_NAME": self.bayit.name,
            "OLORIN_USE_SEPARATE_DATABASE": "true",
            "OLORIN_MONGODB_DB_NAME": self.olorin.name,
            **more,
        }

    def clients(self, **more: str) -> MongoClients:
        """The console's clients; the test closes them."""
        return MongoClients(mongo_targets(self.environment(**more)), IMPATIENT)


@contextmanager
def platform_on(url: str, database: str) -> Iterator[Platform]:
    """A platform in the database and a second one beside it, which is dropped at the end."""
    with MongoClient[Document](url, tz_aware=True) as client:
        beside = f"{database}_olorin"
        yield Platform(url, client[database], client[beside])
        client.drop_database(beside)
