"""Where each client connects to, worked out from the variables alone; nothing is opened here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from backends.clients.errors import BackendError, NotConfigured
from backends.safety.url_secrets import mask_url

DEFAULT_MAIN_DATABASE: Final = "bayit_plus"
DEFAULT_OLORIN_DATABASE: Final = "olorin_platform"
_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE: Final = frozenset({"0", "false", "f", "no", "n", "off", ""})


class Role(Enum):
    """What a Mongo client is for (the platform's three roles)."""

    MAIN = "main"
    OLORIN = "olorin"
    BAYIT = "bayit reference"


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """A pool's limits: connections, and seconds for idling, queueing, connecting and choosing a server."""

    max: int
    min: int
    idle_s: float | None = None
    wait_s: float = 5.0
    connect_s: float = 10.0
    selection_s: float = 10.0


PLATFORM_POOLS: Final[Mapping[Role, PoolLimits]] = {
    Role.MAIN: PoolLimits(max=100, min=20),
    Role.OLORIN: PoolLimits(max=50, min=10, idle_s=30.0),
    Role.BAYIT: PoolLimits(max=50, min=10, idle_s=30.0),
}
"""The platform's own pools (its database modules); the factory's defaults."""

WATCHING: Final = PoolLimits(max=2, min=0, idle_s=60.0, connect_s=9.0, selection_s=9.0)
"""The console's own pools: watching must not cost, and who can't connect must say so before a reading's ten seconds."""


@dataclass(frozen=True, slots=True)
class MongoTarget:
    """A Mongo database: its URL, its name, and the variable that says so. reads_only: nobody writes to it by this."""

    url: str
    database: str
    variable: str
    reads_only: bool = field(default=False, compare=False)

    @property
    def where(self) -> str:
        """The target, masked, as people are told it."""
        return f"{mask_url(self.url)} database {self.database}"

    @property
    def client_key(self) -> tuple[str, ...]:
        """What two targets must have in common to share a client: hosts in any order, user, options.

        >>> one, two = (MongoTarget(url, "d", "X") for url in ("mongodb://a,B:1/one?w=1&ssl=true", "mongodb://b:1,a/?ssl=true&w=1"))
        >>> one.client_key == two.client_key
        True
        """
        scheme, _, rest = self.url.partition("://")
        address, _, options = rest.partition("?")
        place, _, database = address.partition("/")
        user, _, hosts = place.rpartition("@")
        # With a user the database in the path is the one that knows him; without, it is only a default.
        known_by = database if user else ""
        return (scheme, user, known_by, *sorted(hosts.lower().split(",")), *sorted(options.split("&")))

    @property
    def server(self) -> str:
        """Its hosts with their ports, sorted: what two databases on one server (or replica set) share.

        >>> MongoTarget("mongodb://ops:p%40ss@db2,db1:27018/x?tls=true", "x", "MONGODB_URI").server
        'db1:27018,db2:27017'
        >>> MongoTarget("mongodb://localhost/x", "x", "MONGODB_URI").server
        '127.0.0.1:27017'
        """
        scheme, _, rest = self.url.partition("://")
        hosts = re.split("[/?]", rest, maxsplit=1)[0].rpartition("@")[2].split(",")
        default = "" if scheme.endswith("+srv") else ":27017"
        return ",".join(sorted(_with_port(unquote(host).lower(), default) for host in hosts))


@dataclass(frozen=True, slots=True)
class PostgresTarget:
    """A Postgres database: its URL (which may name a socket folder, `?host=/dir`) and the variable that says so.

    whole: rows that a policy would hide are an error in every transaction, never left out in silence.
    """

    url: str
    variable: str
    whole: bool = False

    @property
    def opening(self) -> str:
        """What each transaction begins with."""
        return "SET LOCAL row_security = off;" if self.whole else ""

    @property
    def where(self) -> str:
        """The target, masked, as people are told it."""
        return mask_url(self.url)

    @property
    def database(self) -> str:
        """The database's name; empty where the URL names none.

        >>> PostgresTarget("postgresql://db/bot%20s?x=1", "X").database
        'bot s'
        """
        return unquote(urlsplit(self.url).path).strip("/")

    @property
    def server(self) -> tuple[str, int]:
        """Host (or socket folder) and port, the first of several: what two databases on one server share.

        >>> PostgresTarget("postgresql://u:p@db1:5433,db2:5434/bots", "X").server
        ('db1', 5433)
        """
        parts = urlsplit(self.url)
        query = parse_qs(parts.query)
        first = urlsplit(f"//{parts.netloc.rpartition('@')[2].partition(',')[0]}")
        host = query.get("host", [first.hostname or "localhost"])[0]
        port = query.get("port", [str(first.port or 5432)])[0]
        # A port that is no number is told when it is used.
        return _usual(unquote(host)), int(port) if port.isdecimal() else 5432


def _with_port(host: str, default: str) -> str:
    has_port = host.startswith("/") or re.search(r":\d+$", host.rpartition("]")[2])
    return _usual(host if has_port else f"{host}{default}")


def _usual(host: str) -> str:
    """One spelling of this machine, so that its server is one however two URLs name it."""
    return re.sub(r"^localhost(?=:|$)", "127.0.0.1", host)


MongoTargets = Mapping[Role, "MongoTarget | BackendError"]


def mongo_targets(environment: Mapping[str, str]) -> MongoTargets:
    """The three roles' targets. A role that can't be told is the error that asking for it raises.

    Without the separation every role is the main database, as on the platform; as the Bayit reference it only reads.
    """
    main = _main_target(environment)
    bayit = main if isinstance(main, BackendError) else replace(main, reads_only=True)
    separated = separation(environment)
    if separated is False:
        return {Role.MAIN: main, Role.OLORIN: main, Role.BAYIT: bayit}
    if separated is None:
        undecided = NotConfigured(
            "OLORIN_USE_SEPARATE_DATABASE is neither true nor false: which database holds Olorin's data?",
            hint="Set OLORIN_USE_SEPARATE_DATABASE=true or =false.",
        )
        return {Role.MAIN: main, Role.OLORIN: undecided, Role.BAYIT: undecided}
    return {Role.MAIN: main, Role.OLORIN: _olorin_target(environment, main), Role.BAYIT: bayit}


def separate_target(environment: Mapping[str, str]) -> MongoTarget | BackendError:
    """The database that Olorin's data moves to, whether the separation is on yet or not."""
    return _olorin_target(environment, _main_target(environment))


def separation(environment: Mapping[str, str]) -> bool | None:
    """Whether OLORIN_USE_SEPARATE_DATABASE is on; None where its value is neither true nor false."""
    flag = environment.get("OLORIN_USE_SEPARATE_DATABASE", "").strip().lower()
    return True if flag in _TRUE else False if flag in _FALSE else None


def separation_is_on(environment: Mapping[str, str]) -> bool:
    """Whether OLORIN_USE_SEPARATE_DATABASE is set to a true value."""
    return separation(environment) is True


def _main_target(environment: Mapping[str, str]) -> MongoTarget | BackendError:
    # MONGODB_URL is the deprecated alias: the platform still takes it where the new name is not set.
    for variable in ("MONGODB_URI", "MONGODB_URL"):
        if environment.get(variable):
            database = environment.get("MONGODB_DB_NAME") or DEFAULT_MAIN_DATABASE
            return MongoTarget(environment[variable], database, variable)
    return NotConfigured("The main Mongo database is not configured.", hint="Set MONGODB_URI.")


def _olorin_target(environment: Mapping[str, str], main: MongoTarget | BackendError) -> MongoTarget | BackendError:
    database = environment.get("OLORIN_MONGODB_DB_NAME") or DEFAULT_OLORIN_DATABASE
    if environment.get("OLORIN_MONGODB_URL"):
        return MongoTarget(environment["OLORIN_MONGODB_URL"], database, "OLORIN_MONGODB_URL")
    return main if isinstance(main, BackendError) else MongoTarget(main.url, database, main.variable)


def postgres_target(environment: Mapping[str, str], variable: str, what: str) -> PostgresTarget | BackendError:
    """The target that the variable names; `what` is the system in words, for the error."""
    url = environment.get(variable)
    if url:
        return PostgresTarget(url, variable)
    return NotConfigured(f"{what} is not configured.", hint=f"Set {variable}=postgresql://…")
