"""The limit: a sliding window that every process on one state folder shares."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from backends.drafting.errors import StorageFailed
from backends.drafting.limit import SLACK_S, CallLimit

TAKER = """
import asyncio, sys, time
from pathlib import Path
from backends.drafting.limit import CallLimit

async def main():
    limit = CallLimit(Path(sys.argv[1]), calls=10, window_s=1.0)
    until = time.time() + 2.6
    while time.time() < until:
        wait = await limit.take()
        if wait == 0:
            print(time.time(), flush=True)
        else:
            await asyncio.sleep(min(wait, 0.02))

asyncio.run(main())
"""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_ten_calls_then_the_wait_until_the_first_leaves_the_window(tmp_path: Path) -> None:
    clock = Clock()
    limit = CallLimit(tmp_path, 10, now=clock)
    for _ in range(10):
        assert await limit.take() == 0
        clock.now += 1
    assert await limit.take() == 50 + SLACK_S
    assert await limit.take() == 50 + SLACK_S
    clock.now += 50 + SLACK_S
    assert await limit.take() == 0
    assert await limit.take() > 0


async def test_what_is_left_is_told_without_counting(tmp_path: Path) -> None:
    clock = Clock()
    limit = CallLimit(tmp_path, 3, now=clock)
    assert (await limit.allowance()).left == 3
    assert (await limit.allowance()).next_s is None
    await limit.take()
    clock.now += 20
    allowance = await limit.allowance()
    assert (allowance.left, allowance.next_s) == (2, 40 + SLACK_S)


async def test_three_processes_together_never_exceed_it(tmp_path: Path) -> None:
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", TAKER, tmp_path, stdout=asyncio.subprocess.PIPE)
        for _ in range(3)
    ]
    outputs = [(await process.communicate())[0] for process in processes]
    times = sorted(float(line) for output in outputs for line in output.split())
    assert len(times) > 20
    for first, eleventh in zip(times, times[10:], strict=False):
        assert eleventh - first > 1.0


async def test_a_clock_that_goes_back_makes_nobody_wait_longer_than_a_window(tmp_path: Path) -> None:
    clock = Clock()
    limit = CallLimit(tmp_path, 2, now=clock)
    await limit.take()
    await limit.take()
    clock.now -= 3600
    assert await limit.take() == 60 + SLACK_S
    clock.now += 60 + SLACK_S
    assert await limit.take() == 0


@pytest.mark.parametrize("content", [b"", b"\x00\x00", b"[1, 2", b'{"a": 1}', b'["x"]'], ids=repr)
async def test_a_file_that_cannot_be_read_counts_as_a_full_window(tmp_path: Path, content: bytes) -> None:
    clock = Clock()
    (tmp_path / "calls.json").write_bytes(content)
    limit = CallLimit(tmp_path, 2, now=clock)
    assert await limit.take() == 60 + SLACK_S
    clock.now += 60 + SLACK_S
    assert await limit.take() == 0


async def test_without_a_limit_nothing_is_counted(tmp_path: Path) -> None:
    limit = CallLimit(tmp_path, None)
    assert [await limit.take() for _ in range(50)] == [0.0] * 50
    assert (await limit.allowance()).calls is None


async def test_a_limit_that_cannot_be_kept_allows_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed):
        await CallLimit(tmp_path / "file", 10).take()


async def test_more_calls_counted_than_allowed_wait_for_all_of_them(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "calls.json").write_text(json.dumps([clock.now - 50, clock.now - 40, clock.now - 30]))
    assert await CallLimit(tmp_path, 2, now=clock).take() == 20 + SLACK_S
