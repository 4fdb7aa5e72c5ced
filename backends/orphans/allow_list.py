"""The allow-list: every document that a clean-up may remove, by id and hash, in a file of its own.

The file holds BSON documents, one for each thousand items of a reference in the order of their ids; what is left out
stands in a second file, as JSON lines. The list's hash is over its bytes, and part of the plan.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from backends.clients.errors import Refused
from backends.orphans.clean_model import Reason
from backends.orphans.values import json_of
from backends.safety.files import private_folder
from backends.safety.records import NotKept

CHUNK: Final = 1_000
"""Items of one BSON document of the list: the most that a batch may hold."""

KEPT_S: Final = 30 * 24 * 3600.0
"""Seconds for which lists are kept, of what goes, of what was left out, of vectors: as long as a quarantine."""


class Item(NamedTuple):
    """A document on the list. value: of its reference; digest: of its bytes."""

    id: Any
    value: Any
    digest: bytes
    size_bytes: int


class Draft:
    """A list that is being made. Its methods block: call them in a thread."""

    def __init__(self, folder: Path) -> None:
        with kept_in(folder):
            private_folder(folder)
            forget_old(folder, time.time() - KEPT_S)
            self._folder = folder
            self._draft = folder / f"draft-{secrets.token_hex(8)}"
            self._left_out = self._draft.open("w", encoding="ascii")
            self._draft.chmod(0o600)
            # Sorted on disk, so that a list of any size costs no memory.
            self._items = sqlite3.connect("", check_same_thread=False)
            self._items.execute(
                "CREATE TABLE item (reference, sort, collection, id, entry, PRIMARY KEY (collection, id))"
            )
        self.reasons: dict[str, Counter[str]] = {}

    def add(self, reference: str, item: Item) -> bool:
        """Puts a document on the list; False where another reference put it there."""
        from bson import encode

        entry = encode({"_id": item.id, "v": item.value, "h": item.digest, "n": item.size_bytes})
        collection, id_ = reference.partition(".")[0], json_of(item.id)
        row = (reference, _sort(item.id, id_), collection, id_, entry)
        with kept_in(self._folder):
            return self._items.execute("INSERT OR IGNORE INTO item VALUES (?, ?, ?, ?, ?)", row).rowcount == 1

    def leave_out(self, reference: str, reason: Reason, documents: int, **what: object) -> None:
        """Notes documents that stay: all of a parent's, or one by its id."""
        if not documents:
            return
        self.reasons.setdefault(reference, Counter())[reason.value] += documents
        said = {"reference": reference, "reason": reason.value, "documents": documents, **what}
        with kept_in(self._folder):
            self._left_out.write(json.dumps(said) + "\n")

    def finish(self) -> tuple[str, Path]:
        """Writes both files under the list's hash; returns it, and where that of the left out lies."""
        from bson import encode

        digest, draft = hashlib.sha256(), self._draft.with_suffix(".bson")
        with kept_in(self._folder):
            with draft.open("wb") as out:
                for chunk in self._chunks():
                    data = encode(chunk)
                    digest.update(data)
                    out.write(data)
            self._left_out.close()
            name = digest.hexdigest()[:32]
            draft.chmod(0o600)
            draft.replace(list_path(self._folder, name))
            left_out = self._folder / f"{name}.left-out.jsonl"
            self._draft.replace(left_out)
        return name, left_out

    def close(self) -> None:
        """Gives the temporary files back."""
        self._left_out.close()
        self._draft.unlink(missing_ok=True)
        self._items.close()

    def _chunks(self) -> Iterator[dict[str, Any]]:
        from bson import decode

        rows = self._items.execute("SELECT reference, entry FROM item ORDER BY reference, sort")
        name, items = "", list[dict[str, Any]]()
        for reference, entry in rows:
            if items and (reference != name or len(items) == CHUNK):
                yield {"reference": name, "items": items}
                items = []
            name = reference
            items.append(decode(entry))
        if items:
            yield {"reference": name, "items": items}


def forget_old(folder: Path, before: float) -> None:
    """Removes what was written to the folder before this time (seconds since 1970)."""
    for path in folder.iterdir():
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)


def list_path(folder: Path, name: str) -> Path:
    """Where the list of this hash lies."""
    return folder / f"{name}.bson"


def read_list(folder: Path, name: str) -> Iterator[Mapping[str, Any]]:
    """The chunks of a list. Raises Refused where there is none, or where it is not as it was written (at its end)."""
    from bson import decode

    path, digest = list_path(folder, name), hashlib.sha256()
    if not path.exists():
        raise Refused("The list of the plan is not on this machine.", hint="Make a new plan with --dry-run.")
    with kept_in(folder), path.open("rb") as file:
        while head := file.read(4):
            data = head + file.read(int.from_bytes(head, "little") - 4)
            digest.update(data)
            try:
                chunk: Mapping[str, Any] = decode(data)
            except Exception as error:
                raise Refused("The list of the plan is not as it was written.", hint="Make a new plan.") from error
            yield chunk
    if digest.hexdigest()[:32] != name:
        raise Refused("The list of the plan is not as it was written.", hint="Make a new plan with --dry-run.")


def items_of(chunk: Mapping[str, Any]) -> list[Item]:
    """The items of a chunk."""
    return [Item(each["_id"], each["v"], bytes(each["h"]), each["n"]) for each in chunk["items"]]


def _sort(id_: Any, text: str) -> str:
    """What keeps ids in the order in which a server keeps them, where they are all ObjectIds."""
    from bson import ObjectId

    return str(id_) if isinstance(id_, ObjectId) else text


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Turns what files and SQLite raise into NotKept."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        hint = "Free space, or correct the rights of the state folder."
        raise NotKept(f"The list can't be kept: {error}.", where=str(folder), hint=hint) from error
