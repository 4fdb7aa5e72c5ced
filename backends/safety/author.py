"""Who acts, from where, on what: the half of every audit entry that no caller has to give."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backends.safety.secrets import mask
from backends.safety.text import display_text


@dataclass(frozen=True, slots=True)
class Author:
    """Who acts. ssh_client: the address that the session came from, "" without SSH; command: what was called, masked.

    profile and environment: the profile's name and ENVIRONMENT. pid and started tell a process from a later one that
    was given the same number; started is "" where the system doesn't say.
    """

    user: str
    ssh_client: str
    host: str
    profile: str
    environment: str
    command: str
    pid: int
    started: str

    def still_runs(self) -> bool | None:
        """Whether that process is there; None where that can't be told from here.

        It can't of another machine, after a reboot, from another container (whose numbers are others, though the
        machine's name may be the same), nor where /proc doesn't show it.
        """
        here, own = self.started.rpartition("-")[0], process_start(os.getpid())
        if self.pid <= 0 or self.host != _host() or not here or here != own.rpartition("-")[0]:
            return None
        found = process_start(self.pid)
        return found == self.started if found else _is_hidden(self.pid)


def this_author(profile: str, environment: str, command: str) -> Author:
    """The author that this process is."""
    return Author(
        user=_user(),
        ssh_client=_ssh_client(os.environ),
        host=_host(),
        profile=display_text(profile),
        environment=display_text(environment),
        command=display_text(mask(command)),
        pid=os.getpid(),
        started=process_start(os.getpid()),
    )


def process_start(pid: int) -> str:
    """When a process of this machine started: boot, numbering of processes and the kernel's ticks, with a - between.

    "" where nobody says; no ticks where the process is over.
    """
    try:
        if Path("/proc/self").readlink().name != str(os.getpid()):
            return ""  # mounted from where processes are numbered otherwise
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        numbering = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return ""
    # The name in brackets may hold blanks; what follows it doesn't. A zombie is over.
    state, *fields = stat.rpartition(")")[2].split()
    return f"{boot[:8]}-{numbering}-{'' if state in 'ZX' else fields[18]}"


def _is_hidden(pid: int) -> bool | None:
    """None for a process that the kernel knows and /proc doesn't show (hidepid); False where there is none."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return None
    return None


def _user() -> str:
    # Not from LOGNAME and its like, which anybody sets; behind sudo stands a person.
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    behind = os.environ.get("SUDO_USER", "")
    return display_text(f"{name} (sudo by {behind})" if behind and behind != name else name)


def _ssh_client(environment: Mapping[str, str]) -> str:
    """The address in SSH_CLIENT or SSH_CONNECTION.

    >>> _ssh_client({"SSH_CLIENT": "192.0.2.7 50122 22"}), _ssh_client({})
    ('192.0.2.7', '')
    """
    words = (environment.get("SSH_CLIENT") or environment.get("SSH_CONNECTION") or "").split()
    return display_text(words[0]) if words else ""


def _host() -> str:
    return display_text(socket.gethostname())
