"""Small audio files of the demo's live sessions, so that their sizes and hashes can be checked."""

from __future__ import annotations

import hashlib
import random
import shutil
import struct
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

RATE: Final = 8_000
"""Samples a second, one byte each."""
SECONDS: Final = 1
DAMAGED_EVERY: Final = 12
"""Of so many files one is damaged after its hash was taken."""


def store(folder: Path, session_id: uuid.UUID, filename: str, chance: random.Random) -> dict[str, Any]:
    """Write a second of noise; returns the columns of its row that tell of the file."""
    samples = chance.randbytes(RATE * SECONDS)
    content = _header(len(samples)) + samples
    path = folder / str(session_id) / filename
    path.parent.mkdir(parents=True, exist_ok=True)
    damaged = content[:-1] + bytes([content[-1] ^ 1])
    path.write_bytes(damaged if chance.randrange(DAMAGED_EVERY) == 0 else content)
    return {
        "file_path": str(path),
        "file_size": len(content),
        "file_hash": hashlib.sha256(content).hexdigest(),
        "duration": float(SECONDS),
        "sample_rate": RATE,
        "bit_depth": 8,
    }


def remove(folder: Path, sessions: Iterable[uuid.UUID]) -> None:
    """Files of sessions that are gone."""
    for session_id in sessions:
        shutil.rmtree(folder / str(session_id), ignore_errors=True)


def _header(size: int) -> bytes:
    """Of a WAV file: one channel, 8 bits."""
    return b"RIFF" + struct.pack(
        "<I4s4sIHHIIHH4sI", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, RATE, RATE, 1, 8, b"data", size
    )
