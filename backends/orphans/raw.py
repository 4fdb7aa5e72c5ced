"""Documents as the server stored them: copied, compared and hashed as bytes, never as what a driver made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument

HASH_BYTES = 16


def raw_options() -> CodecOptions[RawBSONDocument]:
    """The codec under which documents stay bytes; a field that is looked at is decoded, broken text replaced."""
    from bson.codec_options import CodecOptions, DatetimeConversion
    from bson.raw_bson import RawBSONDocument

    return CodecOptions(
        RawBSONDocument,
        tz_aware=True,
        unicode_decode_error_handler="replace",
        datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    )


def hash_of(raw: bytes) -> bytes:
    """The hash of a document: over its bytes, so that the order of fields and their types count."""
    return hashlib.sha256(raw).digest()[:HASH_BYTES]


def split(batch: bytes) -> Iterator[bytes]:
    """The documents of a batch: each begins with its own length, in four bytes.

    >>> one = b"\\x05\\x00\\x00\\x00\\x00"
    >>> list(split(one + one)) == [one, one]
    True
    """
    at = 0
    while at < len(batch):
        size = int.from_bytes(batch[at : at + 4], "little")
        yield batch[at : at + size]
        at += size


def document(raw: bytes) -> RawBSONDocument:
    """The document of these bytes."""
    from bson.raw_bson import RawBSONDocument

    return RawBSONDocument(raw, raw_options())


def in_raw(collection: Any) -> Any:
    """The collection, its documents read as bytes; they are written as they were read."""
    return collection.with_options(codec_options=raw_options())
