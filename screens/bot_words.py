"""How bot sessions are told on screen: symbols, tones and lengths of time, shared by the list and a session's page."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from backends.bots.model import Finding, Health, Session, Side, Status
from backends.bots.monitor import ServiceHealth
from backends.bots.page import Span
from backends.bots.rules import CHANGE_LIMITS_S
from backends.bots.status import status_of
from backends.sampling.state import State
from widgets.panel import duration, minutes
from widgets.timeline import Stretch
from widgets.tone import STATE_MARKS, Part, Tone

STATUS_MARKS: Final = {
    Status.PENDING.value: ("◌", Tone.MUTED),
    Status.STARTING.value: ("◔", Tone.ACCENT),
    Status.ACTIVE.value: ("●", Tone.OK),
    Status.PAUSED.value: ("◐", Tone.PLAIN),
    Status.STOPPING.value: ("◕", Tone.ACCENT),
    Status.COMPLETED.value: ("✓", Tone.MUTED),
    Status.FAILED.value: ("✖", Tone.CRITICAL),
}
"""Status → symbol and tone; a word that is none of these is unknown."""

UNKNOWN_STATUS: Final = ("?", Tone.NO_DATA)

HEALTH_MARKS: Final = {
    Health.HEALTHY: ("●", Tone.OK),
    Health.RECOVERING: ("↻", Tone.WARNING),
    Health.DEGRADED: ("▲", Tone.WARNING),
    Health.UNKNOWN: ("?", Tone.NO_DATA),
    Health.UNHEALTHY: ("✖", Tone.CRITICAL),
}

_CELLS: Final = {
    Status.PENDING.value: "·",
    Status.STARTING.value: "░",
    Status.ACTIVE.value: "█",
    Status.PAUSED.value: "=",
    Status.STOPPING.value: "▒",
}
"""What a stretch of time is drawn with; the others use their symbol."""

NEAR: Final = 0.8
"""Share of a limit from which it is marked."""

PLATFORMS: Final = {"google_meet": "meet"}
"""Names that are too long for a column."""

NO_DATA: Final = Part("–", Tone.NO_DATA)


def status_part(status: str, recovering: bool | None = False) -> Part:
    """The status as symbol and word.

    >>> status_part("active").text, status_part("active", recovering=True).text, status_part("odd").text
    ('● active', '↻ active', '? odd')
    """
    symbol, tone = STATUS_MARKS.get(status, UNKNOWN_STATUS)
    return Part(f"↻ {status}", Tone.WARNING) if recovering else Part(f"{symbol} {status}", tone)


def health_part(health: Health) -> Part:
    """The health as symbol and word."""
    symbol, tone = HEALTH_MARKS[health]
    return Part(f"{symbol} {health.value}", tone)


def finding_part(findings: tuple[Finding, ...], fault: Side | None = None) -> Part:
    """The worst finding's kind, whose fault it is where that is known, and how many more there are."""
    if not findings:
        return Part("" if fault is None else f"fault: {fault.value}", Tone.MUTED)
    worst = max(findings, key=lambda finding: finding.severity.rank)
    side = f" ({fault.value})" if fault is not None and worst.kind == "error" else ""
    more = f" +{len(findings) - 1}" if len(findings) > 1 else ""
    return Part(f"{worst.kind}{side}{more}", STATE_MARKS[worst.severity][1])


def in_state_part(session: Session, now: datetime) -> Part:
    """How long it has been in its status; where that has a limit, beside it, and marked as it comes near."""
    limit_s, spent_s = limit(session, now)
    if session.in_state_s is None or limit_s is None or spent_s is None:
        return coarse(session.in_state_s)
    tone = Tone.WARNING if spent_s > limit_s else Tone.ACCENT if spent_s > NEAR * limit_s else Tone.PLAIN
    return Part(f"{coarse(session.in_state_s).text}/{short(limit_s)}", tone)


def limit(session: Session, now: datetime) -> tuple[float | None, float | None]:
    """The limit that counts in the session's status and what is spent of it, in seconds; None where there is none."""
    status = status_of(session.status)
    if status in CHANGE_LIMITS_S:
        return CHANGE_LIMITS_S[status], session.in_state_s
    if status in {Status.ACTIVE, Status.PAUSED} and session.started_at is not None:
        return session.limit_s, (now - session.started_at).total_seconds()
    return None, None


def short(seconds: float) -> str:
    """A limit in as few characters as it needs.

    >>> short(60), short(14_400), short(16_200)
    ('1m', '4h', '4h30')
    """
    return duration(seconds).removesuffix("00") if seconds % 3600 == 0 else duration(seconds)


def languages(session: Session) -> str:
    """From which languages into which."""
    return f"{','.join(session.languages) or '–'}→{','.join(session.target_languages) or '–'}"


def coarse(seconds: float | None) -> Part:
    """A length of time in minutes, where there is one."""
    return NO_DATA if seconds is None else Part(minutes(seconds))


def number(value: int | None) -> Part:
    """A number with its thousands set apart."""
    return NO_DATA if value is None else Part(f"{value:,}")


def service_parts(service: ServiceHealth) -> list[Part]:
    """A service in a few cells: symbol, name, and its answer's time or its failures."""
    symbol, tone = HEALTH_MARKS[service.health]
    name = Part(f"{symbol} {service.name}", tone)
    if service.failures:
        plural = "s" if service.failures > 1 else ""
        return [name, Part(f" {service.health.value}, {service.failures} failure{plural}", tone)]
    told = "" if service.health is Health.HEALTHY else f"{service.health.value} "
    took = service.response_ms or 0.0
    return [name, Part(f" {told}{'<1' if took < 1 else f'{took:.0f}'}ms", Tone.MUTED)]


def stretch(span: Span) -> Stretch:
    """A time in one status, to be drawn."""
    symbol, tone = STATUS_MARKS.get(span.status, UNKNOWN_STATUS)
    if span.recovering:
        symbol, tone = "↻", Tone.WARNING
    return Stretch(_CELLS.get(span.status, symbol) if not span.recovering else symbol, tone, span.seconds or 0.0)


def matches(session: Session, text: str) -> bool:
    """Whether a filter's text (lower case) stands anywhere in what tells a session apart."""
    found = (finding.kind for finding in session.findings)
    told = (session.session_id, session.bot_id, session.meeting_id, session.title, session.platform, session.status)
    return text in " ".join((*told, session.health.state.value, *session.languages, *found)).lower()


def severity_tone(severity: str) -> Tone:
    """The tone of an event's severity; any other word is shown as it is."""
    return {"error": Tone.CRITICAL, "critical": Tone.CRITICAL, "warning": Tone.WARNING, "debug": Tone.MUTED}.get(
        severity.lower(), Tone.PLAIN
    )


def state_tone(state: State) -> Tone:
    """The tone of a finding."""
    return STATE_MARKS[state][1]
