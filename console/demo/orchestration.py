"""A small orchestration service: bots and audio settings over HTTP, WebSocket, speech into the demo's Postgres.

`python -m console.demo.orchestration`; PORT, OLORIN_DEMO_ORCHESTRATION_URL and OLORIN_DEMO_SCALE in the environment;
OLORIN_DEMO_HEARTBEAT (seconds) and OLORIN_DEMO_CONNECTIONS make the WebSocket's limits smaller.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from backends.config.sync import PATH as SETTINGS
from backends.config.sync_acts import UPDATE as SETTINGS_UPDATE
from console.demo.audio_settings import AudioSettings
from console.demo.fleet import Fleet
from console.demo.hub import Hub, HubLimits
from console.demo.seeding import Size
from console.demo.serving import serve
from console.demo.simulated import Live

PREFIX: Final = "/api/bot"
HUB: Final = Hub(
    HubLimits(
        connections=int(os.environ.get("OLORIN_DEMO_CONNECTIONS", "1000")),
        heartbeat_s=float(os.environ.get("OLORIN_DEMO_HEARTBEAT", "30")),
        dead_s=float(os.environ.get("OLORIN_DEMO_HEARTBEAT", "30")) * 4 / 3,
    )
)


def tell(bot: Live) -> None:
    """Everybody hears of a bot's status, those who joined its session of what it did besides."""
    session = bot.session
    data = {"bot_id": session["bot_id"], "status": session["status"], "said": bot.said}
    HUB.tell("bot_status", data, str(session["session_id"]), joined=session["status"] == "active")


FLEET: Final = Fleet(
    os.environ.get("OLORIN_DEMO_ORCHESTRATION_URL", ""), Size(float(os.environ.get("OLORIN_DEMO_SCALE", "1"))), tell
)

AUDIO: Final = AudioSettings()


async def health(_: Request) -> Response:
    return JSONResponse({"status": "healthy", "service": "orchestration", "timestamp": time.time()})


async def listed(_: Request) -> Response:
    bots = FLEET.active()
    active = sum(bot["status"] == "active" for bot in bots)
    return JSONResponse({"bots": bots, "total": len(bots), "active": active, "inactive": len(bots) - active})


async def details(request: Request) -> Response:
    bot_id = request.path_params["bot_id"]
    bot = FLEET.told(bot_id) or await FLEET.ended(bot_id)
    return JSONResponse(bot) if bot else JSONResponse({"detail": "Bot not found"}, 404)


async def spawn(request: Request) -> Response:
    status, answer = await FLEET.spawn(await _body(request))
    return JSONResponse(answer, status)


async def order(request: Request) -> Response:
    """Terminate, restart or extend."""
    bot_id, verb, body = request.path_params["bot_id"], request.path_params["verb"], await _body(request)
    expected = body.get("expected_status")
    match verb:
        case "terminate":
            status, answer = await FLEET.terminate(bot_id, expected)
        case "restart":
            status, answer = await FLEET.restart(bot_id, expected)
        case "extend":
            status, answer = await FLEET.extend(bot_id, body.get("seconds"))
        case _:
            status, answer = 404, {"detail": "Not Found"}
    return JSONResponse(answer, status)


async def settings(_: Request) -> Response:
    return JSONResponse(AUDIO.told())


async def change_settings(request: Request) -> Response:
    status, answer = AUDIO.change(await _body(request))
    return JSONResponse(answer, status)


async def _body(request: Request) -> dict[str, Any]:
    try:
        value = json.loads(await request.body() or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


async def connect(socket: WebSocket) -> None:
    await HUB.serve(socket)


@asynccontextmanager
async def beside_the_server(_: Starlette) -> AsyncIterator[None]:
    running = asyncio.create_task(FLEET.run())
    running.add_done_callback(lambda task: task.cancelled() or task.result())  # raises: the loop logs it
    yield
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


application = Starlette(
    routes=[
        Route("/api/system/health", health),
        Route(f"{PREFIX}/spawn", spawn, methods=["POST"]),
        Route(f"{PREFIX}/", listed),
        Route(f"{PREFIX}/active", listed),
        Route(f"{PREFIX}/{{bot_id}}", details),
        Route(f"{PREFIX}/{{bot_id}}/status", details),
        Route(f"{PREFIX}/{{bot_id}}/{{verb}}", order, methods=["POST"]),
        Route(SETTINGS, settings),
        Route(SETTINGS_UPDATE, change_settings, methods=["POST"]),
        WebSocketRoute("/api/websocket/connect", connect),
    ],
    lifespan=beside_the_server,
)

if __name__ == "__main__":
    serve(application, websockets=True)
