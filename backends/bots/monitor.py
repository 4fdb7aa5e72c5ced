"""How a service's health follows from one probe after another: slow to condemn, slow to acquit. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from backends.bots.model import Health

FAILURES_UNHEALTHY: Final = 3
"""Failures in a row that make a service unhealthy."""

SUCCESSES_RECOVERING: Final = 2
"""Answers in a row after which an unhealthy service is recovering."""

SUCCESSES_HEALTHY: Final = 4
"""Answers in a row after which it is healthy again."""

SLOW_MS: Final = 5_000.0
"""Milliseconds from which an answer makes a service degraded, until one is faster."""


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """A service as its probes found it.

    response_ms is the last answer's time (None where the last probe had none), failures and successes are in a row,
    last_error stays after a recovery. configured is False where no variable names the service: it counts for nothing.
    """

    name: str
    health: Health = Health.UNKNOWN
    response_ms: float | None = None
    failures: int = 0
    successes: int = 0
    last_error: str | None = None
    configured: bool = True

    @property
    def status(self) -> str:
        """The health's word, or "not configured"."""
        return self.health.value if self.configured else "not configured"


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All services, and the worst of those that are configured; unknown where none is."""

    overall: Health
    services: tuple[ServiceHealth, ...]


def answered(before: ServiceHealth, response_ms: float) -> ServiceHealth:
    """The service after an answer.

    >>> service = ServiceHealth("whisper", Health.UNHEALTHY, failures=3)
    >>> for _ in range(4):
    ...     service = answered(service, 10.0)
    ...     print(service.health.value)
    unhealthy
    recovering
    recovering
    healthy
    """
    successes = before.successes + 1
    if before.health in {Health.UNHEALTHY, Health.RECOVERING} and successes < SUCCESSES_HEALTHY:
        health = Health.RECOVERING if successes >= SUCCESSES_RECOVERING else Health.UNHEALTHY
    else:
        health = Health.DEGRADED if response_ms > SLOW_MS else Health.HEALTHY
    return replace(before, health=health, response_ms=response_ms, failures=0, successes=successes, configured=True)


def failed(before: ServiceHealth, error: str) -> ServiceHealth:
    """The service after a probe without a good answer.

    >>> before = (Health.HEALTHY, Health.UNKNOWN)
    >>> [failed(ServiceHealth("x", health, failures=1), "no").health.value for health in before]
    ['degraded', 'unknown']
    """
    failures = before.failures + 1
    if failures >= FAILURES_UNHEALTHY or before.health in {Health.UNHEALTHY, Health.RECOVERING}:
        health = Health.UNHEALTHY
    else:
        health = Health.UNKNOWN if before.health is Health.UNKNOWN else Health.DEGRADED
    return replace(
        before,
        health=health,
        response_ms=None,
        failures=failures,
        successes=0,
        last_error=error,
        configured=True,
    )


def not_configured(name: str) -> ServiceHealth:
    """A service that no variable names."""
    return ServiceHealth(name, configured=False)


def overall(services: Iterable[ServiceHealth]) -> Health:
    """The worst of the configured services.

    >>> overall([ServiceHealth("a", Health.HEALTHY), ServiceHealth("b", Health.DEGRADED), not_configured("c")]).value
    'degraded'
    """
    configured = [service.health for service in services if service.configured]
    return max(configured, key=lambda health: health.rank, default=Health.UNKNOWN)
