"""Records by kind and id in one SQLite file of the state folder. Calls block: make them in threads."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from backends.clients.errors import BackendError
from backends.safety.files import private_folder
from backends.sampling.jsonable import to_json

BUSY_S: Final = 5.0
"""Seconds to wait for another process that is writing."""

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS record (
    kind TEXT NOT NULL, id TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_at ON record (kind, at, id);
"""
_WRITE: Final = "INSERT INTO record VALUES (?, ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body"
Record = dict[str, Any]
Change = Callable[[Record | None], Record | None]


class FolderRecords:
    """The records of one file, which is made with the first one that is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def one(self, kind: str, id_: str) -> Record | None:
        """The record; None where there is none. Raises BackendError."""
        with self._errors(), self._reading() as connection:
            if connection is None:
                return None
            row = connection.execute("SELECT body FROM record WHERE kind = ? AND id = ?", (kind, id_)).fetchone()
        return None if row is None else json.loads(row[0])

    def newest(self, kind: str, limit: int, below: tuple[datetime, str] | None = None) -> list[Record]:
        """At most `limit` records of a kind, the newest first, below a time and id. Raises BackendError."""
        at, id_ = ("\uffff", "") if below is None else (below[0].isoformat(), below[1])
        asked = "SELECT body FROM record WHERE kind = ? AND (at, id) < (?, ?) ORDER BY at DESC, id DESC LIMIT ?"
        with self._errors(), self._reading() as connection:
            rows = [] if connection is None else connection.execute(asked, (kind, at, id_, limit)).fetchall()
        return [json.loads(body) for (body,) in rows]

    def change(self, kind: str, id_: str, at: datetime, make: Change) -> Record | None:
        """Replaces a record by what `make` makes of it, unless that is None, and nobody else's change gets between.

        Answers with what was made. Raises BackendError.
        """
        with self._errors():
            private_folder(self.path.parent)
            self.path.touch(mode=0o600)
            with closing(sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)) as connection:
                connection.executescript(_TABLE)
                connection.execute("BEGIN IMMEDIATE")
                row = connection.execute("SELECT body FROM record WHERE kind = ? AND id = ?", (kind, id_)).fetchone()
                made = make(None if row is None else json.loads(row[0]))
                if made is not None:
                    connection.execute(_WRITE, (kind, id_, at.isoformat(), to_json(made)))
                connection.execute("COMMIT")
        return made

    def drop(self, kind: str, id_: str) -> bool:
        """Drops a record; False where there is none. Raises BackendError."""
        with self._errors(), self._reading() as connection:
            if connection is None:
                return False
            with connection:
                return connection.execute("DELETE FROM record WHERE kind = ? AND id = ?", (kind, id_)).rowcount == 1

    def keep(self, kinds: Mapping[str, int]) -> None:
        """Drops all but the newest records of these kinds. Raises BackendError."""
        asked = (
            "DELETE FROM record WHERE kind = ?1 AND id IN"
            " (SELECT id FROM record WHERE kind = ?1 ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?2)"
        )
        with self._errors(), closing(sqlite3.connect(self.path, timeout=BUSY_S)) as connection, connection:
            connection.executemany(asked, kinds.items())

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection, or None where nothing was ever kept: looking makes no file."""
        if not self.path.exists():
            yield None
            return
        with closing(sqlite3.connect(self.path, timeout=BUSY_S)) as connection:
            connection.executescript(_TABLE)
            yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            hint = "Is the state folder (OLORIN_CONSOLE_STATE) writable, with room left?"
            raise BackendError(f"The runs' records can't be used: {error}", where=str(self.path), hint=hint) from error
