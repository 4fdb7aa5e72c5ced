"""`olorin draft` on a scripted endpoint, as scripts use it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.__main__ import run


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, which must be one line of JSON."""
        assert self.out.count("\n") == 1
        return json.loads(self.out)


Olorin = Callable[..., Awaitable[Ended]]


def environment(monkeypatch: pytest.MonkeyPatch, folder: Path, url: str) -> None:
    """A state folder of the test's own, and the endpoint."""
    monkeypatch.chdir(folder)
    values = {
        "OLORIN_CONSOLE_STATE": str(folder / "state"),
        "OPENAI_BASE_URL": url,
        "OPENAI_API_KEY": "sk-test-0123456789",
        "OPENAI_MODEL": "asked-1",
        "OPENAI_MAX_RETRIES": "0",
        "ENVIRONMENT": "development",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def command(capfd: pytest.CaptureFixture[str]) -> Olorin:
    """What runs `olorin draft`."""

    async def call(*arguments: str | Path) -> Ended:
        code = await asyncio.to_thread(run, ["draft", *map(str, arguments)])
        return Ended(int(code), *capfd.readouterr())

    return call
