"""The scan history: what each scan counted, and every missing parent with its first sighting.

One SQLite file for each pair of databases, in the state folder. Its calls block for a short while, so the service
makes them in threads; each opens the file anew, which costs less than a millisecond.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from backends.clients.errors import BackendError
from backends.clients.queries import query
from backends.orphans.merge import Found
from backends.orphans.model import GRACE, Order, ParentKey, ParentState, Place, ReferenceScan, Scan, Trend
from backends.safety.files import private_folder
from backends.sampling.jsonable import to_json
from backends.sampling.reading import Problem

BUSY_S: Final = 5.0
"""Seconds to wait for another console that is writing to the same history."""

DAY: Final = timedelta(days=1)

SCANS_KEPT_S: Final = 90 * 24 * 3600.0
"""Seconds for which the counts of a scan are kept; the newest scan is kept whatever its age."""

RANKS: Final = {
    Order.DOCUMENTS: "-documents",
    Order.FIRST_SEEN: "first_seen",
    Order.STATE: "instr('gone malformed soft-deleted suspended', state)",
}
"""What each order sorts by, as its index has it."""

Row = dict[str, Any]


class History:
    """The history of one pair of databases; `identity` tells pairs apart and names no secret."""

    def __init__(self, state: Path, identity: Iterable[str]) -> None:
        digest = hashlib.sha256("\n".join(identity).encode("utf-8", "replace")).hexdigest()
        self.path = state / "orphans" / f"{digest[:16]}.sqlite3"

    def latest(self) -> Scan | None:
        """The newest scan; None before the first. Raises BackendError."""
        with self._reading() as connection:
            if connection is None:
                return None
            row = connection.execute("SELECT * FROM scan ORDER BY number DESC LIMIT 1").fetchone()
            if row is None:
                return None
            bodies = connection.execute("SELECT body FROM result WHERE scan = ? ORDER BY position", (row["number"],))
            return Scan(
                row["number"],
                _time(row["started_at"]),
                _time(row["finished_at"]),
                tuple(result_of(body["body"]) for body in bodies),
            )

    def add_scan(self, started_at: datetime, finished_at: datetime, results: Sequence[ReferenceScan]) -> Scan:
        """Keeps a scan's counts and drops those past their time. Raises BackendError."""
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT INTO scan (started_at, finished_at) VALUES (?, ?)",
                (started_at.timestamp(), finished_at.timestamp()),
            )
            number = int(cursor.lastrowid or 0)
            rows = [(number, at, result.name, to_json(result)) for at, result in enumerate(results)]
            connection.executemany("INSERT INTO result (scan, position, reference, body) VALUES (?, ?, ?, ?)", rows)
            old = finished_at.timestamp() - SCANS_KEPT_S
            connection.execute("DELETE FROM scan WHERE finished_at < ? AND number <> ?", (old, number))
        return Scan(number, started_at, finished_at, tuple(results))

    def page(self, reference: str, after: tuple[str, str], limit: int, contains: str) -> list[Row]:
        """At most `limit` missing parents of the reference after (value, type), in order. Raises BackendError."""
        given = {"reference": reference, "value": after[0], "type": after[1], "limit": limit, "contains": contains}
        with self._reading() as connection:
            return [] if connection is None else _rows(connection, "page", given)

    def candidates(self, reference: str, after: tuple[str, str], limit: int) -> list[Row]:
        """Missing parents of the reference after (value, type), with what judges them. Raises BackendError."""
        given = {"reference": reference, "value": after[0], "type": after[1], "limit": limit}
        with self._reading() as connection:
            return [] if connection is None else _rows(connection, "candidates", given)

    def sorted_page(
        self, references: Sequence[str], order: Order, after: Place | None, limit: int, contains: str
    ) -> list[Row]:
        """At most `limit` missing parents of the references after a place of this order. Raises BackendError."""
        with self._reading() as connection:
            if connection is None:
                return []
            asked = query(__file__, "sorted").format(rank=RANKS[order])
            given = ({**_from(after, each), "limit": limit, "contains": contains} for each in references)
            pages = [[dict(row) for row in connection.execute(asked, each)] for each in given]
        return list(islice(heapq.merge(*pages, key=itemgetter("rank", "reference", "value", "type")), limit))

    def parents_before(self, number: int, since: datetime) -> dict[str, int]:
        """Reference → the most parents that scans since then found; at least the scan before the one of this number.

        Raises BackendError.
        """
        with self._reading() as connection:
            given = {"number": number, "since": since.timestamp()}
            rows = [] if connection is None else _rows(connection, "parents", given)
        return {row["reference"]: row["parents"] for row in rows}

    def trends(self) -> tuple[Trend, ...]:
        """How each reference developed over the scans that are kept. Raises BackendError."""
        with self._reading() as connection:
            rows = [] if connection is None else _rows(connection, "trend", {})
        points: dict[str, list[tuple[datetime, int]]] = {}
        for row in rows:
            points.setdefault(row["reference"], []).append((_time(row["at"]), row["orphans"]))
        return tuple(Trend(name, tuple(each), growth(each)) for name, each in points.items())

    def total(self, reference: str, contains: str) -> int:
        """How many missing parents of the reference the filter lets through. Raises BackendError."""
        with self._reading() as connection:
            if connection is None:
                return 0
            given = {"reference": reference, "contains": contains}
            return int(connection.execute(query(__file__, "total"), given).fetchone()[0])

    def stage(self) -> Stage:
        """Where one reference's findings are put down before they count. Raises BackendError."""
        return Stage(self)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection, or None where nothing was ever kept: looking makes no file."""
        if not self.path.exists():
            yield None
            return
        with self.errors(), closing(self.connect()) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self.errors(), closing(self.connect()) as connection, connection:
            yield connection

    def connect(self) -> sqlite3.Connection:
        """A connection to the file, which is made if need be, readable by its owner only."""
        private_folder(self.path.parent)
        self.path.touch(mode=0o600)
        connection = sqlite3.connect(self.path, timeout=BUSY_S, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        # SQLite's own lower() knows no letter beyond ASCII.
        connection.create_function("folded", 1, str.casefold, deterministic=True)
        connection.executescript(query(__file__, "schema"))
        return connection

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns what SQLite and the file system raise into BackendError."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            hint = "Is the state folder (OLORIN_CONSOLE_STATE) writable, with room left? A broken file may be removed."
            raise BackendError(f"The scan history can't be used: {error}", where=str(self.path), hint=hint) from error


class Stage:
    """One reference's findings on their way into the history, spilled to a temporary file."""

    def __init__(self, history: History) -> None:
        self._history = history
        with history.errors():
            self._connection = history.connect()
            self._connection.executescript(query(__file__, "stage"))

    def add(self, found: Iterable[Found]) -> None:
        """Puts findings down; the documents of a value that came before are added up. Raises BackendError."""
        rows = [(each.value, each.type, each.parent, _state(each), each.documents, _stamp(each.at)) for each in found]
        with self._history.errors():
            self._connection.executemany(
                "INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (value, type) DO UPDATE SET documents = documents + excluded.documents",
                rows,
            )

    def apart(self, after: tuple[str, str], limit: int) -> list[Row]:
        """The next values whose parent has to be looked up apart. Raises BackendError."""
        with self._history.errors():
            rows = self._connection.execute(
                "SELECT value, type, parent FROM staged WHERE state IS NULL AND (value, type) > (?, ?)"
                " ORDER BY value, type LIMIT ?",
                (*after, limit),
            )
            return list(map(dict, rows))

    def decide(self, judged: Iterable[tuple[str, str, ParentState, datetime | None]]) -> None:
        """Records the states of values that were looked up apart. Raises BackendError."""
        rows = [(state.value, _stamp(at), value, type_) for value, type_, state, at in judged]
        with self._history.errors():
            self._connection.executemany("UPDATE staged SET state = ?, at = ? WHERE value = ? AND type = ?", rows)

    def settle(self, reference: str, now: datetime) -> Row:
        """Makes the findings the reference's missing parents, in one transaction, and returns its counts.

        Raises BackendError; the history is as it was then.
        """
        given = {"reference": reference, "now": now.timestamp(), "young": (now - GRACE).timestamp()}
        with self._history.errors(), self._connection as connection:
            connection.execute("DELETE FROM staged WHERE state IS NULL OR state = 'alive'")
            connection.execute(query(__file__, "settle"), given)
            connection.execute(query(__file__, "forget"), given)
            return _rows(connection, "counts", given)[0]

    def spare(self, parents: Iterable[str]) -> None:
        """Notes the parents whose documents are exempt. Raises BackendError."""
        with self._history.errors():
            self._connection.executemany(
                "INSERT OR IGNORE INTO exempt_parent VALUES (?)", [(each,) for each in parents]
            )

    def note(self, documents: Iterable[tuple[str, str, str]], *, exempt: bool = False, busy: bool = False) -> None:
        """Notes documents (id, value, type) that are exempt or in use. Raises BackendError."""
        with self._history.errors():
            self._connection.executemany(
                "INSERT INTO apart VALUES (?, ?, ?, ?, ?) ON CONFLICT (id)"
                " DO UPDATE SET exempt = exempt OR excluded.exempt, busy = busy OR excluded.busy",
                [(*each, exempt, busy) for each in documents],
            )

    def kept(self, reference: str, now: datetime) -> Row:
        """How many orphans are exempt, and how many past their grace stay (kept). Raises BackendError."""
        given = {"reference": reference, "young": (now - GRACE).timestamp()}
        with self._history.errors():
            return _rows(self._connection, "kept", given)[0]

    def close(self) -> None:
        """Gives the temporary file back."""
        self._connection.close()


