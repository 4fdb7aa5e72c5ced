"""Read-only proof: every key of every screen and every command, unarmed, while the servers say what they are asked."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import asyncpg
import click
import pytest
from pymongo import MongoClient
from textual.pilot import Pilot
from textual.widgets import Input

from backends.backup.bson_files import Digest, documents
from backends.clients.targets import Role
from backends.runs.model import NewRun
from backends.safety.gate import Act, Consent
from console.app import ConsoleApp
from console.cli.main import olorin
from console.demo.databases import prepare
from console.demo.processes import Supervisor
from console.demo.seeding import Size
from console.demo.servers import MongoServer, PostgresServer
from console.screen_factories import screen_factories
from console.settings import Settings, own_settings
from console.wiring import Services
from screens.base import LiveScreen
from screens.consent import ConsentScreen
from tests.conftest import DEMO_SCALE
from tests.detached import end_detached
from tests.faults.mongo_tap import Tap, tap_on
from tests.waiting import until
from widgets.editor import Editor

pytestmark = pytest.mark.faults

WHOLE = os.environ.get("OLORIN_FAULTS") == "whole"
ROOT = Path(__file__).parents[2]
FLAG = Consent("command", explicit=True)

LOGGING: Final = {
    "log_statement": "all",
    "log_line_prefix": "%a|%c|",  # who, and which session
    "autovacuum": "off",
}
STATEMENT: Final = re.compile(
    r"olorin-console/[^|]*\|(?P<session>[^|]*)\|LOG:  (?:statement|execute [^:]*): (?P<text>.*)"
)
HOUSEKEEPING: Final = (
    "LISTEN ",
    "UNLISTEN ",
    "SELECT pg_advisory_unlock_all()",
)
"""What the driver sends when a connection goes back to its pool."""

LEFT_OUT: Final = frozenset({"q", "escape", "exclamation_mark", *"0123456"})
"""Keys that leave the screen, each of which is opened and left for itself; and the one that arms."""
MOVING: Final = frozenset(
    {
        "up", "down", "left", "right", "j", "k", "g", "G", "home", "end", "pageup", "pagedown", "ctrl+b", "ctrl+f",
        "ctrl+pageup", "ctrl+pagedown", "tab", "shift+tab", "ctrl+c", "super+c",
    }
)  # fmt: skip
"""Keys of the framework's own that move about and select; the whole campaign presses them too."""
THE_SAME: Final = frozenset({"colon", "ctrl+p", "question_mark"})
"""Keys that open the same palette and help on every screen; the whole campaign presses them on each."""

MOST_ESCAPES: Final = 20
"""What a key opened is left by fewer of them."""

OPENED: Final[Mapping[str, tuple[int, ...]]] = {"3": (0, 1, 2, 3)}
"""Screens with rows that open pages of different kinds: the separation, the chunks, the schema, the runs."""

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "audit": (),
    "bots health": (),
    "bots list": (),
    "bots show": ("00000000-0000-0000-0000-000000000000",),
    "check": (),
    "config check": (),
    "config diff": ("other.env",),
    "config show": (),
    "config sync": (),
    "content show": ("--content-id", "6500000000000000000000aa"),
    "content verify-indexed": ("--content-id", "6500000000000000000000aa"),
    "draft incident": ("--project", "night watch"),
    "draft projects": (),
    "draft stats": (),
    "metrics": (),
    "migrate chunks": ("--status",),
    "migrate olorin": ("--status",),
    "migrate schema": ("--status",),
    "orphans list": (),
    "orphans scan": (),
    "orphans verify": (),
    "pools": (),
    "runs list": (),
    "runs show": ("no-such-run",),
}
LOOKS: Final = (
    ("migrate", "olorin", "--dry-run"),
    ("migrate", "olorin", "--verify"),
    ("migrate", "olorin", "--dry-run", "--soft-delete"),
    ("migrate", "chunks", "--dry-run"),
    ("migrate", "chunks", "--verify"),
    ("migrate", "schema", "--sql"),
    ("orphans", "clean", "--dry-run"),
    ("orphans", "exempt", "--list"),
    ("bots", "cleanup", "--older-than", "24", "--dry-run"),
)
"""What commands that change something do without changing anything."""

EXPLICIT: Final = frozenset(
    {
        "bots cleanup", "bots extend", "bots request", "bots restart", "bots stop", "content embed", "content undelete",
        "orphans clean", "orphans exempt", "orphans restore",
        "backup", "demo", "draft export", "draft import", "draft restore", "draft run", "runs halt", "runs pause",
        "runs resume", "runs stop", "runs throttle",
    }
)  # fmt: skip
"""Calling these is the explicit act, or concerns no server of the platform."""


