"""The list of bots in lines, rows and parts: values in, words out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime

from backends.bots.managers.model import BotRequest
from backends.bots.model import FaultCount, Session, Sessions, Stray
from backends.bots.monitor import HealthReport
from backends.bots.service import LIVE_LIMIT, NEWEST_LIMIT
from backends.bots.socket import SocketState
from screens import bot_words
from widgets.grid import Column, Row
from widgets.tone import Part, Tone

STRAY = "stray:"
"""Keys of rows begin so that tell of a bot without a session."""

FIRST = ("active", "starting", "pending", "paused", "stopping", "failed", "completed")
"""The order in which the numbers by status are told; unknown words follow."""

COLUMNS = (
    Column("status", 11),
    Column("age", 5, "right"),
    Column("in state", 9, "right"),
    Column("health", 12),
    Column("on", 7, drop=4),
    Column("people", 6, "right", drop=3),
    Column("words", 6, "right"),
    Column("spoke", 5, "right", drop=5),
    Column("languages", 9, drop=6),
    Column("finding", 19),
    Column("bot, title", 11, flexible=True),
)


def service_line(report: HealthReport, age: Sequence[Part]) -> list[Part]:
    """The worst of the services, each that is configured, worst first, and the names of those that are not."""
    parts = [Part("services "), bot_words.health_part(report.overall), *age]
    for service in sorted(report.services, key=lambda each: -each.health.rank):
        parts += [Part("  "), *bot_words.service_parts(service)] if service.configured else []
    others = ", ".join(service.name for service in report.services if not service.configured)
    return [*parts, Part(f"  – not configured: {others}", Tone.MUTED)] if others else parts


def error_parts(report: HealthReport) -> list[Part]:
    """The last error of each service that fails now, the worst first."""
    failing = [service for service in report.services if service.failures and service.last_error]
    parts: list[Part] = []
    for service in sorted(failing, key=lambda each: -each.health.rank):
        parts += [Part(f"{service.name}: ", Tone.CRITICAL), Part(f"{service.last_error}  ", Tone.MUTED)]
    return parts


def scope(snapshot: Sessions) -> str:
    """Which sessions are read, where that isn't all.

    >>> from datetime import UTC, datetime
    >>> scope(Sessions(datetime(2026, 1, 2, tzinfo=UTC), (), {"active": 700, "completed": 900}, None, ()))
    ' (newest 500 of 700 live + newest 100)'
    """
    if len(snapshot.sessions) >= snapshot.total:
        return ""
    live = f"newest {LIVE_LIMIT} of {snapshot.live} live" if snapshot.live > LIVE_LIMIT else "live"
    return f" ({live} + newest {NEWEST_LIMIT})"


def count_parts(snapshot: Sessions, changed: Mapping[str, int]) -> list[Part]:
    """The number of sessions of each status, those without any left out, unknown words last; by how much it changed."""
    words = [*FIRST, *sorted(word for word in snapshot.counts if word not in FIRST)]
    parts: list[Part] = []
    for word in words:
        if snapshot.counts.get(word) or word == "active":
            symbol, tone = bot_words.STATUS_MARKS.get(word, bot_words.UNKNOWN_STATUS)
            change = f" {changed[word]:+,}" if changed.get(word) else ""
            parts.append(Part(f"{symbol} {snapshot.counts.get(word, 0):,}{change} {word}  ", tone))
    recovering = sum(bool(session.recovering) for session in snapshot.sessions)
    return [*parts, Part(f"↻ {recovering} recovering", Tone.WARNING)] if recovering else parts


def missing_parts(missing: tuple[str, ...]) -> list[Part]:
    """What this database can't tell: the first, and how many more there are."""
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    return [Part(f"▲ {missing[0]}{more}", Tone.WARNING)] if missing else []


def fault_parts(faults: Sequence[FaultCount]) -> list[Part]:
    """The failures of the last day by side, and whether the last hour has more of them than usual."""
    parts = [Part("failed in 24 h  ", Tone.MUTED)] if faults else []
    for fault in faults:
        arrow = {1: "↑", -1: "↓", 0: "→"}[fault.trend]
        tone = Tone.WARNING if fault.trend > 0 else Tone.PLAIN
        parts.append(Part(f"{fault.side.value} {fault.day:,} {arrow} ({fault.hour:,} in 1 h)  ", tone))
    return parts


def socket_parts(state: SocketState | None) -> list[Part]:
    """The service's WebSocket."""
    if state is None:
        return []
    connected = state is SocketState.CONNECTED
    return [Part(f"  {'●' if connected else '◌'} websocket {state.value}", Tone.MUTED if connected else Tone.WARNING)]


def request_plan(request: BotRequest) -> list[tuple[Part, ...]]:
    """What is asked for, in lines."""
    return [
        (Part(request.meeting_url, Tone.ACCENT),),
        (Part(f"a {request.platform} bot, translating to {', '.join(request.languages) or 'nothing'}"),),
        (Part(request.title or "no title", Tone.MUTED),),
    ]


def request_command(request: BotRequest) -> str:
    """The headless equivalent.

    >>> request_command(BotRequest("zoom", "9", "https://zoom.us/j/9", "Our budget", ("es", "fr")))
    "bots request https://zoom.us/j/9 --platform zoom --language es --language fr --title 'Our budget'"
    """
    words = ["bots", "request", request.meeting_url, "--platform", request.platform]
    words += [word for language in request.languages for word in ("--language", language)]
    return shlex.join([*words, "--title", request.title] if request.title else words)


def row(session: Session, now: datetime) -> Row:
    """A session as a row of the table."""
    return Row(
        session.session_id,
        (
            bot_words.status_part(session.status, session.recovering),
            bot_words.coarse(session.age_s),
            bot_words.in_state_part(session, now),
            bot_words.health_part(session.health.state),
            bot_words.PLATFORMS.get(session.platform, session.platform),
            bot_words.number(session.participants),
            bot_words.number(session.words),
            bot_words.coarse(session.last_word_s) if session.lines else Part("–", Tone.MUTED),
            bot_words.languages(session),
            bot_words.finding_part(session.findings, session.fault),
            f"{session.bot_id} {session.title}",
        ),
    )


def stray_row(stray: Stray) -> Row:
    """A bot without a session as a row of the table."""
    unknown = bot_words.NO_DATA
    return Row(
        STRAY + stray.bot_id,
        (
            Part("? no row", Tone.NO_DATA),
            bot_words.coarse(stray.age_s),
            unknown,
            Part("? unknown", Tone.NO_DATA),
            bot_words.PLATFORMS.get(stray.platform, stray.platform),
            unknown,
            unknown,
            unknown,
            unknown,
            bot_words.finding_part((stray.finding,)),
            f"{stray.bot_id} {stray.meeting_id}",
        ),
    )
