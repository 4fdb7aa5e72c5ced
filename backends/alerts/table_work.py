"""The thresholds of migrations, runs, backups, bot sessions, their services, and drafting."""

from __future__ import annotations

from typing import Final

from backends.alerts.model import Rule
from backends.alerts.table_platform import (
    ABOVE,
    BELOW,
    CHUNKS,
    CONSOLE,
    CRITICAL,
    DATABASES,
    FROM,
    MODEL,
    ORCHESTRATION,
    SEPARATION,
    SERVICES,
    WARNING,
)

BOTS: Final = "003, orchestration"
PARTITIONS: Final = "004, chunk partitions"
DRAFTING: Final = "002, drafting"
DURING: Final = "while a run works"

MIGRATIONS: Final = (
    Rule(
        "migrations.cpu", "migrations", "runs.cpu", ABOVE, 80, 70, WARNING, PARTITIONS, "%",
        "The run waits for the database's CPU; throttle it, or wait for a quiet hour.", "run-held",
        window=DURING, depends=DATABASES,
    ),
    Rule(
        "migrations.memory", "migrations", "runs.memory", ABOVE, 90, 85, WARNING, PARTITIONS, "%",
        "The run works in smaller batches; find what else takes the memory.", "run-held",
        window=DURING, depends=DATABASES,
    ),
    Rule(
        "migrations.errors", "migrations", "runs.error_share", ABOVE, 1, 0.8, CRITICAL, PARTITIONS, "%",
        "Items, or the database's transactions, fail: read the run's reasons before it goes on.", "run-failed",
        window="the whole run; the database's last minutes", depends=DATABASES,
    ),
    Rule(
        "migrations.lock-wait", "migrations", "runs.lock_wait_s", ABOVE, 5, 1, WARNING, PARTITIONS, "s",
        "The run waits for a lock: look at who holds it.", "blocked",
        window=DURING, depends=DATABASES,
    ),
    Rule(
        "migrations.skew", "migrations", "chunks.skew", ABOVE, 1.5, 1.4, WARNING, PARTITIONS, "× mean",
        "One partition holds far more than the others: plan a re-partition.", "skew",
        window="the catalogue's estimates", depends=(CHUNKS,),
    ),
    Rule(
        "migrations.verification", "migrations", "proofs.failed", ABOVE, 0, 0, CRITICAL, SEPARATION, "proofs",
        "What was written is not what should be there: don't switch, don't clean; see what differs.", "verification",
        window="the newest proof of each kind",
    ),
    Rule(
        "migrations.proof", "migrations", "proofs.age_h", ABOVE, 24, 24, WARNING, SEPARATION, "h",
        "The proof has expired: verify again before the next step.", "verification",
        window="the newest proof of each kind",
    ),
)  # fmt: skip

RUNS: Final = (
    Rule(
        "runs.stale", "runs", "runs.abandoned", ABOVE, 0, 0, WARNING, CONSOLE, "runs",
        "Nobody executes a run that says it is working: resume or stop it.", "run-stale", depends=DATABASES,
    ),
    Rule(
        "runs.failed", "runs", "runs.failed", ABOVE, 0, 0, CRITICAL, CONSOLE, "runs",
        "The newest run of its kind failed, or a gate refused it: read why, then resume it or undo it.", "run-failed",
        depends=DATABASES,
    ),
    Rule(
        "backups.due", "backups", "backups.due", ABOVE, 0, 0, WARNING, SEPARATION, "databases",
        "Take a backup of each database that is named.", "backup", window="24 hours",
    ),
)  # fmt: skip

BOT_RULES: Final = (
    Rule(
        "bots.capacity", "bots", "bots.live", FROM, 10, 9, WARNING, BOTS, "bots",
        "No further bot can start until one ends; further requests queue.", "bots", depends=(ORCHESTRATION,),
    ),
    Rule(
        "bots.over-limit", "bots", "bots.over_limit", ABOVE, 0, 0, WARNING, BOTS, "sessions",
        "A session is longer in its state than it may be: look at it, stop it.", "bots", depends=(ORCHESTRATION,),
    ),
    Rule(
        "bots.ghosts", "bots", "bots.ghosts", ABOVE, 0, 0, CRITICAL, CONSOLE, "sessions",
        "A session says it is live and shows no sign of life: stop it.", "bots", depends=(ORCHESTRATION,),
    ),
    Rule(
        "bots.unhealthy", "bots", "bots.unhealthy", ABOVE, 0, 0, CRITICAL, BOTS, "sessions",
        "Look at the events of the sessions that are unhealthy.", "bots", depends=(ORCHESTRATION,),
    ),
    Rule(
        "bots.failed", "bots", "bots.failed", ABOVE, 0, 0, WARNING, CONSOLE, "sessions",
        "Sessions failed within the hour: read their errors.", "bots",
        window="an hour", depends=(ORCHESTRATION,),
    ),
    Rule(
        "bots.error-rate", "bots", "bots.error_percent", ABOVE, 5, 4, WARNING, BOTS, "%",
        "Many events are errors: see which sessions and stages they come from.", "bots",
        window="5 minutes", depends=(ORCHESTRATION,),
    ),
    Rule(
        SERVICES, "bots", "services.failures", FROM, 3, 0, CRITICAL, BOTS, "failures in a row",
        "A service that bots need does not answer: restart it.", "service-down",
    ),
    Rule(
        "bots.service-slow", "bots", "services.response_ms", ABOVE, 5_000, 4_000, WARNING, BOTS, "ms",
        "A service answers slowly: look at its load.", "service-down",
        depends=(SERVICES,),
    ),
    Rule(
        "bots.cpu", "bots", "machine.cpu", ABOVE, 80, 75, WARNING, BOTS, "%",
        "The machine's processors are busy: move bots, or start no more.", "machine", for_s=30,
    ),
    Rule(
        "bots.memory", "bots", "machine.memory", ABOVE, 80, 75, WARNING, BOTS, "%",
        "The machine's memory is nearly used up: find the process that grows.", "machine", for_s=30,
    ),
)  # fmt: skip

DRAFTING_RULES: Final = (
    Rule(
        "drafting.limit", "drafting", "drafting.calls_left", BELOW, 1, 1, WARNING, DRAFTING, "calls",
        "Wait a minute: the calls to the model are used up.", "model-down", window="a minute", depends=(MODEL,),
    ),
)  # fmt: skip

WORK: Final = (*MIGRATIONS, *RUNS, *BOT_RULES, *DRAFTING_RULES)
