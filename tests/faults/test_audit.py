"""No audit, no action: a full disk, an unwritable folder, writers killed at any moment, on the real file system."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.clients.errors import AuditFailed
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Act, Consent, Gate

pytestmark = pytest.mark.faults

WHOLE = os.environ.get("OLORIN_FAULTS") == "whole"
ROOT = Path(__file__).parents[2]
ACT = Act("toy.write", "somewhere")
FLAG = Consent("command", explicit=True)

WRITER = """
import sys
from pathlib import Path
from tests.faults.test_audit import ACT, AuditTrail, this_author
trail = AuditTrail(Path(sys.argv[1]))
author = this_author("demo", "development", "olorin test")
while True:
    print(trail.intent(ACT, author, {})["hash"], flush=True)
"""


def gate_on(state: Path) -> Gate:
    return Gate(AuditTrail(state), this_author("p", "development", "olorin"), Arming(), production=False)


@pytest.fixture
def room() -> Iterator[object]:
    """Sets how large a file may grow, as a full disk does: part of a line fits, then no byte more."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("bytes_left", [0, 1, 200])
async def test_a_full_disk_lets_nothing_happen_and_leaves_the_log_whole(
    tmp_path: Path, room: object, bytes_left: int
) -> None:
    assert callable(room)
    gate, trail, changed = gate_on(tmp_path), AuditTrail(tmp_path), []
    async with gate.act(ACT, FLAG):
        changed.append(1)
    room(trail.path.stat().st_size + bytes_left)
    with pytest.raises(AuditFailed) as caught:
        async with gate.act(ACT, FLAG):
            changed.append(2)
    room(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    assert changed == [1]
    assert "can't be written" in caught.value.message
    assert "Nothing was changed" in caught.value.hint
    async with gate.act(ACT, FLAG):
        changed.append(3)
    chain = trail.read()
    assert (chain.whole, len(chain.entries), changed) == (True, 4, [1, 3])


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that nothing can be made in."""
    tmp_path.chmod(0o500)
    yield tmp_path
    tmp_path.chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_an_unwritable_folder_lets_nothing_happen(closed_folder: Path) -> None:
    with pytest.raises(AuditFailed):
        async with gate_on(closed_folder / "state").act(ACT, FLAG):
            pytest.fail("it passed")


async def test_an_unwritable_log_lets_nothing_happen(tmp_path: Path) -> None:
    AuditTrail(tmp_path).path.mkdir(parents=True)
    with pytest.raises(AuditFailed, match="directory"):
        async with gate_on(tmp_path).act(ACT, FLAG):
            pytest.fail("it passed")


@pytest.mark.parametrize("seed", range(20 if WHOLE else 3))
def test_killed_writers_leave_a_whole_chain_with_all_that_they_were_told_is_kept(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    for _ in range(3):
        writers = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) for _ in range(2)]
        told = [line for each in writers if each.stdout for line in [each.stdout.readline()]]
        time.sleep(chance.uniform(0, 0.05))  # the moment of the kill is the experiment
        for each in writers:
            each.send_signal(signal.SIGKILL)
        told += [line for each in writers for line in each.communicate()[0].splitlines(keepends=True)]
        chain = AuditTrail(tmp_path).read()
        kept = {entry["hash"] for entry in chain.entries}
        assert chain.whole, chain.why
        assert {line.strip() for line in told if line.endswith("\n")} <= kept
