"""What every seed shares: one fixed source of chance, ids that stay the same, sizes, and picks for planted faults."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bson import ObjectId

VERSION: Final = "1"
"""Raised whenever the seeded data changes; kept data of another version is seeded anew."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """How often something was planted, under a name that doesn't change: `<kind>.<where>`."""

    name: str
    count: int
    explanation: str


@dataclass(frozen=True, slots=True)
class Size:
    """How much to seed: 1.0 is a few seconds' worth."""

    scale: float

    def rows(self, at_scale_1: int, least: int = 1) -> int:
        return max(least, round(at_scale_1 * self.scale))


def start_of_run() -> datetime:
    """Now, as precise as Mongo keeps it (milliseconds), so that a value read back equals the one written."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def dice(name: str) -> random.Random:
    """Chance that falls the same way in every run, apart for every `name`."""
    return random.Random(f"olorin-demo/{VERSION}/{name}")


def object_id(kind: str, number: int) -> ObjectId:
    """The id of the `number`th document of a kind; its time part lies in 2024 or 2025, as a real one's would."""
    digest = hashlib.sha256(f"{VERSION}/{kind}/{number}".encode()).digest()
    seconds = 1_704_067_200 + int.from_bytes(digest[:4]) % (730 * 86_400)
    return ObjectId(seconds.to_bytes(4) + digest[4:12])


def uuid_of(kind: str, number: int) -> uuid.UUID:
    """The id of the `number`th row of a kind, in the shape of a random (version 4) UUID."""
    digest = hashlib.sha256(f"{VERSION}/{kind}/{number}".encode()).digest()
    return uuid.UUID(bytes=digest[:16], version=4)


def ago(now: datetime, dice: random.Random, *, at_least: timedelta, at_most: timedelta) -> datetime:
    """A time before `now`, whole milliseconds."""
    span = (at_most - at_least).total_seconds()
    return now - at_least - timedelta(milliseconds=round(dice.random() * span * 1000))


class Planter:
    """Hands out documents that no other fault was planted in, so that every count stays what it says."""

    def __init__(self, documents: Sequence[Document], name: str) -> None:
        self._left = list(documents)
        dice(f"plant/{name}").shuffle(self._left)

    def take(self, count: int) -> list[Document]:
        """`count` untouched documents. Raises RuntimeError when there are too few: the scale is too small."""
        if count > len(self._left):
            raise RuntimeError(f"{count} documents to plant faults in, {len(self._left)} left: the scale is too small")
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def point(self, field: str, values: Sequence[str], count: int, **fixed: Any) -> list[Document]:
        """Make `count` untouched documents refer to `values`, one after the other, and set the `fixed` fields."""
        documents = self.take(count)
        for number, document in enumerate(documents):
            set_values(document, {field: values[number % len(values)], **fixed})
        return documents


def set_values(document: MutableMapping[str, Any], values: Document) -> None:
    """Set fields in place. Raises KeyError for a field that the document doesn't have."""
    for field, value in values.items():
        if field not in document:
            raise KeyError(field)
        document[field] = value
