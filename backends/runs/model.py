"""What is true of a run: one execution of a long job, durable, recorded in the database that it changes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final

RUNS: Final = "console_runs"
"""The Mongo collection and the Postgres table that hold runs; what goes with them is named `console_run_…`."""

NEWEST: Final = 50
"""Runs of a database that are looked at to say how it stands."""

DATABASE: Final = "database"
"""The scope of a run that no other run of the same database may work beside."""


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


class Want(Enum):
    """What people want of a run; whoever executes it looks before each batch."""

    GO = "go"
    PAUSE = "pause"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of the run (a collection, a table, a partition). total: None where it is not known.

    done and failed count items (documents, rows), bytes what was moved of them, rate the items a second just now.
    """

    name: str
    total: int | None = None
    done: int = 0
    failed: int = 0
    bytes: int = 0
    rate: float | None = None

    @property
    def share(self) -> float | None:
        """What is done of it, from 0 to 1; None where it can't be told."""
        return None if not self.total else min((self.done + self.failed) / self.total, 1.0)


@dataclass(frozen=True, slots=True)
class Transition:
    """The run came into a state: when by the server's clock, who brought it there, and why."""

    state: str
    at: datetime | None
    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """What people asked of the run. batch: items at most, pace: items a second at most; None leaves that to the run.

    who, why, at: of what is wanted.
    """

    want: Want = Want.GO
    batch: int | None = None
    pace: float | None = None
    who: str = ""
    why: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, as its worker saves it with each batch.

    slow and fast: items a second, the least and the most that is to be expected. batch: items of the next batch.
    lost_s: seconds lost to each reason for waiting; waiting_for: the reasons that hold it now; not_measured:
    measurements that nobody configured; measured: the newest of the others, by name; unknown: those that gave no data;
    warnings: what they warn of, in words. counts: the job's own, as the servers gave them. window: the hours that it
    was told to work in, "" for all.
    """

    units: tuple[Unit, ...] = ()
    slow: float | None = None
    fast: float | None = None
    batch: int = 0
    lost_s: Mapping[str, float] = field(default_factory=dict)
    waiting_for: tuple[str, ...] = ()
    not_measured: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    window: str = ""
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a run goes on. number: batches committed; body: the job's own, in the types of its database.

    plan and version are those of the plan and of the tool that wrote it.
    """

    number: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)
    plan: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who executes: user, host, the SSH client's address ("" without), and the process with its start mark."""

    user: str
    host: str
    ssh_client: str
    pid: int
    started: str

    @property
    def said(self) -> str:
        """The holder in words.

        >>> Holder("ops", "db1", "192.0.2.7", 4711, "x").said
        'ops@db1 pid 4711 from 192.0.2.7'
        """
        origin = f" from {self.ssh_client}" if self.ssh_client else ""
        return f"{self.user}@{self.host} pid {self.pid}{origin}"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to change a scope, as the server has it. token: grows with every holder.

    age_s: seconds since the last heartbeat by the server's clock; beats counts heartbeats. extra_s: seconds that a
    takeover waits beyond the expiry, where batches are no transactions. session: of the holder, to be ended first.
    """

    scope: str
    token: int
    run_id: str
    holder: Holder
    since: datetime | None
    age_s: float
    beats: int
    released: bool
    extra_s: float = 0.0
    session: bytes = b""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to be recorded. scope: what no other run may change meanwhile. options: JSON, the job's own."""

    id: str
    kind: str
    where: str
    plan: str = ""
    scope: str = DATABASE
    options: Mapping[str, Any] = field(default_factory=dict)


def new_id(what: str, now: datetime) -> str:
    """The id of a new run: what it does, when it was made, and a little chance for two in one second."""
    return f"{what}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its record says; every text is safe to show.

    kind: the job. where: what it changes, masked. state: a word of RunState, or as it was found; since and why: of the
    state. holder: who executes it now, None for nobody; silent_s: seconds since his last heartbeat; extra_s: seconds
    that a takeover waits longer, since the server has no transactions.
    """

    id: str
    kind: str
    state: str
    where: str = ""
    scope: str = DATABASE
    plan: str = ""
    version: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    since: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    progress: Progress = field(default_factory=Progress)
    control: Control = field(default_factory=Control)
    holder: str | None = None
    silent_s: float | None = None
    extra_s: float = 0.0
    history: tuple[Transition, ...] = ()

    @property
    def known_state(self) -> RunState | None:
        """The state, None where the word is none of ours."""
        return RunState(self.state) if self.state in {state.value for state in RunState} else None

    @property
    def done(self) -> int | None:
        """Items done in all units; None before there is a unit."""
        units = self.progress.units
        return sum(unit.done + unit.failed for unit in units) if units else None

    @property
    def total(self) -> int | None:
        """Items of all units; None where one's is not known."""
        totals = [unit.total for unit in self.progress.units]
        known = [total for total in totals if total is not None]
        return sum(known) if totals and len(known) == len(totals) else None

    @property
    def share(self) -> float | None:
        """The share that is done, from 0 to 1; None where it can't be told."""
        if self.done is None or not self.total:
            return None
        return min(self.done / self.total, 1.0)


@dataclass(frozen=True, slots=True)
class Halt:
    """Runs of this kind must not run until it is lifted."""

    kind: str
    who: str
    why: str
    at: datetime | None
