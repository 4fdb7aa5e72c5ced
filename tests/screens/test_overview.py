"""The overview's keys: acknowledge, snooze, release, hand over, open a page; the alarm on every screen."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from backends.alerts.model import Board, Phase
from backends.alerts.table import Settings
from backends.alerts.watch import AlertsService
from backends.alerts.words import hand_over
from backends.runs.service import RunPage
from backends.sampling.measure import Measure, measured
from console.alarm import Alarm
from console.app import TABS
from console.screen_factories import screen_factories
from console.settings import Settings as ConsoleSettings
from console.settings import own_settings
from console.wiring import Services
from screens.alert_rows import alarm, facts
from screens.frame import Frame
from screens.overview import OverviewScreen
from tests.fixed_alerts import all_well, all_wrong, fixed_alerts
from tests.snapshots.test_overview import QUIET
from tests.stage import NOW, StagedApp, answer, shown, staged
from widgets.grid import Grid
from widgets.tone import plain_text


def one_wrong(*names: str) -> list[Measure]:
    """Everything is well but the measures with these names, which are 3."""
    return [*(each for each in all_well() if each.name not in names), *(measured(name, 3, "a") for name in names)]


def on(alerts: AlertsService, folder: Path) -> StagedApp:
    def screen(frame: Frame) -> OverviewScreen:
        return OverviewScreen(frame, QUIET, alerts, answer(RunPage()))

    return staged(folder, "0", screen)


def services_in(folder: Path) -> Services:
    """Services of a console of which nothing is configured."""
    environment = {"OLORIN_CONSOLE_STATE": str(folder), "ENVIRONMENT": "staging"}
    return Services(ConsoleSettings(environment, Path("eu-west.env"), own_settings(environment)))


async def choose_alert(pilot: Pilot[Any]) -> None:
    pilot.app.screen.query_one("#alerts", Grid).focus()
    await pilot.pause()


async def test_acknowledge_and_release(tmp_path: Path) -> None:
    alerts = fixed_alerts(tmp_path, one_wrong("bots.ghosts"))
    async with on(alerts, tmp_path).run_test(size=(100, 30)) as pilot:
        await shown(pilot, "✖ critical bots.ghosts")
        await choose_alert(pilot)
        await pilot.press("a", *"mine", "enter")
        await shown(pilot, "✓ acknowledged")
        (alert,) = [each for each in (await alerts.board()).alerts if each.state is Phase.ACKNOWLEDGED]
        assert alert.acknowledged is not None
        assert (alert.acknowledged.owner, alert.acknowledged.reason) == ("ops@db1", "mine")
        assert not alert.acknowledged.snooze
        await choose_alert(pilot)
        await pilot.press("u")
        await shown(pilot, "✖ critical  ")
        assert not [each for each in (await alerts.board()).alerts if each.acknowledged]
    entries = [json.loads(line) for line in (tmp_path / "audit" / "audit.jsonl").read_text().splitlines()]
    assert [(each["action"], each["step"]) for each in entries] == [
        ("alerts.acknowledge", "intent"), ("alerts.acknowledge", "outcome"),
        ("alerts.release", "intent"), ("alerts.release", "outcome"),
    ]  # fmt: skip


async def test_snooze_for_everybody_and_giving_up(tmp_path: Path) -> None:
    alerts = fixed_alerts(tmp_path, one_wrong("bots.ghosts"))
    async with on(alerts, tmp_path).run_test(size=(100, 30)) as pilot:
        await shown(pilot, "✖ critical bots.ghosts")
        await choose_alert(pilot)
        await pilot.press("z", *"no", "escape", "z", *"2d", "space", *"later", "enter")
        await shown(pilot, "✓ acknowledged")
    other = fixed_alerts(tmp_path, one_wrong("bots.ghosts"))
    (alert,) = [each for each in await other.stand() if each.acknowledged]
    assert alert.acknowledged is not None
    assert (alert.acknowledged.snooze, alert.acknowledged.reason) == (True, "later")
    assert alert.acknowledged.until - alert.acknowledged.at == timedelta(days=2)


async def test_hand_over_and_page(tmp_path: Path) -> None:
    alerts = fixed_alerts(tmp_path, one_wrong("bots.ghosts"))
    app = on(alerts, tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await shown(pilot, "✖ critical bots.ghosts")
        await pilot.press("H")
        await pilot.pause()
        assert "critical bots.ghosts: a: 3 sessions" in app.clipboard
        assert "Runs in progress:\n  none" in app.clipboard
        await choose_alert(pilot)
        await pilot.press("enter")
        await shown(pilot, "Bot sessions are in trouble")
        await pilot.press("down", "down", "c")
        await pilot.pause()
        assert app.clipboard == "olorin --env-file eu-west.env bots show ID"
        await pilot.press("escape")
        await shown(pilot, "alerts  ✖ 1 critical")


async def board_of(folder: Path, measures: list[Measure]) -> Board:
    return await fixed_alerts(folder, measures).check()


async def test_the_line_of_every_screen(tmp_path: Path) -> None:
    assert alarm(None) is None
    assert alarm(await board_of(tmp_path / "a", all_well())) is None
    wrong = alarm(await board_of(tmp_path / "b", all_wrong()))
    assert wrong is not None
    assert wrong.text.startswith(" ✖ ")
    unknown = alarm(await board_of(tmp_path / "c", [each for each in all_well() if each.name != "config.salt"]))
    assert unknown is not None
    assert unknown.text == " ? 1 no data "


async def test_an_alert_keeps_the_samples_before_it(tmp_path: Path) -> None:
    """However long ago it fired; its page tells how long it has to be so, too."""
    measures = one_wrong("pools.waiting")
    await fixed_alerts(tmp_path, measures, lambda: NOW - timedelta(days=3)).check()
    service = fixed_alerts(tmp_path, measures)
    (alert,) = [each for each in (await service.check()).alerts if each.rule.id == "pools.waiting"]
    assert await service.changes() == ()
    known = "\n".join(plain_text(line) for line in facts(alert, await service.history("pools.waiting")))
    assert re.search(r"before it +3 \(10 minutes\)", known)
    assert re.search(r"changed +01-17 .* pools.waiting new → firing", known)
    patient = replace(alert, rule=replace(alert.rule, for_s=10, in_a_row=2))
    assert "pools.waiting > 0 requests for 10 s, 2 times in a row, over now" in plain_text(facts(patient, ())[2])
    assert await service.history("pools.full") == ()


async def test_it_stands_on_every_screen(tmp_path: Path) -> None:
    """As the console makes them, at the smallest size, where nothing is configured."""
    services = services_in(tmp_path)
    app = StagedApp(tmp_path, screen_factories(services))
    app._alarm.take(await board_of(tmp_path / "a", one_wrong("bots.ghosts")))
    async with app.run_test(size=(80, 24)) as pilot:
        for tab in TABS:
            await pilot.press(tab.key)
            await shown(pilot, f"[{tab.key} {tab.name}]")
            await shown(pilot, "✖ 1 bots.ghosts")
    await services.aclose()


class Ears:
    """A terminal that remembers."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def bell(self) -> None:
        self.heard.append("bell")


