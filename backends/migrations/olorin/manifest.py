"""The manifest: `_id` and hash of each document at the hold, kept in the state folder in the order of `_id`."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from backends.backup.bson_files import read_batch
from backends.clients.errors import LeaseHeld
from backends.migrations.olorin.order import sort_key
from backends.migrations.olorin.raw import BINARY, elements, id_of
from backends.migrations.olorin.streams import Entry
from backends.safety.author import this_author
from backends.safety.files import private_folder, sync_folder, try_lock
from backends.safety.records import NotKept, content_hash
from backends.safety.text import display_text

BATCH_BYTES: Final = 1024 * 1024
_HASH: Final = b"hash"
_HEAD: Final = (32).to_bytes(4, "little") + b"\0"
_ID_NAME: Final = b"_id\0"
_HASH_HEAD: Final = bytes([BINARY]) + _HASH + b"\0" + _HEAD


def hashed(entry: Entry) -> Entry:
    """The document with its hash in its place."""
    return entry._replace(data=hashlib.sha256(entry.data).digest())


async def hashes(lists: AsyncIterator[list[Entry]]) -> AsyncIterator[list[Entry]]:
    """Documents with their hashes in their places."""
    async for entries in lists:
        yield [hashed(entry) for entry in entries]


class Manifest:
    """The manifests of one target: a file for each collection. A new one takes their place only once it is whole."""

    def __init__(self, state: Path, target: str) -> None:
        self._folder = state / "separation" / content_hash(target)[:16]

    def path(self, name: str) -> Path:
        """The file of a collection."""
        return self._folder / f"{name}.manifest"

    def has(self, name: str) -> bool:
        """Whether there is one of the collection."""
        return self.path(name).is_file()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The right to write new ones, which one process has at a time. Raises LeaseHeld, which says who has it."""
        path = self._folder / "writing"
        try:
            private_folder(self._folder.parent)
            private_folder(self._folder)
            held = try_lock(path)
            if held is None:
                who = display_text(path.read_text(errors="replace"), 200)
                raise LeaseHeld(f"Another verification is under way: {who}.", where=str(self._folder))
        except OSError as error:
            raise self._not_kept(error) from error
        try:
            author = this_author("", "", "")
            os.ftruncate(held, 0)
            os.write(held, f"{author.user}@{author.host} pid {author.pid}".encode())
            yield
        finally:
            os.close(held)

    def write(self, name: str) -> Writing:
        """A new one of the collection, which counts when it is kept; inside `locked`. Raises NotKept."""
        try:
            return Writing(self.path(name))
        except OSError as error:
            raise self._not_kept(error) from error

    def _not_kept(self, error: OSError) -> NotKept:
        return NotKept(f"The manifest can't be written: {error}.", where=str(self._folder))

    async def read(self, name: str) -> AsyncIterator[list[Entry]]:
        """Its ids and hashes, a list at a time; nothing where there is none. Raises BackendError."""
        if not self.has(name):
            return
        with await asyncio.to_thread(self.path(name).open, "rb") as file:
            while batch := await asyncio.to_thread(read_batch, file, BATCH_BYTES, 10_000):
                yield [_entry(document) for document in batch]


class Writing:
    """A manifest under way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_suffix(".new")
        self._file: BinaryIO = os.fdopen(os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

    def add(self, entries: list[Entry]) -> None:
        """Adds hashed documents, in order. Blocks. Raises NotKept."""
        try:
            self._file.write(b"".join(_line(entry) for entry in entries))
        except OSError as error:
            raise NotKept(f"The manifest can't be written: {error}.", where=str(self._path)) from error

    def keep(self) -> None:
        """Puts it in the place of the one before. Blocks. Raises NotKept."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._new.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            raise NotKept(f"The manifest can't be written: {error}.", where=str(self._path)) from error

    def drop(self) -> None:
        """Forgets it; nothing where it was kept."""
        self._file.close()
        with suppress(OSError):
            self._new.unlink(missing_ok=True)


def _line(entry: Entry) -> bytes:
    # As `made_of` makes it; there is one for each document.
    body = bytes([entry.id.type]) + _ID_NAME + entry.id.data + _HASH_HEAD + entry.data
    return (len(body) + 5).to_bytes(4, "little") + body + b"\0"


def _entry(document: bytes) -> Entry:
    id_ = id_of(document)
    value = dict(elements(document))[_HASH]
    return Entry(sort_key(id_), id_, value.data[len(_HEAD) :])
