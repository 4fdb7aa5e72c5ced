"""What is kept of alerts: how each rule stands, who takes care of it, what changed, and the samples before that."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from backends.alerts.engine import FORGOTTEN_S, in_a_row, step
from backends.alerts.file import AlertFile, Row, stamp, time_of
from backends.alerts.folding import folded
from backends.alerts.model import Acknowledgement, Alert, Change, Observation, Phase, Rule, Track

BEFORE: Final = timedelta(minutes=10)
"""For how long samples are kept, and how many of them an alert keeps when it fires."""

KEPT: Final = timedelta(days=90)
"""For how long changes are kept."""

FORGOTTEN: Final = timedelta(seconds=FORGOTTEN_S)

CHANGES: Final = 200

_UNEVENTFUL: Final = frozenset({Phase.OK, Phase.NO_DATA, Phase.NOT_CONFIGURED})

Tracks = dict[str, Track]
Acknowledgements = dict[str, Acknowledgement]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Figures under a name: measure (with its subject) → value."""

    name: str
    at: datetime
    figures: Mapping[str, float]


class AlertStore:
    """The alerts of one set of servers. Its methods block, and raise BackendError where nothing can be kept."""

    def __init__(self, file: AlertFile) -> None:
        self._file = file

    @property
    def path(self) -> Path:
        """Where they are kept."""
        return self._file.path

    def advance(self, rules: Sequence[Rule], seen: Mapping[str, Observation], now: datetime) -> tuple[Alert, ...]:
        """Takes the observations, and returns the alerts of those rules as they stand after them."""
        with self._file.changing() as connection:
            tracks, acknowledged = _tracks(connection), _acknowledged(connection, now)
            watched = [rule for rule in rules if rule.id in seen]
            after = {rule.id: step(rule, tracks.get(rule.id), seen[rule.id], now) for rule in watched}
            _keep_samples(connection, seen, now)
            _keep_changes(connection, tracks, after, acknowledged, now)
            _keep_tracks(connection, after)
            _drop_old(connection, now)
        return alerts(rules, after, acknowledged)

    def stand(self, rules: Sequence[Rule], now: datetime) -> tuple[Alert, ...]:
        """The alerts as they stood when somebody looked last; rules that nobody looked at yet are left out."""
        with self._file.reading() as connection:
            if connection is None:
                return ()
            return alerts(rules, _tracks(connection), _acknowledged(connection, now))

    def acknowledge(self, id_: str, given: Acknowledgement) -> None:
        """Keeps who takes care of an alert, in the place of an earlier one."""
        with self._file.changing() as connection:
            values = (id_, given.owner, given.reason, stamp(given.until), stamp(given.at), given.snooze)
            connection.execute("INSERT OR REPLACE INTO acknowledgement VALUES (?, ?, ?, ?, ?, ?)", values)
            word = "snoozed" if given.snooze else Phase.ACKNOWLEDGED.value
            what = f"by {given.owner} until {given.until:%Y-%m-%d %H:%M} UTC: {given.reason}"
            _keep_change(connection, Change(id_, given.at, Phase.FIRING.value, word, None, what))

    def release(self, id_: str, owner: str, now: datetime) -> None:
        """Takes an acknowledgement back."""
        with self._file.changing() as connection:
            if connection.execute("DELETE FROM acknowledgement WHERE id = ?", (id_,)).rowcount:
                change = Change(id_, now, Phase.ACKNOWLEDGED.value, "released", None, f"by {owner}")
                _keep_change(connection, change)

    def changes(self, since: datetime, limit: int = CHANGES) -> tuple[Change, ...]:
        """What changed since then, newest first."""
        with self._file.reading() as connection:
            if connection is None:
                return ()
            sql = "SELECT * FROM change WHERE at >= ? ORDER BY number DESC LIMIT ?"
            return tuple(_change(dict(row)) for row in connection.execute(sql, (stamp(since), limit)))

    def history(self, id_: str, limit: int = CHANGES) -> tuple[Change, ...]:
        """All that is kept of what became of a rule, newest first."""
        with self._file.reading() as connection:
            if connection is None:
                return ()
            sql = "SELECT * FROM change WHERE id = ? ORDER BY number DESC LIMIT ?"
            return tuple(_change(dict(row)) for row in connection.execute(sql, (id_, limit)))

    def told(self, folder: str) -> dict[str, str]:
        """The state of each rule of which the hooks of the folder were told last."""
        with self._file.reading() as connection:
            if connection is None:
                return {}
            rows = connection.execute("SELECT id, state FROM told WHERE folder = ?", (folder,))
            return {row["id"]: row["state"] for row in rows}

    def tell(self, folder: str, states: Mapping[str, str]) -> None:
        """Keeps of which states the hooks of the folder were told."""
        with self._file.changing() as connection:
            rows = [(folder, id_, state) for id_, state in states.items()]
            connection.executemany("INSERT OR REPLACE INTO told VALUES (?, ?, ?)", rows)

    def add_failures(self, found: Mapping[str, int], now: datetime) -> dict[str, int]:
        """Adds a look's failures (subject → how many) to those in a row that others saw lately, and returns them."""
        with self._file.changing() as connection:
            sql = "SELECT subject, in_a_row FROM failure WHERE at >= ?"
            rows = connection.execute(sql, (stamp(now - FORGOTTEN),))
            after = in_a_row({row["subject"]: row["in_a_row"] for row in rows}, found)
            kept = [(subject, count, stamp(now)) for subject, count in after.items()]
            connection.executemany("INSERT OR REPLACE INTO failure VALUES (?, ?, ?)", kept)
        return after

    def keep_baseline(self, baseline: Baseline) -> None:
        """Keeps figures under their name, in the place of earlier ones."""
        with self._file.changing() as connection:
            values = (baseline.name, stamp(baseline.at), json.dumps(dict(baseline.figures)))
            connection.execute("INSERT OR REPLACE INTO baseline VALUES (?, ?, ?)", values)

    def baseline(self, name: str) -> Baseline | None:
        """The figures of the name; None where there are none."""
        with self._file.reading() as connection:
            if connection is None:
                return None
            row = connection.execute("SELECT * FROM baseline WHERE name = ?", (name,)).fetchone()
            return None if row is None else Baseline(name, time_of(row["at"]), json.loads(row["body"]))


