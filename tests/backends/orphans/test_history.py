"""The history file: private, kept, pruned, and a clear error where it can't be used."""

import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backends.clients.errors import BackendError
from backends.orphans.history import History
from backends.orphans.model import ReferenceScan
from backends.sampling.reading import Problem
from tests.olorin import T0

RESULT = ReferenceScan("a", "b", "c", documents=3, orphans=2, problem=Problem("bad answer", "why", hint="so"))


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path, ["host/olorin", "host/bayit"])


def test_looking_makes_no_file(history: History) -> None:
    assert history.latest() is None
    assert history.page("x", ("", ""), 10, "") == []
    assert not history.path.parent.exists()


def test_a_scan_comes_back_as_it_was(history: History) -> None:
    results = (RESULT, replace(RESULT, problem=None, p95_ms=1.5))
    kept = history.add_scan(T0, T0 + timedelta(seconds=2), results)
    assert history.latest() == kept
    assert kept.references == results


def test_old_scans_are_dropped_and_the_newest_never(history: History) -> None:
    for days in (0, 50, 100):
        history.add_scan(T0, T0 + timedelta(days=days), [RESULT])
    with history.connect() as connection:
        kept = [row[0] for row in connection.execute("SELECT number FROM scan")]
        results = [row[0] for row in connection.execute("SELECT scan FROM result")]
    connection.close()
    assert kept == results == [2, 3]


def test_the_file_is_private(history: History) -> None:
    history.add_scan(T0, T0, [RESULT])
    assert stat.S_IMODE(history.path.stat().st_mode) == 0o600


def test_a_broken_file_is_a_clear_error(history: History) -> None:
    history.path.parent.mkdir(parents=True)
    history.path.write_bytes(b"this is no database" * 100)
    with pytest.raises(BackendError, match="history") as raised:
        history.latest()
    assert raised.value.where == str(history.path)


def test_a_state_folder_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(BackendError, match="history"):
        History(tmp_path / "state", ["x"]).add_scan(T0, T0, [])


def test_what_was_staged_and_not_settled_is_forgotten(history: History) -> None:
    from backends.orphans.merge import Found
    from backends.orphans.model import ParentState

    first = history.stage()
    first.add([Found("a", "string", "a", ParentState.GONE, 2), Found("a", "string", "a", ParentState.GONE, 3)])
    counts = first.settle("ref", T0)
    first.close()
    second = history.stage()
    second.add([Found("b", "string", "b", ParentState.GONE, 1)])
    second.close()
    assert (counts["orphans"], counts["missing_parents"]) == (5, 1)
    assert [row["value"] for row in history.page("ref", ("", ""), 10, "")] == ["a"]
