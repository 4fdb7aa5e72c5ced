"""One simulated bot session: its steps from arrival to end, each a few rows in one transaction."""

from __future__ import annotations

import json
import os
import random
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncpg

from console.demo import bots_family, bots_rows, sound
from console.demo.bots_rows import Row
from console.demo.bots_seed import FAILURES, SIMULATED

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

UTTERANCES: Final = (15, 70)
"""How much is said in one session."""
AUDIO_EVERY: Final = 4
"""Utterances between two stored audio files."""
AUDIO: Final = Path(os.environ["OLORIN_DEMO_AUDIO"]) if os.environ.get("OLORIN_DEMO_AUDIO") else None
"""Where audio files are written; None for nowhere."""
WINDOWS: Final = Path(__file__).with_name("simulated_windows.sql").read_text()
"""Counts the service's pipeline, as it does by itself once a minute."""
_STATISTICS: Final = Path(__file__).with_name("simulated_statistics.sql").read_text()


@dataclass(frozen=True, slots=True)
class Live:
    """What the service remembers of a session; `left` utterances before it ends.

    requested: somebody asked for it, so that nobody comes in its place. over: it has ended.
    """

    session: Row
    left: int
    said: int = 0
    requested: bool = False
    over: bool = False
    people: list[Row] = field(default_factory=list)
    audio: uuid.UUID | None = None


def _chance() -> random.Random:
    """For rows: ids must differ from those of every earlier run on the same data."""
    return random.Random()


async def insert(connection: Connection, table: str, *rows: Row) -> None:
    """Insert rows that all have the same columns; none is fine."""
    if rows:
        columns = ", ".join(rows[0])
        marks = ", ".join(f"${number}" for number in range(1, len(rows[0]) + 1))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
        await connection.executemany(statement, [tuple(row.values()) for row in rows])


async def live(connection: Connection, pace: random.Random) -> list[Live]:
    """The sessions that an earlier run or the seed left live."""
    found = await connection.fetch(
        "SELECT * FROM bot_sessions WHERE bot_id LIKE $1 AND ended_at IS NULL ORDER BY bot_id", f"{SIMULATED}%"
    )
    return [await _resumed(connection, dict(session), pace) for session in found]


async def _resumed(connection: Connection, session: Row, pace: random.Random) -> Live:
    people = await connection.fetch("SELECT * FROM participants WHERE session_id = $1", session["session_id"])
    return Live(session, pace.randrange(*UTTERANCES), people=[dict(person) for person in people])


async def arrive(connection: Connection, pace: random.Random, **given: Any) -> Live:
    """A new session, requested a moment ago; `given` columns are as somebody asked for them."""
    highest = await connection.fetchval(
        "SELECT max(substr(bot_id, 5)::int) FROM bot_sessions WHERE bot_id ~ $1", f"^{SIMULATED}[0-9]+$"
    )
    now = datetime.now(UTC)
    bot_id = f"{SIMULATED}{(highest or 0) + 1:04}"
    session = bots_rows.session(_chance(), bot_id, "pending", now, started_at=None, **given)
    await insert(connection, "bot_sessions", session)
    await insert(connection, "session_events", _change(session, now, "", "pending"))
    return Live(session, pace.randrange(*UTTERANCES))


async def step(connection: Connection, live: Live, pace: random.Random) -> Live:
    """The session's next small thing; a session that ends gives its place to a new one."""
    if live.session["recovering"]:
        return await _recover(connection, live, pace)
    match live.session["status"]:
        case "pending":
            return await turned(connection, live, "starting")
        case "starting":
            return await _join(connection, live, pace)
        case "paused":
            return await turned(connection, live, "active") if pace.random() < 0.2 else live
        case "stopping":
            return await _leave(connection, live, "completed", pace)
    if live.left <= 0:
        return await turned(connection, live, "stopping")
    thrown = pace.random()
    if thrown < 0.025:
        return await _trouble(connection, live)
    if thrown < 0.045:
        return await turned(connection, live, "paused")
    return await _speak(connection, live, pace)


def _change(session: Row, when: datetime, before: str, after: str) -> Row:
    event = bots_rows.event(_chance(), session["session_id"], when, "lifecycle", "status_change")
    return event | {"event_data": json.dumps({"from": before, "to": after})}


async def _set(connection: Connection, live: Live, **values: Any) -> Live:
    columns = ", ".join(f"{column} = ${number}" for number, column in enumerate(values, start=2))
    statement = f"UPDATE bot_sessions SET {columns} WHERE session_id = $1"
    await connection.execute(statement, live.session["session_id"], *values.values())
    return replace(live, session=live.session | values)


