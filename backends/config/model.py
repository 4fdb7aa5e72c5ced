"""What is known of a configuration. Every value here is masked already: snapshots are shown, exported and compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """How a setting stands, best first."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"

    @property
    def rank(self) -> int:
        """0 for the best; larger is worse."""
        return list(Status).index(self)


def worst_status(statuses: Iterable[Status]) -> Status:
    """The worst of them; OK where there are none.

    >>> worst_status([Status.WARN, Status.FAIL, Status.OK]).value
    'fail'
    """
    return max(statuses, key=lambda status: status.rank, default=Status.OK)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know about a setting, a file or a server.

    id: what it is about. rule: the rule's name. remedy: a line to paste, without any secret. why: the rule in words.
    breaks: what does not work because of it. chain: from what is switched on to this, step by step.
    """

    id: str
    rule: str
    status: Status
    message: str
    remedy: str = ""
    why: str = ""
    breaks: str = ""
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value that a setting could have: the variable's name, where it stands (line 0: no line), masked."""

    source: str
    line: int
    name: str
    value: str
    wins: bool

    @property
    def where(self) -> str:
        """The source with its line."""
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting with its value and every candidate, the winner first. default, range: in words."""

    id: str
    group: str
    title: str
    name: str
    value: str
    default: str
    range: str
    secret: bool
    description: str
    source: str
    status: Status
    candidates: tuple[Candidate, ...]
    findings: tuple[Finding, ...]
    needed_by: tuple[str, ...]
    changed_since_start: bool = False


@dataclass(frozen=True, slots=True)
class DeprecatedName:
    """A variable whose name is an old one."""

    name: str
    replacement: str
    source: str


@dataclass(frozen=True, slots=True)
class UnknownName:
    """A variable that nothing reads, and the known name nearest to it (empty where none is near)."""

    name: str
    nearest: str
    source: str


@dataclass(frozen=True, slots=True)
class Flag:
    """A switch: its setting, what it needs (paths), and what would be wrong once it is on; safe where nothing would.

    safe is None where only a server could tell, and it has not been asked or gave no answer.
    """

    id: str
    name: str
    on: bool
    needs: tuple[str, ...]
    safe: bool | None
    missing: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ConfigSnapshot:
    """A configuration as it stands: all settings, and findings that belong to no setting (files, unknown names)."""

    environment: str
    env_file: str
    settings: tuple[Setting, ...]
    others: tuple[Finding, ...]
    deprecated: tuple[DeprecatedName, ...]
    unknown: tuple[UnknownName, ...]
    flags: tuple[Flag, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One entry of the report: the worst that is known of an id."""

    id: str
    group: str
    status: Status
    message: str
    remedy: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Entries of each status."""

    ok: int
    warn: int
    fail: int


@dataclass(frozen=True, slots=True)
class Report:
    """What `olorin config check` says."""

    environment: str
    status: Status
    summary: Counts
    checks: tuple[Check, ...]
    deprecated: tuple[DeprecatedName, ...]
    unknown: tuple[UnknownName, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that two configurations set differently; masked values, secrets told apart by their fingerprints."""

    id: str
    group: str
    name: str
    here: str
    there: str
    here_source: str
    there_source: str
