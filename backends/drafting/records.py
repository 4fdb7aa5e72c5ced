"""The library as the bytes of its file, and back: versioned, with a checksum over all and a digest of the content.

A file is {"schema", "saved_at", "digest", "content", "checksum"}: the checksum tells damage, the digest (which leaves
times out) tells whether anything was written since.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from backends.drafting.model import SECTIONS, Bay, Library, Project, StoryBible
from backends.safety.text import display_text, display_whole

SCHEMA: Final = 1


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


def encode(library: Library, saved_at: datetime) -> bytes:
    """The file's bytes, in ASCII. Every later schema keeps the checksum, by which damage and novelty are told apart."""
    body = {
        "schema": SCHEMA,
        "saved_at": saved_at.isoformat(),
        "digest": digest(library),
        "content": {"projects": [_project_record(project) for project in library.projects]},
    }
    return _canonical({**body, "checksum": _sha256(body)})


def decode(data: bytes) -> Record:
    """The library that the bytes hold. Raises Damaged and Newer."""
    try:
        record = json.loads(data)
        checksum = record.pop("checksum")
        if checksum != _sha256(record):
            raise Damaged("the checksum does not match")
        if record["schema"] > SCHEMA:
            raise Newer(f"schema {record['schema']} is newer than {SCHEMA}")
        return _record(record)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error


def digest(library: Library) -> str:
    """SHA-256 of what people wrote and chose: equal for two libraries that differ in times only."""
    records = [_project_record(project) for project in library.projects]
    return _sha256([{name: value for name, value in record.items() if name not in _TIMES} for record in records])


_TIMES: Final = frozenset({"created_at", "updated_at"})


def _record(record: dict[str, Any]) -> Record:
    projects = tuple(_project(each) for each in record["content"]["projects"])
    if len({project.id for project in projects}) != len(projects):
        raise Damaged("two projects have one id")
    return Record(Library(projects), _text(record["digest"]), _time(record["saved_at"]))


def _project_record(project: Project) -> dict[str, Any]:
    return {
        "id": str(project.id),
        "title": project.title,
        "bay": project.bay.value,
        "draft": project.draft,
        "created_at": project.created_at.isoformat(),
        "updated_at": project.updated_at.isoformat(),
        "story_bible": asdict(project.story_bible),
        "intensity": project.intensity,
    }


def _project(record: dict[str, Any]) -> Project:
    bible = record["story_bible"]
    return Project(
        id=UUID(_text(record["id"])),
        title=safe_title(_text(record["title"])),
        created_at=_time(record["created_at"]),
        updated_at=_time(record["updated_at"]),
        bay=Bay(record["bay"]),
        draft=display_whole(_text(record["draft"])),
        story_bible=StoryBible(**{name: display_whole(_text(bible[name])) for name in SECTIONS}),
        intensity=_share(record["intensity"]),
    )


def safe_title(text: str) -> str:
    """All of the title on one safe line."""
    return display_text(text, limit=len(text))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Damaged(f"{type(value).__name__} where a text belongs")
    return value


def _share(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Damaged("an intensity is not from 0 to 1")
    return float(value)


def _time(value: object) -> datetime:
    time = datetime.fromisoformat(_text(value))
    if time.tzinfo is None:
        raise Damaged("a time has no zone")
    return time.astimezone(UTC)


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def _sha256(value: object) -> str:
    return hashlib.sha256(_canonical(value)).hexdigest()