@pytest.mark.parametrize("loud", [True, False])
async def test_a_sound_for_what_is_new(tmp_path: Path, loud: bool) -> None:
    services = services_in(tmp_path)
    services.alerts.settings = replace(Settings(), bell=loud, osc9=loud)
    ears = Ears()
    found = Alarm(services, ears.bell, ears.heard.append)
    found.take(await board_of(tmp_path / "a", one_wrong("bots.ghosts")))
    assert not ears.heard, "what fired before the console's start is no news"
    found.take(await board_of(tmp_path / "b", one_wrong("bots.ghosts", "runs.failed")))
    assert ears.heard == (["bell", "\x1b]9;eu-west: runs.failed\x07"] if loud else [])
    found.take(await board_of(tmp_path / "c", one_wrong("runs.failed")))
    assert len(ears.heard) == 2 * loud


async def test_hand_over_names_causes_and_owners(tmp_path: Path) -> None:
    service = fixed_alerts(tmp_path, [measured("servers.mongo", 1, "main", "refused")])
    await service.check()
    await service.acknowledge("servers.mongo", "rack 4 is off", 2)
    text = hand_over(await service.check(), (), await service.changes(), "eu-west")
    assert "acknowledged servers.mongo: main: refused" in text
    assert "[ops@db1 until 01-20 05:04: rack 4 is off]" in text
    assert "orphans.count: its source doesn't tell it since 01-20 03:04 (follows from servers.mongo)" in text
