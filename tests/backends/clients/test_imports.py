"""Modules are imported one at a time: two halves of one circle never meet half-made."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from backends.clients.imports import load


async def test_modules_that_need_each_other_are_loaded_whole_from_two_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each begins with a moment in which the other thread would enter the circle from its other side."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "gate_of_two.py").write_text("import threading\nboth = threading.Barrier(2)\n")
    for name, other in (("circle_left", "circle_right"), ("circle_right", "circle_left")):
        (tmp_path / f"{name}.py").write_text(
            "import threading\nimport gate_of_two\n"
            "try:\n    gate_of_two.both.wait(0.5)\nexcept threading.BrokenBarrierError:\n    pass\n"
            f"import {other}\nTHE_OTHER = {other}.__name__\nNAME = __name__\n"
            f"def known():\n    return {other}.NAME\n"
        )
    left, right = await asyncio.gather(load("circle_left"), load("circle_right"))
    assert (left.known(), right.known()) == ("circle_right", "circle_left")
    assert sys.modules["gate_of_two"].both.broken, "the two were imported at the same time"
