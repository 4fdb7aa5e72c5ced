"""Serves one small web application on the loopback port that PORT names, until it is ended."""

from __future__ import annotations

import os

import uvicorn
from starlette.applications import Starlette


def serve(application: Starlette, *, websockets: bool = False) -> None:
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        log_level="warning",
        access_log=False,
        ws="websockets-sansio" if websockets else "none",
        ws_max_size=64 * 1024,
        ws_ping_interval=None,  # the service has a heartbeat of its own
    )
