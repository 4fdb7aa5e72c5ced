"""The file that changes rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.alerts.engine import is_beyond, is_clear
from backends.alerts.table import RULES, Malformed, Settings, settings_in
from backends.sampling.state import State


def read(folder: Path, text: str) -> Settings:
    (folder / "alerts.toml").write_text(text)
    return settings_in(folder)


def test_without_a_file_everything_is_built_in(tmp_path: Path) -> None:
    assert settings_in(tmp_path) == Settings(RULES)
    assert {rule.origin for rule in RULES} == {"built in"}


@pytest.mark.parametrize("name", ['"orphans.count"', "orphans.count"])
def test_a_rule_is_changed_and_says_where(tmp_path: Path, name: str) -> None:
    text = f'[rule.{name}]\nthreshold = 50\nclear = 40\nfor = 60\nin_a_row = 2\nseverity = "warning"\ntodo = "Run."\n'
    settings = read(tmp_path, "[notify]\nbell = true\n" + text)
    rule = next(rule for rule in settings.rules if rule.id == "orphans.count")
    assert (rule.threshold, rule.clear, rule.for_s, rule.in_a_row) == (50, 40, 60, 2)
    assert (rule.severity, rule.todo) == (State.WARNING, "Run.")
    assert rule.origin == str(tmp_path / "alerts.toml")
    assert (settings.bell, settings.osc9) == (True, False)
    assert {rule.origin for rule in settings.rules if rule.id != "orphans.count"} == {"built in"}


def test_a_threshold_alone_clears_where_it_is_not_passed(tmp_path: Path) -> None:
    text = '[rule."pools.full"]\nthreshold = 95\n[rule."pools.latency"]\nthreshold = 50\n'
    rules = {rule.id: rule for rule in read(tmp_path, text).rules}
    assert is_beyond(rules["pools.full"], 95)
    assert is_clear(rules["pools.full"], 94.9)
    assert is_clear(rules["pools.latency"], 50)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[rule", "can't be read"),
        ("[rules]\n", "the file has no 'rules'"),
        ("rule = 3\n", "rule must be a table"),
        ('[rule."pools.ful"]\nthreshold = 1\n', "rule has no 'pools.ful'"),
        ('[rule."pools.full"]\nabove = 1\n', "pools.full has no 'above'"),
        ('[rule."pools.full"]\nthreshold = "1"\n', "threshold of pools.full must be a number"),
        ('[rule."pools.full"]\nthreshold = nan\n', "threshold of pools.full must be a number"),
        ('[rule."pools.full"]\nthreshold = true\n', "threshold of pools.full must be a number"),
        ('[rule."pools.full"]\nfor = -1\n', "for of pools.full must be seconds"),
        ('[rule."pools.full"]\nin_a_row = 0\n', "in_a_row of pools.full must be a whole number"),
        ('[rule."pools.full"]\nseverity = "bad"\n', "severity of pools.full must be warning or critical"),
        ('[rule."pools.full"]\ntodo = 1\n', "todo of pools.full must be a text"),
        ('[rule."orphans.count"]\nclear = 20000\n', "clear of orphans.count is beyond its threshold"),
        ('[notify]\nbell = "yes"\n', "bell of notify must be true or false"),
        ("[notify]\nsound = true\n", "notify has no 'sound'"),
    ],
)
def test_what_is_malformed_is_said(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(Malformed, match=r"alerts\.toml") as raised:
        read(tmp_path, text)
    assert why in str(raised.value)
