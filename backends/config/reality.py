"""What the servers say to the configuration. All are asked at once, each with its own deadline.

A server that can't be reached is at most a warning here; one that answers and refuses what is configured is a failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from backends.clients.errors import AccessDenied, BackendError, DeadlineExceeded, NotConfigured, NotThere
from backends.clients.http import HttpClient
from backends.clients.model import ModelClient
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.queries import query
from backends.clients.targets import Role
from backends.config.catalogue import by_id
from backends.config.model import Finding, Status
from backends.config.mongo_reality import (
    MongoFacts,
    main_findings,
    mongo_facts,
    olorin_findings,
    olorin_place,
    silent_target,
)
from backends.config.rule import assign
from backends.config.rules_needed import MAIN_SERVER, MAIN_URL, OLORIN_SERVER, OLORIN_URL, SEPARATE
from backends.config.sync import SyncWatch, read_service, sync_findings
from backends.config.values import Values
from backends.safety.files import why_unwritable
from backends.safety.text import display_text

T = TypeVar("T")

DEADLINE_S: Final = 5.0
"""Seconds that one server's answer may take."""

ORCHESTRATION: Final = "console.orchestration_database_url"
CHUNKS: Final = "console.chunks_database_url"
STATE_FOLDER: Final = "console.olorin_console_state"
SERVICE_URL: Final = "console.orchestration_url"
BOTS_SERVER: Final = "servers.postgres.orchestration"
CHUNKS_SERVER: Final = "servers.postgres.chunks"
MODEL_KEY: Final = "drafting.openai_api_key"
MODEL_NAME: Final = "drafting.openai_model"
SERVICE_POOL: Final = (
    "orchestration.database_pool_size",
    "orchestration.database_max_overflow",
    "orchestration.workers",
)

OLDEST_POSTGRES: Final = 120_000
"""Version number of the oldest Postgres that the chunks' migration works on."""


@dataclass(frozen=True, slots=True)
class Servers:
    """The clients of everything that can be asked; what is not configured raises NotConfigured when asked."""

    mongo: MongoClients
    orchestration: PostgresClient
    chunks: PostgresClient
    model: ModelClient
    http: HttpClient
    state: Path
    sync: SyncWatch = field(default_factory=SyncWatch)


async def ask(servers: Servers, values: Values, deadline_s: float = DEADLINE_S) -> tuple[Finding, ...]:
    """Findings of all servers that are configured. Raises nothing of theirs."""
    asked = await asyncio.gather(
        _mongo(servers, values, deadline_s),
        _found(partial(_orchestration, servers.orchestration, values), BOTS_SERVER, ORCHESTRATION, deadline_s),
        _found(partial(_chunks, servers.chunks), CHUNKS_SERVER, CHUNKS, deadline_s),
        _found(partial(_model, servers.model), "servers.model", MODEL_KEY, deadline_s),
        _service(servers, values, deadline_s),
        _state_folder(servers.state),
    )
    return tuple(finding for each in asked for finding in each)


async def _answer(call: Callable[[], Awaitable[T]], deadline_s: float) -> T | BackendError:
    """The answer, or what kept it from coming. The call is made here: cancelled before, it leaves nothing unawaited."""
    try:
        async with asyncio.timeout(deadline_s):
            return await call()
    except TimeoutError:
        return DeadlineExceeded(f"no answer within {deadline_s:g} s")
    except BackendError as error:
        return error


async def _found(
    call: Callable[[], Awaitable[list[Finding]]], id_: str, setting: str, deadline_s: float
) -> list[Finding]:
    answer = await _answer(call, deadline_s)
    return list(_about_error(answer, id_, setting)) if isinstance(answer, BackendError) else answer


def _about_error(error: BackendError, id_: str, setting: str) -> Iterator[Finding]:
    """What a failure means: refused or missing is the configuration's fault, no answer need not be."""
    if isinstance(error, NotConfigured):
        return
    hint = f" ({error.hint})" if error.hint else ""
    name = by_id()[setting].name
    if isinstance(error, AccessDenied | NotThere):
        yield Finding(
            setting,
            "server accepts it",
            Status.FAIL,
            f"{error.where} refuses what {name} says: {error.message}{hint}",
            why="The server knows the user, the password and the database.",
            breaks="everything that uses this server",
        )
    yield Finding(
        id_,
        "server answers",
        Status.WARN,
        f"{error.kind}: {error.message}{hint}",
        why=f"The server that {name} names can be asked from here.",
        breaks="the screens that read it, and the checks that need its answer",
    )


