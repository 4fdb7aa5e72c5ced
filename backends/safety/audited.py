"""The audit log as people read it: one line an act, its intent and its outcome together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from backends.safety.audit import UNKNOWN
from backends.safety.author import Author
from backends.safety.chain import Chain

UNDER_WAY: Final = "under way"

_AGE: Final = re.compile(r"(\d{1,6})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class AuditedAct:
    """One act. at, ended_at: UTC, ISO 8601; ended_at is None without an outcome. line: of its intent, from 1."""

    at: str
    user: str
    action: str
    target: str
    outcome: str
    run_id: str
    ended_at: str | None
    ssh_client: str
    host: str
    profile: str
    environment: str
    command: str
    plan: str
    details: Mapping[str, Any]
    counts: Mapping[str, Any]
    why: str
    line: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which acts are asked for; what is empty asks for nothing. action: the whole name, or the part before a dot."""

    user: str = ""
    action: str = ""
    since: datetime | None = None
    run_id: str = ""

    def takes(self, act: AuditedAct) -> bool:
        """Whether the act is one of those."""
        named = not self.action or act.action == self.action or act.action.startswith(f"{self.action}.")
        recent = self.since is None or datetime.fromisoformat(act.at) >= self.since
        return named and recent and self.user in ("", act.user) and self.run_id in ("", act.run_id)


def audited(chain: Chain, wanted: Filter | None = None) -> list[AuditedAct]:
    """The acts of a log in the order of their intents."""
    outcomes = {entry["id"]: entry for entry in chain.entries if entry["step"] == "outcome"}
    intents: Iterable[Mapping[str, Any]] = (entry for entry in chain.entries if entry["step"] == "intent")
    acts = [_act(intent, outcomes.get(intent["id"])) for intent in intents]
    return [act for act in acts if wanted is None or wanted.takes(act)]


def since(text: str, now: datetime) -> datetime:
    """A time (ISO 8601, UTC where it names no zone) or an age. Raises ValueError.

    >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> [since(each, noon).isoformat() for each in ("90m", "2026-01-01", "2026-01-01T10:00+02:00")]
    ['2026-01-02T10:30:00+00:00', '2026-01-01T00:00:00+00:00', '2026-01-01T10:00:00+02:00']
    """
    age = _AGE.fullmatch(text.strip())
    if age:
        return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
    time = datetime.fromisoformat(text.strip())
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _act(intent: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> AuditedAct:
    ended = outcome or {"at": None, "outcome": _without_outcome(intent), "why": "", "counts": {}}
    own = {"outcome", "ended_at", "counts", "why", "line"}
    return AuditedAct(
        **{each.name: intent.get(each.name, "") for each in fields(AuditedAct) if each.name not in own},
        outcome=ended["outcome"],
        ended_at=ended["at"],
        counts=ended["counts"],
        why=ended["why"],
        line=intent["n"],
    )


def _without_outcome(intent: Mapping[str, Any]) -> str:
    author = Author(**{field.name: intent.get(field.name, "") for field in fields(Author)})
    return UNDER_WAY if author.still_runs() else UNKNOWN
