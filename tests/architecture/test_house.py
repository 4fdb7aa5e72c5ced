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