async def _mongo(servers: Servers, values: Values, deadline_s: float) -> list[Finding]:
    content = values.text("console.bayit_content_collection")
    place = olorin_place(values)
    main, olorin = await asyncio.gather(
        _answer(partial(mongo_facts, servers.mongo, Role.MAIN, content), deadline_s),
        _answer(partial(mongo_facts, servers.mongo, place[0], content, place[1]), deadline_s),
    )
    findings: list[Finding] = []
    if isinstance(main, BackendError):
        findings += _about_error(main, MAIN_SERVER, MAIN_URL)
    else:
        findings += main_findings(main, values)
    if isinstance(olorin, MongoFacts):
        findings += olorin_findings(olorin, main if isinstance(main, MongoFacts) else None, values)
    elif values[SEPARATE]:
        findings += _about_error(olorin, OLORIN_SERVER, OLORIN_URL if values.text(OLORIN_URL) else MAIN_URL)
    elif place[0] is not Role.MAIN:
        # A server that refuses what is not in use yet is no failure.
        answers = (each for each in _about_error(olorin, OLORIN_SERVER, OLORIN_URL) if each.id == OLORIN_SERVER)
        findings += [*answers, silent_target(olorin)]
    return findings


@dataclass(frozen=True, slots=True)
class _Postgres:
    version: str
    number: int
    connections: int


async def _postgres(client: PostgresClient) -> _Postgres:
    async with client.reading() as session:
        row = await session.fetchrow(query(__file__, "server"))
    assert row is not None
    return _Postgres(row["version"], row["number"], row["connections"])


async def _chunks(client: PostgresClient) -> list[Finding]:
    server = await _postgres(client)
    message = f"version {server.version}, {server.connections:,} connections"
    if server.number >= OLDEST_POSTGRES:
        return [Finding(CHUNKS_SERVER, "server answers", Status.OK, message)]
    why = "The chunks' migration needs Postgres 12 or newer."
    return [Finding(CHUNKS_SERVER, "server version", Status.FAIL, message, why=why, breaks="the re-partitioning")]


async def _orchestration(client: PostgresClient, values: Values) -> list[Finding]:
    server = await _postgres(client)
    message = f"version {server.version}, {server.connections:,} connections"
    findings = [Finding(BOTS_SERVER, "server answers", Status.OK, message)]
    size, overflow, workers = (values[id_] for id_ in SERVICE_POOL)
    most = (size + overflow) * workers
    if any(values.winner(id_) for id_ in SERVICE_POOL) and most > server.connections:
        findings.append(
            Finding(
                SERVICE_POOL[0],
                "pools fit the server",
                Status.WARN,
                f"{workers} workers may open {most:,} connections ({size} + {overflow} each), "
                f"the server allows {server.connections:,}",
                why="All workers' pools together stay below the server's limit.",
                breaks="connecting, under load",
            )
        )
    return findings


async def _model(client: ModelClient) -> list[Finding]:
    names, target = await client.models(), client.target
    findings = [Finding("servers.model", "server answers", Status.OK, f"the key is accepted, {len(names):,} models")]
    if target.model not in names:
        message = f"the endpoint lists no model {target.model}"
        findings.append(Finding(MODEL_NAME, "model exists", Status.WARN, message, breaks="drafting"))
    return findings


async def _state_folder(folder: Path) -> list[Finding]:
    """Not a failure of the configuration: a container that only reports may well have no disk of its own."""
    reason = await asyncio.to_thread(why_unwritable, folder)
    if not reason:
        return []
    return [
        Finding(
            STATE_FOLDER,
            "folder can be written",
            Status.WARN,
            f"nothing can be kept in {display_text(folder)}: {reason}",
            assign(STATE_FOLDER),
            "Logs, drafts, the history of scans and the audit of every change lie in this folder.",
            "drafting, the history, and every change: without an audit there is none",
        )
    ]


async def _service(servers: Servers, values: Values, deadline_s: float) -> list[Finding]:
    url = values.text(SERVICE_URL)
    if not url or SERVICE_URL in values.invalid:
        return []
    answer = await _answer(partial(read_service, servers.http, url), deadline_s)
    return list(sync_findings(servers.sync, answer, values))
