"""The order in which a server sorts by `_id`, over every BSON type: the same comparison here, and what comes after."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Final

from backends.migrations.olorin.raw import (
    ARRAY,
    BINARY,
    BOOL,
    CODE,
    DATE,
    DECIMAL,
    DOUBLE,
    INT,
    LONG,
    MAX_KEY,
    MIN_KEY,
    NULL,
    OBJECT,
    OBJECT_ID,
    POINTER,
    REGEX,
    SCOPED_CODE,
    STRING,
    SYMBOL,
    TIMESTAMP,
    UNDEFINED,
    Value,
    elements,
    made_of,
    raw,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

SortKey = tuple[Any, ...]

PLACES: Final = {
    MIN_KEY: -1, UNDEFINED: 0, NULL: 5, DOUBLE: 10, INT: 10, LONG: 10, DECIMAL: 10, STRING: 15, SYMBOL: 15, OBJECT: 20,
    ARRAY: 25, BINARY: 30, OBJECT_ID: 35, BOOL: 40, DATE: 45, TIMESTAMP: 47, REGEX: 50, POINTER: 55, CODE: 60,
    SCOPED_CODE: 65, MAX_KEY: 127,
}  # fmt: skip
"""Type → its place among the types; those of one place are compared with each other."""

_NAMES: Final = (
    (5, "null"), (10, "double"), (10, "int"), (10, "long"), (10, "decimal"), (15, "string"), (15, "symbol"),
    (20, "object"), (30, "binData"), (35, "objectId"), (40, "bool"), (45, "date"), (47, "timestamp"),
    (55, "dbPointer"), (60, "javascript"), (65, "javascriptWithScope"), (127, "maxKey"),
)  # fmt: skip
"""The types that an `_id` can have besides the lowest, as `$type` names them."""

_WITHOUT_VALUES: Final = frozenset({MIN_KEY, MAX_KEY, NULL, UNDEFINED})


def sort_key(value: Value) -> SortKey:
    r"""A key that sorts as the server does.

    >>> one, two = Value(DOUBLE, struct.pack("<d", 1.5)), Value(INT, b"\2\0\0\0")
    >>> sort_key(one) < sort_key(two) < sort_key(Value(STRING, b"\1\0\0\0\0")) < sort_key(Value(MAX_KEY, b""))
    True
    """
    type_, data = value
    if type_ == OBJECT_ID:
        return (PLACES[OBJECT_ID], data)
    place = PLACES[type_]
    if place == 10:
        return (10, *_number(type_, data))
    if type_ in {STRING, SYMBOL, CODE}:
        return (place, data[4:-1])
    if type_ in {OBJECT, ARRAY}:
        return (place, tuple(_element_key(name, each) for name, each in elements(data)))
    if type_ == BINARY:
        return (place, int.from_bytes(data[:4], "little"), data[4], data[5:])
    if type_ == DATE:
        return (place, int.from_bytes(data, "little", signed=True))
    if type_ == TIMESTAMP:
        return (place, int.from_bytes(data, "little"))
    return (place, len(data), data)


def after(value: Value) -> Mapping[str, Any]:
    """What finds the documents whose `_id` sorts after this one.

    A comparison stays within its type, so that the later types are named besides.
    """
    place = PLACES[value.type]
    later: list[Mapping[str, Any]] = [{"_id": {"$type": [name for where, name in _NAMES if where > place]}}]
    if value.type == MAX_KEY:
        return {"_id": {"$in": []}}
    if value.type in _WITHOUT_VALUES:
        return later[0]
    return {"$or": [{"_id": _above(value)}, *later]}


def _above(value: Value) -> Any:
    # Nothing is greater than no number, which sorts before all of them.
    if PLACES[value.type] == 10 and _number(*value)[0] == 0:
        return {"$gte": float("-inf")}
    return raw(made_of([(b"$gt", value)]))


def _element_key(name: bytes, value: Value) -> SortKey:
    return (PLACES[value.type], name, sort_key(value))


def _number(type_: int, data: bytes) -> tuple[int, Any]:
    """0 for what is no number, which sorts first; 1 and the number itself."""
    if type_ in {INT, LONG}:
        return 1, int.from_bytes(data, "little", signed=True)
    if type_ == DOUBLE:
        number = struct.unpack("<d", data)[0]
        return (0, 0) if math.isnan(number) else (1, number)
    from bson.decimal128 import Decimal128

    decimal = Decimal128.from_bid(data).to_decimal()
    return (0, 0) if decimal.is_nan() else (1, decimal)
