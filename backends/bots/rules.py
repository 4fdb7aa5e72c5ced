"""How a session is judged: its health as the worst of four factors, and what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from statistics import fmean
from typing import Final

from backends.bots.faults import side_of
from backends.bots.model import (
    ENDED,
    BotHealth,
    Children,
    Factor,
    Finding,
    Health,
    Session,
    SessionRow,
    Status,
    latest,
)
from backends.bots.status import in_state_since, is_recovering, shown_status, status_of
from backends.sampling.state import State

ERROR_RATE: Final = 0.05
"""Share of errors among the events above which a bot is unhealthy."""

ERRORS_UNHEALTHY: Final = 3
"""Errors at least for that: one or two among few events are no rate yet, and make it degraded; so do those of a
session that ended in good order all the same."""

LATENCY_S: Final = 2.0
"""Seconds of processing a chunk from which a bot is degraded."""

INACTIVE_S: Final = 300.0
"""Seconds without a sign of life from which a bot is degraded."""

GHOST_S: Final = 900.0
"""Seconds without a sign of life from which a session that says it is live has probably no process behind it."""

GRACE_S: Final = 15.0
"""Seconds in which a session and its process may know nothing of each other, at its beginning and its end."""

TIME_LIMITS_S: Final = {"google_meet": 14_400.0}
"""How long a platform's sessions may run, in seconds."""

OTHER_TIME_LIMIT_S: Final = 3_600.0
"""The same for every other platform: the generic manager runs them."""

CHANGE_LIMITS_S: Final = {Status.STARTING: 60.0, Status.STOPPING: 60.0}
"""How long a session may be on its way into or out of a call, in seconds."""

BANDS: Final = ((0.95, "excellent"), (0.80, "good"), (0.60, "degraded"), (0.40, "poor"), (0.0, "critical"))
"""The platform's words for a health score, each from a score on."""


def judged(row: SessionRow, children: Children, now: datetime, runs: bool | None = None) -> Session:
    """The session as it is shown at `now` (the server's clock).

    runs: whether the service says that it runs this session's bot; None where it could not be asked.
    """
    speech, quiet_s = children.speech, _since(now, sign_of_life(children))
    changed_at = children.activity.changed_at if children.activity else None
    in_state_s = _since(now, in_state_since(row, changed_at))
    last_word_at = speech.last_at if speech else None
    return Session(
        session_id=row.session_id,
        bot_id=row.bot_id,
        meeting_id=row.meeting_id,
        title=row.title,
        platform=row.platform,
        status=shown_status(row.raw_status),
        recovering=is_recovering(row),
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        age_s=max((now - row.created_at).total_seconds(), 0.0),
        in_state_s=in_state_s,
        quiet_s=quiet_s,
        participants=children.participants,
        lines=speech.lines if speech else None,
        words=speech.words if speech else None,
        last_word_at=last_word_at,
        last_word_s=_since(now, last_word_at),
        languages=speech.languages if speech else (),
        target_languages=row.target_languages,
        error=row.error,
        health=bot_health(row, children, now),
        findings=tuple(findings(row, children, in_state_s, now, runs)),
        version=row.version,
        fault=side_of(row.error) if status_of(row.raw_status) is Status.FAILED else None,
        limit_s=time_limit_s(row),
    )


def sign_of_life(children: Children) -> datetime | None:
    """When the bot last did anything that can be seen; None where nothing was seen."""
    spoken = children.speech.last_at if children.speech else None
    return latest(spoken, children.activity.last_at if children.activity else None)


def bot_health(row: SessionRow, children: Children, now: datetime) -> BotHealth:
    """The worst of the factors that are known; unknown where nothing but the status is."""
    measured = (_errors(row, children), _latency(row, children), _activity(row, children, now))
    factors = (*measured, _status(row))
    known = [factor for factor in factors if factor.score is not None]
    state = max((factor.health for factor in known), key=lambda health: health.rank, default=Health.UNKNOWN)
    if all(factor.score is None for factor in measured) or factors[-1].score is None:
        state = max(state, Health.UNKNOWN, key=lambda health: health.rank)
    score = health_score(known)
    return BotHealth(state, score, band(score), factors)


