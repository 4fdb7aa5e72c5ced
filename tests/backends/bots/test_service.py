"""The sessions as a real Postgres has them: sums, pages, missing parts, nasty text."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from backends.bots.cursors import Cursor
from backends.bots.model import Session
from backends.bots.page import Line
from backends.bots.queries import sql
from backends.bots.service import LIVE_LIMIT, NEWEST_LIMIT, BotsService
from backends.clients.errors import AccessDenied, NotThere
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PoolLimits, PostgresTarget
from backends.sampling.jsonable import to_json
from tests.backends.bots.conftest import QUICK, Store, ago
from tests.nasty import NASTY

STORABLE = {name: text for name, text in NASTY.items() if name not in {"nul", "lone surrogate"}}
"""Postgres refuses the other two itself."""
DANGEROUS = "\x1b\x07\x9b\x9d\u202e\u2066\u200b\x00"


async def test_each_child_is_summed_on_its_own(store: Store, bots: BotsService) -> None:
    """Two audio files of 10 s beside five transcripts are 20 s, not 100."""
    id_ = await store.session(created_at=ago(100), ended_at=ago(40), status="ended")
    for number in range(2):
        await store.insert(
            "audio_files", session_id=id_, filename="a", file_path="/a", file_size=100, file_hash=f"h{number}",
            mime_type="audio/wav", duration=10.0,
        )  # fmt: skip
    lines = [await store.line(id_, f"word  two\n{number}", speaker_id=f"s{number % 2}") for number in range(5)]
    for line in lines[:4]:
        await store.insert(
            "translations", session_id=id_, transcript_id=line, original_text="a", translated_text="b",
            source_language="en", target_language="es", quality_score=0.5,
        )  # fmt: skip
    for confidence in (0.9, 0.7, 0.69):
        await store.insert(
            "correlations", session_id=id_, external_source="x", external_text="a", external_timestamp=ago(1),
            internal_source="y", internal_text="a", internal_timestamp=ago(1), confidence=confidence,
        )  # fmt: skip
    for _ in range(3):
        await store.insert("participants", session_id=id_, name="Ana")
    totals = await bots.statistics(id_)
    assert (totals.total_audio_files, totals.total_audio_duration, totals.total_audio_size) == (2, 20.0, 200)
    assert (totals.total_transcripts, totals.total_words, totals.total_translations) == (5, 15, 4)
    assert (totals.total_participants, totals.total_correlations) == (3, 3)
    assert (totals.translation_coverage, totals.translation_quality_score) == (0.8, 0.5)
    assert totals.correlation_accuracy == pytest.approx(2 / 3)
    assert totals.duration == pytest.approx(60, abs=0.1)
    assert (totals.unique_speakers, totals.speaker_distribution) == (2, {"s0": 3, "s1": 2})


async def test_statistics_have_the_columns_of_their_table(store: Store, bots: BotsService) -> None:
    columns = await store.connection.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'session_statistics'"
    )
    totals = await bots.statistics(await store.session())
    assert set(json.loads(to_json(totals))) == {record["column_name"] for record in columns}


async def test_words_are_counted_as_python_splits_them(store: Store, bots: BotsService) -> None:
    texts = ["one", " two  words ", "", "   ", "tab\tand\nline\r\nfeed", "a" * 5_000, "日本 語"]
    ids = [await store.session() for _ in texts]
    for id_, text in zip(ids, texts, strict=True):
        await store.line(id_, text)
    sessions = {session.session_id: session.words for session in (await bots.watch()).sessions}
    assert [sessions[id_] for id_ in ids] == [len(text.split()) for text in texts]


async def test_a_second_look_counts_what_was_said_since(store: Store, bots: BotsService) -> None:
    id_ = await store.session(created_at=ago(4_000))
    await store.line(id_, "long ago", at=ago(3_000))
    await store.line(id_, "without a time", start_time=None)
    await store.line(id_, "just now")
    await store.event(id_, timestamp=ago(3_000))
    assert [session.words for session in (await bots.watch()).sessions] == [7]
    await store.line(id_, "three words more", language="es")
    await store.event(id_, severity="error")
    session = (await bots.watch()).sessions[0]
    assert (session.words, session.lines, session.languages) == (10, 4, ("en", "es"))
    assert session.health.factors[0].why == "1 of 1 events are errors"


async def test_a_row_says_all_that_it_knows(store: Store, bots: BotsService) -> None:
    id_ = await store.session(
        bot_id="bot-7", meeting_title="Weekly", bot_type="zoom", status="recording", recovering=True,
        created_at=ago(120), started_at=ago(90), target_languages='["es", "de"]',
    )  # fmt: skip
    await store.event(id_, event_type="status_change", timestamp=ago(30), event_data='{"to": "recording"}')
    await store.insert("participants", session_id=id_, name="Ana")
    await store.insert("processing_metrics", session_id=id_, total_processing_time_ms=3_000.0)
    session = (await bots.watch()).sessions[0]
    assert (session.bot_id, session.title, session.platform) == ("bot-7", "Weekly", "zoom")
    assert (session.status, session.recovering, session.participants) == ("active", True, 1)
    assert session.target_languages == ("de", "es")
    assert session.age_s == pytest.approx(120, abs=5)
    assert session.in_state_s == pytest.approx(30, abs=5)
    assert [factor.name for factor in session.health.factors if factor.score == 0.5] == ["latency"]


async def test_an_unknown_status_shows_as_itself_and_is_found(store: Store, bots: BotsService) -> None:
    await store.session(status="Exploded")
    snapshot = await bots.watch()
    assert snapshot.sessions[0].status == "Exploded"
    assert snapshot.counts["Exploded"] == 1
    assert [finding.kind for finding in snapshot.sessions[0].findings] == ["unknown status"]
    assert len((await bots.list(status="Exploded")).sessions) == 1


async def test_pages_hold_each_session_once_newest_first(store: Store, bots: BotsService) -> None:
    same = ago(500)
    made = [await store.session(created_at=ago(number) if number < 5 else same) for number in range(12)]
    seen: list[Session] = []
    cursor: Cursor | None = None
    while True:
        page = await bots.list(limit=5, after=cursor)
        seen += page.sessions
        if page.next is None:
            break
        cursor = Cursor.parse(page.next)
    assert sorted(session.session_id for session in seen) == sorted(made)
    assert [session.created_at for session in seen] == sorted((each.created_at for each in seen), reverse=True)


async def test_a_page_of_one_status_takes_all_its_words(store: Store, bots: BotsService) -> None:
    for status in ("running", "RECORDING", "ended", "failed", "active"):
        await store.session(status=status)
    page = await bots.list(status="active", limit=2)
    assert len(page.sessions) == 2
    rest = await bots.list(status="active", limit=2, after=Cursor.parse(page.next or ""))
    assert len(rest.sessions) == 1
    assert rest.next is None
    assert page.counts == {
        "pending": 0, "starting": 0, "active": 3, "paused": 0, "stopping": 0, "completed": 1, "failed": 1,
    }  # fmt: skip


async def test_the_screen_sees_old_live_sessions_and_new_ended_ones(store: Store, bots: BotsService) -> None:
    await store.connection.execute(
        """
        INSERT INTO bot_sessions (bot_id, meeting_id, status, created_at, started_at, ended_at)
        SELECT 'b' || i, 'm', CASE WHEN i > 4980 THEN 'active' ELSE 'ended' END, now() - i * interval '1 min',
               now() - i * interval '1 min', CASE WHEN i > 4980 THEN NULL ELSE now() END
        FROM generate_series(1, 5000) AS i
        """
    )
    snapshot = await bots.watch()
    live = [session for session in snapshot.sessions if session.status == "active"]
    assert len(live) == 20
    assert len(snapshot.sessions) == 20 + NEWEST_LIMIT
    assert (snapshot.total, snapshot.live) == (5000, 20)
    assert snapshot.live <= LIVE_LIMIT


async def test_watching_5000_sessions_reads_no_child_table_whole(store: Store, bots: BotsService) -> None:
    await store.connection.execute(
        """
        INSERT INTO bot_sessions (bot_id, meeting_id, status, created_at)
        SELECT 'b', 'm', CASE WHEN i % 100 = 0 THEN 'active' ELSE 'ended' END, now() - i * interval '1 min'
        FROM generate_series(1, 5000) AS i;
        INSERT INTO transcripts (session_id, text, language, source, start_time)
        SELECT session_id, 'a b', 'en', 'x', created_at FROM bot_sessions, generate_series(1, 10);
        INSERT INTO session_events (session_id, event_type, event_name, source, timestamp)
        SELECT session_id, 'pipeline', 'x', 'y', created_at FROM bot_sessions, generate_series(1, 10);
        ANALYZE;
        """
    )
    ids = [session.session_id for session in (await bots.watch()).sessions]
    assert len(ids) == 50 + NEWEST_LIMIT - 1
    asked: dict[str, list[tuple[Any, ...]]] = {
        "speech": [(ids, None, ago(300)), (ids, ago(300), None)],
        "activity": [(ids, None, ago(300), ["x"]), (ids, ago(300), None, ["x"])],
        "lines": [(ids[0], None, None, 50), (ids[0], ago(60), ids[0], 50)],
        "events": [(ids[0], 100)],
        "grave_events": [(ids[0], 100)],
        "severities": [(ids[0],)],
        "traces": [(ids[:3], ["b9"], ["m9"])],
        "changes": [(ids[0], ["x"], 100)],
        "newest": [(None, None, None, 50), (["active"], ago(600), ids[0], 50)],
    }
    for query, calls in asked.items():
        for arguments in calls:
            plan = await store.connection.fetch(f"EXPLAIN {sql(query)}", *arguments)
            assert not [line[0] for line in plan if "Seq Scan" in line[0]], (query, plan)


async def test_a_page_shows_all_of_a_session(store: Store, bots: BotsService) -> None:
    id_ = await store.session(created_at=ago(100), status="paused")
    for seconds, word in ((90, "spawning"), (80, "active"), (10, "paused")):
        data = json.dumps({"to": word})
        await store.event(id_, "status_changed", timestamp=ago(seconds), event_data=data)
    await store.event(id_, "chunk_received", severity="warning", event_data='{"chunk": 7}')
    await store.insert("participants", session_id=id_, name="Ana", email="ana.ruiz@example.com", speaking_time=3.5)
    page = await bots.session(id_)
    assert [span.status for span in page.timeline] == ["pending", "starting", "active", "paused"]
    assert page.session.in_state_s == pytest.approx(10, abs=5)
    assert page.participants is not None
    assert (page.participants[0].name, page.participants[0].email) == ("A••••", "a••••@example.com")
    assert page.events is not None
    assert page.events[0].name == "chunk_received"
    assert page.events[0].data == '{"chunk": 7}'
    assert page.missing == ()


async def test_a_grave_event_is_told_however_many_came_after_it(store: Store, bots: BotsService) -> None:
    id_ = await store.session()
    grave = [await store.event(id_, severity=word, timestamp=ago(900)) for word in ("critical", "Error", "odd")]
    for number in range(150):
        await store.event(id_, timestamp=ago(number))
    page = await bots.session(id_)
    assert len(page.events or ()) == 100
    assert {event.event_id for event in page.grave} == set(grave)
    assert page.severities == {"info": 150, "critical": 1, "error": 1, "odd": 1}


async def test_the_tail_pages_back_through_all_lines_once(store: Store, bots: BotsService) -> None:
    id_ = await store.session()
    same = ago(50)
    said = [await store.line(id_, str(n), at=same if n < 4 else ago(n)) for n in range(9)]
    said += [await store.line(id_, "untimed", start_time=None) for _ in range(3)]
    await store.insert(
        "translations", session_id=id_, transcript_id=said[8], original_text="8", translated_text="ocho",
        source_language="en", target_language="es",
    )  # fmt: skip
    seen: list[Line] = []
    cursor: Cursor | None = None
    while True:
        tail = await bots.tail(id_, 4, cursor)
        seen += tail.lines
        if tail.next is None:
            break
        cursor = Cursor.parse(tail.next)
    assert sorted(line.transcript_id for line in seen) == sorted(said)
    assert [line.at is None for line in seen] == [False] * 9 + [True] * 3
    assert {line.text: [each.text for each in line.translations] for line in seen}["8"] == ["ocho"]


async def test_nasty_text_arrives_safe_and_masked(store: Store, bots: BotsService) -> None:
    password = "postgresql://ops:hunter22pass@db/x refused; ask eve@example.com"
    for text in STORABLE.values():
        id_ = await store.session(
            bot_id=text[:255], meeting_title=text[:500], bot_type=text[:50], status=text[:50], error_message=text,
            target_languages=json.dumps([text[:20]]),
        )  # fmt: skip
        await store.line(id_, text, language=text[:10], speaker_name=text[:255])
        await store.event(id_, text[:255], event_type=text[:50], severity=text[:20], event_data=json.dumps({"t": text}))
        await store.insert("participants", session_id=id_, name=text[:255], email=text[:255])
        page, tail = await bots.session(id_), await bots.tail(id_)
        told = repr((page, tail, await bots.statistics(id_)))
        assert not set(DANGEROUS) & set(told)
        assert len(tail.lines[0].text) < 600
    await store.session(error_message=password)
    told = repr(await bots.watch())
    assert not set(DANGEROUS) & set(told)
    assert "hunter22pass" not in told
    assert "eve@example.com" not in told


async def test_a_line_of_a_megabyte_is_cut_and_its_length_said(store: Store, bots: BotsService) -> None:
    id_ = await store.session()
    await store.line(id_, "word " * 200_000)
    line = (await bots.tail(id_)).lines[0]
    assert line.text.endswith("… +999,500 characters")
    assert (await bots.watch()).sessions[0].words == 200_000


@pytest.mark.parametrize(
    "id_", ["", "nonsense", "1", "7f3f0a4e-5a2c-4d0e-9b6e-2f1c8a9d0b11", "'; DROP TABLE bot_sessions; --"]
)
async def test_a_session_that_is_not_there(store: Store, bots: BotsService, id_: str) -> None:
    with pytest.raises(NotThere, match="There is no session"):
        await bots.session(id_)
    with pytest.raises(NotThere):
        await bots.statistics(id_)


async def test_an_empty_table(store: Store, bots: BotsService) -> None:
    snapshot = await bots.watch()
    assert (snapshot.sessions, snapshot.total, snapshot.live, snapshot.next) == ((), 0, 0, None)
    assert (await bots.list()).sessions == ()


async def test_an_empty_database_says_what_it_lacks(bots: BotsService) -> None:
    for ask in (bots.watch(), bots.list(), bots.session(str(uuid4()))):
        with pytest.raises(NotThere, match="the table bot_sessions does not exist"):
            await ask


async def test_an_older_model_a_is_shown_as_far_as_it_goes(store: Store, bots: BotsService) -> None:
    """Times without a zone, no flag, no children but one that lacks a column."""
    await store.connection.execute(
        """
        DROP TABLE processing_metrics, correlations, translations, session_events, participants CASCADE;
        ALTER TABLE transcripts DROP COLUMN language;
        ALTER TABLE bot_sessions DROP COLUMN recovering, DROP COLUMN enable_transcription;
        ALTER TABLE bot_sessions ALTER COLUMN created_at TYPE timestamp, ALTER COLUMN started_at TYPE timestamp,
            ALTER COLUMN target_languages TYPE json;
        """
    )
    made = []
    for seconds in (100, 200, 300):
        at = ago(seconds)
        made.append(str(uuid4()))
        await store.connection.execute(
            "INSERT INTO bot_sessions (session_id, bot_id, meeting_id, status, created_at)"
            " VALUES ($1, 'b', 'm', 'active', $2)",
            made[-1], at.replace(tzinfo=None),
        )  # fmt: skip
    snapshot = await bots.watch()
    session = snapshot.sessions[0]
    assert session.age_s == pytest.approx(100, abs=5)
    assert (session.recovering, session.words, session.participants, session.health.state.value) == (
        None, None, None, "unknown",
    )  # fmt: skip
    assert "bot_sessions.recovering does not exist: no telling whether a bot is recovering" in snapshot.missing
    assert "transcripts.language does not exist: no telling words, languages and the last word" in snapshot.missing
    assert "the table participants does not exist: no telling the number of participants" in snapshot.missing
    first = await bots.list(limit=2)
    rest = await bots.list(limit=2, after=Cursor.parse(first.next or ""))
    assert [each.session_id for each in (*first.sessions, *rest.sessions)] == made
    page = await bots.session(made[0])
    assert (page.events, page.participants) == (None, None)
    assert (await bots.tail(made[0])).lines == ()
    assert (await bots.statistics(made[0])).total_correlations is None


async def test_a_table_that_goes_or_comes_is_noticed(store: Store, bots: BotsService) -> None:
    await store.session()
    assert (await bots.watch()).sessions[0].participants == 0
    await store.connection.execute("ALTER TABLE participants RENAME TO away")
    with pytest.raises(NotThere):
        await bots.watch()
    assert (await bots.watch()).sessions[0].participants is None


async def test_many_looks_at_once_count_the_same(store: Store, bots_database: str) -> None:
    id_ = await store.session(created_at=ago(2_000))
    for seconds in (1_900, 1_000, 1):
        await store.line(id_, at=ago(seconds))
    client = PostgresClient(PostgresTarget(bots_database, "X"), PoolLimits(max=4, min=0))
    service = BotsService(client)
    looks = await asyncio.gather(*(service.watch() for _ in range(12)))
    assert {look.sessions[0].words for look in looks} == {9}
    await client.aclose()


async def test_what_may_not_be_read_is_said(store: Store, bots_database: str) -> None:
    await store.session()
    role = f"reader_{uuid4().hex[:8]}"
    await store.connection.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'pw-of-{role}'; GRANT SELECT ON bot_sessions, transcripts TO {role}"
    )
    host = bots_database.split("@")[-1]
    client = PostgresClient(PostgresTarget(f"postgresql://{role}:pw-of-{role}@{host}", "X"), QUICK)
    try:
        snapshot = await BotsService(client).watch()
        assert len(snapshot.sessions) == 1
        assert any("participants.session_id may not be read" in sentence for sentence in snapshot.missing)
        await store.connection.execute(f"REVOKE SELECT ON bot_sessions FROM {role}")
        with pytest.raises((NotThere, AccessDenied)):
            await BotsService(client).watch()
    finally:
        await client.aclose()
        await store.connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_clock_that_is_ahead_makes_no_negative_age(store: Store, bots: BotsService) -> None:
    id_ = await store.session(created_at=ago(-3_600))
    await store.line(id_, at=ago(-3_600) + timedelta(seconds=1))
    session = (await bots.watch()).sessions[0]
    assert (session.age_s, session.quiet_s, session.last_word_s) == (0.0, 0.0, 0.0)
