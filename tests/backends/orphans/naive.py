"""What a scan should find, worked out one document at a time with nothing but dictionaries."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from bson import ObjectId, json_util

Expected = Counter[tuple[str, str, str]]
"""(text, type, state) → documents, of what is not alive."""


def expected(
    children: Iterable[object], parents: Mapping[object, object], mark: str, by_object_id: bool, required: bool
) -> Expected:
    """parents: key → its mark (None where it is alive and well)."""
    found: Expected = Counter()
    for value in children:
        state = _state(value, parents, mark, by_object_id, required)
        if state not in ("alive", "unset"):
            found[(*_text(value), state)] += 1
    return found


def _state(value: object, parents: Mapping[object, object], mark: str, by_object_id: bool, required: bool) -> str:
    if value is None:
        return "malformed" if required else "unset"
    if type(value) is str and value and (value in parents or not by_object_id):
        return _of(value, parents, mark)
    if by_object_id and isinstance(value, ObjectId):
        return _of(value, parents, mark)
    if by_object_id and type(value) is str and re.fullmatch(r"(?i)[0-9a-f]{24}", value):
        return _of(ObjectId(value), parents, mark)
    return "malformed"


def _of(key: object, parents: Mapping[object, object], mark: str) -> str:
    if key not in parents:
        return "gone"
    return "alive" if parents[key] is None else mark


def _text(value: object) -> tuple[str, str]:
    if type(value) is str:
        return value, "string"
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS), "json"
