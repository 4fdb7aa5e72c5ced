"""Two documents, field by field, as they are stored: a number of another type is another value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backends.migrations.olorin.model import FieldDifference
from backends.migrations.olorin.planning import id_json
from backends.migrations.olorin.raw import ARRAY, OBJECT, Value, elements
from backends.safety.secrets import mask
from backends.safety.text import display_text

SHOWN: Final = 200
"""Characters of a value."""

ORDER: Final = "(order of fields)"


def field_differences(source: bytes | None, target: bytes | None) -> tuple[FieldDifference, ...]:
    """The fields that are not the same, by their paths; those within objects and lists each by itself."""
    mine, other = dict(_flat(source)), dict(_flat(target))
    paths = [*mine, *(path for path in other if path not in mine)]
    found = [
        FieldDifference(display_text(path), _said(mine.get(path)), _said(other.get(path)))
        for path in paths
        if mine.get(path) != other.get(path)
    ]
    if not found and source != target:
        return (FieldDifference(ORDER, display_text(", ".join(mine)), display_text(", ".join(other))),)
    return tuple(found)


def _flat(document: bytes | None, above: str = "") -> Iterator[tuple[str, Value]]:
    for name, value in elements(document) if document else ():
        path = f"{above}{name.decode(errors='replace')}"
        if value.type in {OBJECT, ARRAY} and len(value.data) > 5:
            yield from _flat(value.data, f"{path}.")
        else:
            yield path, value


def _said(value: Value | None) -> str | None:
    return None if value is None else display_text(mask(id_json(value)), SHOWN)
