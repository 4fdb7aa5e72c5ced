"""The demo's model endpoint by itself, without the rest of the demo."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.demo.processes import Supervisor
from console.demo.service import Service

KEY = "sk-demo-0123456789"


@contextmanager
def demo_endpoint(folder: Path) -> Iterator[str]:
    """The base URL of a running endpoint, which takes KEY."""
    supervisor = Supervisor()
    endpoint = Service("endpoint", "endpoint", folder, supervisor, {"OLORIN_DEMO_API_KEY": KEY}, "/whisper/health")
    try:
        asyncio.run(endpoint.start())
        yield f"{endpoint.url}/v1"
    finally:
        supervisor.stop()
