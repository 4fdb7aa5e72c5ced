"""Evidence for incident drafts: what the other systems show now, as plain values; who can't be asked says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import BackendError
from backends.config.model import ConfigSnapshot, Finding, Status
from backends.drafting.evidence import Evidence
from backends.sampling.reading import Problem, utc_now
from backends.sampling.state import State

if TYPE_CHECKING:
    from backends.alerts.model import Alert
    from backends.bots.model import Session, Sessions
    from backends.orphans.model import Scan
    from backends.pools.model import Pool, Server, Snapshot
    from backends.runs.model import Run
    from console.wiring import Services

ASKING_S: Final = 8.0
"""Seconds that one system's answer may take."""

LOOKING_S: Final = 6.0
"""Seconds that judging every rule may take, before how they stood last has to do."""

NEWEST: Final = 30
"""Items of one kind at most, the newest or worst."""

Asked = Callable[[], Awaitable[Iterable[Evidence]]]


async def collect(services: Services, now: Callable[[], datetime] = utc_now) -> tuple[Evidence, ...]:
    """What every system says, asked at once, in a fixed order. Raises nothing."""
    kinds = {
        "alerts": lambda: _alerts(services),
        "findings": lambda: _findings(services, now()),
        "gauges": lambda: _gauges(services),
        "runs": lambda: _runs(services),
        "orphans": lambda: _orphans(services),
        "sessions": lambda: _sessions(services),
        "audit": lambda: _audit(services),
    }
    found = await asyncio.gather(*(_asked(name, ask, services, now) for name, ask in kinds.items()))
    return tuple(item for items in found for item in items)


async def _asked(name: str, ask: Asked, services: Services, now: Callable[[], datetime]) -> list[Evidence]:
    try:
        async with asyncio.timeout(ASKING_S):
            return _cut(name, list(await ask()), now())
    except BackendError as error:
        return [_no_data(name, error.problem(), now())]
    except TimeoutError:
        return [Evidence(name, f"no data: no answer within {ASKING_S:g} s", now())]
    except Exception as error:
        return [_no_data(name, services.unexpected(f"collecting {name}", error), now())]


def _cut(name: str, found: list[Evidence], at: datetime) -> list[Evidence]:
    """The first of them, and how many more there are.

    >>> at = datetime(2026, 1, 2, tzinfo=UTC)
    >>> [each.text for each in _cut("runs", [Evidence("runs", str(number)) for number in range(32)], at)][-2:]
    ['29', 'and 2 more, which are not listed']
    """
    more = len(found) - NEWEST
    return found if more <= 0 else [*found[:NEWEST], Evidence(name, f"and {more:,} more, which are not listed", at)]


def _no_data(name: str, problem: Problem, at: datetime) -> Evidence:
    return Evidence(name, f"no data: {problem.kind}: {problem.message}", at)


async def _alerts(services: Services) -> list[Evidence]:
    """Every rule that is not ok, root causes first; drafting itself is no part of an incident."""
    from backends.alerts.folding import worst_first

    found = await _stand(services)
    wrong = [each for each in worst_first(found) if each.rule.group != "drafting"]
    if not wrong:
        return [Evidence("alerts", "no rule is broken" if found else "no data: no rule was judged yet")]
    return [Evidence("alerts", _alert(each), each.since) for each in wrong]


async def _stand(services: Services) -> Sequence[Alert]:
    """The rules as they stand now; as they stood last, where a server that is down makes looking slow."""
    try:
        async with asyncio.timeout(LOOKING_S):
            return (await services.alerts.check()).alerts
    except TimeoutError:
        return await services.alerts.stand()


def _alert(alert: Alert) -> str:
    from backends.alerts.words import said, threshold

    state = alert.rule.severity.value if alert.fires else alert.state.value
    below = f", follows from {alert.cause}" if alert.cause else ""
    return f"{alert.rule.id}: {state}: {said(alert)} (limit {threshold(alert)}{below})"


