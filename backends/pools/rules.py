"""What is wrong with a pool or a server, from their numbers alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from backends.pools.finding import Finding
from backends.pools.model import AppConnections, Pool, Server, Session, Snapshot
from backends.pools.rules_latency import judge_latency
from backends.sampling.state import State, Summary, worst
from backends.sampling.words import counted

LIMIT_WARNING: Final = 0.80
LIMIT_CRITICAL: Final = 0.90
"""Shares of a server's limit in use: nobody can connect any more at 1."""

BLOCKED_WARNING_S: Final = 5.0
"""Seconds that a session may wait for another's lock."""

HOT_S: Final = 0.2
"""Seconds of a server's own, the way there left out, from which on it is hot; each query may take twice that."""

WATCHING_SHARE: Final = 50.0
LONGEST_REST_S: Final = 30.0
"""How many times as long as a reading took a hot server is left alone, and the longest."""

HANDOVER_S: Final = 1.0
"""Seconds within which who waits has got an idle connection."""

IN_TRANSACTION_WARNING_S: Final = 300.0
"""Seconds that a connection may be idle inside a transaction, where it holds locks and keeps dead rows."""


def judge_pool(pool: Pool) -> Finding:
    """Nobody should wait beyond the moment in which an idle connection is handed over, and a pool not be full.

    The console's own are as small as watching allows: they fill, and queue upon themselves, while all is well.
    """
    if pool.answers is False:
        return Finding(State.NO_DATA, "its server does not answer")
    if pool.own:
        return _judge_own(pool)
    if pool.active is None and pool.idle is None:
        return Finding(State.NO_DATA, "it publishes no counts")
    full = pool.max is not None and pool.active is not None and pool.active >= pool.max > 0
    if pool.waiting and full:
        return Finding(State.CRITICAL, f"all {pool.max} in use, {pool.waiting} waiting{_held_by(pool)}")
    if pool.waiting and (pool.waiting > (pool.idle or 0) or (pool.longest_wait_s or 0.0) >= HANDOVER_S):
        return Finding(State.WARNING, f"{pool.waiting} waiting")
    if full:
        return Finding(State.WARNING, f"all {pool.max} in use")
    if pool.full_in_s is not None:
        return Finding(State.WARNING, f"full in {about(pool.full_in_s)}")
    if pool.max is not None and pool.limit is not None and pool.max > pool.limit:
        return Finding(State.WARNING, f"its maximum of {pool.max} is more than its server takes ({pool.limit})")
    return Finding(State.OK)


def _judge_own(pool: Pool) -> Finding:
    """Connected, or without a connection because nothing needed one: its server answers, and nobody asked in vain."""
    unneeded = pool.answers and not pool.failures
    return Finding(State.OK) if pool.active or pool.idle or unneeded else Finding(State.NO_DATA, "not connected")


def _held_by(pool: Pool) -> str:
    """Who has the connections for which others wait.

    >>> from backends.pools.model import Session
    >>> _held_by(Pool("p", None, holders=(Session(7, "", "api", state="idle in transaction", for_s=312.0),)))
    ', held by 7 (idle in transaction 5 min)'
    """
    said = [
        f"{each.number} ({each.state}{'' if each.for_s is None else ' ' + about(each.for_s, '')})"
        for each in pool.holders
    ]
    return f", held by {', '.join(said)}" if said else ""


def failed_in_words(pool: Pool) -> str:
    """Requests that got no connection, by reason.

    >>> failed_in_words(Pool("p", None, failures={"timeout": 3, "connection error": 1}))
    'connection error 1, timeout 3'
    """
    return ", ".join(f"{reason} {n}" for reason, n in sorted(pool.failures.items()))


def about(seconds: float, approximately: str = "about ") -> str:
    """A time in words, coarse.

    >>> about(8.2), about(250.0), about(7_300.0)
    ('about 8 s', 'about 4 min', 'about 2 h')
    """
    for least, unit, word in ((5400, 3600, "h"), (90, 60, "min")):
        if seconds >= least:
            return f"{approximately}{seconds / unit:.0f} {word}"
    return f"{approximately}{seconds:.0f} s"


def rest_s(took_s: float) -> float:
    """Seconds to leave a server alone beyond a refresh because it answers slowly: reading may take 2 % of its time.

    >>> rest_s(0.01), rest_s(0.3), rest_s(5.0)
    (0.0, 15.0, 30.0)
    """
    return min(took_s * WATCHING_SHARE, LONGEST_REST_S) if took_s >= HOT_S else 0.0


def judge_server(server: Server) -> Finding:
    """How near its limit it is or will be, whether a transaction is left open, and whether sessions are blocked."""
    if server.problem is not None:
        return Finding(State.NO_DATA, f"{server.problem.kind}: {server.problem.message}")
    found = (judge_room(server), judge_poolers(server), judge_transactions(server), judge_blocked(server))
    return max(found, key=lambda finding: finding.state.rank)


