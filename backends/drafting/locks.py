"""One writer a project, across processes: an advisory lock with its holder's name in it."""

from __future__ import annotations

import getpass
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from uuid import UUID

from backends.drafting.errors import HeldByAnother
from backends.drafting.model import Holder, Project
from backends.safety.files import private_folder, try_lock
from backends.safety.text import display_text


class ProjectLock:
    """The right to write one project; the kernel takes it back when the process ends, however it ends."""

    def __init__(self, project_id: UUID, handle: int) -> None:
        self.project_id = project_id
        self._handle: int | None = handle

    @classmethod
    def take(cls, folder: Path, project: Project, now: datetime) -> Self:
        """Takes the lock, or raises HeldByAnother with who has it. Raises OSError."""
        path = private_folder(folder) / f"{project.id}.lock"
        handle = try_lock(path)
        if handle is None:
            raise HeldByAnother(project.title, _holder(path))
        _sign(handle, now)
        return cls(project.id, handle)

    @property
    def held(self) -> bool:
        """Whether it has not been released."""
        return self._handle is not None

    def release(self) -> None:
        """Gives the lock back; a second time is nothing."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _sign(handle: int, now: datetime) -> None:
    # The file stays when the lock goes: two processes must never lock two different files of one name.
    holder = {"pid": os.getpid(), "user": _user(), "host": socket.gethostname(), "since": now.isoformat()}
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(holder).encode("ascii"), 0)


def _holder(path: Path) -> Holder | None:
    """Who signed the lock; None where the signature is not readable (yet)."""
    try:
        record = json.loads(path.read_bytes())
        since = datetime.fromisoformat(record["since"]).astimezone(UTC)
        return Holder(int(record["pid"]), display_text(record["user"]), display_text(record["host"]), since)
    except (OSError, ValueError, TypeError, LookupError):
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
