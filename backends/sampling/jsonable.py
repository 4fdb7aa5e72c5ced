"""Snapshots as JSON: dataclasses as objects, times as ISO 8601 in UTC, enumerations as their values."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Set
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any


def jsonable(value: Any) -> Any:
    """The value in types that JSON knows.

    >>> from datetime import UTC
    >>> jsonable({"at": datetime(2026, 1, 2, tzinfo=UTC), "for": timedelta(seconds=90)})
    {'at': '2026-01-02T00:00:00+00:00', 'for': 90.0}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON knows no infinity, and a reader must not stumble over one
    if value is None or isinstance(value, str | int | float | bool):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, Enum):
        return jsonable(value.value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | Set):
        return [jsonable(item) for item in value]
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def to_json(value: Any) -> str:
    """One line of JSON in ASCII, so that any locale and any pipe takes it."""
    return json.dumps(jsonable(value))
