"""What rules judge of backups."""

from __future__ import annotations

from collections.abc import Mapping

from backends.backup.model import BackupVerdict, Light
from backends.sampling.measure import Absent, Measure, measured


def measures(verdicts: Mapping[str, BackupVerdict]) -> tuple[Measure, ...]:
    """How many databases have no young and proven backup. verdicts: target → what the gate says to a change of it."""
    if not verdicts:
        return (Measure.missing("backups.due", Absent.NOT_CONFIGURED, "no database is configured"),)
    due = [target for target, verdict in verdicts.items() if verdict.light is not Light.OK]
    what = f"{', '.join(due)}: no proven backup of the last 24 h" if due else ""
    return (measured("backups.due", len(due), what=what),)
