"""Frozen values as JSON and back, by the types of their fields: whatever does not fit is refused, never guessed."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

from backends.safety.text import display_text, prose

T = TypeVar("T")


class Unfit(ValueError):
    """A value is not of the type that belongs there; the message names the field."""


def plain(value: Any) -> Any:
    """The value in types that JSON knows.

    >>> plain((UUID(int=1), None))
    ['00000000-0000-0000-0000-000000000001', None]
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def read(kind: type[T], record: object, name: str = "") -> T:
    """The dataclass that the record describes; fields that it lacks get their defaults. Raises Unfit.

    Texts are sanitised on the way.
    """
    if not isinstance(record, Mapping):
        raise Unfit(f"{name or kind.__name__} is no object")
    values = {}
    for field, reader in _readers(typing.cast("Any", kind)):
        path = f"{name}.{field.name}" if name else field.name
        if field.name in record:
            values[field.name] = reader(record[field.name], path)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise Unfit(f"{path} is missing")
    return kind(**values)


Reader = Callable[[Any, str], Any]


@lru_cache(maxsize=64)
def _readers(kind: Any) -> tuple[tuple[Any, Reader], ...]:
    hints = typing.get_type_hints(kind)
    return tuple((field, _reader(hints[field.name], field.metadata)) for field in dataclasses.fields(kind))


def _reader(hint: Any, metadata: Mapping[str, Any]) -> Reader:
    if typing.get_origin(hint) is tuple:
        return _items(_reader(typing.get_args(hint)[0], metadata))
    if typing.get_origin(hint) in {types.UnionType, typing.Union}:
        [inner] = [each for each in typing.get_args(hint) if each is not types.NoneType]
        return _optional(_reader(inner, metadata))
    if dataclasses.is_dataclass(hint):
        return lambda value, name: read(typing.cast("type[Any]", hint), value, name)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda value, name: _choice(hint, value, name)
    if hint is str:
        return _line if metadata.get("one_line") else _prose
    return {bool: _flag, float: _share, int: _whole, datetime: _time, UUID: _id}[hint]


def _items(each: Reader) -> Reader:
    def items(value: Any, name: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise Unfit(f"{name} is no list")
        return tuple(each(item, f"{name}[{place}]") for place, item in enumerate(value))

    return items


def _optional(inner: Reader) -> Reader:
    return lambda value, name: None if value is None else inner(value, name)


def _choice(kind: type[Enum], value: Any, name: str) -> Enum:
    try:
        return kind(value)
    except ValueError:
        raise Unfit(f"{name} is {display_text(repr(value), 40)}, which is no {kind.__name__.lower()}") from None


def _prose(value: Any, name: str) -> str:
    return prose(_text(value, name))


def _line(value: Any, name: str) -> str:
    text = _text(value, name)
    return display_text(text, limit=len(text))


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise Unfit(f"{name} is {type(value).__name__} where a text belongs")
    return value


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise Unfit(f"{name} is neither true nor false")
    return value


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unfit(f"{name} is no whole number")
    return value


def _share(value: Any, name: str) -> float:
    """Every number with a fraction in a project is a share."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1 or math.isnan(value):
        raise Unfit(f"{name} is not from 0 to 1")
    return float(value)


def _time(value: Any, name: str) -> datetime:
    text = _text(value, name)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Unfit(f"{name} is no time") from None
    if time.tzinfo is None:
        raise Unfit(f"{name} is a time without its zone")
    return time.astimezone(UTC)


def _id(value: Any, name: str) -> UUID:
    text = _text(value, name)
    try:
        return UUID(text)
    except ValueError:
        raise Unfit(f"{name} is no id") from None