@dataclass
class Watched:
    """The seeded servers, and what tells on them."""

    tap: Tap
    mongo: MongoServer
    postgres: PostgresServer
    state: Path

    def environment(self) -> dict[str, str]:
        return {
            "MONGODB_URI": f"mongodb://127.0.0.1:{self.tap.port}/?directConnection=true",
            "MONGODB_DB_NAME": "bayit_plus",
            "OLORIN_USE_SEPARATE_DATABASE": "true",
            "ORCHESTRATION_DATABASE_URL": self.postgres.url("orchestration"),
            "CHUNKS_DATABASE_URL": self.postgres.url("semantik"),
            "OLORIN_CONSOLE_STATE": str(self.state),
        }

    def statements(self) -> list[tuple[str, str]]:
        """Session and statement of each line of the log that is about the console's own connections."""
        lines = self.postgres.log.read_text(errors="replace").splitlines()
        found = [STATEMENT.match(line) for line in lines]
        return [(match["session"], match["text"]) for match in found if match]

    def writes(self) -> list[str]:
        """Statements outside of READ ONLY transactions, but for those that only concern their own session.

        A session that listens can't write either: the server was told so when it began.
        """
        reading: set[str] = set()
        listening: set[str] = set()
        found = []
        for session, text in self.statements():
            if text.startswith("BEGIN READ ONLY"):
                reading.add(session)
            elif text.startswith("LISTEN "):
                listening.add(session)
            elif text.startswith(("COMMIT", "ROLLBACK")):
                reading.discard(session)
            elif session not in reading | listening and not text.startswith(HOUSEKEEPING):
                found.append(text)
        return found

    async def content(self) -> tuple[object, ...]:
        """All of Mongo as digests, and the next transaction number of Postgres, less those that notifications took."""
        connection = await asyncpg.connect(self.postgres.url())
        number = await connection.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
        await connection.close()
        notified = sum("pg_notify" in text for _, text in self.statements())
        return (int(number) - notified, *await asyncio.to_thread(_mongo_content, self.mongo.url))


def _mongo_content(url: str) -> Iterator[object]:
    with MongoClient[dict[str, Any]](url) as client:
        for name in sorted(set(client.list_database_names()) - {"admin", "config", "local"}):
            for collection in sorted(client[name].list_collection_names()):
                digest = Digest()
                for batch in client[name][collection].find_raw_batches():
                    for document in documents(cast("bytes", batch)):
                        digest.add(document)
                yield (name, digest.part(collection), sorted(client[name][collection].index_information()))


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    data, supervisor = tmp_path / "data", Supervisor()
    data.mkdir()
    mongo = MongoServer(data / "mongo", durable=False, supervisor=supervisor)
    postgres = PostgresServer(data / "postgres", settings=LOGGING, supervisor=supervisor)
    try:
        await prepare(data, Size(float(DEMO_SCALE)), supervisor, lambda _: None)
        await asyncio.gather(mongo.start(), postgres.start())
        async with tap_on("127.0.0.1", mongo.port) as tap:
            yield Watched(tap, mongo, postgres, tmp_path / "state")
    finally:
        await asyncio.to_thread(supervisor.stop)


@asynccontextmanager
async def services_on(watched: Watched) -> AsyncIterator[Services]:
    environment = watched.environment()
    async with Services(Settings(environment, None, own_settings(environment))) as services:
        yield services


async def test_the_watchers_see_a_write(watched: Watched) -> None:
    """What the other tests find nothing with, finds something."""
    before = await watched.content()
    assert (watched.tap.writes(), watched.writes()) == ([], [])
    async with services_on(watched) as services:
        mongo, chunks = services.mongo.target(Role.OLORIN).where, services.chunks.target.where
        async with services.gate.act(Act("toy.write", mongo, beside=(chunks,)), FLAG) as token:
            async with services.mongo.writing(token, Role.OLORIN) as database:
                await database["toys"].insert_one({"_id": 1})
            async with services.chunks.writing(token, 5_000) as connection:
                await connection.execute("CREATE TABLE toys AS SELECT 1 AS id")
    assert "insert" in [next(iter(command)) for command in watched.tap.writes()]
    assert "CREATE TABLE toys AS SELECT 1 AS id" in watched.writes()
    assert await watched.content() != before


async def back(pilot: Pilot[Any], screen: LiveScreen, key: str) -> None:
    """Closes what the key opened above the screen; a change that it asks consent to is agreed to in every way first."""
    left = MOST_ESCAPES
    while (top := pilot.app.screen) is not screen:
        left -= 1
        assert left, f"{key} leads from {type(screen).__name__} to {type(top).__name__}, and escape not back"
        if isinstance(top, ConsentScreen):
            ASKED.add(type(screen).__name__)
            await pilot.press("y", "enter", "i")
        elsewhere = isinstance(top, LiveScreen) and screen.KEY != top.KEY
        await pilot.press(screen.KEY if elsewhere else "escape")


