"""What a module may pull in, seen in a fresh interpreter: a static graph can't see late imports."""

from __future__ import annotations

import importlib.util
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import console.cli
from console.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "motor",
    "pymongo",
    "asyncpg",
    "websockets",
    "sqlalchemy",
    "alembic",
    "openai",
    "httpx",
    "docx",
    "pydantic",
    "secantus",
)
MODULES = [f"console.cli.{module.name}" for module in pkgutil.iter_modules(console.cli.__path__)]


def loaded_by(module: str) -> set[str]:
    """Top-level names of all modules that importing one loads."""
    code = f"import {module}, sys; print(' '.join(sorted({{name.split('.')[0] for name in sys.modules}})))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(result.stdout.split())


@pytest.mark.parametrize("module", MODULES)
def test_no_command_imports_textual_or_a_driver(module: str) -> None:
    assert not loaded_by(module) & {"textual", *HEAVY}


def test_the_console_starts_without_any_driver() -> None:
    assert not loaded_by("console.run") & set(HEAVY)


def test_every_listed_command_exists() -> None:
    missing = [name for name in COMMANDS if importlib.util.find_spec(f"console.cli.{name}") is None]
    assert not missing


@pytest.mark.parametrize("package", ["console", "screens", "widgets", "backends"])
def test_each_package_is_ours(package: str) -> None:
    """Packages named console and backends exist elsewhere; ours must be the ones that are found."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parent == ROOT / package
