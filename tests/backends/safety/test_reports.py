"""Reports, logs and files: masked, private, never half written."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest

from backends.safety.files import write_atomically
from backends.safety.logs import JsonLines, start_logging
from backends.safety.reports import KEPT_REPORTS, write_report
from backends.safety.secrets import mask

CANARY = "canary-8d1f3c-canary"


@pytest.fixture(autouse=True)
def learned_canary() -> None:
    mask.learn([CANARY])


def failure() -> Exception:
    try:
        raise RuntimeError(f"password {CANARY} \x1b[2J")
    except RuntimeError as error:
        return error


def test_a_report_is_masked_private_and_says_what_was_going_on(tmp_path: Path) -> None:
    path = write_report(tmp_path, failure(), "reading pools")
    assert path is not None
    text = path.read_text()
    assert CANARY not in text
    assert "\x1b" not in text
    assert "reading pools" in text
    assert "RuntimeError" in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_old_reports_are_dropped(tmp_path: Path) -> None:
    for _ in range(KEPT_REPORTS + 5):
        write_report(tmp_path, failure(), "counting")
    assert len(list((tmp_path / "reports").iterdir())) == KEPT_REPORTS


def test_a_folder_that_cannot_be_written_gives_none_and_no_exception(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert write_report(blocked, failure(), "anything") is None


def test_a_log_line_is_json_and_masked() -> None:
    record = logging.LogRecord("backends.x", logging.INFO, "", 0, "key %s", (CANARY,), None)
    entry = json.loads(JsonLines().format(record))
    assert entry["level"] == "info"
    assert CANARY not in entry["message"]


def test_the_log_is_written_to_the_state_folder(tmp_path: Path) -> None:
    before = logging.getLogger().handlers[:]
    try:
        path = start_logging(tmp_path)
        logging.getLogger("backends.test").info("hello %s", CANARY)
        assert path is not None
        assert json.loads(path.read_text())["message"] == "hello ••••"
    finally:
        for handler in set(logging.getLogger().handlers) - set(before):
            handler.close()
        logging.getLogger().handlers[:] = before
        logging.captureWarnings(False)


def test_a_failed_write_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomically(path, b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]
