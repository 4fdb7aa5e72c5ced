"""Which backup is good enough for a step that changes data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from backends.backup.model import Backup, BackupVerdict, Light, Part
from backends.clients.errors import Refused

FRESH: Final = timedelta(hours=24)
"""A backup counts this long."""


def backup_gate(backups: Iterable[Backup], target: str, undoable: bool, now: datetime) -> BackupVerdict:
    """Red for a step that can't be undone from what the console keeps, without a young and proven backup; a warning
    for one that can be.
    """
    newest = max((each for each in backups if each.taken_at <= now), key=_merit, default=None)
    if newest is not None and newest.proven and now - newest.taken_at < FRESH:
        return BackupVerdict(Light.OK, f"A backup of {target} from {newest.taken_at:%Y-%m-%d %H:%M} UTC is proven.")
    light = Light.WARNING if undoable else Light.RED
    return BackupVerdict(light, _missing(newest, target, now), f"Run: olorin backup {target}")


def require(verdict: BackupVerdict, where: str) -> BackupVerdict:
    """The verdict where it isn't red. Raises Refused where it is, with what to do."""
    if verdict.light is Light.RED:
        raise Refused(verdict.sentence, where=where, hint=verdict.hint)
    return verdict


def differences(taken: Sequence[Part], restored: Sequence[Part]) -> tuple[str, ...]:
    """What is not the same after restoring, in words; nothing where all of it is.

    >>> differences([Part("a", 2, 10, "x"), Part("b", 1, 5, "y")], [Part("a", 2, 10, "z")])
    ('a: 2 documents, but another content', 'b: missing')
    """
    there = {part.name: part for part in restored}
    found = [_difference(part, there.get(part.name)) for part in taken]
    unexpected = [f"{name}: was not in the backup" for name in there if name not in {part.name for part in taken}]
    return (*filter(None, found), *unexpected)


def _difference(taken: Part, restored: Part | None) -> str:
    if restored is None:
        return f"{taken.name}: missing"
    if restored.documents != taken.documents:
        return f"{taken.name}: {restored.documents:,} of {taken.documents:,} documents"
    same = restored.digest == taken.digest
    return "" if same else f"{taken.name}: {taken.documents:,} documents, but another content"


def _merit(backup: Backup) -> tuple[bool, datetime]:
    return backup.proven, backup.taken_at


def _missing(newest: Backup | None, target: str, now: datetime) -> str:
    if newest is None:
        return f"There is no backup of {target}."
    hours = (now - newest.taken_at) / timedelta(hours=1)
    if newest.proven:
        return f"The newest proven backup of {target} is {hours:.0f} h old; it must be younger than 24 h."
    return f"The newest backup of {target} ({hours:.1f} h old) was never restored and found the same."
