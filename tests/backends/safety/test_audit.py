"""The chain: whole while it is whole, and the first broken line named when it is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.safety.audit import AuditTrail, Outcome
from backends.safety.author import this_author
from backends.safety.gate import Act

AUTHOR = this_author("demo", "development", "olorin test")
ACT = Act("toy.write", "somewhere")


def written(trail: AuditTrail, pairs: int) -> list[bytes]:
    for _ in range(pairs):
        trail.outcome(trail.intent(ACT, AUTHOR, {}), Outcome("done"))
    return trail.path.read_bytes().splitlines(keepends=True)


def flip(lines: list[bytes]) -> list[bytes]:
    at = len(lines[3]) // 2
    lines[3] = lines[3][:at] + bytes([lines[3][at] ^ 1]) + lines[3][at + 1 :]
    return lines


DAMAGES: dict[str, tuple[Callable[[list[bytes]], list[bytes]], int]] = {
    "a flipped byte": (flip, 4),
    "a deleted line": (lambda lines: lines[:2] + lines[3:], 3),
    "a swapped pair": (lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]], 5),
    "a line twice": (lambda lines: [*lines[:2], lines[1], *lines[2:]], 3),
    "the last line cut off": (lambda lines: lines[:-1], 8),
    "the last line cut in its middle": (lambda lines: [*lines[:-1], lines[-1][:20]], 8),
    "everything gone": (lambda _: [], 1),
    "the first line gone": (lambda lines: lines[1:], 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_by_its_line(trail: AuditTrail, damage: str) -> None:
    change, line = DAMAGES[damage]
    lines = written(trail, 4)
    assert trail.read().whole
    trail.path.write_bytes(b"".join(change(lines)))
    chain = trail.read()
    assert (chain.broken_at, len(chain.entries)) == (line, line - 1)
    assert chain.why
    written(trail, 2)
    assert trail.read().broken_at == line, "writing on must not heal it"


def test_every_single_flipped_byte_is_found_in_its_line(trail: AuditTrail) -> None:
    data = b"".join(written(trail, 1))
    for at in range(len(data)):
        trail.path.write_bytes(data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :])
        assert trail.read().broken_at == 1 + data[:at].count(b"\n")


def test_a_lost_head_is_told(trail: AuditTrail) -> None:
    written(trail, 1)
    trail.path.with_name("audit.head").unlink()
    assert trail.read().broken_at == 3
    written(trail, 1)
    assert trail.read().broken_at == 3


def test_half_a_line_of_a_writer_that_died_breaks_nothing(trail: AuditTrail) -> None:
    written(trail, 1)
    with trail.path.open("ab") as log:
        log.write(b'{"n":3,"at":"20')
    assert trail.read().whole
    written(trail, 1)
    chain = trail.read()
    assert (chain.whole, len(chain.entries)) == (True, 4)


def test_a_line_that_was_never_confirmed_is_kept(trail: AuditTrail) -> None:
    written(trail, 1)
    head = trail.path.with_name("audit.head")
    before = head.read_bytes()
    trail.intent(ACT, AUTHOR, {})
    head.write_bytes(before)
    assert len(trail.read().entries) == 3
    written(trail, 1)
    assert (trail.read().whole, len(trail.read().entries)) == (True, 5)


WRITER = """
import sys
from pathlib import Path
from tests.backends.safety.test_audit import AuditTrail, written
written(AuditTrail(Path(sys.argv[1])), 40)
"""


def test_processes_write_one_chain(trail: AuditTrail, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "state")]
    writers = [subprocess.Popen(command, cwd=Path(__file__).parents[3]) for _ in range(3)]
    assert [each.wait(60) for each in writers] == [0, 0, 0]
    chain = trail.read()
    assert (chain.whole, len(chain.entries)) == (True, 240)


def test_the_folder_is_private(trail: AuditTrail) -> None:
    written(trail, 1)
    assert trail.path.stat().st_mode & 0o777 == 0o600
    assert trail.path.parent.stat().st_mode & 0o777 == 0o700