def alerts(
    rules: Iterable[Rule], tracks: Mapping[str, Track], acknowledged: Mapping[str, Acknowledgement]
) -> tuple[Alert, ...]:
    """The rules that were looked at, as alerts, with root causes."""
    return folded([_alert(rule, tracks[rule.id], acknowledged.get(rule.id)) for rule in rules if rule.id in tracks])


def _alert(rule: Rule, track: Track, given: Acknowledgement | None) -> Alert:
    state = Phase.ACKNOWLEDGED if given is not None and track.phase is Phase.FIRING else track.phase
    return Alert(rule, state, track.value, track.since, track.at, track.subject, track.what, given)


def _tracks(connection: sqlite3.Connection) -> Tracks:
    return {row["id"]: _track(dict(row)) for row in connection.execute("SELECT * FROM track")}


def _track(row: Row) -> Track:
    beyond_since = None if row["beyond_since"] is None else time_of(row["beyond_since"])
    found = (row["value"], row["subject"], row["what"], row["samples"])
    return Track(Phase(row["phase"]), time_of(row["since"]), time_of(row["at"]), *found, beyond_since)


def _acknowledged(connection: sqlite3.Connection, now: datetime) -> Acknowledgements:
    rows = connection.execute("SELECT * FROM acknowledgement WHERE until > ?", (stamp(now),))
    return {
        row["id"]: Acknowledgement(
            row["owner"], row["reason"], time_of(row["until"]), time_of(row["at"]), bool(row["snooze"])
        )
        for row in rows
    }


def _keep_tracks(connection: sqlite3.Connection, tracks: Mapping[str, Track]) -> None:
    rows = []
    for id_, each in tracks.items():
        times = stamp(each.since), stamp(each.at)
        beyond = each.samples, stamp(each.beyond_since)
        rows.append((id_, each.phase.value, *times, each.value, each.subject, each.what, *beyond))
    connection.executemany("INSERT OR REPLACE INTO track VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _keep_samples(connection: sqlite3.Connection, seen: Mapping[str, Observation], now: datetime) -> None:
    rows = [(id_, stamp(now), each.value) for id_, each in seen.items() if each.value is not None]
    connection.executemany("INSERT OR REPLACE INTO sample VALUES (?, ?, ?)", rows)


def _keep_changes(
    connection: sqlite3.Connection,
    before: Mapping[str, Track],
    after: Mapping[str, Track],
    acknowledged: Acknowledgements,
    now: datetime,
) -> None:
    """Keeps what changed; an alert that is over needs nobody's care any more, unless it was snoozed."""
    for id_, track in after.items():
        old = before.get(id_)
        if (old is not None and old.phase is track.phase) or (old is None and track.phase in _UNEVENTFUL):
            continue
        samples = _samples(connection, id_, now) if track.phase is Phase.FIRING else ()
        was = old.phase.value if old is not None else ""
        _keep_change(connection, Change(id_, now, was, track.phase.value, track.value, _said(track), samples))
        if track.phase in _UNEVENTFUL and id_ in acknowledged and not acknowledged[id_].snooze:
            connection.execute("DELETE FROM acknowledgement WHERE id = ?", (id_,))
            del acknowledged[id_]


def _said(track: Track) -> str:
    return ": ".join(filter(None, (track.subject, track.what)))


def _samples(connection: sqlite3.Connection, id_: str, now: datetime) -> tuple[tuple[datetime, float], ...]:
    sql = "SELECT at, value FROM sample WHERE id = ? AND at >= ? ORDER BY at"
    rows = connection.execute(sql, (id_, stamp(now - BEFORE)))
    return tuple((time_of(row["at"]), row["value"]) for row in rows)


def _keep_change(connection: sqlite3.Connection, change: Change) -> None:
    samples = json.dumps([(stamp(at), value) for at, value in change.samples])
    values = (change.id, stamp(change.at), change.before, change.after, change.value, change.what, samples)
    connection.execute(
        "INSERT INTO change (id, at, before, after, value, what, samples) VALUES (?, ?, ?, ?, ?, ?, ?)", values
    )


def _change(row: Row) -> Change:
    kept: list[list[Any]] = json.loads(row["samples"])
    samples = tuple((time_of(at), value) for at, value in kept)
    return Change(row["id"], time_of(row["at"]), row["before"], row["after"], row["value"], row["what"], samples)


def _drop_old(connection: sqlite3.Connection, now: datetime) -> None:
    connection.execute("DELETE FROM sample WHERE at < ?", (stamp(now - BEFORE),))
    connection.execute("DELETE FROM change WHERE at < ?", (stamp(now - KEPT),))
    connection.execute("DELETE FROM acknowledgement WHERE until <= ?", (stamp(now),))
