"""A look at one group: what explains it is looked at too, where there is something to explain."""

from __future__ import annotations

from pathlib import Path

from backends.alerts.hooks import news
from backends.alerts.words import nagios
from backends.sampling.measure import measured
from backends.sampling.state import State
from console.cli.check import as_data, as_lines
from tests.fixed_alerts import all_well, fixed_alerts

DOWN = [measured(name, 1, "main", "refused") for name in ("servers.mongo", "servers.orchestration", "servers.chunks")]


async def test_a_group_names_the_cause_that_is_of_another_group(tmp_path: Path) -> None:
    """It counts all the same: nobody else may be told of it."""
    board = await fixed_alerts(tmp_path, DOWN).check("pools")
    assert {each.rule.group for each in board.alerts} == {"pools"}
    assert {each.cause for each in board.alerts} == {"servers.mongo"}
    assert board.state is State.NO_DATA
    assert all(each["todo"].startswith("First servers.mongo. ") for each in as_data(board)["alerts"])
    assert nagios(board).startswith(f"OLORIN UNKNOWN - {len(board.alerts)} no data: ")
    assert sum(line.startswith("pools.full") for line in as_lines(board)) == 2, "its row, and what to do"
    assert len(news(board.alerts, {})) == len(board.alerts)


async def test_a_group_that_is_well_asks_for_no_other(tmp_path: Path) -> None:
    service = fixed_alerts(tmp_path, all_well())
    assert (await service.check("pools")).state is State.OK
    assert {each.rule.group for each in await service.stand()} == {"pools"}
