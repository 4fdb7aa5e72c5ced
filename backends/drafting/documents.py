"""Drafts in and out of files: .txt and .md."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Final

from backends.drafting.errors import NotAccepted, StorageFailed
from backends.drafting.model import Project
from backends.safety.files import write_atomically
from backends.safety.text import display_whole

READABLE: Final = (".txt", ".md")


class Format(Enum):
    """What a draft is exported as."""

    TEXT = "txt"
    MARKDOWN = "md"


def read_document(path: Path, limit: int) -> str:
    """The file's text, sanitised, with line feeds only. limit is in bytes. Raises NotAccepted, StorageFailed."""
    if path.suffix.lower() not in READABLE:
        raise NotAccepted(f"{path.name}: only {' and '.join(READABLE)} files are imported.")
    data = _read(path, limit)
    if len(data) > limit:
        raise NotAccepted(f"{path.name} is larger than {limit:,} bytes.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotAccepted(f"{path.name} is not UTF-8 text (byte {error.start:,}).") from error
    if not text.strip():
        raise NotAccepted(f"{path.name} is empty.")
    return display_whole(text.replace("\r\n", "\n").replace("\r", "\n"))


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise NotAccepted(f"{path.name} can't be read: {error.strerror}.") from error


def as_document(project: Project, form: Format) -> str:
    """The draft as a file's text; Markdown carries the title as its heading."""
    draft = project.draft.rstrip()
    return f"{draft}\n" if form is Format.TEXT else f"# {project.title}\n\n{draft}\n"


def write_document(path: Path, text: str) -> None:
    """Writes the file, whole or not at all. Raises StorageFailed."""
    try:
        write_atomically(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise StorageFailed(f"{path} can't be written: {error.strerror}.") from error
