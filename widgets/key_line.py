"""The last line: the keys that matter here, as many as fit whole."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from widgets.line import Line
from widgets.tone import Part, Tone

Key = tuple[str, str]


class KeyLine(Line):
    """Keys with their names: the first and the last always, those between as far as there is room."""

    DEFAULT_CSS = """
    KeyLine { dock: bottom; height: 1; background: $surface; }
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        super().__init__()
        self._keys = tuple(keys)

    def on_resize(self) -> None:
        """Shows what fits now."""
        self.show(*key_parts(fitting(self._keys, self.size.width)))


def fitting(keys: Sequence[Key], width: int) -> list[Key]:
    """The keys that fit into so many cells; the last one before any in the middle.

    >>> fitting([("?", "help"), ("f", "freeze"), ("r", "refresh"), ("q", "quit")], 27)
    [('?', 'help'), ('f', 'freeze'), ('q', 'quit')]
    """
    if len(keys) < 2:
        return list(keys)
    first, *middle, last = keys
    room = width - 1 - _cells(first) - _cells(last)
    shown = []
    for key in middle:
        room -= _cells(key)
        if room < 0:
            break
        shown.append(key)
    return [first, *shown, last]


def _cells(key: Key) -> int:
    return cell_len(key[0]) + cell_len(key[1]) + 3


def key_parts(keys: Sequence[Key]) -> list[Part]:
    """The keys as parts of a line."""
    parts = [Part(" ")]
    for key, name in keys:
        parts += [Part(key, Tone.ACCENT), Part(f" {name}  ", Tone.MUTED)]
    return parts
