"""What is accepted: every text's least and most length and every count, with a message that names field and limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backends.drafting.errors import NotAccepted


@dataclass(frozen=True, slots=True)
class Length:
    """A field and how many characters it takes, from least to most."""

    field: str
    least: int
    most: int

    def check(self, value: object) -> str:
        """The value, if it is a text of an accepted length. Raises NotAccepted.

        >>> Length("task", 5, 10).check("write")
        'write'
        >>> Length("task", 5, 10).check("x" * 11)
        Traceback (most recent call last):
        backends.drafting.errors.NotAccepted: task has 11 characters; at most 10 are accepted.
        """
        if not isinstance(value, str):
            raise NotAccepted(f"{self.field} is no text but {type(value).__name__}.")
        if len(value) > self.most:
            raise NotAccepted(f"{self.field} has {len(value):,} characters; at most {self.most:,} are accepted.")
        if len(value.strip()) < self.least:
            raise NotAccepted(f"{self.field} has {len(value.strip()):,} characters; at least {self.least} are needed.")
        return value


BRIEF: Final = Length("brief", 10, 50_000)
TASK: Final = Length("task", 5, 10_000)
TEXT: Final = Length("text", 0, 100_000)
"""The part of a draft that goes to the model: an append sends the draft's end, a replacement all or nothing."""

TITLE: Final = Length("title", 1, 120)
VOICE_NAME: Final = Length("voice name", 1, 60)
VOICE_SAMPLE: Final = Length("voice sample", 1, 9_000)
STYLE_SAMPLE: Final = Length("style sample", 40, 9_000)
SECTION: Final = Length("story bible section", 0, 20_000)
EVIDENCE: Final = Length("evidence", 1, 2_000)
CONTROL: Final = Length("voice bible text", 0, 10_000)

VOICE_CAP: Final = 60
"""Samples kept of one voice in one lane; the newest stay."""

STYLE_CAP: Final = 250
"""Samples kept of one style in one lane; the newest stay."""

TOOL_LIMIT: Final = 12_000
"""Characters of a tool's answer that are shown."""


def draft_length(most: int) -> Length:
    """How long a draft may be, by the setting."""
    return Length("draft", 0, most)
