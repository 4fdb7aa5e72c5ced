"""The thresholds of the servers, the configuration, the pools and the orphans."""

from __future__ import annotations

from typing import Final

from backends.alerts.model import Compare, Rule
from backends.sampling.state import State

SEPARATION: Final = "000, Olorin separation"
ORPHANS: Final = "001, orphan clean-up"
CONSOLE: Final = "the console's own"

MONGO: Final = "servers.mongo"
ORCHESTRATION: Final = "servers.orchestration"
CHUNKS: Final = "servers.chunks"
MODEL: Final = "servers.model"
OVERDUE: Final = "orphans.overdue"
SERVICES: Final = "bots.service-failures"
DATABASES: Final = (MONGO, ORCHESTRATION, CHUNKS)
ASKED: Final = (*DATABASES, MODEL, SERVICES)
"""What the configuration asks."""

DAILY_S: Final = 26 * 3600.0
"""Seconds for which a daily scan tells how things stand: a day, and two hours for the scan itself."""

ABOVE, FROM, BELOW = Compare.ABOVE, Compare.FROM, Compare.BELOW
WARNING, CRITICAL = State.WARNING, State.CRITICAL

SERVERS: Final = (
    Rule(
        MONGO, "servers", "servers.mongo", FROM, 1, 0, CRITICAL, CONSOLE, "unreachable",
        "Reach the platform's Mongo: is it running, and does it take this user from here?", "server-down",
    ),
    Rule(
        ORCHESTRATION, "servers", "servers.orchestration", FROM, 1, 0, CRITICAL, CONSOLE, "unreachable",
        "Reach the bot sessions' Postgres: is it running, and does it take this user from here?", "server-down",
    ),
    Rule(
        CHUNKS, "servers", "servers.chunks", FROM, 1, 0, CRITICAL, CONSOLE, "unreachable",
        "Reach the chunks' Postgres: is it running, and does it take this user from here?", "server-down",
    ),
    Rule(
        MODEL, "servers", "servers.model", FROM, 1, 0, WARNING, CONSOLE, "unreachable",
        "Reach the language model: is the endpoint up, the key valid, the quota not used up?", "model-down",
    ),
)  # fmt: skip

CONFIG: Final = (
    Rule(
        "config.salt", "config", "config.salt", ABOVE, 0, 0, CRITICAL, SEPARATION, "findings",
        "Set PARTNER_API_KEY_SALT to 32 characters or more.", "configuration",
    ),
    Rule(
        "config.failures", "config", "config.failures", ABOVE, 0, 0, CRITICAL, SEPARATION, "findings",
        "Correct what fails in the configuration.", "configuration", depends=ASKED,
    ),
    Rule(
        "config.warnings", "config", "config.warnings", ABOVE, 0, 0, WARNING, SEPARATION, "findings",
        "Look at the warnings of the configuration.", "configuration", depends=ASKED,
    ),
)  # fmt: skip

POOLS: Final = (
    Rule(
        "pools.full", "pools", "pools.use", FROM, 100, 90, WARNING, SEPARATION, "%",
        "Find what holds the pool's connections; raise its maximum only if its server has room.", "pool-full",
        for_s=10, depends=DATABASES,
    ),
    Rule(
        "pools.waiting", "pools", "pools.waiting", ABOVE, 0, 0, WARNING, SEPARATION, "requests",
        "Requests wait for a connection: find the sessions that hold them.", "pool-full",
        for_s=10, depends=DATABASES,
    ),
    Rule(
        "pools.latency", "pools", "pools.content_p95_ms", ABOVE, 100, 80, WARNING, SEPARATION, "ms",
        "Content look-ups across the databases are slow: look for blocked or long operations.", "slow-look-ups",
        for_s=30, window="95th percentile of 5 minutes", depends=(MONGO,),
    ),
    Rule(
        "pools.server-limit", "pools", "pools.server_use", FROM, 80, 75, WARNING, CONSOLE, "%",
        "A server takes few more connections: find the application that opens them.", "pool-full",
        depends=DATABASES,
    ),
    Rule(
        "pools.server-full", "pools", "pools.server_use", FROM, 90, 85, CRITICAL, CONSOLE, "%",
        "Soon nobody can connect: end idle connections of the largest application.", "pool-full",
        depends=DATABASES,
    ),
    Rule(
        "pools.lock-wait", "pools", "pools.lock_wait_s", ABOVE, 5, 1, WARNING, "004, chunk partitions", "s",
        "A session waits for another's lock: look at the blocker before ending it.", "blocked",
        depends=DATABASES,
    ),
    Rule(
        "pools.idle-in-transaction", "pools", "pools.idle_in_transaction_s", FROM, 300, 60, WARNING, CONSOLE, "s",
        "A transaction was left open, which holds locks and keeps dead rows.", "blocked",
        depends=DATABASES,
    ),
)  # fmt: skip

ORPHANS_RULES: Final = (
    Rule(
        "orphans.count", "orphans", "orphans.count", ABOVE, 10_000, 9_000, CRITICAL, ORPHANS, "orphans",
        "Plan a clean-up of the collection and carry it out.", "orphans",
        window="the last scan", stale_s=DAILY_S, depends=(MONGO, OVERDUE),
    ),
    Rule(
        "orphans.slow-queries", "orphans", "orphans.count", ABOVE, 100_000, 90_000, CRITICAL, ORPHANS, "orphans",
        "So many orphans make queries slow: clean up in several runs.", "orphans",
        window="the last scan", stale_s=DAILY_S, depends=(MONGO, OVERDUE),
    ),
    Rule(
        "orphans.growth", "orphans", "orphans.growth", ABOVE, 1_000, 800, WARNING, ORPHANS, "orphans a day",
        "Find what deletes parents without their children.", "orphans",
        window="a day", stale_s=DAILY_S, depends=(MONGO, OVERDUE),
    ),
    Rule(
        "orphans.latency", "orphans", "orphans.p95_ms", ABOVE, 500, 400, WARNING, ORPHANS, "ms",
        "Looking up parents is slow: is the parents' index there, and the server not hot?", "slow-look-ups",
        window="95th percentile of the last scan", stale_s=DAILY_S, depends=(MONGO, OVERDUE),
    ),
    Rule(
        OVERDUE, "orphans", "orphans.recent", BELOW, 1, 1, WARNING, ORPHANS, "scans or clean-ups",
        "Scan now, and see why the daily (in development weekly) scan did not run.", "scan-overdue",
        window="a day in production, a week in development", depends=(MONGO,),
    ),
    Rule(
        "orphans.cleanup-success", "orphans", "runs.cleanup_success", BELOW, 95, 95, WARNING, ORPHANS, "%",
        "Look at what the last clean-up left alone, and why.", "cleanup-failed",
        window="the last clean-up", depends=(MONGO,),
    ),
)  # fmt: skip

PLATFORM: Final = (*SERVERS, *CONFIG, *POOLS, *ORPHANS_RULES)
