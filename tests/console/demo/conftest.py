"""What the demo's own tests share: the planted counts and pids that a running demo's env file tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient


@pytest.fixture(scope="session")
def env_text(demo_env: dict[str, str]) -> str:
    return Path(demo_env["OLORIN_DEMO_ENV_FILE"]).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def planted(env_text: str) -> dict[str, int]:
    """Name of a planted fault → its count."""
    return {name: int(count) for name, count in re.findall(r"^# planted: (\S+) = (\d+)  \S", env_text, re.MULTILINE)}


@pytest.fixture
def demo_mongo(demo_env: dict[str, str]) -> Iterator[MongoClient[dict[str, object]]]:
    with MongoClient[dict[str, object]](demo_env["MONGODB_URI"]) as client:
        yield client
