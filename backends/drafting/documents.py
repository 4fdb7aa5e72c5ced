"""Drafts in and out of files: .txt, .md and .docx."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from backends.drafting.errors import NotAccepted, StorageFailed
from backends.drafting.model import Project
from backends.drafting.repair import Repair, repaired
from backends.drafting.review import watermark
from backends.drafting.word import read_word, write_word
from backends.safety.files import write_atomically
from backends.safety.text import prose

READABLE: Final = (".txt", ".md", ".docx")


class Format(Enum):
    """What a draft is exported as."""

    TEXT = "txt"
    MARKDOWN = "md"
    WORD = "docx"


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text, sanitised, with line feeds only; repair is the same put right, where it was decoded wrongly."""

    text: str
    repair: Repair | None = None


def read_document(path: Path, limit: int) -> Document:
    """The file's text. limit is in bytes. Raises NotAccepted."""
    if path.suffix.lower() not in READABLE:
        raise NotAccepted(f"{path.name}: only {', '.join(READABLE)} files are imported.")
    data = read_bytes(path, limit)
    text = read_word(data, path.name) if path.suffix.lower() == ".docx" else _decoded(data, path.name)
    if not text.strip():
        raise NotAccepted(f"{path.name} is empty.")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = repaired(text)
    return Document(prose(text), Repair(prose(found.text), found.places) if found else None)


def read_bytes(path: Path, limit: int) -> bytes:
    """The file's bytes. Raises NotAccepted where it can't be read, is empty or larger than limit."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise NotAccepted(f"{path.name} can't be read: {error.strerror}.") from error
    if len(data) > limit:
        raise NotAccepted(f"{path.name} is larger than {limit:,} bytes (MAX_UPLOAD_BYTES).")
    if not data.strip():
        raise NotAccepted(f"{path.name} is empty.")
    return data


def _decoded(data: bytes, name: str) -> str:
    try:
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotAccepted(f"{name} is not UTF-8 text (byte {error.start:,}).") from error


def as_document(project: Project, form: Format) -> bytes:
    """The draft as a file. Markdown and .docx carry the title as heading, an unreviewed incident its watermark."""
    draft, mark = project.draft.rstrip(), watermark(project)
    if form is Format.WORD:
        return write_word(project.title, draft, mark)
    marked = f"{mark}\n\n{draft}" if mark else draft
    text = f"{marked}\n" if form is Format.TEXT else f"# {project.title}\n\n{marked}\n"
    return text.encode("utf-8", "replace")


def write_document(path: Path, data: bytes) -> None:
    """Writes the file, whole or not at all. Raises StorageFailed."""
    try:
        write_atomically(path, data)
    except OSError as error:
        raise StorageFailed(f"{path} can't be written: {error.strerror}.") from error