async def _findings(services: Services, at: datetime) -> list[Evidence]:
    snapshot: ConfigSnapshot = await services.config.snapshot()
    found: dict[str, Finding] = {}
    for finding in (*snapshot.others, *(each for setting in snapshot.settings for each in setting.findings)):
        if finding.status is not Status.OK:
            found.setdefault(f"{finding.id}: {finding.message}", finding)
    worst = sorted(found.items(), key=lambda pair: -pair[1].status.rank)
    return [Evidence("findings", f"{each.status.value}: {text}", at) for text, each in worst]


async def _gauges(services: Services) -> list[Evidence]:
    sample: Snapshot = await services.pools.sample(probe=False)
    servers = [Evidence("gauges", _server(each), sample.taken_at) for each in sample.servers]
    pools = [Evidence("gauges", _pool(each), sample.taken_at) for each in sample.published.pools]
    missing = [_no_data("gauges", problem, sample.taken_at) for problem in services.pools.unconfigured]
    return [*servers, *pools, *missing]


def _server(server: Server) -> str:
    name = f"{server.place.kind.value} {server.place.name}"
    if server.problem is not None or server.current is None:
        return f"{name}: no data" + (f": {server.problem.message}" if server.problem else "")
    limit = f" of {server.limit}" if server.limit is not None else ""
    return f"{name}: {server.current}{limit} connections"


def _pool(pool: Pool) -> str:
    said = {"active": pool.active, "idle": pool.idle, "waiting": pool.waiting, "most": pool.max}
    return f"pool {pool.name}: " + ", ".join(f"{name} {n if n is not None else 'no data'}" for name, n in said.items())


async def _runs(services: Services) -> list[Evidence]:
    page = await services.runs.page(NEWEST)
    unread = [_no_data("runs", problem, utc_now()) for problem in page.problems]
    halted = [Evidence("runs", f"{each.kind} is halted: {each.why}") for each in page.halts]
    older = [Evidence("runs", "older runs are not listed", utc_now())] if page.next else []
    return [*unread, *halted, *older, *(Evidence("runs", _run(run), run.since) for run in page.runs)]


def _run(run: Run) -> str:
    done = f", {run.done:,} of {run.total:,}" if run.done is not None and run.total is not None else ""
    return f"{run.kind} {run.id}: {run.state}{done}" + (f": {run.why}" if run.why else "")


async def _orphans(services: Services) -> list[Evidence]:
    scan: Scan | None = await services.orphans.latest()
    if scan is None:
        return [Evidence("orphans", "no data: nothing was scanned yet")]
    found = [each for each in scan.references if each.orphans or each.problem]
    texts = [
        f"{each.collection}.{each.field}: "
        + (
            f"no data: {each.problem.message}"
            if each.problem
            else f"{each.orphans:,} of {each.documents or 0:,} orphans"
        )
        for each in found
    ]
    total = f"scan {scan.number}: {scan.orphans:,} orphans over {len(scan.references)} references"
    return [Evidence("orphans", text, scan.finished_at) for text in (total, *texts)]


async def _sessions(services: Services) -> list[Evidence]:
    sessions: Sessions = await services.bots.watch()
    counts = ", ".join(f"{count} {status}" for status, count in sessions.counts.items())
    wrong = [each for each in sessions.sessions if each.error or any(f.severity is not State.OK for f in each.findings)]
    return [
        Evidence("sessions", f"{sessions.total} sessions: {counts}" if counts else "no sessions", sessions.at),
        *(Evidence("sessions", _session(each), each.ended_at or each.started_at or each.created_at) for each in wrong),
    ]


def _session(session: Session) -> str:
    why = [session.error, *(f"{each.kind}: {each.what}" for each in session.findings)]
    return f"{session.session_id} on {session.platform}: {session.status}: {'; '.join(text for text in why if text)}"


async def _audit(services: Services) -> list[Evidence]:
    chain = await asyncio.to_thread(services.audit.read)
    broken = [Evidence("audit", f"the log is broken at line {chain.broken_at}: {chain.why}")] if not chain.whole else []
    return [*broken, *(Evidence("audit", _entry(each), _time(each.get("at"))) for each in reversed(chain.entries))]


def _entry(entry: Any) -> str:
    named = ("action", "target", "step", "outcome", "why")
    return ", ".join(f"{name} {entry[name]}" for name in named if entry.get(name))


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        return None
