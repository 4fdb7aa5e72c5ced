"""How a partition key was computed: five ways are known, and the data says which it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PAIR: Final = "o.collection_id || ':' || coalesce(o.document_id, o.chunk_index::text)"

_DIGITS: Final = "'x' || substr(encode(sha256(convert_to(o.collection_id::text, 'UTF8')), 'hex'), {}, 8)"

FORMULAS: Final[Mapping[str, str]] = {
    "abs(hashtext(collection_id)) % 100": "(abs(hashtext(o.collection_id::text)::bigint) % 100)::integer",
    "abs(hashtext(collection_id:document_id)) % 100": f"(abs(hashtext({PAIR})::bigint) % 100)::integer",
    "mod(hashtext(collection_id), 100)": "mod(hashtext(o.collection_id::text), 100)",
    "sha256(collection_id), first 8 bytes, % 100": (
        f"(mod(({_DIGITS.format(1)})::bit(32)::bigint::numeric * 4294967296"
        f" + ({_DIGITS.format(9)})::bit(32)::bigint::numeric, 100))::integer"
    ),
    "md5(collection_id), first 8 digits, % 100": (
        "(('x' || substr(md5(o.collection_id::text), 1, 8))::bit(32)::bigint % 100)::integer"
    ),
}
"""What people call the formula → the expression for a row `o`, safe for the smallest integer."""

COLLECTION_ONLY: Final = "abs(hashtext(collection_id)) % 100"
"""The formula that the new layout computes."""

NEEDS_DOCUMENT: Final = "abs(hashtext(collection_id:document_id)) % 100"


def detected(mismatches: Mapping[str, int], rows: int) -> str:
    """The formula that every row agrees with; "" where there is none, or no row to tell by.

    >>> detected({"a": 3, "b": 0}, 10), detected({"a": 0}, 0)
    ('b', '')
    """
    return next((name for name, wrong in mismatches.items() if wrong == 0), "") if rows else ""
