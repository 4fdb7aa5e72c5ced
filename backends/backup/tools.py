"""pg_dump and pg_restore: found where they are installed, called with no secret on their command line."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from backends.clients.errors import BackendError, Refused
from backends.clients.naming import application_name

DEBIAN: Final = Path("/usr/lib/postgresql")
"""Where Debian keeps the tools of each version."""

_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)")


class ToolFailed(BackendError):
    """pg_dump or pg_restore ended with an error; the message is what it said."""

    kind = "backup failed"


@dataclass(frozen=True, slots=True)
class Tools:
    """pg_dump and pg_restore of one major version."""

    dump: Path
    restore: Path
    major: int


async def find_tools(server: int) -> Tools:
    """The newest tools in PATH or Debian's folders, if they can dump a server of this major version. Raises Refused."""
    found = [tools for folder in _folders() if (tools := await _tools(folder))]
    best = max(found, key=lambda each: each.major, default=None)
    if best is not None and best.major >= server:
        return best
    there = f"pg_dump {best.major} is older than the server" if best else "pg_dump is not installed"
    hint = f"Install the PostgreSQL {server} client, or record a backup taken elsewhere with --record."
    raise Refused(f"The server is PostgreSQL {server}, and {there}.", hint=hint)


async def run(tool: Path, arguments: Sequence[str], url: str) -> None:
    """Runs a tool on the database of the URL to its end. Raises ToolFailed; ends the tool when it is cancelled."""
    name, environment = connection(url)
    process = await asyncio.create_subprocess_exec(
        tool,
        *arguments,
        f"--dbname={name}",
        "--no-password",
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise
    if process.returncode:
        last = said.decode("utf-8", "replace").strip().splitlines()[-3:]
        raise ToolFailed(f"{tool.name} ended with {process.returncode}: {' '.join(last)}", where=name)


def connection(url: str) -> tuple[str, Mapping[str, str]]:
    """The URL without its password, and the environment that holds it: command lines can be read by everybody.

    >>> connection("postgresql://ops:p%40ss@db:5433/bots?sslmode=require")[0]
    'postgresql://ops@db:5433/bots?sslmode=require'
    """
    parts = urlsplit(url)
    user, colon, password = parts.netloc.rpartition("@")[0].partition(":")
    place = parts.netloc.rpartition("@")[2]
    options = parse_qsl(parts.query)
    password = unquote(password) if colon else dict(options).get("password", "")
    kept = urlencode([(name, value) for name, value in options if name != "password"], safe="/")
    netloc = f"{user}@{place}" if user else place
    environment = {**os.environ, "PGAPPNAME": application_name(), "PGTZ": "UTC", "LC_ALL": "C"}
    return urlunsplit(parts._replace(netloc=netloc, query=kept)), environment | (
        {"PGPASSWORD": password} if password else {}
    )


def _folders() -> Iterator[Path]:
    found = shutil.which("pg_dump")
    if found:
        yield Path(found).parent
    yield from sorted(DEBIAN.glob("*/bin"))


async def _tools(folder: Path) -> Tools | None:
    dump, restore = folder / "pg_dump", folder / "pg_restore"
    if not (os.access(dump, os.X_OK) and os.access(restore, os.X_OK)):
        return None
    process = await asyncio.create_subprocess_exec(
        dump, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    said, _ = await process.communicate()
    version = _VERSION.search(said.decode("ascii", "replace"))
    return Tools(dump, restore, int(version[1])) if version else None
