"""Reports of unexpected failures: masked, private, and kept where the person is told they are."""

from __future__ import annotations

import logging
import platform
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from backends.safety.files import private_folder, write_atomically
from backends.safety.secrets import mask
from backends.safety.text import display_block

KEPT_REPORTS: Final = 20

_log = logging.getLogger(__name__)


def write_report(folder: Path, error: BaseException, doing: str) -> Path | None:
    """Writes the error, masked, to `folder/reports` and returns its path; None where it can't be written.

    `doing` says in a few words what was going on. Local variables are left out: they hold other people's data.
    """
    text = _describe(error, doing)
    _log.error("unexpected failure while %s: %s", doing, mask(repr(error)))
    try:
        reports = private_folder(folder / "reports")
        path = reports / f"report-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.txt"
        write_atomically(path, text.encode("utf-8", "replace"))
        _drop_old(reports)
    except OSError as failure:
        _log.error("the report could not be written: %s", failure)
        return None
    return path


def _describe(error: BaseException, doing: str) -> str:
    frames = "".join(traceback.format_exception(error))
    lines = (
        f"at: {datetime.now(UTC).isoformat(timespec='milliseconds')}",
        f"while: {doing}",
        f"python: {platform.python_version()} on {sys.platform}",
        "",
        frames,
    )
    return display_block(mask("\n".join(lines)))


def _drop_old(reports: Path) -> None:
    for old in sorted(reports.glob("report-*.txt"))[:-KEPT_REPORTS]:
        old.unlink(missing_ok=True)
