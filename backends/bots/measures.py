"""What rules judge of bot sessions and of the services that bots need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from backends.bots.model import Activity, Health, Session, Sessions, Status
from backends.bots.monitor import ServiceHealth
from backends.bots.summary import is_current
from backends.sampling.measure import Absent, Measure, measured

FAILED: Final = Status.FAILED.value

_COUNTED: Final[tuple[tuple[str, Callable[[Session], bool]], ...]] = (
    ("bots.over_limit", lambda each: any(finding.kind == "over limit" for finding in each.findings)),
    ("bots.ghosts", lambda each: any(finding.kind == "ghost" for finding in each.findings)),
    ("bots.unhealthy", lambda each: each.health.state is Health.UNHEALTHY and each.status != FAILED),
    ("bots.failed", lambda each: each.status == FAILED),
)
"""Measure → whether a session that is live, or ended within the hour, counts for it."""


def session_measures(sessions: Sessions, events: Activity | None) -> tuple[Measure, ...]:
    """How many sessions are live, over a limit, ghosts, unhealthy, failed; the share of errors among the events."""
    current = [each for each in sessions.sessions if is_current(each)]
    counts = (_counted(name, [each for each in current if counts(each)]) for name, counts in _COUNTED)
    blind = sessions.live and all(each.health.state is Health.UNKNOWN for each in current)
    unknown = (Measure.missing("bots.unhealthy", Absent.NO_DATA, "nothing tells their health"),) if blind else ()
    return (measured("bots.live", sessions.live, what=f"{sessions.live} live"), *counts, *unknown, _errors(events))


def _counted(name: str, found: Sequence[Session]) -> Measure:
    newest = f"{found[0].title or found[0].session_id}" if found else ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return measured(name, len(found), what=f"{newest}{more}")


def _errors(events: Activity | None) -> Measure:
    if events is not None and not events.events:
        return Measure.missing("bots.error_percent", Absent.NOTHING, "no events in 5 minutes")
    rate = None if events is None or events.error_rate is None else round(100.0 * events.error_rate, 2)
    what = f"{events.errors} of {events.events} events" if events else "this database has no events to read"
    return measured("bots.error_percent", rate, what=what)


def service_measures(services: Iterable[ServiceHealth]) -> tuple[Measure, ...]:
    """Each service's failures in a row and its last answer's time."""
    return tuple(measure for service in services for measure in _of_service(service))


def _of_service(service: ServiceHealth) -> Iterator[Measure]:
    if not service.configured:
        yield Measure.missing("services.failures", Absent.NOT_CONFIGURED, subject=service.name)
        yield Measure.missing("services.response_ms", Absent.NOT_CONFIGURED, subject=service.name)
        return
    why = service.last_error or "" if service.failures else ""
    yield measured("services.failures", service.failures, service.name, why)
    yield measured("services.response_ms", service.response_ms, service.name, why)