def judge_poolers(server: Server) -> Finding:
    """The worst of the pools of the PgBouncer before it."""
    judged = [(pool, judge_pool(pool)) for pool in server.poolers]
    pool, finding = max(judged, key=lambda each: each[1].state.rank, default=(None, Finding(State.OK)))
    return Finding(finding.state, f"{pool.name}: {finding.why}" if pool and finding.why else finding.why)


def judge_blocked(server: Server) -> Finding:
    """Whether a session has been waiting for another's lock."""
    waiting = [each for each in server.sessions if waits_for_lock(each) and (each.for_s or 0.0) >= BLOCKED_WARNING_S]
    if not waiting:
        return Finding(State.NO_DATA, server.locks_hidden) if server.locks_hidden else Finding(State.OK)
    longest = max(waiting, key=lambda each: each.for_s or 0.0)
    if not longest.blocked_by:
        return Finding(State.WARNING, f"{counted(len(waiting), 'operation')} blocked, {longest.number} the longest")
    by = ", ".join(str(number) if number else "a prepared transaction" for number in longest.blocked_by)
    return Finding(State.WARNING, f"{counted(len(waiting), 'session')} blocked, {longest.number} by {by}")


def waits_for_lock(session: Session) -> bool:
    """Whether it waits for another's lock; whose that is, only Postgres tells."""
    return bool(session.blocked_by) or session.waits == "Lock"


def judge_room(server: Server) -> Finding:
    """How much of its limit is in use; a limit that isn't told can't be near."""
    if server.current is None:
        return Finding(State.NO_DATA, "it doesn't tell its connections")
    share = server.current / server.limit if server.limit else 0.0
    if share < LIMIT_WARNING:
        return _judge_future(server)
    state = State.CRITICAL if share >= LIMIT_CRITICAL else State.WARNING
    return Finding(state, f"{server.current} of {server.limit} connections")


def _judge_future(server: Server) -> Finding:
    """Whether it fills up as it goes on, or could be filled by the pools on it alone."""
    if server.full_in_s is not None:
        return Finding(State.WARNING, f"full in {about(server.full_in_s)}")
    if server.limit is not None and server.pools_max is not None and server.pools_max > server.limit:
        return Finding(State.WARNING, f"its pools may open {server.pools_max}, it takes {server.limit}")
    return Finding(State.OK)


def judge_transactions(server: Server) -> Finding:
    """Whether an application leaves a transaction open."""
    left_open = max(server.by_app, key=lambda app: app.oldest_s, default=AppConnections(None))
    if left_open.oldest_s >= IN_TRANSACTION_WARNING_S:
        return Finding(State.WARNING, f"{app_name(left_open)} idle in transaction for {left_open.oldest_s:.0f} s")
    hidden = server.transactions_hidden
    return Finding(State.NO_DATA, hidden) if hidden else Finding(State.OK)


def app_name(app: AppConnections) -> str:
    """The application's name in words."""
    return app.app if app.app is not None else "no application name"


def findings(snapshot: Snapshot) -> Iterable[tuple[str, Finding]]:
    """Everything that was looked at, by its name."""
    for pool in (*snapshot.own.pools, *snapshot.published.pools):
        yield pool.name, judge_pool(pool)
    for problem in snapshot.published.problems:
        yield problem.where, Finding(State.NO_DATA, f"{problem.kind}: {problem.message}")
    for server in snapshot.servers:
        yield f"{server.place.kind.value} {server.place.name}", judge_server(server)
    yield "latency", judge_latency(snapshot.latency)


def state_of(snapshot: Snapshot) -> State:
    """The worst state; no data where nothing is configured."""
    return worst(finding.state for _, finding in findings(snapshot)) if is_configured(snapshot) else State.NO_DATA


def is_configured(snapshot: Snapshot) -> bool:
    """Whether there is a server or an endpoint to ask at all."""
    return bool(snapshot.servers or snapshot.published.pools or snapshot.published.problems)


def summary(snapshot: Snapshot) -> Summary:
    """The state and the worst finding in one line."""
    if not is_configured(snapshot):
        return Summary(State.NOT_CONFIGURED, "set MONGODB_URI or a database's URL")
    name, finding = max(findings(snapshot), key=lambda found: found[1].state.rank)
    if finding.state is not State.OK:
        return Summary(finding.state, f"{name}: {finding.why}")
    totals = [f"{server.place.kind.value} {server.current}" for server in snapshot.servers]
    return Summary(State.OK, "; connections: ".join(["nobody waits", *filter(None, [", ".join(totals)])]))
