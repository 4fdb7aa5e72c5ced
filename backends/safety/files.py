"""Files of the console's own: private, never half written, and locked where several processes share them."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LOOK_AGAIN_S: Final = 0.01


def private_folder(path: Path) -> Path:
    """Makes the folder, readable by its owner only, and returns it. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def why_unwritable(folder: Path) -> str:
    """Why nothing can be kept in the folder, which is made if need be; empty where it can."""
    try:
        with tempfile.TemporaryFile(dir=private_folder(folder)) as probe:
            probe.write(b"\0")
            probe.flush()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def write_atomically(path: Path, data: bytes, *, keep_owner: bool = False) -> None:
    """Replaces the file's content so that a reader, or a power cut, sees the old or the new, never a part.

    keep_owner: the file is somebody else's, and keeps its owner and mode; ours are for us alone (0600). Raises OSError;
    the old content is kept then.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            if keep_owner:
                before = path.stat()
                os.fchown(handle, before.st_uid, before.st_gid)
                os.fchmod(handle, stat.S_IMODE(before.st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Makes the folder's own entries (renames, new files) outlast a power cut. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def try_lock(path: Path) -> int | None:
    """An open descriptor that holds the file's lock until it is closed; None while another one holds it.

    The kernel gives the lock up when its holder dies, however it dies. Raises OSError.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def locked(path: Path, deadline_s: float = 5.0) -> Iterator[None]:
    """Holds the file's lock inside the block; waits for it in this thread. Raises TimeoutError, OSError."""
    until = time.monotonic() + deadline_s
    while (handle := try_lock(path)) is None:
        if time.monotonic() >= until:
            raise TimeoutError(f"{path.name} is locked by another process")
        time.sleep(_LOOK_AGAIN_S)
    try:
        yield
    finally:
        os.close(handle)
