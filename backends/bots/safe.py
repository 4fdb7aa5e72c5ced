"""Values of the database as the console may show them: sanitised, secrets and e-mail addresses masked, times in UTC."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from backends.safety.secrets import mask
from backends.safety.text import CELL_LIMIT, display_text
from backends.safety.url_secrets import MASK

LANGUAGES_SHOWN: Final = 20
"""Languages of one session that are kept; no meeting has more, nasty data may."""

# Each start is tried once only (atomic, and not inside a word), so that a long word costs no quadratic time.
_EMAIL = re.compile(r"(?<![\w.+%-])(?P<first>[\w.+%-])[\w.+%-]*+@(?P<host>[\w-]++(?:\.[\w-]++)*+)")


def shown(value: object, limit: int = CELL_LIMIT) -> str:
    r"""One safe line for any value; empty for None.

    >>> shown("ask ana.ruiz@example.com\x1b[2J"), shown(None)
    ('ask a••••@example.com␛[2J', '')
    """
    return "" if value is None else display_text(mask(mask_emails(str(value))), limit)


def clear(value: object, limit: int = CELL_LIMIT) -> str:
    """One safe line with personal data in it: only for a person who was let see it. Secrets stay masked.

    >>> clear("ask ana.ruiz@example.com")
    'ask ana.ruiz@example.com'
    """
    return "" if value is None else display_text(mask(str(value)), limit)


def mask_emails(text: str) -> str:
    """The text with each e-mail address reduced to its first letter and its host.

    >>> mask_emails("bo@x.org, @home, a @ b")
    'b••••@x.org, @home, a @ b'
    """
    return _EMAIL.sub(rf"\g<first>{MASK}@\g<host>", text) if "@" in text else text


def excerpt(text: str | None, length: int | None, limit: int = CELL_LIMIT) -> str:
    """The beginning of a safe text that the server cut, marked where there is more; length counts all its characters.

    >>> excerpt("abcdef", 1_000_000, limit=3)
    'abc… +999,997 characters'
    """
    kept, rest = text or "", (length or 0) - limit
    return f"{kept[:limit]}… +{rest:,} characters" if rest > 0 else kept


def utc(time: datetime | None) -> datetime | None:
    """The time in UTC; one without a zone is taken for UTC, as the service writes it."""
    if time is None:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def finite(value: Any) -> float | None:
    """The number as JSON can carry it; None for NaN, an infinity and nothing.

    >>> finite(1), finite(float("nan")), finite(None)
    (1.0, None, None)
    """
    return float(value) if value is not None and math.isfinite(value) else None


def words_of(value: Iterable[str | None] | None) -> tuple[str, ...]:
    """Short words such as languages, safe and in order."""
    return tuple(sorted({shown(word, 20) for word in value or () if word}))[:LANGUAGES_SHOWN]


def json_words(text: str | None) -> tuple[str, ...]:
    """The words of a JSON list; of anything else, nothing.

    >>> json_words('["en", "es", 3]'), json_words('{"a": 1}'), json_words('["cut')
    (('3', 'en', 'es'), (), ())
    """
    value = json_value(text)
    return words_of(str(each) for each in value) if isinstance(value, list) else ()


def json_object(text: str | None) -> Mapping[str, Any]:
    """What the JSON object says; nothing of anything else.

    >>> json_object('{"a": 1}'), json_object("[1]"), json_object("{cut")
    ({'a': 1}, {}, {})
    """
    value = json_value(text)
    return value if isinstance(value, dict) else {}


def json_value(text: str | None) -> Any:
    """What the JSON text says; None where it is none."""
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