def health_score(known: list[Factor]) -> float | None:
    """The mean of the known factors' scores, or the worst's where one is unhealthy; None where none is known."""
    if not known:
        return None
    unhealthy = [factor.score or 0.0 for factor in known if factor.health is Health.UNHEALTHY]
    return round(min(unhealthy) if unhealthy else fmean(factor.score or 0.0 for factor in known), 3)


def band(score: float | None) -> str:
    """The platform's word for a score of 0 to 1.

    >>> [band(score) for score in (1.0, 0.95, 0.8, 0.41, 0.1, None)]
    ['excellent', 'excellent', 'good', 'poor', 'critical', 'no data']
    """
    return "no data" if score is None else next(word for least, word in BANDS if score >= least)


def _errors(row: SessionRow, children: Children) -> Factor:
    seen = children.activity if status_of(row.raw_status) in ENDED else children.recent
    if seen is None or seen.error_rate is None:
        return Factor("errors", Health.UNKNOWN, None, "no data: no events")
    why = f"{seen.errors} of {seen.events} events are errors"
    if seen.error_rate <= ERROR_RATE:
        return Factor("errors", Health.HEALTHY, 1.0, why)
    many = seen.errors >= ERRORS_UNHEALTHY and status_of(row.raw_status) is not Status.COMPLETED
    return Factor("errors", Health.UNHEALTHY if many else Health.DEGRADED, 0.3, why)


def _latency(row: SessionRow, children: Children) -> Factor:
    if status_of(row.raw_status) in ENDED:
        return Factor("latency", Health.UNKNOWN, None, "ended")
    if children.latency_s is None:
        return Factor("latency", Health.UNKNOWN, None, "no data: none measured")
    bad = children.latency_s > LATENCY_S
    why = f"{children.latency_s:.2f} s a chunk, limit {LATENCY_S:g} s"
    return Factor("latency", Health.DEGRADED if bad else Health.HEALTHY, 0.5 if bad else 1.0, why)


def _activity(row: SessionRow, children: Children, now: datetime) -> Factor:
    status, seen = status_of(row.raw_status), sign_of_life(children)
    quiet_s = _since(now, seen)
    if status in ENDED or status is Status.PAUSED:
        return Factor("activity", Health.HEALTHY if seen else Health.UNKNOWN, 1.0 if seen else None, _rest(row, seen))
    if quiet_s is None and status is not Status.PENDING and _observable(children):
        # Nothing at all in tables that can be read: what counts is how long that has been so.
        quiet_s = _since(now, row.started_at or row.created_at)
    if quiet_s is None or (seen is None and quiet_s <= INACTIVE_S):
        return Factor("activity", Health.UNKNOWN, None, "no data: no sign of life yet")
    bad = quiet_s > INACTIVE_S
    # Told in whole minutes: a screen that shows it need not change with every second.
    length = minutes(quiet_s) if quiet_s >= 60 else "<1 min"
    why = f"last sign of life {length} ago" if seen else f"no sign of life in {length}"
    return Factor("activity", Health.DEGRADED if bad else Health.HEALTHY, 0.6 if bad else 1.0, why)


def _rest(row: SessionRow, seen: datetime | None) -> str:
    return shown_status(row.raw_status) if seen else "no data: nothing was ever seen"


def _status(row: SessionRow) -> Factor:
    status = status_of(row.raw_status)
    if status is None:
        return Factor("status", Health.UNKNOWN, None, f"the word {row.raw_status!r} is unknown")
    if status is Status.FAILED:
        return Factor("status", Health.UNHEALTHY, 0.1, "failed")
    if is_recovering(row):
        return Factor("status", Health.RECOVERING, 0.7, "recovering")
    return Factor("status", Health.HEALTHY, 1.0 if status is Status.ACTIVE else 0.7, status.value)


