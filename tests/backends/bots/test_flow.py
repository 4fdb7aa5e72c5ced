"""A session's pipeline, audio and ranges over a real Postgres, ghosts and strays."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.bots.audio import as_checked, checked_files, file_findings
from backends.bots.audio_files import FileState
from backends.bots.audio_models import MODELS, violations
from backends.bots.cursors import Cursor
from backends.bots.live_tail import LiveTail
from backends.bots.managers.api import ServiceApi
from backends.bots.managers.model import RunningBot, ServiceView
from backends.bots.managers.unified import UnifiedBotManager
from backends.bots.masked import masked
from backends.bots.model import Children, SessionRow
from backends.bots.page import SessionPage, Tail
from backends.bots.processes import strays
from backends.bots.rules import judged
from backends.bots.service import BotsService
from backends.bots.unmasking import Sight
from backends.clients.errors import NotThere
from backends.clients.http import HttpClient
from tests.backends.bots.conftest import Store, ago
from tests.orchestration import canned

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


async def audio(store: Store, id_: str, **values: Any) -> str:
    given = {
        "filename": "a.wav", "file_path": "/nowhere/here/a.wav", "file_size": 10, "file_hash": "00",
        "mime_type": "audio/wav", "duration": 3.0, "sample_rate": 16_000, "channels": 1,
        "start_time": ago(40), "end_time": ago(37),
    }  # fmt: skip
    return await store.insert("audio_files", session_id=id_, **{**given, **values})


async def test_the_pipeline_counts_loss_and_lag_at_each_arrow(store: Store, bots: BotsService) -> None:
    id_ = await store.session(target_languages='["es"]')
    files = [await audio(store, id_) for _ in range(4)]
    lines = [
        await store.line(id_, at=ago(60 - 10 * n), end_time=ago(60 - 10 * n), audio_file_id=files[n]) for n in range(3)
    ]
    await store.line(id_, "buenos días", at=ago(20), end_time=ago(20), language="es")
    for line in lines[:2]:
        await store.insert(
            "translations", session_id=id_, transcript_id=line, original_text="a", translated_text="b",
            source_language="en", target_language="es", start_time=ago(55), end_time=ago(50),
        )  # fmt: skip
    pipeline = (await bots.flow(id_)).pipeline
    assert [(step.name, step.number) for step in pipeline.steps] == [
        ("audio", 4), ("transcript", 4), ("translation", 2), ("correlation", 0),
    ]  # fmt: skip
    first, second, third = pipeline.arrows
    assert (first.lost, first.of, first.loss) == (1, 4, 0.25)
    # The Spanish line needs no translation into Spanish.
    assert (second.lost, second.of) == (1, 3)
    assert second.lag_s == pytest.approx(30, abs=1)
    assert (third.lost, third.of, third.lag_s) == (4, 4, None)


@pytest.mark.parametrize(
    ("languages", "linked", "lost", "of"), [('["es", "fr"]', 4, 4, 8), ('["es"]', 0, None, 4), ('["es"]', 2, 0, 4)]
)
async def test_a_language_that_is_never_translated_to_is_lost_and_what_names_no_line_is_not_known(
    store: Store, bots: BotsService, languages: str, linked: int, lost: int | None, of: int
) -> None:
    id_ = await store.session(target_languages=languages)
    for number in range(4):
        line = await store.line(id_, at=ago(50 - number))
        await store.insert(
            "translations", session_id=id_, transcript_id=line if number < linked else None, original_text="a",
            translated_text="b", source_language="en", target_language="es",
        )  # fmt: skip
    arrow = (await bots.flow(id_)).pipeline.arrows[1]
    assert (arrow.lost, arrow.of) == (lost, of)


async def test_stages_chunks_and_windows_come_from_the_three_metrics_tables(store: Store, bots: BotsService) -> None:
    id_ = await store.session()
    for n in range(100):
        await store.insert(
            "processing_metrics", session_id=id_, total_processing_time_ms=float(n), real_time_factor=n / 100,
            chunk_id=f"c{n}", stages_bypassed='["vad"]' if n < 7 else "[]",
            performance_warnings='["slow"]' if n < 3 else None, stages_with_errors='["agc"]' if n == 0 else "[]",
        )  # fmt: skip
        await store.connection.execute(
            "INSERT INTO stage_metrics (session_id, stage_name, stage_order, processing_time_ms, status, "
            "target_latency_ms, latency_target_met) VALUES ($1, 'vad', 1, $2, $3, 20, $4)",
            id_, float(n), "BYPASSED" if n >= 90 else "ERROR" if n == 0 else "COMPLETED", n <= 20,
        )  # fmt: skip
    await store.connection.execute(
        "INSERT INTO processing_statistics (time_window_minutes, window_start, window_end, total_chunks, "
        "p95_processing_time_ms) VALUES (5, now() - interval '5 min', now(), 10, 88), "
        "(5, '2020-01-01', '2020-01-01', 1, 1)"
    )
    pipeline = (await bots.flow(id_)).pipeline
    assert pipeline.stages is not None
    assert pipeline.chunks is not None
    assert pipeline.windows is not None
    (stage,) = pipeline.stages
    assert (stage.name, stage.number, stage.late, stage.bypassed, stage.errors) == ("vad", 100, 79, 10, 1)
    assert stage.p95_ms == pytest.approx(84.6)
    assert stage.p99_ms == pytest.approx(88.1, abs=0.1)
    chunks = pipeline.chunks
    assert (chunks.number, chunks.bypassed, chunks.warnings, chunks.errors) == (100, 7, 3, 1)
    assert chunks.factor_p95 == pytest.approx(0.94, abs=0.01)
    assert [(window.minutes, window.chunks, window.p95_ms) for window in pipeline.windows] == [(5, 10, 88.0)]


async def test_an_empty_session_and_missing_tables_have_a_flow_too(store: Store, bots: BotsService) -> None:
    id_ = await store.session()
    flow = await bots.flow(id_)
    assert [step.number for step in flow.pipeline.steps] == [0, 0, 0, 0]
    assert (flow.audio.files, flow.audio.findings, flow.missing) == ((), (), ())
    await store.connection.execute("DROP TABLE stage_metrics, processing_statistics, translations, audio_files CASCADE")
    flow = await BotsService(bots._postgres).flow(id_)
    assert [step.number for step in flow.pipeline.steps] == [None, 0, None, 0]
    assert (flow.pipeline.stages, flow.pipeline.windows, flow.audio.files) == (None, None, None)
    assert any("the table audio_files does not exist" in sentence for sentence in flow.missing)
    with pytest.raises(NotThere):
        await bots.flow("nope")


async def test_what_breaks_a_range_is_a_finding_with_its_number(store: Store, bots: BotsService) -> None:
    config = '{"audio_config": {"chunk_duration": 99}, "streaming": {"bot_session_id": "s", "source_type": "radio"}}'
    id_ = await store.session(session_metadata=config)
    await audio(store, id_)
    await audio(store, id_, sample_rate=4_000)
    await audio(store, id_, duration=30.0, session_metadata='{"processing_status": "lost"}')
    await store.insert(
        "correlations", session_id=id_, external_source="x", external_text="x", external_timestamp=NOW,
        internal_source="x", internal_text="x", internal_timestamp=NOW, confidence=0.4,
        session_metadata='{"correlation_type": "guessed", "start_timestamp": 9, "end_timestamp": 3}',
    )  # fmt: skip
    await store.insert(
        "processing_metrics", session_id=id_, total_processing_time_ms=-1.0, output_quality_score=float("nan")
    )
    await store.insert("processing_metrics", session_id=id_, chunk_id="c", total_processing_time_ms=1.0)
    await store.connection.execute(
        "INSERT INTO stage_metrics (session_id, chunk_id, stage_name, stage_order, processing_time_ms, status) "
        "VALUES ($1, 'c', 'vad', 1, 1, 'MELTED'), ($1, 'c', 'vad', 1, 1, 'BYPASSED')",
        id_,
    )
    said = [finding.what for finding in (await bots.flow(id_)).audio.findings]
    assert [each.split(" break ")[0] for each in said] == [
        "2 of 3 audio files", "1 of 1 correlations", "2 of 4 results", "1 of 2 chunks", "1 of 1 scores",
        "1 of 1 configuration", "1 of 1 stream",
    ]  # fmt: skip
    assert any("chunk_duration is 99, from 0.5 to 10 may be" in each for each in said)
    assert "correlation_type" in said[1]


async def test_files_are_compared_with_their_rows(store: Store, bots: BotsService, tmp_path: Path) -> None:
    id_, folder = await store.session(), tmp_path / "audio" / "s"
    folder.mkdir(parents=True)
    for name in ("good", "other", "short"):
        (folder / name).write_bytes(b"12345" if name != "short" else b"1")
    (folder / "link").symlink_to(folder / "good")
    good = hashlib.sha256(b"12345").hexdigest()
    expected = {
        "good": FileState.INTACT, "other": FileState.OTHER_CONTENT, "short": FileState.OTHER_SIZE,
        "link": FileState.NO_FILE, "gone": FileState.MISSING,
    }  # fmt: skip
    for name in expected:
        hash_ = "0" * 64 if name == "other" else good
        await audio(store, id_, filename=name, file_path=str(folder / name), file_size=5, file_hash=hash_)
    await audio(store, id_, filename="far", file_path="/no/such/disk/at/all/far.wav")
    files = await checked_files((await bots.flow(id_)).audio.files or ())
    assert {file.name: file.state for file in files} == expected | {"far": FileState.NOT_HERE}
    await audio(store, id_, filename="new")
    now = as_checked((await bots.flow(id_)).audio.files or (), files)
    assert {file.name: file.state for file in now} == expected | {"far": FileState.NOT_HERE, "new": None}
    assert sorted(finding.what for finding in file_findings(files)) == [
        "1 with missing: gone", "1 with no plain file: link", "1 with other content: other", "1 with other size: short",
    ]  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(MODELS)), st.data())
def test_no_value_whatever_crashes_a_model(model: str, data: st.DataObject) -> None:
    names = [field.name for field in MODELS[model].fields] + ["chunk_config", "started_at", "ended_at", "completed_at"]
    values = data.draw(st.dictionaries(st.sampled_from(names), JSON))
    assert all(isinstance(said, str) and said for said in violations(model, values))


def test_there_are_seven_models_and_the_defaults_hold() -> None:
    assert len(MODELS) == 7
    assert violations("AudioChunkingConfig", {}) == ()
    assert violations("AudioChunkingConfig", {"buffer_duration": 10**400})[0].endswith("no number")
    assert violations("AudioChunkingConfig", {"overlap_duration": 2.0, "chunk_duration": 1.0}) == (
        "overlap_duration is not less than chunk_duration",
    )
    chunk = {"session_id": "s", "file_path": "p", "file_name": "n", "file_size": 0, "duration_seconds": 1.0}
    assert violations("AudioChunkMetadata", chunk) == ()
    assert violations("AudioChunkMetadata", {**chunk, "chunk_start_time": 5.0, "chunk_end_time": 5.0}) == (
        "chunk_end_time is not after chunk_start_time", "duration_seconds is 1, from start to end it is 0.00",
    )  # fmt: skip


@pytest.mark.parametrize("type_", ["json", "jsonb"])
async def test_what_metadata_says_is_read_and_a_bad_one_costs_its_own_row_only(
    store: Store, bots: BotsService, type_: str
) -> None:
    """json.dumps writes both of the bad ones, and Postgres stores them as JSON; it can't take them apart."""
    await store.connection.execute(
        f"ALTER TABLE bot_sessions ALTER session_metadata TYPE {type_} USING session_metadata::text::{type_}"
    )
    values = r'"extended_s": 3600, "audio_config": {"chunk_duration": 99, "name": "a\u0000b \ud800"}}'
    bad = [r'{"by": "a\u0000b", ' + values, r'{"by": "\ud800", ' + values] if type_ == "json" else []
    fine = ['{"extended_s": "60"}', '{"other": {"extended_s": 9}}', '["extended_s"]', '{"extended_s": [1]}', None]
    made = [await store.session(session_metadata=text) for text in (*bad, *fine)]
    wanted = dict(zip(made, (*(3_600.0 for _ in bad), 60.0, 0.0, 0.0, 0.0, 0.0), strict=True))
    for looked in (await bots.list(), await bots.watch()):
        usual = looked.sessions[0].limit_s - wanted[looked.sessions[0].session_id]
        assert {each.session_id: each.limit_s - usual for each in looked.sessions} == wanted
    for id_ in made[: len(bad)]:
        (finding,) = (await bots.flow(id_)).audio.findings
        assert "chunk_duration is 99" in finding.what


