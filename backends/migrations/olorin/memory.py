"""What this console has seen of the flag, kept in the state folder: since when it was off, and on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from backends.migrations.olorin.model import Seen
from backends.safety.records import Records, content_hash


class Memory:
    """What was seen of one target. Its methods block: call them in a thread."""

    def __init__(self, state: Path, target: str) -> None:
        self._records = Records(state / "separation" / "seen")
        self._name = content_hash(target)[:16]

    def seen(self) -> Seen:
        """Since when the flag was seen off, and on. Raises NotKept."""
        said = self._records.read(self._name) or {}
        times = {key: datetime.fromisoformat(value) for key, value in said.items() if value}
        return Seen(times.get("off_since"), times.get("on_since"))

    def see(self, flag: bool | None, now: datetime) -> Seen:
        """Remembers the first time of each. Raises NotKept."""
        before = seen = self.seen()
        if flag is False and seen.off_since is None:
            seen = replace(seen, off_since=now)
        if flag is True and seen.on_since is None:
            seen = replace(seen, on_since=now)
        if seen != before:
            self._write(seen)
        return seen

    def forget_switch(self) -> None:
        """After a rollback the target is no newer than the main database. Raises NotKept."""
        self._write(replace(self.seen(), on_since=None))

    def _write(self, seen: Seen) -> None:
        self._records.write(self._name, {"off_since": seen.off_since, "on_since": seen.on_since})
