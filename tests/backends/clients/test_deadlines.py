"""A deadline that a busy machine doesn't make come early."""

import asyncio
import time

import pytest

from backends.clients.deadlines import LONGEST, Patience


async def test_silence_ends_it() -> None:
    patience = Patience(0.05)
    with pytest.raises(TimeoutError):
        async with patience:
            await asyncio.Event().wait()


async def test_time_in_which_this_process_did_not_run_does_not_count() -> None:
    """The answer is there, but the loop is held up for longer than the deadline: it is taken, not given up."""
    patience, answer = Patience(0.5), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.call_later(0.01, time.sleep, 1.2)
    loop.call_later(0.02, lambda: loop.call_soon(lambda: loop.call_soon(answer.set)))
    async with patience:
        await answer.wait()
    assert patience.lost_s > 0.9


async def test_even_then_it_has_an_end() -> None:
    patience = Patience(0.1)

    def hold_up() -> None:
        time.sleep(0.25)
        asyncio.get_running_loop().call_soon(hold_up)

    asyncio.get_running_loop().call_soon(hold_up)
    with pytest.raises(TimeoutError):
        async with patience:
            await asyncio.Event().wait()
    assert 0.1 * (LONGEST - 1) <= patience.lost_s < 5
