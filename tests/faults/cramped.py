"""A Postgres with a file system of a few megabytes: a real one, that is really full."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from console.demo import folders
from console.demo.postgres_server import PostgresServer

_WRAPPER = """#!/bin/sh
# In a user namespace of its own anybody may mount; Postgres refuses to be root, which it would be there: hence another.
exec unshare -Urm sh -c 'mount -t tmpfs -o size={size} tmpfs {small} && exec unshare -U --map-user=70000 "$0" "$@"' \\
    {program} "$@"
"""


def can_mount() -> bool:
    """Whether this system lets anybody mount in a namespace of his own."""
    tool = shutil.which("unshare")
    tried = [tool or "", "-Urm", "sh", "-c", "mount -t tmpfs tmpfs /mnt && exec unshare -U --map-user=70000 true"]
    return tool is not None and subprocess.run(tried, capture_output=True, check=False).returncode == 0


class CrampedPostgres(PostgresServer):
    """`small` is the folder of so many bytes ("24m"), in the server's eyes alone."""

    def __init__(self, data: Path, size: str) -> None:
        super().__init__(data)
        self._size = size

    async def prepare(self) -> None:
        await super().prepare()
        folder = self.supervisor.own(folders.fresh_for(self._account, "small"))
        self.small = folder / "tablespace"
        wrapper = folder / "postgres"
        self.small.mkdir()
        wrapper.write_text(_WRAPPER.format(size=self._size, small=self.small, program=self._programs / "postgres"))
        for path in (folder, self.small, wrapper):
            path.chmod(0o755)
        self._programs = folder
