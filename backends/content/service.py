"""What `olorin content` asks for: one content with its embeddings; embedding it again; taking a soft delete back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import NotThere, Refused
from backends.clients.model import ModelClient, model_errors
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.content.model import Embedded, Embedding, Indexed, Passage, ShownContent
from backends.content.passages import SUBTITLES, passages
from backends.orphans.graph import EMBEDDINGS
from backends.orphans.model import SOFT_DELETE_KEPT, ParentState
from backends.orphans.values import spellings
from backends.orphans.vectors import UPSERTED, Vectors
from backends.safety.gate import Act, Token
from backends.safety.safe_json import safe_json
from backends.safety.text import display_text
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from bson import ObjectId

EMBED: Final = "content.embed"
UNDELETE: Final = "content.undelete"
TRACKS: Final = "subtitle_tracks"
LISTED: Final = 1_000
TOGETHER: Final = UPSERTED
"""Texts that the model is asked to embed with one call, and that are written together."""

METADATA_TEXT: Final = 1_000
ANSWER_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How passages are embedded: model and dimensions of the vectors, and the language of contents."""

    model: str = "text-embedding-3-small"
    dimensions: int = 1536
    language: str = "he"


def index_options(environment: Mapping[str, str]) -> IndexOptions:
    """As the platform's own variables say; a number that is none is the default."""
    dimensions, default = environment.get("EMBEDDING_DIMENSIONS", ""), IndexOptions()
    return IndexOptions(
        environment.get("EMBEDDING_MODEL") or default.model,
        int(dimensions) if dimensions.isdecimal() and int(dimensions) else default.dimensions,
        environment.get("OLORIN_DEFAULT_CONTENT_LANGUAGE") or default.language,
    )


