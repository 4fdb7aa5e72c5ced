"""The account that Postgres runs under: it refuses root, so root lends it another one."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

PREFERRED = "pgserver"


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    uid: int
    gid: int


def postgres_account() -> Account | None:
    """None for an ordinary user. Root gets `pgserver`, made on first use, else `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return None
    found = _account(PREFERRED) or _made(PREFERRED) or _account("postgres") or _account("nobody")
    if found is None:
        raise PermissionError("Postgres refuses to run as root, and there is no other account: run as an ordinary user")
    return found


def _account(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def _made(name: str) -> Account | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    subprocess.run(command, check=False, capture_output=True)
    return _account(name)


def hand_over(folder: Path, account: Account | None) -> None:
    """Make `account` the owner of all in `folder`, and of the folder itself last: it tells whether that was done."""
    if account is None or folder.stat().st_uid == account.uid:
        return
    for parent, _, files in os.walk(folder, topdown=False):
        for path in (*(Path(parent) / file for file in files), Path(parent)):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
