"""Stopping, restarting, extending, asking for a bot and unmasking, over the demo's own service and a real Postgres."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from textual.pilot import Pilot

from backends.bots import unmasking
from backends.bots.actions import Seen
from backends.bots.managers import api as service_api
from backends.bots.probes import ServicesHealth
from backends.clients.http import HttpClient
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import WATCHING, PoolLimits, PostgresTarget, mongo_targets
from screens.bot_session import BotSessionScreen
from screens.bots import BotsScreen
from screens.frame import Frame
from tests.backends.bots.gates import gate_in, token_for
from tests.orchestration import canned, orchestration_service
from tests.screens.bot_desk import desk_of
from tests.stage import StagedApp, shown, staged
from tests.waiting import until
from tests.widgets.harness import screen_text
from widgets.grid import Grid

SIZE = (130, 44)


class Stand:
    """The console on screen 5 over a database and a service."""

    def __init__(self, database: str, base: str, folder: Path) -> None:
        self.client = PostgresClient(PostgresTarget(database, "X"), PoolLimits(max=2, min=0, connect_s=2.0))
        self.http = HttpClient()
        self.database = database
        self.base = base
        self.folder = folder
        health = ServicesHealth({}, self.http, self.client, MongoClients(mongo_targets({}), WATCHING))

        self.desk = desk_of(self.client, self.http, health, base)

        def screen(frame: Frame) -> BotsScreen:
            return BotsScreen(frame, self.desk)

        self.app: StagedApp = staged(folder, "5", screen, kind="development")

    async def value(self, query: str, *arguments: Any) -> Any:
        connection = await asyncpg.connect(self.database)
        try:
            return await connection.fetchval(query, *arguments)
        finally:
            await connection.close()

    def audited(self) -> list[dict[str, Any]]:
        """What the audit log says, oldest first."""
        lines = [line for path in self.folder.rglob("*.jsonl") for line in path.read_text().splitlines()]
        return [json.loads(line) for line in lines]


@asynccontextmanager
async def opened(stand: Stand, place: str = "sim-0001") -> AsyncIterator[Pilot[Any]]:
    """The list, with the cursor on a bot."""
    async with stand.app.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        await shown(pilot, place)
        grid = pilot.app.screen.query_one(Grid)
        key = next(row.key for row in grid.rows if place in str(row.cells[-1]))
        assert grid.move_to(key)
        yield pilot
    await stand.client.aclose()
    await stand.http.aclose()


@pytest.fixture
async def stand(postgres_database: str, tmp_path: Path) -> AsyncIterator[Stand]:
    async with orchestration_service(postgres_database, tmp_path / "data") as base:
        yield Stand(postgres_database, base, tmp_path)


async def agree(pilot: Pilot[Any], expected: str) -> None:
    """Arms and agrees in the dialog that says so."""
    await shown(pilot, expected)
    await shown(pilot, "read-only")
    await pilot.press("exclamation_mark", "y")


async def carried_out(pilot: Pilot[Any], key: str, title: str, seen: str) -> None:
    """Presses the key and agrees; again where the bot, which lives, changed in just that moment."""
    refused = f"✖ {title}: changed meanwhile"
    for attempt in range(1, 6):
        await pilot.press(key)
        await shown(pilot, title)
        await pilot.press(*(["exclamation_mark"] if attempt == 1 else []), "y")
        await until(lambda: {seen, refused} & told(pilot, seen, refused), within_s=40)
        if seen in told(pilot, seen, refused):
            return
        pilot.app.screen.desk.asked.entries.clear()  # type: ignore[attr-defined]


def told(pilot: Pilot[Any], *texts: str) -> set[str]:
    """Those of the texts that are on the screen."""
    screen = "\n".join(screen_text(pilot.app))
    return {text for text in texts if text in screen}


async def test_a_stop_is_asked_recorded_and_watched_until_it_is_seen(stand: Stand) -> None:
    other = await stand.value("SELECT session_id::text FROM bot_sessions WHERE bot_id = 'bot-ghost'")
    async with opened(stand) as pilot:
        await carried_out(pilot, "x", "stop sim-0001", "stop sim-0001: ")
        # Another bot's page says the same of it.
        assert pilot.app.screen.query_one(Grid).move_to(other)
        await pilot.press("enter")
        await until(lambda: isinstance(pilot.app.screen, BotSessionScreen))
        await shown(pilot, "● stop sim-0001: completed", within_s=60)
    ended = "SELECT ended_at IS NOT NULL FROM bot_sessions WHERE bot_id = 'sim-0001' AND status = 'completed'"
    assert await stand.value(ended)
    entries = stand.audited()
    assert {entry.get("action") for entry in entries} == {"bots.stop"}


async def test_leaving_the_dialog_changes_nothing(stand: Stand) -> None:
    async with opened(stand) as pilot:
        await pilot.press("x")
        await shown(pilot, "stop sim-0001")
        await pilot.press("escape")
        await shown(pilot, "bot sessions")
    assert stand.audited() == []


async def test_what_changed_meanwhile_is_refused_and_said(stand: Stand) -> None:
    async with opened(stand) as pilot:
        await pilot.press("x")
        await shown(pilot, "stop sim-0001")
        await stand.value("UPDATE bot_sessions SET meeting_title = 'other' WHERE bot_id = 'sim-0001'")
        await pilot.press("exclamation_mark", "y")
        await shown(pilot, "✖ stop sim-0001: changed meanwhile")
    outcomes = [entry.get("outcome") or entry.get("result") or entry for entry in stand.audited()]
    assert "refused" in json.dumps(outcomes[-1])


async def test_two_consoles_stop_the_same_bot_and_one_is_told(stand: Stand, tmp_path: Path) -> None:
    other = Stand(stand.database, stand.base, tmp_path / "other")
    actions = other.desk.actions
    async with opened(stand) as pilot:
        await pilot.press("x")
        await shown(pilot, "stop sim-0001")
        async with token_for(gate_in(tmp_path / "other"), "bots.stop", actions.where) as token:
            bots = (await other.desk.bots.watch()).sessions
            await actions.stop(token, next(Seen.of(bot) for bot in bots if bot.bot_id == "sim-0001"))
        await pilot.press("exclamation_mark", "y")
        await shown(pilot, "✖ stop sim-0001: changed meanwhile")
    await other.client.aclose()
    await other.http.aclose()


async def test_a_stop_that_is_refused_is_shown_so_and_one_without_an_answer_watched(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_api, "ANSWER_S", 0.5)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(orchestration_service(postgres_database, tmp_path / "data"))
        refusing = await stack.enter_async_context(canned("409 Conflict", '{"detail": "the call is being recorded"}'))
        stand = Stand(postgres_database, refusing.url, tmp_path)
        async with opened(stand, "bot-ghost") as pilot:
            await pilot.press("x")
            await agree(pilot, "stop bot-ghost")
            await shown(pilot, "✖ stop bot-ghost: refused by the service: the call is being recorded")
            refusing.silent = True
            await pilot.press("x")
            await shown(pilot, "only if it is still as it is shown here")
            await pilot.press("y")
            await shown(pilot, "◔ stop bot-ghost: no answer (No answer in time), it may have been done")
            await stand.value("UPDATE bot_sessions SET status = 'completed' WHERE bot_id = 'bot-ghost'")
            await shown(pilot, "● stop bot-ghost: completed")


async def test_a_bot_is_asked_for_and_its_session_is_seen(stand: Stand) -> None:
    async with opened(stand) as pilot:
        await pilot.press("b", *"https://zoom.us/j/123 es Budget", "enter")
        await agree(pilot, "a zoom bot, translating to es")
        await shown(pilot, "a bot for 123", within_s=40)
        await until(lambda: "a bot for 123: active" in "\n".join(screen_text(pilot.app)), within_s=60)
    assert await stand.value("SELECT bot_type FROM bot_sessions WHERE meeting_title = 'Budget'") == "zoom"


async def test_what_is_no_meeting_is_refused_before_anybody_is_asked(stand: Stand) -> None:
    async with opened(stand) as pilot:
        await pilot.press("b", *"nonsense", "enter")
        await shown(pilot, "is no meeting's URL")
    assert stand.audited() == []


async def test_an_extension_moves_the_limit(stand: Stand) -> None:
    async with opened(stand) as pilot:
        await carried_out(pilot, "plus", "extend sim-0001", "extend sim-0001: may run 5.0 h")


async def test_a_stray_is_shown_and_its_process_ended(stand: Stand) -> None:
    async with opened(stand, "bot-stray") as pilot:
        await pilot.press("x")
        await agree(pilot, " bots stop bot-stray")
        await shown(pilot, "● stop bot-stray: the service runs it no more", within_s=20)
        grid = pilot.app.screen.query_one(Grid)
        await until(lambda: not any("bot-stray" in str(row.cells[-1]) for row in grid.rows), within_s=40)


async def test_names_are_masked_until_a_person_unmasks_them(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    name = await stand.value(
        "SELECT t.speaker_name FROM transcripts t JOIN bot_sessions s USING (session_id) "
        "WHERE s.bot_id = 'sim-0001' ORDER BY t.start_time DESC LIMIT 1"
    )
    async with opened(stand) as pilot:
        await pilot.press("enter")
        text = await shown(pilot, "health")
        await shown(pilot, "said  the newest")
        assert name not in text
        await pilot.press("u")
        await agree(pilot, "Unmask personal data")
        await shown(pilot, "personal data shown")
        await until(lambda: name in "\n".join(screen_text(pilot.app)))
        # A file has it masked.
        await pilot.press("e")
        await until(lambda: list(stand.folder.rglob("5-*.json")))
        (file,) = stand.folder.rglob("5-*.json")
        await until(lambda: '"lines"' in file.read_text())
        assert name not in file.read_text()
        # The sight ends while the display is frozen.
        monkeypatch.setattr(unmasking, "UNMASKED_S", 2.0)
        await pilot.press("u")
        await shown(pilot, "Unmask personal data")
        await pilot.press("y")
        await shown(pilot, "said  the newest")
        await pilot.press("space")
        await until(lambda: "personal data shown" not in "\n".join(screen_text(pilot.app)))
        assert name not in "\n".join(screen_text(pilot.app))
        await pilot.press("space")
        await pilot.press("escape")
        await shown(pilot, "bot sessions")
        await pilot.press("enter")
        await shown(pilot, "said  the newest")
        assert "personal data shown" not in "\n".join(screen_text(pilot.app))
    assert [entry.get("action") for entry in stand.audited()] == ["bots.unmask"] * 4
