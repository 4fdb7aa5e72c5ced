"""Values for files and logs that people read later: JSON types only, every text masked and safe to show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.safety.secrets import is_secret_name, mask
from backends.safety.text import display_text
from backends.safety.url_secrets import MASK
from backends.sampling.jsonable import jsonable


def safe_json(value: object) -> Any:
    r"""The value in JSON's types, its texts masked by value, and by name where a key names a secret.

    >>> safe_json({"url": "mongodb://ops:hunter22@db/x", "api_key": "abc", "n": (1, None)})
    {'url': 'mongodb://ops:••••@db/x', 'api_key': '••••', 'n': [1, None]}
    """
    return _safe(jsonable(value))


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return display_text(mask(value))
    if isinstance(value, Mapping):
        return {display_text(key): MASK if is_secret_name(key) and item else _safe(item) for key, item in value.items()}
    return [_safe(item) for item in value] if isinstance(value, list) else value
