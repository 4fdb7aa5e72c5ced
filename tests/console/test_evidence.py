"""Evidence from a running stack: every system says something, and what can't be asked says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.drafting.evidence import Evidence
from console.evidence import collect
from console.settings import Settings, own_settings
from console.wiring import Services


async def collected(environment: dict[str, str], folder: Path) -> tuple[Evidence, ...]:
    """What is collected with that environment."""
    own = {**environment, "OLORIN_CONSOLE_STATE": str(folder)}
    async with Services(Settings(own, None, own_settings(own))) as services:
        return await collect(services)


async def test_every_system_of_the_demo_says_something(
    demo_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.evidence.ASKING_S", 60.0)
    monkeypatch.setattr("console.evidence.LOOKING_S", 50.0)
    found = await collected(demo_env, tmp_path)
    said = {
        source: [item.text for item in found if item.source == source] for source in {each.source for each in found}
    }
    assert {"alerts", "findings", "gauges", "orphans", "sessions"} <= set(said)
    assert any(text.startswith("bots.ghosts: ") for text in said["alerts"])
    assert any(text.startswith("orphans.growth: no data: no scan yet (limit > 1,000 ") for text in said["alerts"])
    assert any("connections" in text for text in said["gauges"])
    assert any("sessions:" in text for text in said["sessions"])
    assert said["orphans"]
    assert all(item.at is not None for item in found if item.source == "gauges")


async def test_what_is_not_configured_is_no_data(tmp_path: Path) -> None:
    found = await collected({"ENVIRONMENT": "development"}, tmp_path)
    assert [each.text for each in found if each.source == "sessions"] == [
        "no data: not configured: The bot sessions' database is not configured."
    ]


async def test_a_system_that_never_answers_holds_nobody_up(
    demo_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.evidence.ASKING_S", 0.0)
    found = await collected(demo_env, tmp_path)
    assert {each.text for each in found} == {"no data: no answer within 0 s"}
    assert len({each.source for each in found}) == 7
