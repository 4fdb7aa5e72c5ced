"""What is true of one content and of what is indexed of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backends.orphans.model import ParentState


@dataclass(frozen=True, slots=True)
class Embedding:
    """An embedding's row. vector: the id of its vector."""

    id: str
    embedding_type: str
    segment_index: int | None
    vector: str
    language: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShownContent:
    """A content as it is now. document: safe to show, None where it is gone.

    more: that there are more embeddings than are listed. vanishes_at: when a soft-deleted one is removed for good.
    """

    content_id: str
    state: ParentState
    document: Mapping[str, Any] | None
    embeddings: tuple[Embedding, ...]
    more: bool = False
    deleted_at: datetime | None = None
    vanishes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A text of a content that is indexed. vector: the id that its vector has; segment: its place among subtitles."""

    embedding_type: str
    text: str
    vector: str
    segment: int | None = None
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """What embedding a content wrote. vectors: None where no index is configured."""

    content_id: str
    passages: int
    rows: int
    vectors: int | None


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is indexed of a content. Missing are the passages' names; vectors are None where no index is configured."""

    content_id: str
    passages: int
    rows: int
    vectors: int | None
    missing_rows: tuple[str, ...]
    missing_vectors: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether there is something to index, and nothing of it is missing."""
        return bool(self.passages) and not self.missing_rows and not self.missing_vectors
