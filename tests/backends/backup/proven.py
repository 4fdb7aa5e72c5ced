"""Backups that are good enough for any step, for tests of the steps."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from backends.backup.book import BackupBook
from backends.backup.model import Backup, BackupVerdict, Light


async def proven(_: bool) -> BackupVerdict:
    """What the gate says where there is one."""
    return BackupVerdict(Light.OK, "A backup is proven.")


def record_proven(state: Path, target: str, where: str) -> None:
    """Records a backup of just now as `olorin backup` does once it is proven. where: the database, masked."""
    now = datetime.now(UTC)
    BackupBook(state).write(Backup("20260102T030405.000000Z", target, where, "console", "/b", now, now, ()))
