"""A dotenv file's text with some variables changed, and everything else as it was."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final

from dotenv.parser import parse_stream

BOM: Final = "\ufeff"


def with_values(data: bytes, values: Mapping[str, str | None]) -> bytes:
    r"""The file with these variables set, or without those that are None. Raises UnicodeDecodeError.

    The last line that sets a variable is the one that counts, so that one is changed, where there is none it is added.

    >>> with_values(b"# audio\r\nexport A=1  # one\r\nB=2\r\nA=3", {"A": "4", "B": None, "C": "x y"})
    b"# audio\r\nexport A=1  # one\r\nA=4\r\nC='x y'\r\n"
    """
    text = data.decode("utf-8")
    mark = BOM if text.startswith(BOM) else ""
    end = "\r\n" if "\r\n" in text else "\n"
    bindings = list(parse_stream(io.StringIO(text.removeprefix(BOM), newline="")))
    last = {each.key: place for place, each in enumerate(bindings) if each.key in values}
    written = [
        _line(each.original.string, each.key or "", values, end, last.get(each.key) == place)
        for place, each in enumerate(bindings)
    ]
    body = "".join(written)
    added = {name: value for name, value in values.items() if name not in last and value is not None}
    if added and body and not body.endswith("\n"):
        body += end
    return (mark + body + "".join(f"{name}={_quoted(value)}{end}" for name, value in added.items())).encode()


def _line(original: str, name: str, values: Mapping[str, str | None], end: str, counts: bool) -> str:
    if name not in values:
        return original
    value = values[name]
    if value is None:
        return ""
    if not counts:
        return original
    lead = original[: len(original) - len(original.lstrip())]
    export = "export " if original.lstrip().startswith("export ") else ""
    return f"{lead}{export}{name}={_quoted(value)}{end}"


def _quoted(value: str) -> str:
    r"""The value as a dotenv file takes it.

    >>> _quoted("0.5"), _quoted("/data/a b"), _quoted("it's")
    ('0.5', "'/data/a b'", "'it\\'s'")
    """
    if value and all(char.isalnum() or char in "./-_" for char in value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
