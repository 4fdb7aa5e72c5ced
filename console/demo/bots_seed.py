"""Bot sessions of the last days with all that belongs to them, a few still live, and the faults planted among them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from console.demo import bots_family, bots_rows, words
from console.demo.bots_family import Rows
from console.demo.seeding import Fault, Size, dice

SIMULATED: Final = "sim-"
"""Bot ids that begin so belong to the service that lives on them; all others it never touches."""
SIMULATED_COMPLETED: Final = 4
SIMULATED_FAILED: Final = 2
FAILURES: Final = (
    "the meeting ended before the bot was admitted",
    "browser crashed: out of memory",
    "speech service refused the stream: 429",
    "no audio for 300 s",
)
STRAY: Final = "bot-stray"
"""A bot that the service runs and no table knows of."""
UNKNOWN_STATUS: Final = "hibernating"
LEGACY: Final = ("ended", "terminated", "stopped")
"""Words of the old vocabularies for a session that is over."""


@dataclass(slots=True)
class Bots:
    """All rows, and what was planted in them."""

    rows: Rows = field(default_factory=lambda: defaultdict(list))
    faults: list[Fault] = field(default_factory=list)

    def add(self, family: Rows) -> None:
        for table, rows in family.items():
            self.rows[table] += rows


def live_sessions(size: Size) -> int:
    """How many simulated sessions are live at any moment."""
    return max(3, min(40, size.rows(6)))


def bots(size: Size, now: datetime) -> Bots:
    seed = Bots()
    for number in range(size.rows(44, least=8)):
        seed.add(_ended(f"bot-{number:04}", now))
    failed = size.rows(6, least=2)
    for number in range(failed):
        seed.add(_failed(f"bot-failed-{number}", now))
    _simulated(seed, size, now)
    _plant(seed, now)
    seed.rows["processing_statistics"] = bots_family.windows(dice("windows"), seed.rows["processing_metrics"], now)
    seed.faults += [
        Fault("failed.bot_sessions", failed + SIMULATED_FAILED, "status failed, with error_message and error events"),
        Fault("live.bot_sessions", live_sessions(size), f"the service's: bot_id begins with {SIMULATED}, not ended"),
        Fault("rows.orchestration.bot_sessions", len(seed.rows["bot_sessions"]), "as one comes, one goes"),
    ]
    return seed


def _plant(seed: Bots, now: datetime) -> None:
    seed.add(_ghost(now))
    seed.rows["bot_sessions"].append(_empty(now))
    seed.add(_ended("bot-unknown", now, UNKNOWN_STATUS))
    seed.add(_out_of_range(now))
    endless = _ended("bot-endless", now)
    endless["bot_sessions"][0]["ended_at"] = None
    seed.add(endless)
    for word in LEGACY:
        seed.add(_ended(f"bot-{word}", now, word))
    for number, nasty in enumerate(words.NASTY):
        family = _ended(f"bot-nasty-{number}", now, said=nasty)
        family["bot_sessions"][0]["meeting_title"] = nasty
        seed.add(family)
    seed.faults += [
        Fault("ghost.bot_sessions", 1, "active without a sign of life for more than an hour (bot-ghost)"),
        Fault("stray.orchestration", 1, f"the service runs {STRAY}, and no session tells of it"),
        Fault("empty.bot_sessions", 1, "completed, and nothing belongs to it (bot-empty)"),
        Fault("out_of_range.audio_files", 1, "a sample rate of 4,000 Hz, where 8,000 is the least (bot-ranges)"),
        Fault("out_of_range.correlations", 1, "a confidence of 1.4 (bot-ranges)"),
        Fault("unknown_status.bot_sessions", 1, f"status {UNKNOWN_STATUS!r}, in no vocabulary (bot-unknown)"),
        Fault("no_end.bot_sessions", 1, "completed without ended_at (bot-endless)"),
        Fault("legacy_status.bot_sessions", len(LEGACY), f"words of old vocabularies: {', '.join(LEGACY)}"),
        Fault("nasty.bot_sessions.meeting_title", len(words.NASTY), "markup, escapes, bidi controls, mojibake"),
        Fault("nasty.transcripts.text", len(words.NASTY), "the same, said once each"),
    ]


def _ended(bot_id: str, now: datetime, status: str = "completed", said: str | None = None) -> Rows:
    """A session of the last seven days that is over, with everything that it left."""
    chance = dice(f"session/{bot_id}")
    length = timedelta(minutes=chance.randrange(12, 80))
    end = now - timedelta(minutes=chance.randrange(30, 7 * 24 * 60))
    session = bots_rows.session(chance, bot_id, status, end - length, ended_at=end)
    return bots_family.ended(chance, session, end, said)


def _failed(bot_id: str, now: datetime) -> Rows:
    """It tried to recover three times, a minute apart."""
    family = _ended(bot_id, now, "failed")
    (session,) = family["bot_sessions"]
    chance, end = dice(f"failure/{bot_id}"), session["ended_at"]
    session["error_message"] = chance.choice(FAILURES)
    for minutes in (3, 2, 1):
        when = end - timedelta(minutes=minutes)
        family["session_events"].append(
            bots_family.event(chance, session, when, "error", "recovery_failed", "error"),
        )
    family["session_events"].append(bots_family.event(chance, session, end, "error", "bot_error", "critical"))
    return family


def _ghost(now: datetime) -> Rows:
    """Its last sign of life is more than an hour old."""
    chance = dice("ghost")
    session = bots_rows.session(chance, "bot-ghost", "active", now - timedelta(hours=3))
    return bots_family.conversation(chance, session, now - timedelta(minutes=65), utterances=20)


def _out_of_range(now: datetime) -> Rows:
    family = _ended("bot-ranges", now)
    family["audio_files"][0]["sample_rate"] = 4_000
    family["correlations"][0]["confidence"] = 1.4
    return family


def _empty(now: datetime) -> bots_rows.Row:
    hour = timedelta(hours=1)
    return bots_rows.session(dice("empty"), "bot-empty", "completed", now - 6 * hour, ended_at=now - 5 * hour)


def _simulated(seed: Bots, size: Size, now: datetime) -> None:
    """What the service goes on with: sessions that it may let go, and live ones."""
    for number in range(SIMULATED_COMPLETED):
        seed.add(_ended(f"{SIMULATED}done-{number}", now))
    for number in range(SIMULATED_FAILED):
        seed.add(_failed(f"{SIMULATED}failed-{number}", now))
    for number in range(live_sessions(size)):
        chance = dice(f"live/{number}")
        created = now - timedelta(minutes=chance.randrange(5, 50))
        session = bots_rows.session(chance, f"{SIMULATED}{number:04}", "active", created)
        seed.add(bots_family.conversation(chance, session, now, utterances=chance.randrange(6, 20)))
