"""Values of references: which can be compared in order, and how any of them is kept as text and read back."""

from __future__ import annotations

import re
from typing import Any, Final

LOWER_HEX: Final = re.compile(r"[0-9a-f]{24}").fullmatch
ANY_HEX: Final = re.compile(r"[0-9a-fA-F]{24}").fullmatch

OBJECT_ID: Final = re.compile(r'\{"\$oid": ?"([0-9a-fA-F]{24})"\}').fullmatch
"""An ObjectId as extended JSON."""


def text_of(value: object) -> tuple[str, str]:
    """The value as (text, type): a string as itself, anything else as canonical extended JSON.

    >>> text_of("partner-1"), text_of(None)
    (('partner-1', 'string'), ('null', 'json'))
    """
    return (value, "string") if type(value) is str else (json_of(value), "json")


def json_of(value: object) -> str:
    """The value as canonical extended JSON.

    >>> from bson import ObjectId
    >>> json_of("a"), json_of(5), json_of(ObjectId("6b017f7c056dda164d0b409d"))
    ('"a"', '{"$numberInt": "5"}', '{"$oid": "6b017f7c056dda164d0b409d"}')
    """
    from bson import ObjectId, json_util

    if type(value) is ObjectId:
        # Nearly every id is one, and the driver takes ten times as long to say so.
        return f'{{"$oid": "{value}"}}'
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)


def value_of(text: str, type_: str) -> Any:
    """The value that `text_of` made the text of."""
    if type_ == "string":
        return text
    from bson import json_util

    return json_util.loads(text, json_options=json_util.CANONICAL_JSON_OPTIONS)


def folded_id(value: object) -> str | None:
    """The 24 lower-case digits of a reference that is an ObjectId in another form; None where it is none.

    >>> folded_id("6B017F7C056DDA164D0B409D"), folded_id("not-an-id"), folded_id(5)
    ('6b017f7c056dda164d0b409d', None, None)
    """
    from bson import ObjectId

    if isinstance(value, ObjectId):
        return str(value)
    return value.lower() if type(value) is str and ANY_HEX(value) else None


def spellings(text: str) -> tuple[Any, ...]:
    """The values by which documents name this parent: of an id, its digits in either case and the ObjectId.

    >>> spellings("acme"), len(spellings("6b017f7c056dda164d0b409d"))
    (('acme',), 3)
    """
    from bson import ObjectId

    folded = folded_id(text)
    return (text,) if folded is None else (folded, folded.upper(), ObjectId(folded))
