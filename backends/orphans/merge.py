"""The merge: references in ascending order against parents in ascending order, both arriving in lists.

Each side is passed over once and only one list of each is held, so that memory stays flat at any size.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

from backends.clients.errors import BadAnswer
from backends.orphans.model import ParentState
from backends.orphans.values import LOWER_HEX, folded_id, text_of

STRING_KEYS_LIMIT: Final = 10_000
"""Parents with a text for an `_id` that are held beside the merge at most; the platform makes none."""


_LOWEST_ID: Final = "0" * 24


class KeyList(NamedTuple):
    """A list of parents' keys in order; marks holds what is told of each (a time, or True)."""

    keys: list[Any]
    marks: Sequence[datetime | bool]


class OrderedParents:
    """Parents in ascending order of their keys, asked for ascending keys.

    Keys that are ObjectIds are compared as their 24 digits. Texts among them (which sort before every ObjectId) are
    held apart; keys of any other type can't be named by a reference. read counts what the server gave.
    """

    def __init__(self, name: str, lists: AsyncIterator[KeyList], by_object_id: bool) -> None:
        self.name = name
        self.read = 0
        self.strings: set[str] = set()
        self._lists = lists
        self._by_object_id = by_object_id
        self._keys: list[str] = []
        self._marks: Sequence[datetime | bool] = ()
        self._at = 0
        self._last = ""
        self._usable = 0

    async def mark_of(self, key: str) -> datetime | bool | None:
        """The parent's mark, None where there is no such parent. Keys must be asked for in ascending order."""
        while True:
            self._at = bisect_left(self._keys, key, self._at)
            if self._at < len(self._keys):
                return self._marks[self._at] if self._keys[self._at] == key else None
            if not await self._next_list():
                return None

    async def drain(self) -> None:
        """Reads what is left, so that `read` counts all and a failing end is noticed. Raises BackendError."""
        while await self._next_list():
            pass

    def check_usable(self) -> None:
        """Raises BadAnswer where there are parents and no reference could name any: it is the wrong collection."""
        if self.read and not self._usable:
            what = "an ObjectId for its _id" if self._by_object_id else "a text for its key"
            raise BadAnswer(f"No document of {self.name} has {what}: is it the right collection?")

    async def _next_list(self) -> bool:
        given = await anext(self._lists, None)
        if given is None:
            return False
        self.read += len(given.keys)
        self._keys, self._marks = self._comparable(given)
        self._at = 0
        self._check_order()
        self._usable += len(self._keys)
        return True

    def _comparable(self, given: KeyList) -> KeyList:
        from bson import ObjectId

        named: type = ObjectId if self._by_object_id else str
        pairs = given if all(type(key) is named for key in given.keys) else _of_type(given, named)
        if not self._by_object_id:
            return pairs
        self._keep_strings(given)
        return KeyList(list(map(str, pairs.keys)), pairs.marks)

    def _keep_strings(self, given: KeyList) -> None:
        self.strings.update(key for key in given.keys if type(key) is str)
        if len(self.strings) > STRING_KEYS_LIMIT:
            raise BadAnswer(f"More than {STRING_KEYS_LIMIT:,} documents of {self.name} have a text for their _id.")

    def _check_order(self) -> None:
        ordered = all(map(str.__le__, self._keys, self._keys[1:]))
        if self._keys and (not ordered or self._keys[0] < self._last):
            raise BadAnswer(f"{self.name} did not come in order (a collation?): nothing can be told from it.")
        self._last = self._keys[-1] if self._keys else self._last


def _of_type(given: KeyList, named: type) -> KeyList:
    pairs = [(key, mark) for key, mark in zip(*given, strict=True) if type(key) is named]
    return KeyList([key for key, _ in pairs], [mark for _, mark in pairs])


@dataclass(slots=True)
class Found:
    """A value of the reference whose parent is not alive, or (state None) has to be looked up apart.

    parent is the parent's identity, the same for two spellings of one id. at: when it was deleted or suspended.
    """

    value: str
    type: str
    parent: str
    state: ParentState | None
    documents: int
    at: datetime | None = None


@dataclass(slots=True)
class Merge:
    """Judges lists of references, in ascending order, against the parents; marked are those of them with a mark."""

    parents: OrderedParents
    marked: OrderedParents
    mark: ParentState
    by_object_id: bool
    required: bool
    documents: int = 0
    unset: int = 0
    _last: str = field(default="")

    async def judge(self, values: Sequence[object]) -> list[Found]:
        """What is not alive among the values. Raises BackendError when a side can't be read or is out of order."""
        self.documents += len(values)
        found: list[Found] = []
        for value, count in runs(values):
            judged = await self._judged(value, count)
            if judged is not None:
                found.append(judged)
        return found

    async def finish(self) -> None:
        """Reads the parents to their end. Raises BackendError, and BadAnswer where no reference could name any."""
        await self.parents.drain()
        await self.marked.drain()
        self.parents.check_usable()

    async def _judged(self, value: object, count: int) -> Found | None:
        if value is None and not self.required:
            self.unset += count
            return None
        if type(value) is str and (LOWER_HEX(value) if self.by_object_id else value):
            return await self._in_order(value, count)
        if self.by_object_id and await self._is_text_id(value):
            return None
        if self.by_object_id and (folded := folded_id(value)) is not None:
            return Found(*text_of(value), folded, None, count)
        text, type_ = text_of(value)
        return Found(text, type_, text, ParentState.MALFORMED, count)

    async def _in_order(self, value: str, count: int) -> Found | None:
        if value < self._last:
            raise BadAnswer("The references did not come in order (a collation?): nothing can be told from them.")
        self._last = value
        if await self.parents.mark_of(value) is None and value not in self.parents.strings:
            return Found(value, "string", value, ParentState.GONE, count)
        mark = await self.marked.mark_of(value)
        if mark is None:
            return None
        return Found(value, "string", value, self.mark, count, mark if isinstance(mark, datetime) else None)

    async def _is_text_id(self, value: object) -> bool:
        """Whether a parent has the value itself for its `_id`: no id of the platform's, yet not a missing one."""
        # Texts sort before every ObjectId, so asking for any id has read them all.
        await self.parents.mark_of(self._last or _LOWEST_ID)
        return type(value) is str and value in self.parents.strings


def runs(values: Sequence[object]) -> Iterator[tuple[object, int]]:
    """Equal neighbours as (value, how many); only texts are gathered, since 1 equals True and 1.0.

    >>> list(runs(["a", "a", "b", 1, True]))
    [('a', 2), ('b', 1), (1, 1), (True, 1)]
    """
    for _, group in groupby(values):
        same = list(group)
        if type(same[0]) is str:
            yield same[0], len(same)
        else:
            yield from ((value, 1) for value in same)
