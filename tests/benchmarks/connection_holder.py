"""Holds connections of many applications in a process of its own. Arguments: mongo or postgres, URL, apps, each.

It prints a line once they are all open, and holds them until its input ends.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any


async def hold_mongo(url: str, apps: int, each: int) -> list[Any]:
    """One client an application, its monitor's connection among them."""
    from pymongo import AsyncMongoClient

    clients: list[AsyncMongoClient[dict[str, Any]]] = [
        AsyncMongoClient(url, appname=f"app-{n}", minPoolSize=each - 1, serverMonitoringMode="poll")
        for n in range(apps)
    ]
    for client in clients:
        await client.admin.command("ping")
    while (await clients[0].admin.command("serverStatus"))["connections"]["current"] < apps * each:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    return clients


async def hold_postgres(url: str, apps: int, each: int) -> list[Any]:
    """Idle sessions, and one of each application inside a transaction."""
    import asyncpg

    opened = []
    for n in range(apps * each):
        settings = {"application_name": f"app-{n % apps}"}
        opened.append(await asyncpg.connect(url, server_settings=settings))
        if n < apps:
            await opened[-1].execute("BEGIN")
    return opened


async def main(kind: str, url: str, apps: str, each: str) -> None:
    """Opens them, says so, and waits."""
    held = await (hold_mongo if kind == "mongo" else hold_postgres)(url, int(apps), int(each))
    print(len(held), flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
