"""What is true of a backup: what of, from when, where, and whether restoring it gave back the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from backends.clients.targets import Role

MONGO_TARGETS: Final[Mapping[str, Role]] = {"main": Role.MAIN, "olorin": Role.OLORIN}
POSTGRES_TARGETS: Final = ("orchestration", "chunks")
TARGETS: Final = (*MONGO_TARGETS, *POSTGRES_TARGETS)
"""What `olorin backup` takes: the Mongo databases by their role, the Postgres ones by their system."""

TEST_SUFFIX: Final = "_test"
"""A backup of a database is restored beside it, under its name with this."""


@dataclass(frozen=True, slots=True)
class Part:
    """A collection or table: documents or rows, their bytes (None where nobody counts them), and a digest over them.

    The digest is the same whatever the order, and another one when anything in any of them is another.
    """

    name: str
    documents: int
    bytes: int | None
    digest: str


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup. where: the database, masked, as its client says it. how: "console" or "recorded". place: a path or a
    note. taken_at: when its reading began (UTC). proven_at: when it was restored and found the same; None where not.
    """

    id: str
    target: str
    where: str
    how: str
    place: str
    taken_at: datetime
    proven_at: datetime | None
    parts: tuple[Part, ...]
    differences: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether it was restored and found the same."""
        return self.proven_at is not None


class Light(Enum):
    """What the gate says."""

    OK = "ok"
    WARNING = "warning"
    RED = "red"


@dataclass(frozen=True, slots=True)
class BackupVerdict:
    """What the backup gate says to a step, and why, in a sentence."""

    light: Light
    sentence: str
    hint: str = ""


BackupGate = Callable[[bool], Awaitable[BackupVerdict]]
"""What says whether a step that changes a database may go on; told whether the console keeps the step's undo."""
