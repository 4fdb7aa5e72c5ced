"""Plans and proofs: found by what they say, refused when they are old, changed or another's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backends.clients.errors import Refused
from backends.safety.plans import PLAN_LASTS, PlanStore
from backends.safety.proofs import ProofStore
from backends.safety.records import NotKept

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
BODY = {"collections": {"usage_records": 12}, "secret-looking": "olorin_platform"}


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_plan_is_started_from_for_fifteen_minutes_and_read_for_good(tmp_path: Path, clock: Clock) -> None:
    plans = PlanStore(tmp_path, clock)
    plan = plans.save("olorin", "mongo a", BODY)
    assert plans.load_to_start(plan.hash[:8], "olorin", "mongo a").body == BODY
    clock.now += PLAN_LASTS
    with pytest.raises(Refused, match="good until 12:15:00"):
        plans.load_to_start(plan.hash, "olorin", "mongo a")
    assert plans.load(plan.hash) == plan
    assert plans.save("olorin", "mongo a", BODY).hash == plan.hash
    assert plans.load_to_start(plan.hash, "olorin", "mongo a").made_at == clock.now
    clock.now -= timedelta(hours=1)
    with pytest.raises(Refused):
        plans.load_to_start(plan.hash, "olorin", "mongo a")


def test_a_plan_is_for_its_kind_and_target(tmp_path: Path, clock: Clock) -> None:
    plans = PlanStore(tmp_path, clock)
    plan = plans.save("olorin", "mongo a", BODY)
    assert plan.hash != plans.save("olorin", "mongo b", BODY).hash
    for kind, target in (("chunks", "mongo a"), ("olorin", "mongo b")):
        with pytest.raises(Refused, match="is for olorin on mongo a"):
            plans.load_to_start(plan.hash, kind, target)
    for hash_ in ("", "12345678", plan.hash[:7], "../../etc", "*" * 8):
        with pytest.raises(Refused, match="no plan"):
            plans.load(hash_)


def test_a_plan_that_was_edited_is_refused(tmp_path: Path, clock: Clock) -> None:
    plans = PlanStore(tmp_path, clock)
    plan = plans.save("olorin", "mongo a", BODY)
    file = tmp_path / "plans" / f"{plan.hash}.json"
    file.write_text(file.read_text().replace("12", "13", 1))
    with pytest.raises(Refused, match="not as it was written"):
        plans.load(plan.hash)


def test_the_newest_proof_counts(tmp_path: Path, clock: Clock) -> None:
    proofs = ProofStore(tmp_path, clock)
    assert proofs.newest("verify", "mongo a") is None
    proofs.save("verify", "mongo a", True, {"documents": 5})
    clock.now += timedelta(hours=1)
    newest = proofs.save("verify", "mongo a", False, {"missing": 1})
    proofs.save("verify", "mongo b", True, {})
    assert proofs.newest("verify", "mongo a") == newest
    assert not newest.holds(clock.now, timedelta(hours=24))
    passed = proofs.newest("verify", "mongo b")
    assert passed is not None
    day = timedelta(hours=24)
    held = [passed.holds(clock.now + each, day) for each in (timedelta(), day, -timedelta(seconds=1))]
    assert held == [True, False, False]


def test_a_state_folder_that_cant_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "plans").write_text("in the way")
    with pytest.raises(NotKept, match="can't be written"):
        PlanStore(tmp_path).save("olorin", "mongo a", BODY)
