"""The corpus of nasty text: what people, bots and attackers put into names, titles and messages."""

from __future__ import annotations

NASTY = {
    "markup": "[red]alarm[/red]",
    "closing markup": "x[/]",
    "unknown closing markup": "path [/var/log]",
    "open markup": "[b",
    "unterminated link": "a [link='",
    "action": "[@click=app.quit]x[/]",
    "lost words": "[ERROR] [db-1] pool [3/10] arr[0]",
    "brackets": "[" * 10_000,
    "escape": "\x1b[2J\x1b[31mred",
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://example.invalid\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;ZWNobyBvd25lZA==\x07",
    "device control": "\x1bP+q544e\x1b\\",
    "c1": "\x9b31mred\x9d0;t\x9c",
    "bidi override": "user\u202egnp.exe",
    "bidi isolate": "a\u2066b\u2069\u200f",
    "zero width": "pay\u200bpal\u200d\ufeff",
    "nul": "a\x00b",
    "bell and backspace": "a\x07\x08\x0b\x0c\r\x7f",
    "lone surrogate": "a\ud800b",
    "long line": "x" * 100_000,
    "mojibake": "Ã©tÃ© â€œquotedâ€",
    "combining storm": "Z" + "\u0317\u0300\u0489" * 200,
    "wide": "日本語テキスト 한국어 🧨🧨",
    "hebrew": "שלום עולם — כותרת",
    "line breaks": "one\ntwo\r\nthree\u2028four\u2029five\x85six",
    "tabs": "a\tb\tc",
    "tags": "\U000e0041\U000e0042",
    "empty": "",
}
"""What it is → the text."""
