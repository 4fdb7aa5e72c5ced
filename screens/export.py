"""Exports: what a screen shows, as a JSON file with the time of each value."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from backends.safety.files import private_folder, write_atomically
from backends.safety.secrets import mask
from backends.sampling.jsonable import jsonable
from backends.sampling.reading import Reading


async def write_export(folder: Path, screen: str, shown: Mapping[str, Reading[Any]], at: datetime) -> Path:
    """Writes the readings, masked, and returns the file's path. Raises OSError."""
    path = folder / f"{screen}-{at:%Y%m%dT%H%M%SZ}.json"
    entries = {
        name: {"taken_at": jsonable(each.taken_at), "problem": jsonable(each.problem), "value": jsonable(each.value)}
        for name, each in shown.items()
    }
    text = mask(json.dumps(entries, indent=1))
    await asyncio.to_thread(_write, path, text)
    return path


def _write(path: Path, text: str) -> None:
    private_folder(path.parent)
    write_atomically(path, text.encode())
