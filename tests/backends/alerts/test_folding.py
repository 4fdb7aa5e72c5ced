"""Root causes first, and the worst of all."""

from __future__ import annotations

from datetime import UTC, datetime

from backends.alerts.folding import board_state, folded, worst_first
from backends.alerts.model import Alert, Phase
from backends.alerts.table import RULES
from backends.sampling.state import State

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
BY_ID = {rule.id: rule for rule in RULES}


def alert(id_: str, state: Phase, value: float | None = None) -> Alert:
    return Alert(BY_ID[id_], state, value, T0, T0)


def causes(*alerts: Alert) -> dict[str, str]:
    return {each.rule.id: each.cause for each in folded(alerts)}


def test_mongo_down_folds_what_is_unknown_because_of_it() -> None:
    found = causes(
        alert("servers.mongo", Phase.FIRING, 1),
        alert("servers.orchestration", Phase.OK, 0),
        alert("pools.latency", Phase.NO_DATA),
        alert("orphans.count", Phase.FIRING),
        alert("pools.full", Phase.NO_DATA),
        alert("pools.lock-wait", Phase.FIRING, 9.0),
        alert("bots.ghosts", Phase.FIRING, 2.0),
        alert("orphans.growth", Phase.OK, 2.0),
    )
    folded_ones = {id_ for id_, cause in found.items() if cause == "servers.mongo"}
    assert folded_ones == {"pools.latency", "orphans.count", "pools.full"}
    assert {id_ for id_, cause in found.items() if not cause} == set(found) - folded_ones


def test_it_unfolds_when_the_root_is_well_again() -> None:
    alerts = (alert("servers.mongo", Phase.OK, 0), alert("orphans.count", Phase.FIRING, 12_000))
    assert causes(*alerts)["orphans.count"] == ""


def test_the_state_of_all() -> None:
    assert board_state([alert("bots.ghosts", Phase.NOT_CONFIGURED)]) is State.NO_DATA
    assert board_state([alert("bots.ghosts", Phase.NOT_CONFIGURED), alert("pools.full", Phase.OK)]) is State.OK
    assert board_state([alert("bots.ghosts", Phase.PENDING, 1)]) is State.OK
    assert board_state([alert("bots.ghosts", Phase.ACKNOWLEDGED, 1)]) is State.CRITICAL
    assert board_state([alert("pools.full", Phase.FIRING, 1), alert("config.salt", Phase.NO_DATA)]) is State.NO_DATA
    unknown = alert("orphans.count", Phase.NO_DATA)
    assert board_state(folded([alert("servers.model", Phase.FIRING, 1), unknown])) is State.NO_DATA
    limit = alert("drafting.limit", Phase.NO_DATA)
    assert board_state(folded([alert("servers.model", Phase.FIRING, 1), limit])) is State.WARNING


def test_the_worst_come_first_each_with_what_it_explains() -> None:
    shown = worst_first(
        folded(
            [
                alert("orphans.overdue", Phase.NO_DATA),
                alert("config.warnings", Phase.FIRING, 3),
                alert("pools.full", Phase.PENDING, 100),
                alert("servers.mongo", Phase.FIRING, 1),
                alert("bots.capacity", Phase.OK, 3),
                alert("bots.ghosts", Phase.ACKNOWLEDGED, 3),
            ]
        )
    )
    assert [each.rule.id for each in shown] == [
        "servers.mongo", "orphans.overdue", "config.warnings", "bots.ghosts", "pools.full",
    ]  # fmt: skip
