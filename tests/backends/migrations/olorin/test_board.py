"""The board: each gate with its proof, the way back that fits, and a switch that is not forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backends.backup.model import BackupVerdict
from backends.backup.model import Light as BackupLight
from backends.clients.errors import Refused
from backends.clients.mongo import MongoClients
from backends.migrations.olorin.board import CARDS, SWITCH, board
from backends.migrations.olorin.memory import TICK, Memory, Recorded
from backends.migrations.olorin.model import Board, Light, Seen
from backends.runs.model import Run
from backends.safety.proofs import Proof
from tests.backends.migrations.olorin.migrating import Bench
from tests.olorin import T0, Clock, Platform

DAY = timedelta(days=1)
HOLDING = Run("sep-1", "separation", "holding", holder="ops@db1 pid 1")
LEFT = replace(HOLDING, holder=None)
GOOD = BackupVerdict(BackupLight.OK, "A backup is proven.")
NONE = BackupVerdict(BackupLight.WARNING, "There is no backup of main.")


def proof(passed: bool = True, ago: timedelta = timedelta(), **since: int) -> Proof:
    return Proof("separation", "target", T0 - ago, passed, {"collections": [{"since": since or None}]})


def lights(found: Board) -> dict[str, Light]:
    return {gate.id: gate.status for gate in found.gates}


def test_everything_green_says_what_to_change() -> None:
    found = board(HOLDING, (proof(), proof()), GOOD, Seen(T0 - 15 * DAY), False, T0)
    assert set(lights(found).values()) == {Light.OK}
    assert (found.change, found.recommended) == (SWITCH, CARDS[0].name)


def test_what_is_missing_failed_or_old_is_told() -> None:
    nothing = lights(board(None, (None, None), NONE, Seen(), None, T0))
    assert nothing == {
        "run": Light.NO_DATA,
        "verify": Light.NO_DATA,
        "backup": Light.WARNING,
        "staging": Light.WARNING,
        "phase 1": Light.NO_DATA,
        "switch": Light.RED,
        "processes": Light.OK,
    }
    assert lights(board(LEFT, (proof(), proof()), GOOD, Seen(T0 - 15 * DAY), False, T0))["run"] is Light.WARNING
    short = board(HOLDING, (proof(passed=False), proof()), GOOD, Seen(T0 - 13 * DAY), False, T0)
    assert (lights(short)["verify"], lights(short)["phase 1"]) == (Light.RED, Light.WARNING)
    old = board(Run("sep-1", "separation", "failed"), (proof(ago=DAY), None), GOOD, Seen(), False, T0)
    assert (lights(old)["verify"], lights(old)["run"]) == (Light.WARNING, Light.WARNING)


@pytest.mark.parametrize(
    ("switched_ago", "writes", "card"),
    [
        (timedelta(minutes=30), None, "immediate"),
        (timedelta(hours=5), 200, "immediate"),
        (timedelta(hours=5), 2_000_000, "restore"),
        (timedelta(hours=5), None, "restore"),
        (timedelta(days=30), 1, "restore"),
    ],
)
def test_the_way_back_depends_on_age_and_writes(switched_ago: timedelta, writes: int | None, card: str) -> None:
    ago = min(switched_ago - timedelta(minutes=1), 2 * DAY)
    newest = proof(ago=ago, gained=writes, changed=0, deleted=0) if writes else proof()
    found = board(HOLDING, (newest, None), GOOD, Seen(T0 - 20 * DAY, T0 - switched_ago), True, T0)
    assert (found.recommended, found.change) == (card, "")


def test_the_first_time_is_remembered(tmp_path: Path) -> None:
    clock, memory = Clock(), Memory(tmp_path, "target")
    memory.see(False, clock())
    clock.pass_(days=20)
    memory.see(False, clock())
    assert memory.see(True, clock()) == Seen(T0, T0 + 20 * DAY)
    taken_back = T0 + 30 * DAY
    back = Recorded(back=taken_back)
    assert memory.see(False, clock(), back) == Seen(T0)
    # By a clock that is behind the one which took it back.
    assert memory.see(True, clock(), back) == Seen(T0, taken_back + TICK)
    assert memory.see(False, clock(), Recorded(T0 + 40 * DAY, taken_back)).is_recorded


async def test_after_a_switch_nothing_is_copied_even_with_the_flag_off_again(
    platform: Platform, mongo: MongoClients, tmp_path: Path
) -> None:
    platform.bayit.usage_records.insert_many([{"_id": number} for number in range(10)])
    bench = Bench(platform, mongo, tmp_path)
    assert (await bench.execute()).state == "holding"
    assert (await bench.service().verify()).passed
    assert (await bench.service(True).verify()).passed
    platform.olorin.usage_records.insert_one({"_id": "written after the switch"})
    with pytest.raises(Refused, match="a switch was recorded"):
        await bench.execute()
    assert (await bench.roll_back()).state == "done"
    assert (await bench.execute()).state == "holding"
    bench.check_same()


async def test_the_board_of_a_real_run(platform: Platform, mongo: MongoClients, tmp_path: Path) -> None:
    platform.bayit.usage_records.insert_one({"_id": 1})
    bench = Bench(platform, mongo, tmp_path)
    await bench.execute()
    await bench.service().verify()
    found = lights(await bench.service().board(bench.store))
    # The hold is over: nobody follows.
    assert (found["run"], found["verify"], found["staging"]) == (Light.WARNING, Light.OK, Light.WARNING)
