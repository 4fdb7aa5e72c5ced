"""Screen 1 on real files and servers: what it shows, how one moves in it, and that no secret is on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from backends.clients.http import HttpClient
from backends.clients.model import ModelClient, model_target
from backends.clients.mongo import MongoClients
from backends.clients.postgres import PostgresClient
from backends.clients.targets import mongo_targets, postgres_target
from backends.config.reality import Servers
from backends.config.service import ConfigService
from backends.config.sync import SyncWatch
from backends.config.sync_acts import ServiceSync
from console.settings import own_problems
from screens.config import ConfigScreen
from screens.config_parts import details
from tests.backends.config.audio_service import audio_service
from tests.backends.config.configurations import HEALTHY, SALT
from tests.olorin import IMPATIENT
from tests.stage import StagedApp, shown, staged
from tests.waiting import until
from tests.widgets.harness import screen_text
from widgets.grid import Grid
from widgets.page import Page
from widgets.tone import plain_text

SIZES = pytest.mark.parametrize(
    "size", [(80, 24), (120, 40), (60, 20), (40, 10)], ids=lambda size: f"{size[0]}x{size[1]}"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A healthy configuration but for a salt that is too short and a misspelt name."""
    file = tmp_path / "eu-west.env"
    given = {**HEALTHY, "PARTNER_API_KEY_SALT": "abc", "OLORIN_DUBING_ENABLED": "true"}
    file.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    return file


def app_on(folder: Path, service: ConfigService, url: str = "") -> StagedApp:
    sync = ServiceSync(HttpClient(), url, service, SyncWatch(), folder)
    return staged(folder, "1", lambda frame: ConfigScreen(frame, service, sync))


@pytest.fixture
def app(file: Path, tmp_path: Path) -> StagedApp:
    return app_on(tmp_path / "state", ConfigService(file, {}, own_problems))


def told(app: StagedApp) -> list[str]:
    return [notice.message for notice in app._notifications]


def keys(pilot: Pilot[Any]) -> list[str]:
    return [row.key for row in pilot.app.screen.query_one(Grid).rows]


def side(pilot: Pilot[Any]) -> str:
    lines = pilot.app.screen.query_one("#side", Page).lines
    return "\n".join("".join(part.text for part in line) for line in lines)


async def test_every_setting_with_its_state_value_and_source(app: StagedApp, file: Path) -> None:
    async with app.run_test(size=(200, 250)) as pilot:
        await shown(pilot, "PARTNER_API_KEY_SALT")
        await shown(pilot, "✖ partner")
        text = screen_text(app)
    [salt] = [line for line in text if line.split()[:4] == ["✖", "fail", "partner", "PARTNER_API_KEY_SALT"]]
    assert "•••• (3 characters, #" in salt
    [model] = [line for line in text if " EMBEDDING_MODEL " in line]
    assert model.split()[:6] == ["●", "ok", "embedding", "EMBEDDING_MODEL", "text-embedding-3-small", "default"]


async def test_f_shows_findings_only_the_worst_first_and_escape_everything(app: StagedApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, "PINECONE_API_KEY")
        await pilot.press("f")
        assert keys(pilot) == ["olorin.partner.api_key_salt", "unknown.OLORIN_DUBING_ENABLED"]
        await pilot.press("escape")
        assert len(keys(pilot)) > 100


async def test_the_side_tells_rule_reason_effect_remedy_and_candidates(app: StagedApp, file: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, "PINECONE_API_KEY")
        await pilot.press("f")
        await pilot.pause()
        told = side(pilot)
    assert "PARTNER_API_KEY_SALT must have at least 32 characters" in told
    assert "paste  PARTNER_API_KEY_SALT=  # python3" in told
    assert "rule  A value has a type and a range." in told
    assert "breaks  " in told
    assert "needed by  OLORIN_DUBBING_ENABLED" in told
    assert f"▸ {file}:12  •••• (3 characters" in told


async def test_y_copies_the_line_to_paste(app: StagedApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, "PINECONE_API_KEY")
        await pilot.press("f", "y")
        assert app.clipboard.startswith("PARTNER_API_KEY_SALT=  # python3")
        await pilot.press("c")
        assert app.clipboard == "olorin --env-file eu-west.env config check"


async def test_the_filter_narrows_by_any_cell(app: StagedApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, "PINECONE_API_KEY")
        await pilot.press("slash", *"recap_w", "enter")
        await pilot.pause()
        assert keys(pilot) == ["olorin.recap.window_default_minutes"]
        await pilot.press("escape")
        await pilot.pause()
        assert len(keys(pilot)) > 100


async def test_a_flag_tells_its_dependants_and_whether_it_is_safe(app: StagedApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, "PINECONE_API_KEY")
        assert pilot.app.screen.query_one(Grid).move_to("olorin.dubbing_enabled")
        await pilot.pause()
        told = side(pilot)
    assert "✖ on, but not all that it needs is there" in told
    assert "✖ needs PARTNER_API_KEY_SALT" in told
    assert "● needs ELEVENLABS_API_KEY" in told