async def press_every_key(pilot: Pilot[Any], screen: LiveScreen) -> int:
    """Presses each key that is valid on the screen; what opens above it is closed again. Returns how many."""
    seen_elsewhere = MOVING if screen.KEY == "0" else MOVING | THE_SAME
    keys = sorted(set(screen.active_bindings) - LEFT_OUT - (frozenset() if WHOLE else seen_elsewhere))
    for key in keys:
        await pilot.press(key)
        await back(pilot, screen, key)
        if isinstance(pilot.app.focused, Input | Editor):
            await pilot.press("escape")
    return len(keys)


async def press_below(pilot: Pilot[Any], screen: LiveScreen, row: int) -> int:
    """Opens a row of the screen and presses every key there, and so on below; back again. Returns how many."""
    await pilot.press("home", *["down"] * row, "enter")
    opened, pressed = pilot.app.screen, 0
    if isinstance(opened, LiveScreen) and opened is not screen and screen.KEY == opened.KEY:
        await until(lambda: all(each.poller.reading.number for each in opened._sources.values()), within_s=30)
        pressed = await press_every_key(pilot, opened) + await press_below(pilot, opened, 0)
        PAGES.add(type(opened).__name__)
    await back(pilot, screen, "enter")
    return pressed


PAGES: Final[set[str]] = set()
ASKED: Final[set[str]] = set()
"""The pages below the screens whose keys were pressed, and the screens that asked for consent."""


async def record_run(watched: Watched) -> None:
    """A run that nobody executes, for the page of runs and its own."""
    async with services_on(watched) as services:
        store = services.main_store
        async with services.gate.act(Act("toy.plan", store.where), FLAG) as token:
            await store.create(token, NewRun("r-1", "separation", store.where), "ops@test", "1")


async def test_every_key_of_every_screen_writes_nothing(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does what the screens start as processes of their own."""
    await record_run(watched)
    recorded, logged = len(watched.tap.writes()), len(watched.writes())
    before = await watched.content()
    for name, value in watched.environment().items():
        monkeypatch.setitem(os.environ, name, value)
    async with services_on(watched) as services:
        app = ConsoleApp(services.settings, services, screen_factories(services))
        pressed: dict[str, int] = {}
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            for key in "0123456":
                await pilot.press(key)
                await until(lambda key=key: isinstance(app.screen, LiveScreen) and key == app.screen.KEY)  # type: ignore[misc]
                screen = app.screen
                assert isinstance(screen, LiveScreen)
                pressed[key] = await press_every_key(pilot, screen)
                for row in OPENED.get(key, (1,)):
                    pressed[key] += await press_below(pilot, screen, row)
            assert not services.arming.armed
        scans = await services.scans.look()
        assert scans.newest is not None or scans.under_way is not None
    await asyncio.to_thread(end_detached, watched.state, 30.0)
    assert min(pressed.values()) >= 6
    assert {"SeparationScreen", "ChunksScreen", "SchemaScreen", "RunsScreen", "RunScreen"} <= PAGES
    assert {"RunsScreen", "RunScreen"} <= ASKED
    assert watched.tap.writes()[recorded:] == []
    assert watched.writes()[logged:] == []
    assert {"find", "aggregate"} <= set(watched.tap.names()), "it was looked at"
    assert len(watched.statements()) > 20
    assert await watched.content() == before


def run(command: list[str], environment: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


def leaves(command: click.Command, name: str = "") -> Iterator[str]:
    """The names of all commands that do something."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from leaves(found, f"{name} {each}".strip())
    else:
        yield name


def test_every_command_is_either_tried_here_or_explicit() -> None:
    assert set(leaves(olorin)) == set(COMMANDS) | EXPLICIT


async def test_every_command_without_its_flag_writes_nothing(watched: Watched, tmp_path: Path) -> None:
    before = await watched.content()
    (tmp_path / "other.env").write_text("ENVIRONMENT=staging\n")
    environment = {"PATH": "/usr/bin", "PYTHONPATH": str(ROOT), **watched.environment()}
    for arguments in (*((*name.split(), *more) for name, more in COMMANDS.items()), *LOOKS):
        called = [sys.executable, "-m", "console", *arguments, "--json"]
        done = await asyncio.to_thread(run, called, environment, tmp_path)
        assert done.returncode not in (4, 70), f"{arguments}: {done.stderr}"
    assert watched.tap.writes() == []
    assert watched.writes() == []
    assert len(watched.statements()) > 20
    assert await watched.content() == before
