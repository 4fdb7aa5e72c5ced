"""The planted faults fire the alerts that the demo's documentation lists, no more and no fewer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import console.demo
from backends.alerts.model import Alert, Phase
from console.cli.check import LIMITS
from console.settings import load_settings
from console.wiring import Services
from tests.scanning import scan_now

README = Path(console.demo.__file__).with_name("README.md")


def listed() -> tuple[set[str], set[str]]:
    """The alerts of the documentation: those that fire, and those that come and go."""
    section = README.read_text().partition("## Alerts")[2].partition("## Life")[0]
    table, _, rest = section.partition("Come and go")
    return set(re.findall(r"^\| `([a-z.-]+)`", table, re.MULTILINE)), set(re.findall(r"`([a-z.-]+)`", rest))


@pytest.fixture
def on_demo(demo_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in demo_env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OLORIN_CONSOLE_STATE", str(tmp_path / "state"))


BY_THE_MACHINE = {"pools.latency", "pools.lock-wait"}
"""What the machine that the demo runs on may bring about for a moment: slow answers, and none in time."""


def those(alerts: tuple[Alert, ...], *states: Phase) -> set[str]:
    return {alert.rule.id for alert in alerts if alert.state in states} - BY_THE_MACHINE


def fires(alerts: tuple[Alert, ...]) -> set[str]:
    """What fires, or would if it lasted."""
    return those(alerts, Phase.FIRING, Phase.PENDING)


@pytest.mark.usefixtures("on_demo")
async def test_what_is_listed_fires_and_nothing_else() -> None:
    expected, passing = listed()
    assert len(expected) == 6
    async with Services(load_settings(None), LIMITS) as services:
        board = await services.alerts.check()
        assert fires(board.alerts) - passing == expected
        folded = {alert.rule.id for alert in board.alerts if alert.cause == "orphans.overdue"}
        assert folded == {"orphans.count", "orphans.slow-queries", "orphans.growth", "orphans.latency"}
        assert those(board.alerts, Phase.NO_DATA) == folded
        await scan_now(services.orphans)
        after = await services.alerts.check()
        assert fires(after.alerts) - passing == expected - {"orphans.overdue"}
        assert those(after.alerts, Phase.NO_DATA) == {"orphans.growth"}
