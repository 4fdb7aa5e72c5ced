"""Proofs: dated results of verifying, which later steps ask for and which grow old."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backends.safety.records import Records, content_hash
from backends.sampling.reading import utc_now


@dataclass(frozen=True, slots=True)
class Proof:
    """What verifying the target found, and when. kind: what was verified; body: JSON, the kind's own."""

    kind: str
    target: str
    made_at: datetime
    passed: bool
    body: Mapping[str, Any]

    def holds(self, now: datetime, no_older_than: timedelta) -> bool:
        """Whether it passed, and lately enough; a proof from the future is of a clock that was wrong."""
        return self.passed and timedelta() <= now - self.made_at < no_older_than


class ProofStore:
    """The proofs in the state folder, all of them kept. Its methods block: call them in a thread."""

    def __init__(self, state: Path, clock: Callable[[], datetime] = utc_now) -> None:
        self._records = Records(state / "proofs")
        self._clock = clock

    def save(self, kind: str, target: str, passed: bool, body: Mapping[str, object]) -> Proof:
        """Keeps a proof of now. Raises NotKept."""
        proof = Proof(kind, target, self._clock(), passed, body)
        content = {"kind": kind, "target": target, "made_at": proof.made_at, "passed": passed, "body": body}
        self._records.write(f"{_prefix(kind, target)}{proof.made_at:%Y%m%dT%H%M%S.%fZ}", content)
        return proof

    def newest(self, kind: str, target: str) -> Proof | None:
        """The newest proof of the kind for the target. Raises NotKept, and Refused where it was changed by hand."""
        names = self._records.names(_prefix(kind, target))
        content = self._records.read(names[-1]) if names else None
        if content is None:
            return None
        return Proof(**{**content, "made_at": datetime.fromisoformat(content["made_at"])})

    def all(self, kind: str) -> list[Proof]:
        """The proofs of the kind for every target, newest first. Raises NotKept, and Refused where one was changed."""
        contents = (self._records.read(name) for name in self._records.names(f"{kind}-"))
        proofs = [
            Proof(**{**content, "made_at": datetime.fromisoformat(content["made_at"])})
            for content in contents
            if content is not None and content["kind"] == kind
        ]
        return sorted(proofs, key=lambda each: each.made_at, reverse=True)


def _prefix(kind: str, target: str) -> str:
    return f"{kind}-{content_hash(target)[:12]}-"
