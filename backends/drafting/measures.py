"""What rules judge of drafting."""

from __future__ import annotations

from backends.drafting.limit import Allowance
from backends.sampling.measure import Absent, Measure, measured


def measures(allowance: Allowance) -> tuple[Measure, ...]:
    """The calls to the model that the shared limit leaves."""
    if allowance.calls is None:
        return (Measure.missing("drafting.calls_left", Absent.NOTHING, "there is no limit"),)
    what = f"{allowance.left} of {allowance.calls} calls left"
    return (measured("drafting.calls_left", allowance.left, what=what),)
