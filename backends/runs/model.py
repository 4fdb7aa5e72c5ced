"""What is true of a run: one execution of a long job, durable, recorded in the database that it changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

RUNS: Final = "console_runs"
"""The Mongo collection and the Postgres table that hold runs."""


class RunState(Enum):
    """The states of a run, in the order in which most of them are passed."""

    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    THROTTLED = "throttled"
    HOLDING = "holding"
    VERIFYING = "verifying"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its record says. kind: the job ("olorin", "chunks", …). state: a word of RunState, or as it was found.

    done and total count the job's units (documents, rows), None where they are not known yet. holder: who executes it,
    from where. since: when it came into its state. why: what the state's reason is.
    """

    id: str
    kind: str
    state: str
    done: int | None
    total: int | None
    holder: str | None
    since: datetime | None
    why: str

    @property
    def known_state(self) -> RunState | None:
        """The state, None where the word is none of ours."""
        return RunState(self.state) if self.state in {state.value for state in RunState} else None

    @property
    def progress(self) -> float | None:
        """The share that is done, from 0 to 1; None where it can't be told."""
        if self.done is None or not self.total:
            return None
        return min(self.done / self.total, 1.0)
