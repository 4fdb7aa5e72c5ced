"""How busy a machine is, from what a Prometheus node exporter publishes: processors over a while, memory now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from backends.pools.metrics_text import samples

CPU: Final = "node_cpu_seconds_total"
TOTAL: Final = "node_memory_MemTotal_bytes"
AVAILABLE: Final = "node_memory_MemAvailable_bytes"
_WANTED: Final = frozenset({CPU, TOTAL, AVAILABLE})
_RESTING: Final = frozenset({"idle", "iowait"})


@dataclass(frozen=True, slots=True)
class Machine:
    """One reading. busy_s and all_s: seconds that all processors worked and existed since the machine's start.

    memory: share in use, in percent; None where it isn't told.
    """

    busy_s: float
    all_s: float
    memory: float | None


def machine(text: str) -> Machine | None:
    """The reading in the text; None where it is no machine's."""
    seconds: dict[bool, float] = {True: 0.0, False: 0.0}
    bytes_: dict[str, float] = {}
    for each in samples(text, _WANTED):
        if each.name == CPU:
            seconds[each.labels.get("mode", "") in _RESTING] += each.value
        else:
            bytes_[each.name] = each.value
    memory = _memory(bytes_)
    if memory is None and not any(seconds.values()):
        return None
    return Machine(seconds[False], seconds[True] + seconds[False], memory)


def _memory(bytes_: Mapping[str, float]) -> float | None:
    """The share in use, in percent.

    >>> _memory({TOTAL: 16e9, AVAILABLE: 4e9}), _memory({TOTAL: 16e9})
    (75.0, None)
    """
    total, available = bytes_.get(TOTAL), bytes_.get(AVAILABLE)
    return 100.0 * (total - available) / total if total and available is not None else None


def cpu_percent(before: Machine, after: Machine) -> float | None:
    """The share of the processors' time that was used between two readings; None where no time passed.

    >>> cpu_percent(Machine(10.0, 100.0, None), Machine(13.0, 104.0, None))
    75.0
    """
    passed, busy = after.all_s - before.all_s, after.busy_s - before.busy_s
    return min(100.0 * busy / passed, 100.0) if passed > 0 and busy >= 0 else None
