"""The config screen with findings and without, at both sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from backends.clients.http import HttpClient
from backends.config.model import Finding, Status
from backends.config.service import ConfigService
from backends.config.sync import SyncWatch
from backends.config.sync_acts import ServiceSync
from console.settings import own_problems
from screens.config import ConfigScreen
from tests.backends.config.configurations import HEALTHY
from tests.stage import StagedApp, shown, staged

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]

TROUBLED = {
    **HEALTHY,
    "PARTNER_API_KEY_SALT": "short",
    "MONGODB_URI": "mongodb://ops:hunter22@localhost:27017/",
    "ELEVENLABS_API_KEY": "",
    "RECAP_MAX_CONTEXT_TOKENS": "12",
    "OLORIN_DUBING_ENABLED": "true",
}


class Answered(ConfigService):
    """The configuration of a file, with fixed answers of two servers."""

    async def answers(self, deadline_s: float | None = None) -> tuple[Finding, ...]:
        self._answers = (
            Finding("servers.mongo.main", "server answers", Status.OK, "version 7.0.5, 61 collections"),
            Finding("servers.postgres.chunks", "server answers", Status.WARN, "cannot connect: connection refused"),
        )
        return self._answers


@pytest.fixture
def app_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., StagedApp]:
    """Makes the application on a file with these variables; the folder is left out of what is shown."""
    monkeypatch.chdir(tmp_path)

    def make(variables: dict[str, str], kind: str = "staging") -> StagedApp:
        Path("eu-west.env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        service = Answered(Path("eu-west.env"), {}, own_problems)
        sync = ServiceSync(HttpClient(), "", service, SyncWatch(), tmp_path)
        return staged(tmp_path / "state", "1", lambda frame: ConfigScreen(frame, service, sync), kind)

    return make


def then(text: str, *keys: str, end: str = "") -> Callable[[Pilot[Any]], Any]:
    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, text)
        await shown(pilot, "2 answers")
        await pilot.press(*keys)
        await shown(pilot, end or text)

    return before


@SIZES
def test_without_findings(snap_compare: Compare, app_of: Callable[..., StagedApp], size: tuple[int, int]) -> None:
    """Every rule is kept; one server is gone."""
    assert snap_compare(app_of(dict(HEALTHY)), terminal_size=size, run_before=then("postgres.chunks"))


@SIZES
def test_findings(snap_compare: Compare, app_of: Callable[..., StagedApp], size: tuple[int, int]) -> None:
    """Findings only, the worst first, in production."""
    run = then("2 warn", "f", "down", end="paste")
    assert snap_compare(app_of(TROUBLED, "production"), terminal_size=size, run_before=run)


@SIZES
def test_a_flag(snap_compare: Compare, app_of: Callable[..., StagedApp], size: tuple[int, int]) -> None:
    """The details of a switch in the table's place."""
    run = then("2 warn", "slash", *"olorin_dubb", "enter", "down", "enter", end="✖ on, but not all")
    assert snap_compare(app_of(TROUBLED), terminal_size=size, run_before=run)