class ContentService:
    """Contents and what is indexed of them. collection: of contents; vectors: the index, None without a key."""

    def __init__(
        self,
        mongo: MongoClients,
        model: ModelClient,
        vectors: Vectors | None,
        collection: str,
        options: IndexOptions,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._mongo, self._model, self._vectors = mongo, model, vectors
        self._collection, self._options, self._now = collection, options, now

    async def show(self, content_id: str) -> ShownContent:
        """The content with its embeddings. Raises BackendError, Refused where it is no id."""
        found = await self._content(content_id)
        deleted_at = found.get("deleted_at") if found is not None else None
        state = ParentState.GONE if found is None else ParentState.SOFT_DELETED if deleted_at else ParentState.ALIVE
        rows = await self._rows(content_id)
        at = deleted_at if isinstance(deleted_at, datetime) else None
        return ShownContent(
            content_id,
            state,
            safe_json(found) if found is not None else None,
            tuple(map(_embedding, rows[:LISTED])),
            len(rows) > LISTED,
            at,
            at + SOFT_DELETE_KEPT if at is not None else None,
        )

    async def verify_indexed(self, content_id: str) -> Indexed:
        """Whether every passage has its row, and its vector where an index is configured. Raises NotThere."""
        wanted = await self._passages(content_id)
        rows = {str(each.get("pinecone_vector_id")) for each in await self._rows(content_id, limit=0)}
        ids = [each.vector for each in wanted]
        vectors = set(await self._vectors.fetch(ids)) if self._vectors is not None else None
        return Indexed(
            content_id,
            len(wanted),
            sum(each in rows for each in ids),
            None if vectors is None else sum(each in vectors for each in ids),
            tuple(_name(each) for each in wanted if each.vector not in rows),
            () if vectors is None else tuple(_name(each) for each in wanted if each.vector not in vectors),
        )

    def embed_act(self, content_id: str) -> Act:
        """The act of embedding a content again."""
        return Act(EMBED, self._mongo.target(Role.OLORIN).where, {"content_id": content_id})

    async def embed(self, token: Token, content_id: str) -> Embedded:
        """Embeds every passage, and writes vectors and rows in the place of those it has. Raises BackendError."""
        token.require(EMBED)
        content = await self._required(content_id)
        wanted = await self._passages(content_id)
        written, rows = 0, 0
        for start in range(0, len(wanted), TOGETHER):
            part = wanted[start : start + TOGETHER]
            values = await self._embedded([each.text for each in part])
            if self._vectors is not None:
                both = zip(part, values, strict=True)
                vectors = [self._vector(content_id, content, *each) for each in both]
                written += await self._vectors.upsert(token, vectors)
            rows += await self._write_rows(token, content_id, content, part)
        token.outcome(rows=rows, vectors=written)
        return Embedded(content_id, len(wanted), rows, written if self._vectors is not None else None)

    def undelete_act(self, content_id: str, collection: str = "") -> Act:
        """The act of taking a soft delete back. collection: of the parent, where it is no content."""
        more = {"collection": collection} if collection else {}
        return Act(UNDELETE, self._mongo.target(Role.MAIN).where, {"content_id": content_id, **more})

    async def undelete(self, token: Token, content_id: str, collection: str = "") -> int:
        """Sets `deleted_at` of a soft-deleted content to null; the number of embeddings that this saves.

        collection: of the parent, where it is no content. Raises NotThere where it is gone, Refused where it is not
        deleted, or was changed meanwhile.
        """
        token.require(UNDELETE)
        collection = collection or self._collection
        found = await self._required(content_id, collection)
        if found.get("deleted_at") is None:
            raise Refused(f"The content {content_id} is not deleted.")
        as_seen = {"_id": _object_id(content_id), "deleted_at": found["deleted_at"]}
        async with self._mongo.writing(token, Role.MAIN) as database:
            done = await database[collection].update_one(as_seen, {"$set": {"deleted_at": None}})
        if not done.matched_count:
            raise Refused(f"The content {content_id} was changed meanwhile.", hint="Look at it again.")
        saved = len(await self._rows(content_id, limit=0))
        token.outcome(restored=done.modified_count, embeddings_saved=saved)
        return saved

    async def _content(self, content_id: str, collection: str = "") -> dict[str, Any] | None:
        async with self._mongo.reading(Role.BAYIT) as database:
            contents = database[collection or self._collection]
            return await contents.find_one({"_id": _object_id(content_id)}, max_time_ms=ANSWER_MS)

    async def _required(self, content_id: str, collection: str = "") -> dict[str, Any]:
        found = await self._content(content_id, collection)
        if found is None:
            hint = "Restore it first: what has no content can't be found by a search."
            raise NotThere(f"There is no {content_id} in {collection or self._collection}.", hint=hint)
        return found

    async def _rows(self, content_id: str, limit: int = LISTED + 1) -> list[dict[str, Any]]:
        fields = ("embedding_type", "segment_index", "pinecone_vector_id", "language", "created_at")
        async with self._mongo.reading(Role.OLORIN) as database:
            cursor = database[EMBEDDINGS].find(
                {"content_id": {"$in": list(spellings(content_id))}},
                dict.fromkeys(fields, 1),
                limit=limit,
                max_time_ms=ANSWER_MS,
            )
            rows: list[dict[str, Any]] = await cursor.sort("_id", 1).to_list(None)
        return rows

    async def _passages(self, content_id: str) -> list[Passage]:
        content = await self._required(content_id)
        return list(passages(content_id, content, await self._cues(content_id)))

    async def _cues(self, content_id: str) -> Sequence[Mapping[str, Any]]:
        """The cues of the default track, else of the one in the contents' language."""
        async with self._mongo.reading(Role.BAYIT) as database:
            for choice in ({"is_default": True}, {"language": self._options.language}):
                track = await database[TRACKS].find_one(
                    {"content_id": content_id, **choice}, {"cues": 1}, max_time_ms=ANSWER_MS
                )
                if track is not None:
                    return [each for each in track.get("cues") or () if isinstance(each, Mapping)]
        return ()

    async def _embedded(self, texts: Sequence[str]) -> list[list[float]]:
        options = self._options
        client = await self._model.get()
        with model_errors(self._model.target):
            answer = await client.embeddings.create(
                model=options.model, input=list(texts), dimensions=options.dimensions
            )
        return [each.embedding for each in sorted(answer.data, key=lambda each: each.index)]

    def _vector(
        self, content_id: str, content: Mapping[str, Any], passage: Passage, values: list[float]
    ) -> dict[str, Any]:
        place = {"segment_index": passage.segment, "start_time": passage.start_s, "end_time": passage.end_s}
        known = {
            "content_id": content_id,
            "content_type": content.get("content_type"),
            "embedding_type": passage.embedding_type,
            "language": self._options.language,
            "text": passage.text[:METADATA_TEXT],
            **(place if passage.embedding_type == SUBTITLES else {}),
        }
        # The index takes no null for a value.
        metadata = {name: value for name, value in known.items() if value is not None}
        return {"id": passage.vector, "values": values, "metadata": metadata}

    async def _write_rows(
        self, token: Token, content_id: str, content: Mapping[str, Any], part: Sequence[Passage]
    ) -> int:
        from pymongo import UpdateOne

        now = self._now()
        writes = [
            UpdateOne(
                {"content_id": content_id, "pinecone_vector_id": each.vector},
                {"$set": {**self._row(content, each), "updated_at": now}, "$setOnInsert": {"created_at": now}},
                upsert=True,
            )
            for each in part
        ]
        async with self._mongo.writing(token, Role.OLORIN) as database:
            done = await database[EMBEDDINGS].bulk_write(writes, ordered=False) if writes else None
        return (done.matched_count + done.upserted_count) if done is not None else 0

    def _row(self, content: Mapping[str, Any], passage: Passage) -> dict[str, Any]:
        return {
            "content_type": content.get("content_type"),
            "embedding_type": passage.embedding_type,
            "segment_index": passage.segment,
            "segment_start_time": passage.start_s,
            "segment_end_time": passage.end_s,
            "segment_text": passage.text,
            "embedding_model": self._options.model,
            "embedding_dimensions": self._options.dimensions,
            "language": self._options.language,
            "genre_ids": [str(each) for each in content.get("genre_ids") or ()],
            "section_ids": [str(each) for each in content.get("section_ids") or ()],
            "audience_ids": [str(content["audience_id"])] if content.get("audience_id") else [],
        }


def _embedding(row: Mapping[str, Any]) -> Embedding:
    created = row.get("created_at")
    return Embedding(
        str(row["_id"]),
        display_text(str(row.get("embedding_type"))),
        row.get("segment_index") if isinstance(row.get("segment_index"), int) else None,
        display_text(str(row.get("pinecone_vector_id"))),
        display_text(str(row.get("language"))),
        created if isinstance(created, datetime) else None,
    )


def _name(passage: Passage) -> str:
    place = "" if passage.segment is None else f" {passage.segment}"
    return f"{passage.embedding_type}{place}"


def _object_id(content_id: str) -> ObjectId:
    from bson import ObjectId

    if not ObjectId.is_valid(content_id):
        raise Refused(f"{content_id} is no content's id.", hint="It has 24 hex digits.")
    return ObjectId(content_id)
