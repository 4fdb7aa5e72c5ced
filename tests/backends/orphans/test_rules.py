"""What a scan means in one line."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backends.orphans.model import ReferenceScan, Scan
from backends.orphans.rules import reference_state, summary
from backends.sampling.reading import Problem
from backends.sampling.state import State
from tests.olorin import T0

CLEAN = ReferenceScan(
    "recap_sessions", "channel_id", "live_channels", documents=5, orphans=0, malformed=0, p95_ms=1.0, duration_s=1.0
)


def scan(*references: ReferenceScan) -> Scan:
    return Scan(1, T0, T0, references)


@pytest.mark.parametrize(
    ("reference", "state", "said"),
    [
        (CLEAN, State.OK, "no orphans"),
        (replace(CLEAN, suspended=5, soft_deleted=5), State.OK, "no orphans"),
        (replace(CLEAN, orphans=10_000), State.WARNING, "10,000 orphans"),
        (replace(CLEAN, orphans=10_001), State.CRITICAL, "10,001 orphans"),
        (replace(CLEAN, malformed=2), State.WARNING, "2 malformed"),
        (replace(CLEAN, p95_ms=500.5), State.WARNING, "500 ms at p95"),
        (replace(CLEAN, p95_ms=None), State.OK, "no orphans"),
        (replace(CLEAN, orphans=None, problem=Problem("x", "content is empty")), State.NO_DATA, "content is empty"),
    ],
)
def test_states(reference: ReferenceScan, state: State, said: str) -> None:
    found = summary(scan(CLEAN, reference), T0)
    assert (found.state, reference_state(reference)) == (state, state)
    assert said in found.headline


def test_what_is_critical_is_said_before_what_is_unknown() -> None:
    many, unknown = replace(CLEAN, orphans=20_000), replace(CLEAN, orphans=None, problem=Problem("x", "who knows"))
    assert summary(scan(unknown, many), T0).state is State.CRITICAL
    assert summary(scan(unknown, replace(many, orphans=5)), T0).headline.endswith("who knows")


def test_no_scan_and_an_old_one_are_no_data() -> None:
    assert summary(None, T0).state is State.NO_DATA
    assert summary(scan(CLEAN), T0 + timedelta(hours=24)).state is State.OK
    assert summary(scan(CLEAN), T0 + timedelta(hours=24, seconds=1)).state is State.NO_DATA