@SIZES
async def test_enter_opens_the_details_and_escape_closes_them(app: StagedApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await shown(pilot, "✖")
        await pilot.press("f", "enter")
        await shown(pilot, "least 32")
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen.query_one(Grid).has_focus


def mend(file: Path) -> None:
    file.write_text(file.read_text().replace("=abc\n", f"={SALT}\n"))


async def test_a_changed_file_shows_within_two_refreshes(app: StagedApp, file: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, "PINECONE_API_KEY")
        await pilot.press("f")
        poller = pilot.app.screen._sources["settings"].poller  # type: ignore[attr-defined]
        before = poller.reading.number
        mend(file)
        await until(lambda: "olorin.partner.api_key_salt" not in keys(pilot))
        assert poller.reading.number - before <= 2
        await until(lambda: any(each.startswith("PARTNER_API_KEY_SALT: •••• ") for each in told(app)))


def remove(file: Path) -> None:
    file.unlink()


async def test_a_file_that_goes_away_is_a_finding(app: StagedApp, file: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, "PINECONE_API_KEY")
        remove(file)
        await pilot.press("r")
        await until(lambda: keys(pilot)[0] == "env_file")
        await pilot.pause()
        assert "can't be read: No such file" in side(pilot)


@pytest.fixture
async def servers(
    mongo_url: str, mongo_database: str, tmp_path: Path
) -> AsyncIterator[tuple[Mapping[str, str], Servers]]:
    """A main database that answers, and a chunks database that is gone."""
    environment = {
        "MONGODB_URI": mongo_url,
        "MONGODB_DB_NAME": mongo_database,
        "CHUNKS_DATABASE_URL": "postgresql://ops:c4n4ry-of-postgres@127.0.0.1:1/chunks",
    }
    clients = Servers(
        MongoClients(mongo_targets(environment), IMPATIENT),
        PostgresClient(postgres_target(environment, "ORCHESTRATION_DATABASE_URL", "bots"), IMPATIENT),
        PostgresClient(postgres_target(environment, "CHUNKS_DATABASE_URL", "chunks"), IMPATIENT),
        ModelClient(model_target(environment)),
        HttpClient(),
        tmp_path,
    )
    yield environment, clients
    await clients.mongo.aclose()
    await clients.chunks.aclose()


async def test_what_servers_say_stands_among_the_findings(
    servers: tuple[Mapping[str, str], Servers], tmp_path: Path
) -> None:
    environment, clients = servers
    app = app_on(tmp_path, ConfigService(None, environment, own_problems, lambda: clients))
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, "4 answers")
        await until(lambda: "servers.mongo.main" in keys(pilot))
        assert {"servers.postgres.chunks", "servers.mongo.main"} <= set(keys(pilot))
        assert pilot.app.screen.query_one(Grid).move_to("servers.postgres.chunks")
        await pilot.pause()
        assert "▲ cannot connect" in side(pilot)
        assert "c4n4ry" not in "\n".join(screen_text(app))


async def test_no_secret_is_on_the_screen_or_in_its_export(tmp_path: Path) -> None:
    planted = {name: f"c4n4ry-of-{name.lower()}" for name in HEALTHY if name.endswith(("KEY", "SALT"))}
    planted |= {"MONGODB_URI": "mongodb://ops:c4n4ry-in-url@h/", "FRONTEND_URL": "https://c4n4ry-token@h/"}
    file = tmp_path / "x.env"
    file.write_text("".join(f"{name}={value}-in-the-file\n" for name, value in planted.items()) + "c4n4ry alone\n")
    app = app_on(tmp_path / "state", ConfigService(file, planted, own_problems))
    async with app.run_test(size=(200, 250)) as pilot:
        await shown(pilot, "PINECONE_API_KEY")
        snapshot = pilot.app.screen._snapshot  # type: ignore[attr-defined]
        told = [plain_text(line) for key in keys(pilot) for line in details(snapshot, key)]
        assert len(told) > len(keys(pilot))
        assert "c4n4ry" not in "\n".join(told)
        assert "c4n4ry" not in "\n".join(screen_text(app))
        await pilot.press("e")
        await until(lambda: list((tmp_path / "state").rglob("1-*.json")))
    [export] = (tmp_path / "state").rglob("1-*.json")
    assert "PINECONE_API_KEY" in export.read_text()
    assert "c4n4ry" not in export.read_text()


async def test_a_drift_is_pushed_under_the_gate(file: Path, tmp_path: Path) -> None:
    async with audio_service(chunk_duration=4.5) as service:
        app = app_on(tmp_path / "state", ConfigService(file, {}, own_problems), service.url)
        async with app.run_test(size=(120, 40)) as pilot:
            await shown(pilot, "PINECONE_API_KEY")
            await until(lambda: not pilot.app.screen.changes_off("settings", "servers"))  # type: ignore[attr-defined]
            await pilot.press(">")
            await shown(pilot, "chunk_duration: 4.5 → 3")
            await pilot.press("y")
            assert service.sent == []
            await pilot.press("exclamation_mark", "y")
            await until(lambda: service.settings["chunk_duration"] == 3.0)
            await until(lambda: "1 settings changed, synchronized" in told(app))
            await pilot.press("u")
            await shown(pilot, "chunk_duration: 3 → 4.5")
            await pilot.press("y")
            await until(lambda: service.settings["chunk_duration"] == 4.5)
