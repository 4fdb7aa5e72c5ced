"""Keeps bot sessions arriving, speaking, failing, recovering and ending: `python -m console.demo.simulator`.

OLORIN_DEMO_ORCHESTRATION_URL and OLORIN_DEMO_SCALE in the environment. Only sessions whose bot_id begins with `sim-`
are touched. As one ends, the oldest that ended the same way is deleted in the same transaction and a new one arrives,
so the number of sessions, of live ones, and of failed ones never changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from typing import Final

import asyncpg

from console.demo.bots_rows import SERVICE
from console.demo.bots_seed import live_sessions
from console.demo.seeding import Size, dice
from console.demo.simulated import Live, arrive, live, step

RATE: Final = 4.0
"""Steps a second at scale 1."""
RATE_RANGE: Final = (2.0, 12.0)
BACK_OFF: Final = (0.2, 5.0)
"""Seconds before the first new attempt to connect, and the most."""
DEADLINE: Final = 10.0
"""Seconds for a statement: a frozen server is left behind."""

FAILURES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


async def run(url: str, size: Size) -> None:
    """Go on forever; a server that is away is asked again and again."""
    pace = dice("simulator")
    pause, longest = BACK_OFF
    while True:
        with contextlib.suppress(*FAILURES):
            connection = await asyncpg.connect(
                url, timeout=5, command_timeout=DEADLINE, server_settings={"application_name": SERVICE}
            )
            pause = BACK_OFF[0]
            try:
                await simulate(connection, size, pace)
            finally:
                connection.terminate()
        await asyncio.sleep(pause * pace.uniform(0.5, 1.5))
        pause = min(pause * 2, longest)


async def simulate(connection: asyncpg.Connection[asyncpg.Record], size: Size, pace: random.Random) -> None:
    """Take over the live sessions and let one after the other do something. Raises the driver's errors."""
    sessions = await live(connection, pace)
    while len(sessions) < live_sessions(size):
        sessions.append(await arrive(connection, pace))
    least, most = RATE_RANGE
    between = 1 / max(least, min(most, RATE * size.scale))
    while True:
        await asyncio.sleep(between * pace.uniform(0.4, 1.6))
        index = pace.randrange(len(sessions))
        sessions[index] = await _next(connection, sessions[index], pace)


async def _next(connection: asyncpg.Connection[asyncpg.Record], session: Live, pace: random.Random) -> Live:
    async with connection.transaction():
        return await step(connection, session, pace)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(os.environ["OLORIN_DEMO_ORCHESTRATION_URL"], Size(float(os.environ["OLORIN_DEMO_SCALE"]))))
