"""The library as the bytes of its file, and back: versioned, with a checksum over all and a digest of the content.

A file is {"schema", "saved_at", "digest", "content", "checksum"}: the checksum tells damage, the digest (which leaves
times out) tells whether anything was written since.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from backends.drafting.model import Library, Project
from backends.drafting.shapes import plain, read
from backends.safety.text import display_text

SCHEMA: Final = 2
"""1 had no bibles, no workspace and no incidents; its files are read with their defaults."""


class Damaged(Exception):
    """The bytes are not, or no longer, a library."""


class Newer(Exception):
    """The bytes were written by a later version, which alone can read them."""


@dataclass(frozen=True, slots=True)
class Record:
    """A library as it was read: its digest, and when it was saved (UTC)."""

    library: Library
    digest: str
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Encoded:
    """A file's bytes, in ASCII, and the digest of its content."""

    data: bytes
    digest: str


class Encoder:
    """Makes files of libraries that differ little: what a project kept is not written out again.

    JSON is made field by field. Made all at once, a large library would hold the interpreter, and keys would wait.
    """

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], tuple[object, str]] = {}

    def encode(self, library: Library, saved_at: datetime) -> Encoded:
        """The file. Every later schema keeps the checksum, by which damage and novelty are told apart."""
        kept, self._texts = self._texts, {}
        projects = [self._fields(project, kept) for project in library.projects]
        workspace = self._fields(library.workspace, kept) if library.workspace is not None else None
        digest = hashlib.sha256()
        for each in (*projects, *([workspace] if workspace else [])):
            digest.update(_joined({name: text for name, text in each.items() if name not in _TIMES}).encode("ascii"))
        listed = ",".join(_joined(each) for each in projects)
        content = f'{{"projects":[{listed}],"workspace":{_joined(workspace) if workspace else "null"}}}'
        facts = f'"digest":"{digest.hexdigest()}","saved_at":"{saved_at.isoformat()}","schema":{SCHEMA}'
        body = f'"content":{content},{facts}}}'.encode("ascii")
        checksum = hashlib.sha256(b"{" + body).hexdigest().encode("ascii")
        return Encoded(_SEAL + checksum + b'",' + body, digest.hexdigest())

    def _fields(self, project: Project, kept: dict[tuple[str, str], tuple[object, str]]) -> dict[str, str]:
        return {field.name: self._text(project, field.name, kept) for field in fields(project)}

    def _text(self, project: Project, name: str, kept: dict[tuple[str, str], tuple[object, str]]) -> str:
        key, value = (str(project.id), name), getattr(project, name)
        known = kept.get(key)
        text = known[1] if known is not None and known[0] is value else _json(plain(value))
        self._texts[key] = (value, text)
        return text


def _joined(texts: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{texts[name]}' for name in sorted(texts)) + "}"


def encode(library: Library, saved_at: datetime) -> bytes:
    """The file's bytes."""
    return Encoder().encode(library, saved_at).data


def decode(data: bytes) -> Record:
    """The library that the bytes hold. Raises Damaged and Newer."""
    try:
        record = json.loads(data)
        checksum = record.pop("checksum")
        if not _is_sealed(data, checksum) and checksum != hashlib.sha256(_json(record).encode("ascii")).hexdigest():
            raise Damaged("the checksum does not match")
        if record["schema"] > SCHEMA:
            raise Newer(f"schema {record['schema']} is newer than {SCHEMA}")
        return _record(record)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error


def _is_sealed(data: bytes, checksum: str) -> bool:
    """Whether the checksum is that of the bytes behind it, in the writing that `encode` has; others are read too."""
    begun = _SEAL + checksum.encode("ascii") + b'",'
    return data.startswith(begun) and hashlib.sha256(b"{" + data[len(begun) :]).hexdigest() == checksum


def digest(library: Library) -> str:
    """SHA-256 of what people wrote and chose: equal for two libraries that differ in the projects' times only."""
    return Encoder().encode(library, datetime.now(UTC)).digest


_SEAL: Final = b'{"checksum":"'
_TIMES: Final = frozenset({"created_at", "updated_at"})


def _record(record: dict[str, Any]) -> Record:
    kept = record["content"].get("workspace")
    projects = tuple(project_of(each) for each in record["content"]["projects"])
    library = Library(projects, None if kept is None else project_of(kept))
    if library.flaw:
        raise Damaged(library.flaw)
    saved_at = datetime.fromisoformat(record["saved_at"])
    if saved_at.tzinfo is None:
        raise Damaged("a time has no zone")
    return Record(library, str(record["digest"]), saved_at.astimezone(UTC))


def project_of(record: object) -> Project:
    """The project that a record describes. Raises ValueError."""
    return read(Project, record)


def safe_title(text: str) -> str:
    """All of the title on one safe line."""
    return display_text(text, limit=len(text))


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
