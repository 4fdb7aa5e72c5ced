"""Files of BSON documents, one after another, as mongodump writes them; read and written without decoding."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from backends.backup.model import Part
from backends.clients.errors import BadAnswer

LARGEST: Final = 48 * 1024 * 1024
"""Bytes of a document at most: a server's own entries are a little larger than 16 MB; what says more is damaged."""

_MODULUS: Final = 1 << 256


class Digest:
    """Count, bytes and an order-independent digest: the sum of each document's SHA-256."""

    def __init__(self) -> None:
        self.documents = self.bytes = self._sum = 0

    def add(self, document: bytes | memoryview) -> None:
        """Counts a document in."""
        self.documents += 1
        self.bytes += len(document)
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(document).digest(), "big")) % _MODULUS

    def part(self, name: str) -> Part:
        """What was counted, as a part of a backup."""
        return Part(name, self.documents, self.bytes, f"{self._sum:064x}")


def documents(batch: bytes) -> Iterator[memoryview]:
    """The documents of a batch. Raises BadAnswer where it isn't whole."""
    view, at = memoryview(batch), 0
    while at < len(view):
        size = int.from_bytes(view[at : at + 4], "little")
        if not 5 <= size <= len(view) - at:
            raise BadAnswer("A batch of documents ends in the middle of one.")
        yield view[at : at + size]
        at += size


def read_batch(file: BinaryIO, most_bytes: int, most_documents: int) -> list[bytes]:
    """The file's next documents, at least one while there is one. Raises BadAnswer where the file is damaged."""
    found: list[bytes] = []
    total = 0
    while total < most_bytes and len(found) < most_documents:
        head = file.read(4)
        if not head:
            break
        size = int.from_bytes(head, "little")
        rest = file.read(size - 4) if 5 <= size <= LARGEST else b""
        if len(head) < 4 or len(rest) != size - 4:
            raise BadAnswer("The file is damaged: it ends in the middle of a document.", where=file.name)
        found.append(head + rest)
        total += size
    return found