def row(**values: Any) -> SessionRow:
    given = {
        "session_id": "s1", "bot_id": "b1", "meeting_id": "m", "title": "", "platform": "zoom", "raw_status": "active",
        "recovering": False, "created_at": NOW - timedelta(minutes=5), "started_at": NOW - timedelta(minutes=5),
        "ended_at": None, "target_languages": (), "transcribes": True, "error": "", "version": "7",
    }  # fmt: skip
    return SessionRow(**{**given, **values})


@pytest.mark.parametrize(
    ("runs", "status", "age_s", "ghost"),
    [
        (False, "active", 300, True),
        (False, "paused", 300, True),
        (False, "active", 5, False),
        (True, "active", 300, False),
        (False, "completed", 300, False),
        (False, "odd", 300, False),
        (None, "active", 300, False),
    ],
)
def test_a_ghost_says_that_it_lives_and_nothing_runs(runs: bool | None, status: str, age_s: float, ghost: bool) -> None:
    created = NOW - timedelta(seconds=age_s)
    found = judged(row(raw_status=status, created_at=created), Children(), NOW, runs)
    assert [finding.kind for finding in found.findings if finding.kind == "ghost"] == ["ghost"] * ghost


def test_a_stray_runs_without_a_live_session() -> None:
    def bot(name: str, status: str = "active", age: float = 600) -> RunningBot:
        return RunningBot(name, "", "m", "zoom", status, NOW - timedelta(seconds=age))

    view = ServiceView(NOW, (bot("lost"), bot("ended"), bot("fine"), bot("new", age=3), bot("over", "terminated")))
    known = [
        {"bot_id": "ended", "session_id": "s", "status": "completed"},
        {"bot_id": "fine", "session_id": "t", "status": "running"},
    ]
    assert [(each.bot_id, each.finding.what) for each in strays(view, known, NOW)] == [
        ("lost", "the service runs it, and no session tells of it"),
        ("ended", "the service runs it, and its session is completed"),
    ]


