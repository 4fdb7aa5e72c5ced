"""Audio files beside their rows: whether a file is there and is the one that its row describes. Blocking."""

from __future__ import annotations

import hashlib
import stat
from enum import Enum
from pathlib import Path
from typing import Final

CHUNK: Final = 1024 * 1024
"""Bytes hashed at a time."""


class FileState(Enum):
    """What became of a row's file, or how it stands."""

    INTACT = "intact"
    MISSING = "missing"
    OTHER_SIZE = "other size"
    OTHER_CONTENT = "other content"
    NO_FILE = "no plain file"
    UNREADABLE = "unreadable"
    NOT_HERE = "not on this machine"
    DELETED = "deleted"


def checked(path: Path) -> tuple[int, str]:
    """The file's size in bytes and its sha256. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()


def state_of(path: str, size: int, hash_: str) -> FileState:
    """How the file stands to what its row says. A folder that is not there means another machine's disk."""
    file = Path(path)
    try:
        if not file.is_absolute():
            return FileState.NOT_HERE
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode):
            return FileState.NO_FILE
        if found.st_size != size:
            return FileState.OTHER_SIZE
        return FileState.INTACT if checked(file)[1] == hash_.lower() else FileState.OTHER_CONTENT
    except FileNotFoundError:
        return FileState.MISSING if file.parent.parent.is_dir() else FileState.NOT_HERE
    except (OSError, ValueError):
        return FileState.UNREADABLE


def remove(path: str, size: int, hash_: str) -> FileState:
    """Deletes the very file that the row describes, by size and hash; any other stays where it is.

    The path is text from a database: it must not be able to name something else for deletion.
    """
    state = state_of(path, size, hash_)
    if state is not FileState.INTACT:
        return state
    try:
        Path(path).unlink()
    except OSError:
        return FileState.UNREADABLE
    return FileState.DELETED
