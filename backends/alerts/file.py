"""The file that keeps alerts: SQLite in the state folder, one for each set of servers, for every process of a host.

Its calls block for a short while, so services make them in threads; each opens the file anew.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from backends.clients.errors import BackendError
from backends.clients.queries import query
from backends.safety.files import private_folder

BUSY_S: Final = 5.0
"""Seconds to wait for another process that is writing."""

VERSION: Final = 2
"""Of the tables; a file of a later version is not touched."""

Row = dict[str, Any]


class AlertFile:
    """The file for one set of servers; `identity` tells sets apart and names no secret."""

    def __init__(self, state: Path, identity: Iterable[str]) -> None:
        digest = hashlib.sha256("\n".join(identity).encode("utf-8", "replace")).hexdigest()
        self.path = state / "alerts" / f"{digest[:16]}.sqlite3"

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection; None where nothing was ever kept: looking makes no file. Raises BackendError."""
        if not self.path.exists():
            yield None
            return
        with self._errors(), closing(self._connect()) as connection:
            yield connection

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other one runs beside. Raises BackendError; nothing of it is kept then."""
        with self._errors(), closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    def _connect(self) -> sqlite3.Connection:
        private_folder(self.path.parent)
        self.path.touch(mode=0o600)
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        connection.row_factory = sqlite3.Row
        self._prepare(connection)
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Makes the tables once. A power cut may cost the last look, which the next one replaces."""
        connection.execute("PRAGMA synchronous = OFF")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise sqlite3.DatabaseError("it is of a later version of the console")
        if version < VERSION:
            connection.executescript(query(__file__, "schema"))
            connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            hint = "Is the state folder (OLORIN_CONSOLE_STATE) writable, with room left? A broken file may be removed."
            raise BackendError(f"The alerts can't be kept: {error}", where=str(self.path), hint=hint) from error


def stamp(at: datetime | None) -> float | None:
    """The time as it is kept."""
    return None if at is None else at.timestamp()


def time_of(kept: float) -> datetime:
    """The time that was kept."""
    return datetime.fromtimestamp(kept, UTC)
