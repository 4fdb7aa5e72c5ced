"""What `olorin check` takes on a running stack, beside `olorin config check` and a round trip to each server."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import pytest

from tests.benchmarks.conftest import Figures

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

ROUNDS = 5
OLORIN = ("-m", "console")


def took_s(environment: Mapping[str, str], *arguments: str) -> float:
    """Seconds that python with these arguments takes, in the middle of a few."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        command = [sys.executable, *arguments]
        subprocess.run(command, env=dict(environment), capture_output=True, check=False)
        times.append(time.perf_counter() - started)
    return median(times)


def test_check_beside_config_check(console_env: dict[str, str], figures: Figures) -> None:
    config_s = took_s(console_env, *OLORIN, "config", "check")
    check_s = took_s(console_env, *OLORIN, "check")
    figures.add("olorin check", check_s * 1000, "ms")
    figures.add("olorin check, to olorin config check", check_s / config_s, "x", 2.0)


def test_a_configuration_check_without_servers_beside_the_import_of_pydantic_settings(
    tmp_path: Path, figures: Figures
) -> None:
    environment = {"PATH": "/usr/bin", "OLORIN_CONSOLE_STATE": str(tmp_path)}
    importing_s = took_s(environment, "-c", "import pydantic_settings")
    check_s = took_s(environment, *OLORIN, "config", "check")
    figures.add("olorin config check, to an import of pydantic_settings", check_s / importing_s, "x", 3.0)