def growth(points: Sequence[tuple[datetime, int]]) -> float | None:
    """Orphans a day, from the newest scan that is a day older than the last one; None where there is none yet.

    >>> noon = datetime(2026, 3, 1, 12)
    >>> round(growth([(noon, 100), (noon + timedelta(days=2), 340), (noon + timedelta(days=2, hours=1), 344)]) or 0, 2)
    119.51
    """
    if not points:
        return None
    last, now = points[-1]
    before = next((point for point in reversed(points) if last - point[0] >= DAY), None)
    return None if before is None else (now - before[1]) / ((last - before[0]) / DAY)


def parent_key(row: Row) -> ParentKey:
    """The key of a row of the history."""
    return ParentKey(row["reference"], row["value"], row["type"])


def _from(after: Place | None, reference: str) -> Row:
    """Where a page of the reference begins: beyond `same` and the key in it, then above `above`."""
    if after is None:
        return {"reference": reference, "same": None, "value": "", "type": "", "above": -math.inf}
    begun = reference == after.key.reference
    value, type_ = (after.key.value, after.key.type) if begun else ("", "")
    same = after.rank if reference >= after.key.reference else None
    return {"reference": reference, "same": same, "value": value, "type": type_, "above": after.rank}


def _rows(connection: sqlite3.Connection, name: str, given: Row) -> list[Row]:
    return [dict(row) for row in connection.execute(query(__file__, name), given)]


def _state(found: Found) -> str | None:
    return found.state.value if found.state is not None else None


def _stamp(at: datetime | None) -> float | None:
    return at.timestamp() if at is not None else None


def _time(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)


def result_of(body: str) -> ReferenceScan:
    """A reference's counts, from the JSON that they are kept as."""
    given = json.loads(body)
    problem = given.pop("problem")
    return ReferenceScan(**given, problem=Problem(**problem) if problem else None)
