"""The record of all backups, in the state folder."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from backends.backup.model import Backup, Part
from backends.safety.records import Records, content_hash
from backends.sampling.jsonable import jsonable


class BackupBook:
    """The backups that were taken or recorded. Its methods block: call them in a thread."""

    def __init__(self, state: Path) -> None:
        self._records = Records(state / "backup_records")

    def write(self, backup: Backup) -> None:
        """Keeps the record, in the place of an earlier one of the same backup. Raises NotKept."""
        self._records.write(f"{_prefix(backup.where)}{backup.id}", jsonable(backup))

    def of(self, where: str) -> list[Backup]:
        """The backups of a database, the oldest first. Raises NotKept, and Refused where a record was changed."""
        contents = [self._records.read(name) for name in self._records.names(_prefix(where))]
        return [_backup(dict(each)) for each in contents if each is not None]


def _backup(content: dict[str, Any]) -> Backup:
    known = {each.name: content[each.name] for each in fields(Backup)}
    proven_at = known["proven_at"] and datetime.fromisoformat(known["proven_at"])
    known |= {"taken_at": datetime.fromisoformat(known["taken_at"]), "proven_at": proven_at}
    known["differences"] = tuple(known["differences"])
    return Backup(**{**known, "parts": tuple(Part(**part) for part in known["parts"])})


def _prefix(where: str) -> str:
    return f"{content_hash(where)[:12]}-"
