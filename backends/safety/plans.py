"""Plans: what a run will do, looked at before it is done, and known by a hash of all that it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from backends.clients.errors import Refused
from backends.safety.records import Records, content_hash
from backends.sampling.reading import utc_now

PLAN_LASTS: Final = timedelta(minutes=15)
"""How long a run may be started from a plan. Resuming one that was started asks for no date."""

SHORTEST_HASH: Final = 8
"""Digits of a hash that a person has to give at least."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run of this kind will do to the target. hash: of kind, target and body; body: JSON, the kind's own."""

    hash: str
    kind: str
    target: str
    made_at: datetime
    expires_at: datetime
    body: Mapping[str, Any]

    def expired(self, now: datetime) -> bool:
        """Whether it is too old to start from; a plan from the future is of a clock that was wrong."""
        return not self.made_at <= now < self.expires_at


class PlanStore:
    """The plans in the state folder. Its methods block: call them in a thread."""

    def __init__(self, state: Path, clock: Callable[[], datetime] = utc_now) -> None:
        self._records = Records(state / "plans")
        self._clock = clock

    def save(self, kind: str, target: str, body: Mapping[str, object]) -> Plan:
        """Keeps a plan; the same plan again is good for fifteen minutes again. Raises NotKept."""
        said = {"kind": kind, "target": target, "body": body}
        name, made_at = content_hash(said), self._clock()
        self._records.write(name, {**said, "made_at": made_at})
        return self.load(name)

    def load(self, hash_: str) -> Plan:
        """The plan of this hash (eight digits are enough). Raises Refused where there is none, or it was changed."""
        names = self._records.names(hash_) if len(hash_) >= SHORTEST_HASH else []
        content = self._records.read(names[0]) if len(names) == 1 else None
        if content is None:
            raise Refused(f"There is no plan {hash_}.", hint="Make one with --dry-run; its hash is in the answer.")
        said = {key: content[key] for key in ("kind", "target", "body")}
        if content_hash(said) != names[0]:
            raise Refused(f"The plan {hash_} is not as it was written.", hint="Make a new one with --dry-run.")
        made_at = datetime.fromisoformat(content["made_at"])
        return Plan(names[0], made_at=made_at, expires_at=made_at + PLAN_LASTS, **said)

    def load_to_start(self, hash_: str, kind: str, target: str) -> Plan:
        """The plan of this hash, to start a run of this kind on this target from. Raises Refused where it may not."""
        plan = self.load(hash_)
        if (plan.kind, plan.target) != (kind, target):
            raise Refused(f"The plan {hash_} is for {plan.kind} on {plan.target}.", where=target)
        if plan.expired(self._clock()):
            hint = "Make a new one with --dry-run: the data may have changed since."
            raise Refused(f"The plan {hash_} was good until {plan.expires_at:%H:%M:%S} UTC.", where=target, hint=hint)
        return plan