async def test_personal_data_is_masked_unless_the_sight_is_for_this_session_and_not_over(
    store: Store, bots: BotsService
) -> None:
    id_ = await store.session(meeting_title="Ana, 030 / 12 34 567")
    await store.line(id_, "call Ana on +49 30 1234567", speaker_name="Ana Ruiz")
    await store.insert("participants", session_id=id_, name="Ana Ruiz", email="ana.ruiz@example.com")
    await store.event(
        id_, event_data='{"caller": "Bo Li", "why": "Ana Ruiz left, +49 30 1234567", "bytes": 1234567890}'
    )

    async def seen(sight: Sight | None) -> tuple[SessionPage, Tail]:
        return await bots.session(id_, sight), await bots.tail(id_, sight=sight)

    def told(page: SessionPage, tail: Tail) -> tuple[str, ...]:
        line, person, event = tail.lines[0], (page.participants or ())[0], (page.events or ())[0]
        return line.speaker, line.text, person.name, person.email, event.data

    data = '{"why": "A•••• R•••• left, ••••", "bytes": 1234567890, "caller": "B•••• L••••"}'
    hidden = ("A•••• R••••", "call Ana on ••••", "A•••• R••••", "a••••@example.com", data)
    for sight in (None, Sight("another", 1e12), Sight(id_, 0.0)):
        page, tail = await seen(sight)
        assert told(page, tail) == hidden
        assert page.session.title == "Ana, ••••"
    page, tail = await seen(Sight(id_, 1e12))
    assert told(page, tail)[:4] == ("Ana Ruiz", "call Ana on +49 30 1234567", "Ana Ruiz", "ana.ruiz@example.com")
    assert "Bo Li" in told(page, tail)[4]
    assert told(masked(page), masked(tail))[:4] == hidden[:4]
    assert "Bo Li" not in repr(masked(page))


