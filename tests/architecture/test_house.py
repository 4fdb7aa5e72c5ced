"""The house rules that a machine can keep: sizes, keys, and no trace of hosts or secrets in what is committed."""

from __future__ import annotations

import ast
import statistics
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("console", "screens", "widgets", "backends")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file."""
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    assert not [each.name for each in functions(path) if length(each) > LONGEST_FUNCTION]


PRODUCT = [path for path in SOURCES if "demo" not in path.parts]
OPENING = frozenset({"AsyncIOMotorClient", "AsyncMongoClient", "MongoClient", "create_pool", "create_async_engine"})


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_writes_around_the_gate(path: Path) -> None:
    """Sessions that write are opened with a token, the gate alone makes tokens, and the clients alone connect."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    named = [(ast.unparse(call.func), call) for call in calls]
    writing = [call for name, call in named if name.endswith(".writing")]
    assert not [ast.unparse(call) for call in writing if not ast.unparse(call.args[0]).endswith("token")]
    if path.name != "gate.py":
        assert not [name for name, _ in named if name.rpartition(".")[2] == "Token"]
    if path.parent.name != "clients":
        connecting = [name for name, _ in named if name.rpartition(".")[2] in OPENING or name == "asyncpg.connect"]
        assert not connecting


JOBS = [path for path in PRODUCT if "(Job)" in path.read_text()]


@pytest.mark.parametrize("path", JOBS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_job_writes_behind_its_lease_alone(path: Path) -> None:
    """In a batch or with `context.command`: with a session who was frozen, and lost the lease, would go on writing."""
    assert ".writing(" not in path.read_text()


def test_the_usual_function_is_short() -> None:
    assert statistics.median(length(each) for path in SOURCES for each in functions(path)) <= 10


def test_every_module_says_what_it_is() -> None:
    assert not [path for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text()))]


def test_nothing_committed_names_a_package_host() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    names = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    forbidden = tuple(
        "".join(parts) for parts in (("--index", "-url"), ("pypi", ".org/simple"), ("files.python", "hosted"))
    )
    texts = {path: path.read_text(errors="replace") for path in names if path.is_file()}
    assert not [path for path, text in texts.items() if any(each in text for each in forbidden)]
    assert not [path for path in names if path.name in {"uv.lock", "snapshot_report.html", ".env", ".coverage"}]
