"""Which texts of a content the platform indexes, and under which ids: the same rules, so that both find the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from backends.content.model import Passage

SEGMENT_S: Final = 30.0
"""Seconds from the first to the last cue's start of one segment."""

SHORTEST: Final = 10
"""Characters below which a segment is not indexed; its place is counted all the same."""

SUBTITLES: Final = "subtitle_segment"


def vector_id(content_id: str, embedding_type: str, index: int) -> str:
    """The id of a vector, as the platform's indexing service makes it.

    >>> vector_id("507f1f77bcf86cd799439011", "title", 0)
    '8fb5fe3b49a45faf4d1d9594826495be'
    """
    return hashlib.sha256(f"{content_id}:{embedding_type}:{index}".encode()).hexdigest()[:32]


def passages(content_id: str, content: Mapping[str, Any], cues: Sequence[Mapping[str, Any]]) -> Iterator[Passage]:
    """Title, description (each in its first language that is there), and the subtitles' segments."""
    for name in ("title", "description"):
        text = content.get(name) or content.get(f"{name}_en") or ""
        if isinstance(text, str) and text:
            yield Passage(name, text, vector_id(content_id, name, 0))
    for index, segment in enumerate(segments(cues)):
        if len(segment.text) >= SHORTEST:
            vector = vector_id(content_id, SUBTITLES, index)
            yield Passage(SUBTITLES, segment.text, vector, index, segment.start_s, segment.end_s)


@dataclass(slots=True)
class Segment:
    """Cues that are indexed together."""

    start_s: float
    end_s: float
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Their texts as one."""
        return " ".join(self.texts)


def segments(cues: Sequence[Mapping[str, Any]]) -> Iterator[Segment]:
    """Cues gathered until one starts thirty seconds after the first of its segment.

    >>> cues = [{"start_time": 5, "end_time": 7, "text": "a"}, {"start_time": 34.9, "end_time": 36, "text": "b"},
    ...         {"start_time": 35, "end_time": 37, "text": "c"}]
    >>> [(each.start_s, each.end_s, each.text) for each in segments(cues)]
    [(5.0, 36.0, 'a b'), (35.0, 37.0, 'c')]
    """
    current: Segment | None = None
    for cue in cues:
        start = float(cue.get("start_time") or 0.0)
        end = float(cue.get("end_time") or start)
        if current is None or start - current.start_s >= SEGMENT_S:
            if current is not None and current.text:
                yield current
            current = Segment(start, end)
        current.end_s = end
        if cue.get("text"):
            current.texts.append(str(cue["text"]))
    if current is not None and current.text:
        yield current