async def test_a_megabyte_of_escapes_and_five_thousand_people(store: Store, bots: BotsService) -> None:
    id_ = await store.session()
    await store.line(id_, "\x1b[2J\u202e[@click=app.quit]x" * 50_000)
    columns = ["session_id", "name"]
    await store.connection.copy_records_to_table(
        "participants", records=[(id_, f"P{n}") for n in range(5_000)], columns=columns
    )
    line = (await bots.tail(id_)).lines[0]
    assert len(line.text) < 700
    assert not {"\x1b", "\u202e"} & set(line.text)
    page = await bots.session(id_)
    assert (page.session.participants, len(page.participants or ()), page.more_participants) == (5_000, 200, True)


async def test_times_without_a_zone_are_utc_everywhere(store: Store, bots: BotsService) -> None:
    for table, columns in {
        "bot_sessions": ("created_at", "started_at", "ended_at"),
        "transcripts": ("start_time", "end_time"),
        "audio_files": ("start_time", "end_time", "created_at"),
        "session_events": ("timestamp",),
    }.items():
        changes = ", ".join(f"ALTER {each} TYPE timestamp USING {each} AT TIME ZONE 'UTC'" for each in columns)
        await store.connection.execute(f"ALTER TABLE {table} {changes}")
    id_, at = str(uuid4()), ago(100).replace(tzinfo=None)
    await store.connection.execute(
        "INSERT INTO bot_sessions (session_id, bot_id, meeting_id, status, created_at, started_at) "
        "VALUES ($1, 'b', 'm', 'active', $2, $2)",
        id_, at,
    )  # fmt: skip
    for n in range(30):
        await store.connection.execute(
            "INSERT INTO transcripts (session_id, text, language, source, start_time) VALUES ($1, $2, 'en', 'x', $3)",
            id_, str(n), at + timedelta(seconds=n),
        )  # fmt: skip
    (session,) = (await bots.list()).sessions
    assert session.age_s == pytest.approx(100, abs=5)
    assert session.last_word_at is not None
    assert session.last_word_at.tzinfo is not None
    tail = LiveTail(bots, id_)
    assert [line.text for line in (await tail.read()).lines] == [str(n) for n in range(29, -1, -1)]
    await store.connection.execute(
        "INSERT INTO transcripts (session_id, text, language, source, start_time) VALUES ($1, 'new', 'en', 'x', $2)",
        id_, at + timedelta(seconds=40),
    )  # fmt: skip
    assert (await tail.read()).lines[0].text == "new"
    first = await bots.tail(id_, 10)
    assert first.next is not None
    assert (await bots.tail(id_, 10, Cursor.parse(first.next))).lines[0].text == "20"
    assert (await bots.flow(id_)).pipeline.steps[1].number == 31


async def test_a_silent_service_slows_nobody_down_and_is_named(store: Store, bots: BotsService) -> None:
    await store.session(created_at=ago(100))
    http = HttpClient()
    async with canned(silent=True) as service:
        watched = BotsService(bots._postgres, UnifiedBotManager(ServiceApi(http, service.url)))
        await watched.watch()
        await watched.watch()
        assert any(not task.done() for task in service.serving), "it waited until the service was given up"
        page = await watched.list()
        assert any("no answer within 3 s" in sentence for sentence in page.missing)
        assert [finding.kind for finding in page.sessions[0].findings] == []
    await http.aclose()


async def test_html_instead_of_bots_is_named_too(store: Store, bots: BotsService) -> None:
    http = HttpClient()
    async with canned(body="<html>") as service:
        page = await BotsService(bots._postgres, UnifiedBotManager(ServiceApi(http, service.url))).list()
        assert any("bad answer" in sentence for sentence in page.missing)
    await http.aclose()
