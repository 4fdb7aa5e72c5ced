"""The console's own log: one JSON object a line, masked, rotating, in the state folder. Nothing is sent anywhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
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


LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How much is logged, and where.

    name is of the file, in the state folder unless it is absolute; so many files are kept, the current one included.
    """

    level: str = "INFO"
    name: str = "console.log"
    bytes: int = LOG_BYTES
    files: int = LOG_FILES


def log_options(environment: Mapping[str, str]) -> LogOptions:
    """What LOG_LEVEL, LOG_FILE, LOG_MAX_BYTES, LOG_BACKUP_COUNT and DEBUG_MODE say; nonsense says nothing.

    >>> log_options({"LOG_LEVEL": "warning", "LOG_MAX_BYTES": "many"})
    LogOptions(level='WARNING', name='console.log', bytes=5242880, files=3)
    >>> log_options({"DEBUG_MODE": "true", "LOG_BACKUP_COUNT": "9"}).level
    'DEBUG'
    """
    level = environment.get("LOG_LEVEL", "").strip().upper()
    debug = environment.get("DEBUG_MODE", "").strip().lower() in {"1", "true", "yes", "on"}
    default = LogOptions()
    return LogOptions(
        "DEBUG" if debug else level if level in LEVELS else default.level,
        environment.get("LOG_FILE", "").strip() or default.name,
        _whole(environment.get("LOG_MAX_BYTES", ""), default.bytes, least=1),
        _whole(environment.get("LOG_BACKUP_COUNT", ""), default.files - 1, least=0) + 1,
    )


def _whole(text: str, default: int, *, least: int) -> int:
    return int(text) if text.strip().isascii() and text.strip().isdigit() and int(text) >= least else default


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


def start_logging(folder: Path, options: LogOptions | None = None) -> Path | None:
    """Sends the console's own loggers to a file in the folder; returns its path, or None where it can't be written."""
    options = options or LogOptions()
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in [each for each in root.handlers if isinstance(each.formatter, JsonLines)]:
        root.removeHandler(handler)
        handler.close()
    for name in ("backends", "screens", "widgets", "console"):
        logging.getLogger(name).setLevel(options.level)
    path = folder / options.name
    try:
        private_folder(folder)
        log = RotatingFileHandler(
            path, maxBytes=options.bytes, backupCount=options.files - 1, encoding="utf-8", delay=True
        )
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
