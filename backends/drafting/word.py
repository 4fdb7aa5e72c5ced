"""Drafts in and out of .docx, whose files are checked before they are unpacked."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from backends.drafting.errors import NotAccepted

if TYPE_CHECKING:
    from docx.document import Document

UNPACKED_BYTES: Final = 64 * 1024 * 1024
"""Bytes of a .docx once it is unpacked, at most."""

PARTS: Final = 2_000
"""Files inside a .docx at most."""

_HEADING: Final = re.compile(r"(#{1,6}) +(.+)")
_STYLE: Final = re.compile(r"Heading ([1-6])$")


def read_word(data: bytes, name: str) -> str:
    """The document's paragraphs, headings marked as in Markdown, a table row a line. Raises NotAccepted."""
    _check(data, name)
    import docx

    try:
        document = docx.Document(io.BytesIO(data))
        return "\n\n".join(text for text in _texts(document) if text.strip())
    except NotAccepted:
        raise
    except Exception as error:
        # A hostile file makes the library and its parser fail in many ways; none of them is ours.
        raise NotAccepted(f"{name} is no .docx that can be read ({type(error).__name__}).") from error


def write_word(title: str, text: str, note: str = "") -> bytes:
    """A .docx with the title, a note below it if any, and the text's paragraphs."""
    import docx

    document = docx.Document()
    document.core_properties.title = title[:255]
    document.core_properties.author = ""
    document.add_heading(title, 0)
    if note:
        document.add_paragraph().add_run(note).bold = True
    for piece in re.split(r"\n\s*\n", text.strip("\n")):
        _add(document, piece)
    stored = io.BytesIO()
    document.save(stored)
    return stored.getvalue()


def _check(data: bytes, name: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise NotAccepted(f"{name} is no .docx: it is not a zip archive.") from error
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > PARTS:
        raise NotAccepted(f"{name} holds {len(parts):,} files; at most {PARTS:,} are read.")
    if unpacked > UNPACKED_BYTES:
        raise NotAccepted(f"{name} unpacks to {unpacked:,} bytes; at most {UNPACKED_BYTES:,} are read.")
    if any(part.flag_bits & 1 for part in parts):
        raise NotAccepted(f"{name} is encrypted.")


def _texts(document: Document) -> Iterator[str]:
    for each in document.iter_inner_content():
        if hasattr(each, "rows"):
            yield "\n".join(" | ".join(cell.text for cell in row.cells) for row in each.rows)
        else:
            yield _marked(each)


def _marked(paragraph: Any) -> str:
    style = paragraph.style.name if paragraph.style is not None else ""
    level = 1 if style == "Title" else int(match[1]) if (match := _STYLE.match(style or "")) else 0
    return f"{'#' * level} {paragraph.text}" if level and paragraph.text.strip() else str(paragraph.text)


def _add(document: Document, piece: str) -> None:
    if match := _HEADING.fullmatch(piece):
        document.add_heading(match[2], len(match[1]))
        return
    run = document.add_paragraph().add_run()
    for number, line in enumerate(piece.split("\n")):
        if number:
            run.add_break()
        run.add_text(line)
