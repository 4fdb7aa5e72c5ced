"""What consoles and cron runs of a host share."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backends.alerts.file import AlertFile
from backends.alerts.model import Acknowledgement, Alert, Compare, Observation, Phase, Rule
from backends.alerts.store import AlertStore, Baseline
from backends.clients.errors import BackendError
from backends.sampling.measure import Absent
from backends.sampling.state import State

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULE = Rule("a.b", "a", "a.b", Compare.ABOVE, 10, 8, State.WARNING, "test", "s", "Look.", "none", in_a_row=3)
OTHER = Rule("a.c", "a", "a.c", Compare.ABOVE, 0, 0, State.CRITICAL, "test", "s", "Look.", "none")
RULES = (RULE, OTHER)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[], AlertStore]:
    """A store as each process opens it."""
    return lambda: AlertStore(AlertFile(tmp_path, ("mongodb://db/bayit",)))


def look(store: AlertStore, value: float | None, seconds: float) -> Alert:
    seen = Observation(value, at(seconds), "pool", "words", None if value is not None else Absent.NO_DATA)
    (alert,) = store.advance(RULES, {RULE.id: seen}, at(seconds))
    return alert


def test_processes_go_on_from_each_other(opened: Callable[[], AlertStore]) -> None:
    phases = [look(opened(), 11, second).state for second in (0, 60, 120)]
    assert phases == [Phase.PENDING, Phase.PENDING, Phase.FIRING]
    (alert,) = opened().stand(RULES, at(130))
    assert (alert.state, alert.since, alert.value, alert.subject, alert.what) == (
        Phase.FIRING, at(120), 11, "pool", "words",
    )  # fmt: skip


def test_looking_makes_no_file(tmp_path: Path) -> None:
    store = AlertStore(AlertFile(tmp_path, ("x",)))
    assert store.stand(RULES, T0) == ()
    assert store.changes(T0) == ()
    assert store.told("x") == {}
    assert store.baseline("x") is None
    assert not list(tmp_path.iterdir())


def test_other_servers_have_other_alerts(tmp_path: Path) -> None:
    look(AlertStore(AlertFile(tmp_path, ("one",))), 3, 0)
    assert AlertStore(AlertFile(tmp_path, ("two",))).stand(RULES, T0) == ()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "alerts").iterdir()}
    assert modes == {0o600}


def test_changes_keep_the_ten_minutes_before(opened: Callable[[], AlertStore]) -> None:
    store = opened()
    for minute in range(14):
        look(store, minute, 60 * minute)
    look(store, None, 900)
    look(store, 3, 960)
    newest, fired, pending = store.changes(T0)
    assert [(each.before, each.after) for each in (pending, fired, newest)] == [
        ("ok", "pending"), ("pending", "firing"), ("firing", "ok"),
    ]  # fmt: skip
    assert [value for _, value in fired.samples] == list(range(3, 14))
    assert fired.samples[-1][0] == fired.at == at(60 * 13)
    assert store.changes(at(901)) == (newest,)


def acknowledged(until_s: float, *, snooze: bool = False) -> Acknowledgement:
    return Acknowledgement("ops@db1", "looking", at(until_s), at(121), snooze)


def firing(store: AlertStore) -> None:
    for second in (0, 60, 120):
        look(store, 11, second)


def test_an_acknowledgement_ends_with_the_alert(opened: Callable[[], AlertStore]) -> None:
    firing(opened())
    opened().acknowledge(RULE.id, acknowledged(3600))
    alert = look(opened(), 12, 180)
    assert alert.state is Phase.ACKNOWLEDGED
    assert alert.acknowledged == acknowledged(3600)
    assert look(opened(), 3, 240).state is Phase.OK
    assert [look(opened(), 12, second).state for second in (300, 360, 420)][-1] is Phase.FIRING
    assert any(each.after == "acknowledged" and "ops@db1" in each.what for each in opened().changes(T0))


def test_it_ends_with_its_time_and_when_it_is_taken_back(opened: Callable[[], AlertStore]) -> None:
    store = opened()
    firing(store)
    store.acknowledge(RULE.id, acknowledged(200))
    assert look(store, 12, 199).state is Phase.ACKNOWLEDGED
    assert look(store, 12, 200).state is Phase.FIRING
    store.acknowledge(RULE.id, acknowledged(3600))
    store.release(RULE.id, "ops@db1", at(210))
    assert look(store, 12, 220).state is Phase.FIRING


def test_a_snooze_outlives_the_alert(opened: Callable[[], AlertStore]) -> None:
    store = opened()
    firing(store)
    store.acknowledge(RULE.id, acknowledged(3600, snooze=True))
    look(store, 3, 180)
    states = [look(store, 12, second).state for second in (240, 300, 360)]
    assert states == [Phase.PENDING, Phase.PENDING, Phase.ACKNOWLEDGED]


def test_many_processes_at_once_lose_nothing(opened: Callable[[], AlertStore]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda second: look(opened(), 1, second), range(40)))
    opened().tell("hooks", {"a.b": "ok"})
    assert opened().told("hooks") == {"a.b": "ok"}
    assert opened().told("elsewhere") == {}
    (alert,) = opened().stand(RULES, at(60))
    assert alert.state is Phase.OK


def test_failures_in_a_row_are_counted_by_all(opened: Callable[[], AlertStore]) -> None:
    assert opened().add_failures({"a": 1, "b": 2}, at(0)) == {"a": 1, "b": 2}
    assert opened().add_failures({"a": 1, "b": 0}, at(900)) == {"a": 2, "b": 0}
    assert opened().add_failures({"a": 1}, at(900 + 3601)) == {"a": 1}, "what was so long ago is no row"


def test_a_baseline_is_kept(opened: Callable[[], AlertStore]) -> None:
    baseline = Baseline("before", T0, {"pools.use x": 12.5})
    opened().keep_baseline(baseline)
    assert opened().baseline("before") == baseline


def test_a_broken_or_later_file_says_so(tmp_path: Path, opened: Callable[[], AlertStore]) -> None:
    look(opened(), 1, 0)
    (path,) = (tmp_path / "alerts").iterdir()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(BackendError, match="later version"):
        look(opened(), 1, 1)
    path.write_bytes(b"x" * 4096)
    with pytest.raises(BackendError, match="can't be kept"):
        look(opened(), 1, 1)
