"""Dated records in the state folder: private JSON files that are whole, or not there, or found out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from backends.clients.errors import BackendError, Refused
from backends.safety.files import private_folder, write_atomically
from backends.sampling.jsonable import jsonable

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")


class NotKept(BackendError):
    """The state folder can't be read or written."""

    kind = "state folder"


def content_hash(content: object) -> str:
    """32 hex digits over the content, whatever the order of its keys.

    >>> content_hash({"a": 1, "b": [2]}) == content_hash({"b": [2], "a": 1}) != content_hash({"a": 1})
    True
    """
    text = json.dumps(jsonable(content), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Records:
    """A folder of records. Its methods block: call them in a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: Mapping[str, object]) -> None:
        """Keeps the record, in the place of one of the same name. Raises NotKept."""
        values = jsonable(content)
        data = json.dumps({"content": values, "hash": content_hash(values)}, indent=1)
        try:
            private_folder(self.folder)
            write_atomically(self.folder / f"{_checked(name)}.json", data.encode("ascii"))
        except OSError as error:
            raise self._failed(error, "written") from error

    def read(self, name: str) -> Mapping[str, Any] | None:
        """The record's content, None where there is none. Raises NotKept, and Refused where it was changed by hand."""
        path = self.folder / f"{_checked(name)}.json"
        try:
            record = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed(error, "read") from error
        except ValueError:
            record = {}
        content: Mapping[str, Any] | None = record.get("content") if isinstance(record, dict) else None
        if content is None or content_hash(content) != record.get("hash"):
            raise Refused(f"The record {name} is not as it was written.", where=str(path), hint="Make a new one.")
        return content

    def names(self, prefix: str = "") -> list[str]:
        """The names of the records that begin so, sorted. Raises NotKept."""
        try:
            return sorted(path.stem for path in self.folder.glob("*.json") if path.stem.startswith(prefix))
        except OSError as error:
            raise self._failed(error, "read") from error

    def _failed(self, error: OSError, what: str) -> NotKept:
        hint = "Free space, or correct the rights of the state folder."
        return NotKept(
            f"The state folder can't be {what}: {error.strerror or error}.", where=str(self.folder), hint=hint
        )


def _checked(name: str) -> str:
    # Names come from command lines too: none may lead out of the folder.
    if not _NAME.fullmatch(name) or name.startswith("."):
        raise Refused(f"{name!r} is no name of a record.")
    return name
