"""Serves one small web application on the loopback port that PORT names, until it is ended."""

from __future__ import annotations

import os

import uvicorn
from starlette.applications import Starlette


def serve(application: Starlette) -> None:
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        log_level="warning",
        access_log=False,
        ws="none",
    )
