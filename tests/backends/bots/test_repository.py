"""The repository over a real Postgres: each group, its errors, its pages, and what one transaction leaves."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect

from backends.bots.audio_files import FileState
from backends.bots.cursors import Cursor
from backends.bots.model import Status
from backends.bots.repository import (
    BotSessionRepository,
    ChangedMeanwhile,
    ImpossibleChange,
    NoSuchRow,
    NotValid,
)
from backends.bots.repository.base import timed
from backends.bots.schema import Transcript
from backends.bots.tables import TABLES
from backends.clients.errors import AccessDenied, BackendError, CannotConnect, Refused
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget
from backends.safety.gate import Gate, Token
from tests.backends.bots.conftest import QUICK, Store, ago
from tests.backends.bots.gates import gate_in, token_for

CREATE, UPDATE = "bots.session_create", "bots.session_update"


class Kit:
    """A repository, and tokens for its acts."""

    def __init__(self, client: PostgresClient, gate: Gate) -> None:
        self.repository = BotSessionRepository(client)
        self.client = client
        self._gate = gate

    def token(self, act: str) -> AbstractAsyncContextManager[Token]:
        return token_for(self._gate, act, self.client.target.where)

    async def status(self, id_: str, status: Status, version: str = "") -> None:
        async with self.token(UPDATE) as token:
            await self.repository.session_update_status(token, id_, status, version=version)


@pytest.fixture
async def kit(bots_database: str, tmp_path: Path) -> AsyncIterator[Kit]:
    client = PostgresClient(PostgresTarget(bots_database, "ORCHESTRATION_DATABASE_URL"), QUICK)
    yield Kit(client, gate_in(tmp_path))
    await client.aclose()


async def test_a_session_keeps_its_id_and_its_server_defaults(kit: Kit) -> None:
    id_ = str(uuid4())
    async with kit.token(CREATE) as token:
        made = await kit.repository.session_create(token, "b", "m", session_id=id_, target_languages=["es", "en"])
    assert made == await kit.repository.session_get(id_)
    assert (made.session_id, made.raw_status, made.platform) == (id_, "pending", "google_meet")
    assert (made.recovering, made.target_languages, made.started_at) == (False, ("en", "es"), None)


async def test_every_way_out_sets_the_end_and_takes_the_flag_away(kit: Kit, store: Store) -> None:
    for end in (Status.COMPLETED, Status.FAILED):
        id_ = await store.session(status="running", recovering=True)
        await kit.status(id_, end)
        row = await kit.repository.session_get(id_)
        assert (row.raw_status, row.recovering) == (end.value, False)
        assert row.ended_at is not None
        with pytest.raises(ImpossibleChange, match=f"is {end.value} can't become active"):
            await kit.status(id_, Status.ACTIVE)


async def test_the_first_start_is_remembered(kit: Kit, store: Store) -> None:
    id_ = await store.session(status="starting", started_at=None)
    await kit.status(id_, Status.ACTIVE)
    started = (await kit.repository.session_get(id_)).started_at
    assert started is not None
    await kit.status(id_, Status.PAUSED)
    await kit.status(id_, Status.ACTIVE)
    assert (await kit.repository.session_get(id_)).started_at == started


async def test_a_change_is_bound_to_the_version_that_was_seen(kit: Kit, store: Store) -> None:
    id_ = await store.session()
    version = await kit.repository.session_version(id_)
    await store.line(id_)
    assert await kit.repository.session_version(id_) == version
    await kit.status(id_, Status.PAUSED, version)
    with pytest.raises(ChangedMeanwhile, match="it is paused now"):
        await kit.status(id_, Status.STOPPING, version)


async def test_of_two_who_stop_at_once_one_is_told_so(kit: Kit, store: Store) -> None:
    id_ = await store.session()
    version = await kit.repository.session_version(id_)
    stops = (kit.status(id_, Status.STOPPING, version) for _ in range(2))
    results = await asyncio.gather(*stops, return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["ChangedMeanwhile", "NoneType"]


async def test_columns_are_set_and_others_refused(kit: Kit, store: Store) -> None:
    id_ = await store.session()
    async with kit.token(UPDATE) as token:
        row = await kit.repository.session_update(token, id_, meeting_title="Budget", error_message="late")
        assert (row.title, row.error) == ("Budget", "late")
        with pytest.raises(NotValid, match="status"):
            await kit.repository.session_update(token, id_, status="active")


async def test_nothing_is_written_without_the_right_token(kit: Kit, store: Store) -> None:
    id_ = await store.session()
    async with kit.token(CREATE) as token:
        with pytest.raises(Refused):
            await kit.repository.session_update(token, id_, meeting_title="x")
    with pytest.raises(Refused, match="over"):
        await kit.repository.session_create(token, "b", "m")
    assert await store.connection.fetchval("SELECT count(*) FROM bot_sessions") == 1


async def test_what_the_tables_refuse_is_told(kit: Kit) -> None:
    async with kit.token(CREATE) as token:
        with pytest.raises(NotValid, match="too long"):
            await kit.repository.session_create(token, "b" * 300, "m")
    async with kit.token("bots.transcript_store") as token:
        with pytest.raises(NotValid, match="foreign key"):
            await kit.repository.transcript_store(token, str(uuid4()), "hello", "en", "whisper")


async def test_what_is_not_there_is_an_error_and_not_none(kit: Kit) -> None:
    for read in (
        kit.repository.session_get("nope"),
        kit.repository.session_get(str(uuid4())),
        kit.repository.audio_get(str(uuid4())),
        kit.repository.get_session_statistics(str(uuid4())),
    ):
        with pytest.raises(NoSuchRow, match="There is no"):
            await read


async def test_pages_hold_every_row_once_rows_without_a_time_last(kit: Kit, store: Store) -> None:
    id_ = await store.session()
    same = ago(30)
    made = [await store.line(id_, f"{n}", at=same if n % 3 else ago(10 + n)) for n in range(20)]
    untimed = [await store.insert("transcripts", session_id=id_, text="?", language="en", source="x") for _ in range(3)]
    read, after = [], None
    while True:
        page = await kit.repository.transcript_get_by_session(id_, limit=4, after=after)
        read += [row.transcript_id for row in page.rows]
        if page.next is None:
            break
        after = page.next
    assert sorted(read) == sorted(made + untimed)
    assert set(read[-3:]) == set(untimed)


async def test_an_index_gives_a_page_of_lines_its_order(store: Store) -> None:
    """The planner may still choose another way; with what sorts made dear, one that sorts shows that there is none."""
    await store.connection.execute("SET enable_sort = off; SET enable_incremental_sort = off; SET enable_seqscan = off")
    dialect = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]
    query = select(Transcript).where(Transcript.session_id == uuid4())
    for after in (None, Cursor(ago(500), str(uuid4()))):
        page = timed(query, Transcript.start_time, Transcript.transcript_id, after)
        assert page is not None
        text = str(page.limit(100).compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        plan = "\n".join(line[0] for line in await store.connection.fetch(f"EXPLAIN {text}"))
        assert "ix_transcripts_session_time" in plan
        assert "Sort" not in plan


async def test_live_sessions_are_all_that_have_not_ended_and_lists_take_every_word(kit: Kit, store: Store) -> None:
    live = {await store.session(status=word) for word in ("Running", "starting", "odd", "pausing")}
    ended = {await store.session(status=word) for word in ("ended", "ERROR", "completed")}
    assert {row.session_id for row in (await kit.repository.session_list_active()).rows} == live
    assert {row.session_id for row in (await kit.repository.session_list()).rows} == live | ended
    completed = await kit.repository.session_list(Status.COMPLETED)
    assert {row.raw_status for row in completed.rows} == {"ended", "completed"}


async def test_lines_and_their_translations(kit: Kit, store: Store) -> None:
    id_ = await store.session()
    async with kit.token("bots.transcript_store") as token:
        line = await kit.repository.transcript_create(token, id_, "good day", "en", "whisper", speaker_name="Ana")
        old = await kit.repository.transcript_store(token, id_, "older", "en", "whisper", start_time=ago(1_000))
    async with kit.token("bots.translation_store") as token:
        said = await kit.repository.translation_create(
            token, line.transcript_id, translated_text="buen día", target_language="es"
        )
    assert (said.session_id, said.source_language, said.start_time) == (id_, "en", line.start_time)
    assert await kit.repository.translation_get_by_transcript(line.transcript_id) == (said,)
    assert (await kit.repository.translation_get_by_language(id_, "es")).rows == (said,)
    assert (await kit.repository.translation_get_by_language(id_, "fr")).rows == ()
    assert [row.text for row in (await kit.repository.transcript_get_recent(id_, minutes=5)).rows] == ["good day"]
    assert [row.text for row in (await kit.repository.transcript_get_by_session(id_)).rows] == ["good day", old.text]
    counted = await store.connection.fetchrow("SELECT word_count, character_count FROM translations")
    assert counted is not None
    assert tuple(counted) == (2, 8)


async def test_the_surest_match_names_the_speaker(kit: Kit, store: Store) -> None:
    id_, at = await store.session(), datetime(2026, 1, 2, tzinfo=UTC)
    for seconds, name, confidence in ((0, "Ana", 0.6), (10, "Bo", 1.4), (20, "Cy", None)):
        start = at + timedelta(seconds=seconds)
        await store.line(id_, at=start, speaker_id="s1", speaker_name=name, end_time=start + timedelta(seconds=5))
        async with kit.token("bots.correlation_store") as token:
            stored = await kit.repository.correlation_store(
                token, id_, external_source="google_meet", external_text="x", external_timestamp=start,
                internal_source="whisper", internal_text="x", internal_timestamp=start + timedelta(seconds=2),
                confidence=confidence,
            )  # fmt: skip
        # What is out of range is stored as it came, and said.
        assert [each.kind for each in stored.findings] == (["out of range"] if confidence != 0.6 else [])
    assert await kit.repository.correlation_resolve_speaker(id_, "s1") == "Bo"
    assert await kit.repository.correlation_resolve_speaker(id_, "s2") is None
    assert len((await kit.repository.correlation_get_by_session(id_)).rows) == 3


async def test_a_file_goes_after_its_row_and_only_if_it_is_the_one(kit: Kit, store: Store, tmp_path: Path) -> None:
    id_, path = await store.session(), tmp_path / "chunk.wav"
    path.write_bytes(b"RIFF....")
    async with kit.token("bots.audio_create") as token:
        kept = await kit.repository.audio_store_file(token, id_, path, duration=1.0)
        again = await kit.repository.audio_store_file(token, id_, path, duration=1.0, channels=7)
    assert (kept.findings, [each.kind for each in again.findings]) == ((), ["out of range"])
    assert (kept.file_size, kept.file_hash) == (8, hashlib.sha256(b"RIFF....").hexdigest())
    assert {row.file_id for row in (await kit.repository.audio_get_files(id_)).rows} == {kept.file_id, again.file_id}
    async with kit.token("bots.audio_delete") as token:
        path.write_bytes(b"another!")
        assert await kit.repository.audio_delete_file(token, kept.file_id) is FileState.OTHER_CONTENT
        assert path.exists()
        path.write_bytes(b"RIFF....")
        assert await kit.repository.audio_delete_file(token, again.file_id) is FileState.DELETED
        assert not path.exists()
        with pytest.raises(NoSuchRow):
            await kit.repository.audio_delete_file(token, again.file_id)


async def test_statistics_do_not_multiply_one_child_by_another(kit: Kit, store: Store) -> None:
    id_ = await store.session()
    for _ in range(2):
        await store.insert(
            "audio_files", session_id=id_, filename="f", file_path="p", file_size=100, file_hash="h",
            mime_type="audio/wav", duration=10.0,
        )  # fmt: skip
    for _ in range(5):
        await store.line(id_, "one two")
    totals = await kit.repository.get_session_statistics(id_)
    assert (totals.total_audio_duration, totals.total_audio_size) == (20.0, 200)
    assert (totals.total_transcripts, totals.total_words) == (5, 10)


async def test_health_names_the_tables_that_can_be_read(kit: Kit, store: Store) -> None:
    health = await kit.repository.health_check()
    assert (health.status, health.tables_accessible) == ("healthy", TABLES)
    await store.connection.execute("DROP TABLE correlations")
    health = await kit.repository.health_check()
    assert (health.status, health.tables_accessible) == ("unhealthy", TABLES[:-1])


async def test_a_server_that_is_away_is_an_error(tmp_path: Path) -> None:
    client = PostgresClient(PostgresTarget("postgresql://u@127.0.0.1:9/x", "ORCHESTRATION_DATABASE_URL"), QUICK)
    with pytest.raises(CannotConnect):
        await BotSessionRepository(client).session_list()
    with pytest.raises(CannotConnect):
        await BotSessionRepository(client).health_check()
    await client.aclose()


async def test_a_reading_session_writes_nothing_and_pool_connections_stay_plain(kit: Kit, store: Store) -> None:
    id_ = await store.session(target_languages='["en"]')
    assert (await kit.repository.session_get(id_)).target_languages == ("en",)
    async with kit.client.reading() as connection:
        plain = await connection.fetchval("SELECT target_languages FROM bot_sessions")
        assert plain == '["en"]'
    with pytest.raises(BackendError, match="read-only"):
        async with kit.client.reading() as connection:
            await connection.execute("DELETE FROM bot_sessions")


@pytest.mark.parametrize("hours", [1, 30])
async def test_clean_up_takes_what_ended_with_all_that_belongs_to_it(
    kit: Kit, store: Store, tmp_path: Path, hours: int
) -> None:
    audio = tmp_path / "s" / "a.wav"
    audio.parent.mkdir()
    audio.write_bytes(b"abc")
    old = await store.session(status="ended", created_at=ago(100_000), ended_at=ago(90_000))
    endless = await store.session(status="failed", created_at=ago(95_000), ended_at=None)
    await store.line(old)
    await store.event(old)
    for path in (audio, tmp_path / "s" / "gone.wav"):
        await store.insert(
            "audio_files", session_id=old, filename="a", file_path=str(path), file_size=3, mime_type="audio/wav",
            file_hash=hashlib.sha256(b"abc").hexdigest(),
        )  # fmt: skip
    kept = {
        await store.session(status="active", created_at=ago(200_000)),
        await store.session(status="odd", created_at=ago(200_000)),
        await store.session(status="completed", created_at=ago(200_000), ended_at=ago(60)),
    }
    plan = await kit.repository.session_cleanup_plan(timedelta(hours=hours))
    batches = []
    async with kit.token("bots.cleanup") as token:
        async for batch in kit.repository.session_cleanup_old(token, plan.before):
            batches.append(batch)
    left = {str(row["session_id"]) for row in await store.connection.fetch("SELECT session_id FROM bot_sessions")}
    if hours == 30:
        assert (plan.sessions, batches, left) == (0, [], kept | {old, endless})
        return
    assert left == kept
    assert (plan.sessions, plan.rows["transcripts"], plan.audio_bytes) == (2, 1, 6)
    assert [batch.rows for batch in batches] == [plan.rows]
    assert batches[0].files == {"deleted": 1, "missing": 1}
    assert not audio.exists()
    assert await store.connection.fetchval("SELECT count(*) FROM transcripts") == 0


async def test_model_a_is_cleaned_up_without_cascades(kit: Kit, store: Store) -> None:
    await store.connection.execute(
        "ALTER TABLE transcripts DROP CONSTRAINT fk_transcripts_session_id, "
        "ADD CONSTRAINT plain FOREIGN KEY (session_id) REFERENCES bot_sessions (session_id)"
    )
    await store.line(await store.session(status="completed", ended_at=ago(9_000)))
    plan = await kit.repository.session_cleanup_plan(timedelta(hours=1))
    async with kit.token("bots.cleanup") as token:
        deleted = [batch async for batch in kit.repository.session_cleanup_old(token, plan.before)]
    assert [batch.rows["bot_sessions"] for batch in deleted] == [1]


async def test_grants_are_told(kit: Kit, store: Store, bots_database: str) -> None:
    role = f"r{uuid4().hex[:8]}"
    await store.connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT SELECT ON bot_sessions TO {role}")
    url = bots_database.replace(bots_database.split("//")[1].split("@")[0], f"{role}:x")
    client = PostgresClient(PostgresTarget(url, "ORCHESTRATION_DATABASE_URL"), QUICK)
    try:
        health = await BotSessionRepository(client).health_check()
        assert (health.status, health.tables_accessible) == ("unhealthy", ("bot_sessions",))
        with pytest.raises(AccessDenied):
            await BotSessionRepository(client).transcript_get_by_session(str(uuid4()))
    finally:
        await client.aclose()
        await store.connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