async def turned(connection: Connection, live: Live, status: str, **values: Any) -> Live:
    """The session in another status, with the event that tells of it."""
    now, before = datetime.now(UTC), live.session["status"]
    await insert(connection, "session_events", _change(live.session, now, before, status))
    return await _set(connection, live, status=status, **values)


async def _join(connection: Connection, live: Live, pace: random.Random) -> Live:
    now, session_id = datetime.now(UTC), live.session["session_id"]
    people = [bots_rows.participant(_chance(), session_id, now, number) for number in range(pace.randrange(2, 7))]
    await insert(connection, "participants", *people)
    started = bots_rows.event(_chance(), session_id, now, "milestone", "session_started")
    await insert(connection, "session_events", started)
    return replace(await turned(connection, live, "active", started_at=now), people=people)


async def _speak(connection: Connection, live: Live, pace: random.Random) -> Live:
    """Somebody says something; it is translated, and now and then audio, an event and metrics are stored."""
    now, chance, audio = datetime.now(UTC), _chance(), live.audio
    if live.said % AUDIO_EVERY == 0:
        audio = await _store_audio(connection, live, now)
    spoken = bots_rows.transcript(chance, live.session, live.people, now - timedelta(seconds=4), audio)
    await insert(connection, "transcripts", spoken)
    await insert(connection, "translations", *bots_family.translations(chance, live.session, spoken))
    if pace.random() < 0.2:
        await insert(connection, "correlations", bots_rows.correlation(chance, spoken))
    return replace(live, said=live.said + 1, left=live.left - 1, audio=audio)


async def _store_audio(connection: Connection, live: Live, now: datetime) -> uuid.UUID:
    session_id, chance = live.session["session_id"], _chance()
    file = bots_rows.audio_file(chance, session_id, now - timedelta(seconds=60), live.said // AUDIO_EVERY)
    if AUDIO is not None:
        file |= sound.store(AUDIO, session_id, file["filename"], chance)
        file["end_time"] = file["start_time"] + timedelta(seconds=file["duration"])
    await insert(connection, "audio_files", file)
    chunk, stages = bots_rows.processing(chance, session_id, now, live.said)
    await insert(connection, "processing_metrics", chunk)
    await insert(connection, "stage_metrics", *stages)
    await insert(connection, "session_events", bots_rows.event(chance, session_id, now, "pipeline", "chunk_received"))
    stored: uuid.UUID = file["file_id"]
    return stored


async def _trouble(connection: Connection, live: Live) -> Live:
    now, session_id = datetime.now(UTC), live.session["session_id"]
    await insert(
        connection, "session_events", bots_rows.event(_chance(), session_id, now, "error", "recovery_started", "error")
    )
    return await _set(connection, live, recovering=True, error_message="no audio for 30 s")


async def _recover(connection: Connection, live: Live, pace: random.Random) -> Live:
    """It tries a few times; mostly it comes back, sometimes it fails for good."""
    thrown, now = pace.random(), datetime.now(UTC)
    if thrown < 0.12:
        return await _leave(connection, live, "failed", pace)
    recovered = thrown > 0.6
    name, severity = ("bot_recovered", "info") if recovered else ("recovery_failed", "error")
    event = bots_rows.event(_chance(), live.session["session_id"], now, "error", name, severity)
    await insert(connection, "session_events", event)
    return await _set(connection, live, recovering=False, error_message=None) if recovered else live


async def _leave(connection: Connection, live: Live, status: str, pace: random.Random) -> Live:
    """End the session, let the oldest simulated one of the same end go, and welcome a new one."""
    now, session_id = datetime.now(UTC), live.session["session_id"]
    kind, severity = ("milestone", "info") if status == "completed" else ("error", "critical")
    gone = await connection.fetch(
        "DELETE FROM bot_sessions WHERE session_id = (SELECT session_id FROM bot_sessions "
        "WHERE bot_id LIKE $1 AND status = $2 ORDER BY ended_at LIMIT 1) RETURNING session_id",
        f"{SIMULATED}%",
        status,
    )
    if AUDIO is not None:
        sound.remove(AUDIO, (row["session_id"] for row in gone))
    await insert(
        connection, "session_events", bots_rows.event(_chance(), session_id, now, kind, "session_ended", severity)
    )
    error = pace.choice(FAILURES) if status == "failed" else None
    await turned(connection, live, status, ended_at=now, recovering=False, error_message=error)
    await connection.execute("UPDATE participants SET left_at = $2 WHERE session_id = $1", session_id, now)
    await connection.execute(_STATISTICS, session_id)
    return replace(live, over=True) if live.requested else await arrive(connection, pace)
