"""Screen 5 over a real Postgres: what it lists, what stays in place, what it says when it can't."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from backends.bots.probes import ServicesHealth
from backends.clients.errors import BackendError, NotConfigured
from backends.clients.http import HttpClient
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import WATCHING, PoolLimits, PostgresTarget, mongo_targets
from screens.bot_session import BotSessionScreen
from screens.bots import BotsScreen
from screens.frame import Frame
from tests.backends.bots.conftest import Store, ago, bots_database, store
from tests.nasty import NASTY
from tests.screens.bot_desk import desk_of
from tests.stage import StagedApp, shown, staged
from tests.waiting import until
from tests.widgets.harness import screen_text
from widgets.grid import Grid

__all__ = ("bots_database", "store")

Stage = Callable[..., StagedApp]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Makes the console on screen 5 over a database, or over the error that there is none."""
    clients: list[PostgresClient | HttpClient] = []

    def make(target: str | BackendError, base: str = "") -> StagedApp:
        at = PostgresTarget(target, "ORCHESTRATION_DATABASE_URL") if isinstance(target, str) else target
        client, http = PostgresClient(at, PoolLimits(max=1, min=0, connect_s=2.0)), HttpClient()
        clients.extend((client, http))
        health = ServicesHealth({}, http, client, MongoClients(mongo_targets({}), WATCHING))

        def screen(frame: Frame) -> BotsScreen:
            return BotsScreen(frame, desk_of(client, http, health, base))

        return staged(tmp_path, "5", screen)

    yield make
    for client in clients:
        await client.aclose()


def grid(pilot: Pilot[Any]) -> Grid:
    return pilot.app.screen.query_one(Grid)


def listed(pilot: Pilot[Any]) -> list[str]:
    return [row.key for row in grid(pilot).rows]


async def test_sessions_are_listed_worst_first_with_their_numbers(
    stage: Stage, store: Store, bots_database: str
) -> None:
    fine = await store.session(status="running", meeting_title="Weekly", created_at=ago(250))
    await store.line(fine, "one two three")
    ghost = await store.session(created_at=ago(3_000), bot_id="bot-ghost")
    done = await store.session(status="ended", created_at=ago(9_000), ended_at=ago(8_000))
    await store.line(done, "bye", at=ago(8_100))
    async with stage(bots_database).run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        text = await shown(pilot, "Weekly")
        assert "● 2 active" in text
        assert "✓ 1 completed" in text
        assert "services ● healthy" in await shown(pilot, "postgres")
        assert listed(pilot) == [ghost, fine, done]
        line = next(line for line in screen_text(pilot.app) if "Weekly" in line)
        assert line.split()[:4] == ["●", "active", "4m", "4m/4h"]
        assert " 3 " in line
        await pilot.press("s")
        assert listed(pilot) == [fine, ghost, done]
        await pilot.press("f")
        assert listed(pilot) == [ghost]
        await shown(pilot, "only findings")


async def test_the_cursor_stays_on_its_session_while_others_come_and_change(
    stage: Stage, store: Store, bots_database: str
) -> None:
    made = [await store.session(created_at=ago(100 * number), meeting_title=f"T-{number}") for number in range(1, 6)]
    async with stage(bots_database).run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await shown(pilot, "T-5")
        assert grid(pilot).move_to(made[2])
        new = await store.session(created_at=ago(1), meeting_title="T-new")
        await store.line(made[2], "four words are said")
        await pilot.press("r")
        await shown(pilot, "T-new")
        assert new in listed(pilot)
        assert grid(pilot).cursor_key == made[2]
        await store.connection.execute("UPDATE bot_sessions SET status = 'error' WHERE session_id = $1", made[2])
        await pilot.press("r")
        await shown(pilot, "✖ failed")
        assert grid(pilot).cursor_key == made[2]


