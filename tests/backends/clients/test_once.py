"""Opened exactly once, however many ask at the same time."""

from __future__ import annotations

import asyncio

import pytest

from backends.clients.once import Once


class Resource:
    """Counts how often it was opened and closed."""

    def __init__(self) -> None:
        self.opened = self.closed = 0
        self.release = asyncio.Event()
        self.fail = False

    async def open(self) -> int:
        self.opened += 1
        await self.release.wait()
        if self.fail:
            raise ConnectionError("no")
        return self.opened

    async def close(self, _: int) -> None:
        self.closed += 1


async def test_fifty_first_uses_open_once_and_close_once() -> None:
    resource = Resource()
    once = Once(resource.open, resource.close)
    asking = [asyncio.create_task(once.get()) for _ in range(50)]
    await asyncio.sleep(0)
    resource.release.set()
    assert await asyncio.gather(*asking) == [1] * 50
    await once.aclose()
    await once.aclose()
    assert (resource.opened, resource.closed) == (1, 1)


async def test_who_gives_up_does_not_end_the_opening_for_others() -> None:
    resource = Resource()
    once = Once(resource.open, resource.close)
    impatient, patient = asyncio.create_task(once.get()), asyncio.create_task(once.get())
    await asyncio.sleep(0)
    impatient.cancel()
    resource.release.set()
    assert await patient == 1
    assert resource.opened == 1


async def test_a_failed_opening_is_told_to_all_and_tried_again_by_the_next() -> None:
    resource = Resource()
    resource.fail = True
    resource.release.set()
    once = Once(resource.open, resource.close)
    results = await asyncio.gather(*(once.get() for _ in range(5)), return_exceptions=True)
    assert all(isinstance(result, ConnectionError) for result in results)
    assert resource.opened == 1
    resource.fail = False
    assert await once.get() == 2


async def test_closing_while_opening_stops_it() -> None:
    resource = Resource()
    once = Once(resource.open, resource.close)
    asking = asyncio.create_task(once.get())
    await asyncio.sleep(0)
    await once.aclose()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert once.opened is None
    assert resource.closed == 0
