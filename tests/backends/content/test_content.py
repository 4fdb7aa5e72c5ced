"""One content over a real Mongo, the demo's model endpoint and its vector index."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from backends.clients.errors import AccessDenied, NotThere, Refused
from backends.clients.http import HttpClient
from backends.clients.model import ModelClient, model_target
from backends.clients.mongo import MongoClients
from backends.content.passages import vector_id
from backends.content.service import ContentService, IndexOptions
from backends.orphans.model import ParentState
from backends.orphans.vectors import Vectors, vectors_of
from backends.safety.arming import Arming
from backends.safety.audit import AuditTrail
from backends.safety.author import this_author
from backends.safety.gate import Act, Consent, Gate
from console.demo.service import VECTOR_KEY
from tests.backends.bots.gates import token_for
from tests.model_endpoint import KEY, demo_endpoint
from tests.olorin import T0, Platform

CUES = [{"start_time": 10.0 * n, "end_time": 10.0 * n + 8, "text": f"cue number {n}"} for n in range(12)]
FLAG = Consent("command", explicit=True)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with demo_endpoint(tmp_path_factory.mktemp("endpoint")) as url:
        yield url.removesuffix("/v1")


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


@pytest.fixture
def vectors(endpoint: str, http: HttpClient) -> Vectors:
    found = vectors_of({"PINECONE_API_KEY": VECTOR_KEY, "PINECONE_CONTROLLER_HOST": endpoint}, http)
    assert found is not None
    return found


@pytest.fixture
async def service(endpoint: str, mongo: MongoClients, vectors: Vectors) -> AsyncIterator[ContentService]:
    model = ModelClient(model_target({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{endpoint}/v1"}))
    yield ContentService(mongo, model, vectors, "content", IndexOptions())
    await model.aclose()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(AuditTrail(tmp_path), this_author("demo", "development", "test"), Arming(), production=False)


@pytest.fixture
def content(platform: Platform) -> str:
    key = ObjectId()
    platform.bayit.content.insert_one(
        {"_id": key, "title": "", "title_en": "The launch", "description": "A rocket, and people who watch it."}
    )
    tracks: list[dict[str, Any]] = [
        {"content_id": str(key), "language": "en", "cues": []},
        {
            "content_id": str(key),
            "language": "he",
            "is_default": True,
            "cues": [*CUES, {"start_time": 500, "text": "no"}],
        },
    ]
    platform.bayit.subtitle_tracks.insert_many(tracks)
    return str(key)


async def embed(service: ContentService, gate: Gate, content: str) -> tuple[int, int, int | None]:
    async with gate.act(service.embed_act(content), FLAG) as token:
        done = await service.embed(token, content)
    return done.passages, done.rows, done.vectors


async def test_embedding_writes_rows_and_vectors_by_the_platforms_rules_and_twice_changes_nothing(
    platform: Platform, service: ContentService, gate: Gate, content: str, vectors: Vectors
) -> None:
    before = await service.verify_indexed(content)
    assert (before.complete, before.passages, before.rows, before.vectors) == (False, 6, 0, 0)
    assert await embed(service, gate, content) == (6, 6, 6)
    rows = list(platform.olorin.content_embeddings.find({}, {"_id": 0, "created_at": 0, "updated_at": 0}))
    assert await embed(service, gate, content) == (6, 6, 6)
    assert list(platform.olorin.content_embeddings.find({}, {"_id": 0, "created_at": 0, "updated_at": 0})) == rows
    names = [(row["embedding_type"], row["segment_index"], row["segment_start_time"]) for row in rows]
    assert names[:4] == [
        ("title", None, None),
        ("description", None, None),
        ("subtitle_segment", 0, 0.0),
        ("subtitle_segment", 1, 30.0),
    ]
    assert rows[2]["segment_text"] == "cue number 0 cue number 1 cue number 2"
    assert rows[2]["pinecone_vector_id"] == vector_id(content, "subtitle_segment", 0)
    found = await vectors.fetch([row["pinecone_vector_id"] for row in rows])
    assert {len(each["values"]) for each in found.values()} == {1536}
    assert {each["metadata"]["content_id"] for each in found.values()} == {content}
    assert (await service.verify_indexed(content)).complete


async def test_a_missing_row_or_vector_is_named(
    platform: Platform, service: ContentService, gate: Gate, content: str, vectors: Vectors
) -> None:
    await embed(service, gate, content)
    platform.olorin.content_embeddings.delete_one({"embedding_type": "title"})
    async with token_for(gate, "test.delete", "the index") as token:
        await vectors.delete(token, [vector_id(content, "subtitle_segment", 2), "nobody"])
    found = await service.verify_indexed(content)
    assert (found.complete, found.missing_rows, found.missing_vectors) == (False, ("title",), ("subtitle_segment 2",))


async def test_show_says_its_state_and_its_embeddings(
    platform: Platform, service: ContentService, gate: Gate, content: str
) -> None:
    await embed(service, gate, content)
    platform.bayit.content.update_one({}, {"$set": {"deleted_at": T0, "api_key": "sk-1234567890abcdef"}})
    shown = await service.show(content)
    assert (shown.state, shown.deleted_at, len(shown.embeddings)) == (ParentState.SOFT_DELETED, T0, 6)
    assert "sk-1234567890abcdef" not in str(shown)
    assert (await service.show(str(ObjectId()))).state is ParentState.GONE


async def test_undelete_takes_a_soft_delete_back_and_says_what_that_saves(
    platform: Platform, service: ContentService, gate: Gate, content: str
) -> None:
    await embed(service, gate, content)
    platform.bayit.content.update_one({}, {"$set": {"deleted_at": T0}})
    # A scan takes all spellings of an id for one parent.
    platform.olorin.content_embeddings.insert_many(
        [{"content_id": each} for each in (content.upper(), ObjectId(content))]
    )
    async with gate.act(service.undelete_act(content), FLAG) as token:
        assert await service.undelete(token, content) == 8
    assert platform.bayit.content.count_documents({"deleted_at": None}) == 1
    async with gate.act(service.undelete_act(content), FLAG) as token:
        with pytest.raises(Refused, match="not deleted"):
            await service.undelete(token, content)
        with pytest.raises(NotThere):
            await service.undelete(token, str(ObjectId()))


async def test_nothing_is_written_without_its_own_token(
    platform: Platform, service: ContentService, gate: Gate, content: str
) -> None:
    async with gate.act(Act("something.else", service.embed_act(content).target), FLAG) as token:
        with pytest.raises(Refused):
            await service.embed(token, content)
        with pytest.raises(Refused):
            await service.undelete(token, content)
    assert not platform.olorin.content_embeddings.count_documents({})


async def test_a_wrong_key_is_told(endpoint: str, http: HttpClient) -> None:
    with pytest.raises(AccessDenied, match="refused the key"):
        await Vectors(http, "pcsk_wrong", "olorin-content", endpoint).fetch(["x"])
