"""The last line: the keys that matter here."""

from __future__ import annotations

from collections.abc import Sequence

from widgets.line import Line
from widgets.tone import Part, Tone


class KeyLine(Line):
    """Keys with their names, as many as fit."""

    DEFAULT_CSS = """
    KeyLine { dock: bottom; height: 1; background: $surface; }
    """

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__(*key_parts(keys))


def key_parts(keys: Sequence[tuple[str, str]]) -> list[Part]:
    """The keys as parts of a line."""
    parts = [Part(" ")]
    for key, name in keys:
        parts += [Part(key, Tone.ACCENT), Part(f" {name}  ", Tone.MUTED)]
    return parts
