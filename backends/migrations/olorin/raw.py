"""Documents as bytes: their elements and `_id`, and small documents made of them, without decoding anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from backends.clients.errors import BadAnswer

if TYPE_CHECKING:
    from bson.raw_bson import RawBSONDocument

DOUBLE, STRING, OBJECT, ARRAY, BINARY, UNDEFINED, OBJECT_ID, BOOL, DATE, NULL = range(0x01, 0x0B)
REGEX, POINTER, CODE, SYMBOL, SCOPED_CODE, INT, TIMESTAMP, LONG, DECIMAL = range(0x0B, 0x14)
MAX_KEY, MIN_KEY = 0x7F, 0xFF

_FIXED: Final = {
    DOUBLE: 8, UNDEFINED: 0, OBJECT_ID: 12, BOOL: 1, DATE: 8, NULL: 0, INT: 4, TIMESTAMP: 8, LONG: 8, DECIMAL: 16,
    MAX_KEY: 0, MIN_KEY: 0,
}  # fmt: skip
_COUNTED: Final = {STRING: 4, OBJECT: 0, ARRAY: 0, BINARY: 5, POINTER: 16, CODE: 4, SYMBOL: 4, SCOPED_CODE: 0}
"""Bytes of a value besides those that its first four count."""

_ID_FIRST: Final = b"_id\0"


class Value(NamedTuple):
    """A BSON value: its type byte, and its bytes as they stand in a document."""

    type: int
    data: bytes


def elements(document: bytes | memoryview) -> Iterator[tuple[bytes, Value]]:
    """The names and values of a document, in their order. Raises BadAnswer where it is not whole."""
    data, at = bytes(document), 4
    while at < len(data) and data[at]:
        type_, name_ends = data[at], data.find(b"\0", at + 1)
        if name_ends < 0:
            raise _broken()
        start = name_ends + 1
        ends = start + _size(type_, data, start)
        if ends >= len(data):
            raise _broken()
        yield data[at + 1 : name_ends], Value(type_, data[start:ends])
        at = ends


def id_of(document: bytes | memoryview) -> Value:
    """The document's `_id`. Raises BadAnswer where it has none."""
    if document[5:9] == _ID_FIRST:
        type_ = document[4]
        size = _FIXED.get(type_)
        ends = 9 + (_size(type_, bytes(document), 9) if size is None else size)
        return Value(type_, bytes(document[9:ends]))
    for name, value in elements(document):
        if name == b"_id":
            return value
    raise BadAnswer("A document has no _id.")


def made_of(parts: Iterable[tuple[bytes, Value]]) -> bytes:
    r"""A document of these names and values.

    >>> made_of([(b"a", Value(INT, b"\1\0\0\0"))])
    b'\x0c\x00\x00\x00\x10a\x00\x01\x00\x00\x00\x00'
    """
    body = b"".join(bytes([value.type]) + name + b"\0" + value.data for name, value in parts)
    return (len(body) + 5).to_bytes(4, "little") + body + b"\0"


def text(value: str) -> Value:
    """A string as a value."""
    data = value.encode() + b"\0"
    return Value(STRING, len(data).to_bytes(4, "little") + data)


def binary(value: bytes) -> Value:
    """Bytes as a value."""
    return Value(BINARY, len(value).to_bytes(4, "little") + b"\0" + value)


def array(values: Iterable[Value]) -> Value:
    """An array as a value."""
    return Value(ARRAY, made_of((str(place).encode(), value) for place, value in enumerate(values)))


def raw(document: bytes | memoryview) -> RawBSONDocument:
    """The bytes as the driver takes them."""
    from bson.raw_bson import RawBSONDocument

    return RawBSONDocument(bytes(document))


def is_id(id_: Value) -> RawBSONDocument:
    """What finds the document of this `_id`, whatever is in it."""
    return raw(made_of([(b"_id", Value(OBJECT, made_of([(b"$eq", id_)])))]))


def is_one_of(ids: Iterable[Value]) -> RawBSONDocument:
    """What finds the documents of these `_id`s."""
    return raw(made_of([(b"_id", Value(OBJECT, made_of([(b"$in", array(ids))])))]))


def _size(type_: int, data: bytes, start: int) -> int:
    if type_ in _FIXED:
        return _FIXED[type_]
    if type_ in _COUNTED:
        counted = int.from_bytes(data[start : start + 4], "little", signed=True)
        if counted < 0:
            raise _broken()
        return counted + _COUNTED[type_]
    if type_ == REGEX:
        pattern_ends = data.find(b"\0", start)
        options_end = data.find(b"\0", pattern_ends + 1)
        return options_end + 1 - start
    raise _broken()


def _broken() -> BadAnswer:
    return BadAnswer("A document is not whole, or of a newer format than is known here.")
