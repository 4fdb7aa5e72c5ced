"""What rules judge of proofs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from backends.safety.proofs import Proof
from backends.sampling.measure import Absent, Measure, measured

WATCHED: Final = timedelta(days=14)
"""For how long a migration is watched, two weeks in the founding document; a proof older than that is of one that is
over, and each step that still needs one refuses by itself."""


def measures(newest: Mapping[str, Proof | None], now: datetime) -> tuple[Measure, ...]:
    """What was proven: kind → the newest proof of it, None where nothing was verified."""
    return tuple(each for kind, proof in newest.items() for each in _of_proof(kind, proof, now))


def _of_proof(kind: str, proof: Proof | None, now: datetime) -> Iterator[Measure]:
    if proof is None:
        yield Measure.missing("proofs.failed", Absent.NOTHING, "nothing was verified", kind)
        yield Measure.missing("proofs.age_h", Absent.NOTHING, "nothing was verified", kind)
        return
    made = f"{kind}, verified {proof.made_at:%Y-%m-%d %H:%M} UTC"
    yield measured("proofs.failed", 0 if proof.passed else 1, kind, made)
    age = now - proof.made_at
    if age > WATCHED or not proof.passed:
        yield Measure.missing("proofs.age_h", Absent.NOTHING, f"{made}: over", kind)
    else:
        yield measured("proofs.age_h", round(age / timedelta(hours=1), 1), kind, made)
