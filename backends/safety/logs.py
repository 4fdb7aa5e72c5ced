"""The console's own log: one JSON object a line, masked, rotating, in the state folder. Nothing is sent anywhere."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from backends.safety.files import private_folder
from backends.safety.secrets import mask
from backends.safety.text import PAGE_LIMIT, display_block

LOG_BYTES: Final = 5 * 1024 * 1024
"""Size at which a log file is rotated (the founding document's 5 MB)."""

LOG_FILES: Final = 3
"""Files kept, the current one included (the founding document's three)."""


class JsonLines(logging.Formatter):
    """A record as one line of JSON with UTC time, level, logger and masked message."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": mask(record.getMessage()),
        }
        if record.exc_info:
            entry["error"] = display_block(mask(self.formatException(record.exc_info)), PAGE_LIMIT)
        return json.dumps(entry)


def start_logging(folder: Path) -> Path | None:
    """Sends the console's own loggers to `folder/console.log`; returns its path, or None where it can't be written."""
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in [each for each in root.handlers if isinstance(each.formatter, JsonLines)]:
        root.removeHandler(handler)
        handler.close()
    for name in ("backends", "screens", "widgets", "console"):
        logging.getLogger(name).setLevel(logging.INFO)
    path = folder / "console.log"
    try:
        private_folder(folder)
        log = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8", delay=True)
        path.touch(mode=0o600)
    except OSError:
        root.addHandler(logging.NullHandler())
        return None
    log.setFormatter(JsonLines())
    root.addHandler(log)
    # Drivers warn on stderr, which is where the screen is drawn.
    logging.captureWarnings(True)
    # A disk that fills up later must not write tracebacks over the screen.
    logging.raiseExceptions = False
    return path
