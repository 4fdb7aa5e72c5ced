"""A project that this process has open."""

from __future__ import annotations

from dataclasses import dataclass

from backends.drafting.errors import HeldByAnother
from backends.drafting.journal import Interrupted
from backends.drafting.locks import ProjectLock
from backends.drafting.model import Project


@dataclass(slots=True)
class OpenProject:
    """A project that this process has open: for writing while it has the lock, else for reading, and why.

    interrupted is an answer whose process died, with the text that the draft lacks of it.
    """

    project: Project
    lock: ProjectLock | None
    held_by: HeldByAnother | None = None
    interrupted: Interrupted | None = None

    @property
    def writable(self) -> bool:
        """Whether it may be saved."""
        return self.lock is not None and self.lock.held

    def close(self) -> None:
        """Lets others write it."""
        if self.lock is not None:
            self.lock.release()
