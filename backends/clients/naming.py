"""The name under which every connection of this console can be found on a server."""

from __future__ import annotations

import getpass
import socket
from functools import cache
from typing import Final

from backends.safety.text import display_text

PREFIX: Final = "olorin-console/"
"""What the names of every console's connections begin with."""


@cache
def application_name() -> str:
    """`olorin-console/<user>@<host>`, at most 63 bytes (Postgres cuts there)."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    name = display_text(f"{PREFIX}{user}@{socket.gethostname()}")
    return name.encode("ascii", "replace").decode()[:63]