def time_limit_s(row: SessionRow) -> float:
    """How long the session may run, in seconds: its platform's limit, and what it was extended by."""
    return TIME_LIMITS_S.get(row.platform, OTHER_TIME_LIMIT_S) + row.extended_s


def findings(
    row: SessionRow, children: Children, in_state_s: float | None, now: datetime, runs: bool | None = None
) -> Iterator[Finding]:
    """What is wrong with the session, each with its evidence."""
    status = status_of(row.raw_status)
    if status is None:
        yield Finding("unknown status", State.WARNING, f"the status is {row.raw_status!r}, which no vocabulary has")
    yield from _ghost(row, children, now, runs)
    if status is Status.COMPLETED and _is_empty(row, children):
        never = row.started_at is None
        how = " without ever having started" if never else ", and not a word was transcribed"
        yield Finding("completed but empty", State.WARNING, f"it ended in good order{how}")
    if status in ENDED and row.ended_at is None:
        yield Finding("no end", State.WARNING, f"it is {status.value}, and ended_at is not set")
    yield from _over_limit(row, status, in_state_s, now)
    if row.error:
        yield Finding("error", State.CRITICAL if status is Status.FAILED else State.WARNING, row.error)


def _ghost(row: SessionRow, children: Children, now: datetime, runs: bool | None) -> Iterator[Finding]:
    status = status_of(row.raw_status)
    if runs is not None:
        # A session and its process don't begin at the same instant.
        young = (now - row.created_at).total_seconds() <= GRACE_S
        if status is not None and status not in ENDED and not runs and not young:
            yield Finding("ghost", State.CRITICAL, f"it says {status.value}, and the service runs no such bot")
        return
    if status not in {Status.STARTING, Status.ACTIVE, Status.STOPPING} or not _observable(children):
        return
    quiet_s = _since(now, sign_of_life(children) or row.started_at or row.created_at) or 0.0
    if quiet_s > GHOST_S:
        what = f"it says {status.value}, and no sign of life came for {minutes(quiet_s)}"
        yield Finding("ghost", State.CRITICAL, what)


def _is_empty(row: SessionRow, children: Children) -> bool:
    return row.transcribes and children.speech is not None and not children.speech.words


def _over_limit(row: SessionRow, status: Status | None, in_state_s: float | None, now: datetime) -> Iterator[Finding]:
    if status in CHANGE_LIMITS_S and in_state_s is not None and in_state_s > CHANGE_LIMITS_S[status]:
        limit = CHANGE_LIMITS_S[status]
        yield Finding("over limit", State.WARNING, f"{status.value} for {minutes(in_state_s)}, limit {limit:g} s")
    running_s = _since(now, row.started_at)
    limit = time_limit_s(row)
    if status not in {None, Status.PENDING, *ENDED} and running_s is not None and running_s > limit:
        yield Finding("over limit", State.WARNING, f"runs for {minutes(running_s)}, limit {minutes(limit)}")


def _observable(children: Children) -> bool:
    """Whether this database has the tables in which a sign of life would stand."""
    return children.speech is not None and children.activity is not None


def _since(now: datetime, then: datetime | None) -> float | None:
    """Seconds since then, never negative, since bots' clocks may be ahead; None where it isn't known."""
    return None if then is None else max((now - then).total_seconds(), 0.0)


def minutes(seconds: float) -> str:
    """A length of time in words.

    >>> minutes(59), minutes(60), minutes(14_400), minutes(200_000)
    ('59 s', '1 min', '4 h 00', '55 h 33')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    whole = int(seconds // 60)
    return f"{whole} min" if whole < 60 else f"{whole // 60} h {whole % 60:02}"
