"""Where the demo keeps things: caches, run files, fresh folders, folders that another account reaches."""

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs
import psutil

from console.demo.accounts import Account

ROOM = 2 * 1024**3
"""Free bytes of memory, at scale 1 or less, from which throwaway data (a tenth of that) is kept there."""


def cache() -> Path:
    """The demo's cache folder: the user's or, where that can't be written, one in the temporary folder."""
    try:
        return _private(platformdirs.user_cache_path("olorin-console") / "demo")
    except OSError:
        return _private(Path(tempfile.gettempdir()) / f"olorin-console-{os.getuid()}")


def cached(kind: str) -> Path:
    """Where the demo keeps things of one kind."""
    return _private(cache() / kind)


def runs() -> Path:
    """Where the run files of this user lie."""
    return cached("runs")


def fresh(prefix: str, scale: float) -> Path:
    """A new empty folder that only this user reads, for throwaway data: in memory where there is plenty of it.

    A disk's file system may need seconds to make the thousands of files of a Postgres just after as many were removed.
    """
    memory = Path("/dev/shm")
    base = memory if _roomy(memory, round(ROOM * max(1, scale))) else cached("work")
    return Path(tempfile.mkdtemp(prefix=f"olorin-demo-{prefix}-", dir=base))


def _roomy(memory: Path, room: int) -> bool:
    with suppress(OSError):
        return min(shutil.disk_usage(memory).free, psutil.virtual_memory().available // 2) > room
    return False


def shared(name: str) -> Path:
    """A folder that lasts, which any account can reach and only this user writes.

    Raises PermissionError when somebody else made a folder of that name first.
    """
    mine = f"olorin-console-{os.getuid()}"
    for base in (cache(), Path("/var/tmp") / mine, Path(tempfile.gettempdir()) / mine):
        if reachable(base.parent, None) and reachable(_kept(base), None):
            return _kept(base / name)
    raise PermissionError(f"no folder that another account can reach holds {name}")


def fresh_for(account: Account | None, prefix: str) -> Path:
    """A new empty folder that `account` owns and reaches; its path is short enough for a Unix socket."""
    bases = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/dev/shm")]
    base = next(base for base in bases if reachable(base, account) and len(str(base)) < 60)
    folder = Path(tempfile.mkdtemp(prefix=f"olorin-{prefix}-", dir=base))
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    return folder


def forget_unused(folder: Path, keep: int) -> None:
    """Remove all but the `keep` entries used last, as their modification times tell."""
    for old in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[keep:]:
        shutil.rmtree(old, ignore_errors=True)


def reachable(folder: Path, account: Account | None) -> bool:
    """Whether `account` (None: anybody) may walk down to `folder`, which need not exist yet."""
    resolved = folder.resolve()
    return all(_searchable(part, account) for part in (resolved, *resolved.parents) if part.exists())


def _searchable(folder: Path, account: Account | None) -> bool:
    found = folder.stat()
    if account is not None and found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    return bool(found.st_mode & stat.S_IXOTH)


def _kept(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    _own(folder)
    return folder


def _private(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _own(folder)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} can't be written")
    return folder


def _own(folder: Path) -> None:
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