async def test_looking_again_at_the_same_paints_nothing(
    stage: Stage, store: Store, bots_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        # Ages of days, which tell no minutes: on a slow machine another one would begin meanwhile.
        await store.line(await store.session(created_at=ago(200_000 + number)), at=ago(200_000 + number))
    async with stage(bots_database).run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await shown(pilot, "● 30 active")
        await shown(pilot, "● postgres")
        screen = pilot.app.screen
        assert isinstance(screen, BotsScreen)
        painted: list[object] = []
        monkeypatch.setattr(pilot.app, "_display", lambda _, what: painted.append(what))
        looks = screen.reading("sessions").number
        screen.read_now("sessions")
        await until(lambda: screen.reading("sessions").number > looks)
        await pilot.pause()
        assert not painted
        await store.connection.execute("UPDATE bot_sessions SET status = 'error' WHERE created_at < $1", ago(2_800))
        screen.read_now("sessions")
        await until(lambda: painted)


async def test_the_filter_keeps_what_matches(stage: Stage, store: Store, bots_database: str) -> None:
    budget = await store.session(meeting_title="Budget")
    await store.session(meeting_title="Weekly", bot_type="zoom")
    async with stage(bots_database).run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await shown(pilot, "Budget")
        await pilot.press("slash", *"bud", "enter")
        assert listed(pilot) == [budget]
        await pilot.press("escape")
        assert len(listed(pilot)) == 2
        await pilot.press("slash", *"none such", "enter")
        await shown(pilot, "nothing matches")


async def test_a_session_opens_and_escape_goes_back(stage: Stage, store: Store, bots_database: str) -> None:
    id_ = await store.session(meeting_title="Weekly", bot_id="bot-7", created_at=ago(200))
    line = await store.line(id_, "hello there", speaker_name="Ana")
    await store.insert(
        "translations", session_id=id_, transcript_id=line, original_text="a", translated_text="hola",
        source_language="en", target_language="es",
    )  # fmt: skip
    await store.event(id_, "sentence_aggregated", severity="warning")
    await store.insert("participants", session_id=id_, name="Ana", email="ana.ruiz@example.com")
    async with stage(bots_database).run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await shown(pilot, "Weekly")
        await pilot.press("enter")
        await shown(pilot, "totals")
        await pilot.press("v", "v", "end")
        text = await shown(pilot, "a••••@example.com")
        assert isinstance(pilot.app.screen, BotSessionScreen)
        for expected in ("bot-7", "hello there", "es: hola", "sentence_aggregated", "pending", "transcripts  1"):
            assert expected in text, expected
        assert "ana.ruiz" not in text
        assert pilot.app.screen.command() == f"bots show {id_}"
        await store.line(id_, "and now this")
        await pilot.press("r")
        await shown(pilot, "and now this")
        await pilot.press("escape")
        await shown(pilot, "1 of 1")
        assert grid(pilot).cursor_key == id_


async def test_a_narrow_page_shows_one_part_at_a_time(stage: Stage, store: Store, bots_database: str) -> None:
    id_ = await store.session()
    await store.line(id_, "hello there")
    await store.event(id_, "sentence_aggregated")
    async with stage(bots_database).run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await shown(pilot, "active")
        await pilot.press("enter")
        assert "sentence_aggregated" not in await shown(pilot, "hello there")
        await pilot.press("v")
        assert "hello there" not in await shown(pilot, "sentence_aggregated")
        await pilot.press("v")
        await shown(pilot, "totals")


async def test_older_lines_are_a_page_away(stage: Stage, store: Store, bots_database: str) -> None:
    id_ = await store.session(created_at=ago(2_000))
    for number in range(60):
        await store.line(id_, f"line {number}.", at=ago(1_000 - number))
    async with stage(bots_database).run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await shown(pilot, "active")
        await pilot.press("enter")
        await shown(pilot, "line 59.")
        await pilot.press("o")
        assert "line 10." not in await shown(pilot, "line 9.")
        await pilot.press("o")
        await pilot.press("n")
        await shown(pilot, "line 59.")


async def test_nasty_text_is_shown_as_text(stage: Stage, store: Store, bots_database: str) -> None:
    storable = [text for name, text in NASTY.items() if name not in {"nul", "lone surrogate"}]
    for number, text in enumerate(storable):
        await store.session(
            bot_id=text[:255], meeting_title=f"N{number} {text}"[:500], bot_type=text[:50], status=text[:50],
            error_message=text, created_at=ago(number),
        )  # fmt: skip
    id_ = await store.session(created_at=ago(0), bot_id="last")
    for text in storable:
        await store.line(id_, text, speaker_name=text[:255])
        await store.event(id_, text[:255], severity=text[:20])
        await store.insert("participants", session_id=id_, name=text[:255], email=text[:255])
    async with stage(bots_database).run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await shown(pilot, "N3 [b")
        lines = screen_text(pilot.app)
        assert any("[@click=app.quit]" in line or "[red]alarm" in line or "[/var/log]" in line for line in lines)
        assert grid(pilot).move_to(id_)
        await pilot.press("enter")
        await shown(pilot, "totals")
        lines += screen_text(pilot.app)
        assert not set("\x1b\x07\x9b\u202e\u2066\u200b") & set("".join(lines))


async def test_a_server_that_is_away_is_said_and_the_services_stay(stage: Stage) -> None:
    async with stage("postgresql://ops:hunter22@127.0.0.1:9/x").run_test(size=(100, 30)) as pilot:
        text = await shown(pilot, "cannot connect")
        assert "hunter22" not in text
        assert "ORCHESTRATION_DATABASE_URL" in text
        await shown(pilot, "postgres unknown, ")


async def test_a_service_that_is_away_takes_nothing_but_ghosts_and_strays(
    stage: Stage, store: Store, bots_database: str
) -> None:
    await store.session(meeting_title="Weekly", created_at=ago(100))
    async with stage(bots_database, "http://127.0.0.1:9").run_test(size=(160, 40)) as pilot:
        await pilot.press("5")
        await shown(pilot, "no telling ghosts and strays")
        text = await shown(pilot, "Weekly")
        assert "● 1 active" in text
        assert "ghost " not in text
        await shown(pilot, "websocket error")


async def test_a_session_changes_on_the_screen_without_a_refresh(
    stage: Stage, store: Store, bots_database: str
) -> None:
    id_ = await store.session(meeting_title="Weekly", created_at=ago(100))
    app = stage(bots_database)
    app.frame = replace(app.frame, refresh=600.0)
    async with app.run_test(size=(130, 40)) as pilot:
        await pilot.press("5")
        await shown(pilot, "as it happens")
        await store.connection.execute("UPDATE bot_sessions SET status = 'paused' WHERE session_id = $1", id_)
        await shown(pilot, "◐ paused", within_s=5)
        await pilot.press("enter")
        await shown(pilot, "totals")
        await store.line(id_, "as if by magic")
        await shown(pilot, "as if by magic", within_s=5)


async def test_not_configured_says_what_to_set(stage: Stage) -> None:
    missing = NotConfigured("The bot sessions' database is not configured.", hint="Set ORCHESTRATION_DATABASE_URL")
    async with stage(missing).run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        await shown(pilot, "Set ORCHESTRATION_DATABASE_URL")
        await shown(pilot, "not configured: whisper")


async def test_missing_tables_and_an_empty_one(stage: Stage, store: Store, bots_database: str) -> None:
    await store.connection.execute("DROP TABLE participants")
    async with stage(bots_database).run_test(size=(100, 30)) as pilot:
        await pilot.press("5")
        text = await shown(pilot, "no sessions yet")
        assert "the table participants does not exist" in text


async def test_a_session_that_is_deleted_meanwhile_is_said(stage: Stage, store: Store, bots_database: str) -> None:
    id_ = await store.session()
    async with stage(bots_database).run_test(size=(120, 40)) as pilot:
        await pilot.press("5")
        await shown(pilot, "active")
        await pilot.press("enter")
        await shown(pilot, "totals")
        await store.connection.execute("DELETE FROM bot_sessions WHERE session_id = $1", id_)
        await pilot.press("r")
        await shown(pilot, "There is no session")
        await pilot.press("escape")
        await shown(pilot, "no sessions yet")
