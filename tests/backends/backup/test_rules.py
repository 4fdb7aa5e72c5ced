"""When a backup is good enough, and what the gate says when none is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backends.backup.book import BackupBook
from backends.backup.model import Backup, Light, Part
from backends.backup.rules import FRESH, backup_gate
from backends.clients.errors import Refused

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def backup(age: timedelta, proven: bool = True) -> Backup:
    taken_at = NOON - age
    id_ = f"{taken_at:%Y%m%dT%H%M%S}"
    parts = (Part("a", 3, 99, "00ff"),)
    return Backup(id_, "main", "mongodb://db x", "console", "/b", taken_at, NOON if proven else None, parts)


@pytest.mark.parametrize(
    ("backups", "undoable", "light"),
    [
        ([], False, Light.RED),
        ([], True, Light.WARNING),
        ([backup(HOUR)], False, Light.OK),
        ([backup(HOUR)], True, Light.OK),
        ([backup(FRESH)], False, Light.RED),
        ([backup(FRESH - timedelta(seconds=1))], False, Light.OK),
        ([backup(HOUR, proven=False)], False, Light.RED),
        ([backup(HOUR, proven=False)], True, Light.WARNING),
        ([backup(2 * HOUR), backup(HOUR, proven=False)], False, Light.OK),
        ([backup(-HOUR)], False, Light.RED),
    ],
)
def test_the_gate(backups: list[Backup], undoable: bool, light: Light) -> None:
    verdict = backup_gate(backups, "main", undoable, NOON)
    assert verdict.light is light
    assert verdict.sentence.endswith(".")
    assert bool(verdict.hint) == (light is not Light.OK)


def test_the_sentence_says_what_is_missing() -> None:
    said = [
        backup_gate(each, "main", False, NOON).sentence for each in ([], [backup(30 * HOUR)], [backup(HOUR, False)])
    ]
    assert said == [
        "There is no backup of main.",
        "The newest proven backup of main is 30 h old; it must be younger than 24 h.",
        "The newest backup of main (1.0 h old) was never restored and found the same.",
    ]


def test_the_book_keeps_what_was_written_and_refuses_what_was_changed(tmp_path: Path) -> None:
    book = BackupBook(tmp_path)
    older, newer = backup(2 * HOUR), backup(HOUR, proven=False)
    for each in (newer, older):
        book.write(each)
    assert book.of("mongodb://db x") == [older, newer]
    assert book.of("mongodb://db y") == []
    (file,) = (each for each in (tmp_path / "backup_records").glob(f"*{newer.id}.json"))
    file.write_text(file.read_text().replace('"proven_at": null', '"proven_at": "2026-01-02T12:00:00+00:00"'))
    with pytest.raises(Refused, match="not as it was written"):
        book.of("mongodb://db x")
