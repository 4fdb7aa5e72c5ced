"""The chunk store's collections, documents, operations and chunks, with one hot collection and what else is planted."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from console.demo import words
from console.demo.seeding import Fault, Planter, Size, ago, dice, uuid_of

Row = dict[str, Any]

HOT_SHARE: Final = 0.3
"""Of all chunks, in one collection."""
STRATEGIES: Final = ("character", "recursive", "markdown", "semantic", "hierarchical", "hybrid")
ACTIVE_STRATEGIES: Final = 3


@dataclass(frozen=True, slots=True)
class Semantik:
    """Table → rows, parents before children; chunks lack their partition_key, which only Postgres computes."""

    rows: dict[str, list[Row]]
    faults: list[Fault]


def semantik(size: Size, now: datetime) -> Semantik:
    collections = [_collection(number, now) for number in range(size.rows(120, least=12))]
    documents, chunks = _contents(collections, size, now)
    faults = _plant(Planter(chunks, "chunks"), collections, chunks, size)
    operations = [_operation(number, collections, now) for number in range(size.rows(200, least=20))]
    failed = Planter(operations, "operations").take(size.rows(14))
    for operation in failed:
        operation |= {"status": "failed", "error_message": "the embedding service did not answer"}
    rows = {
        "users": [{"id": number + 1, "username": name[1].lower()} for number, name in enumerate(words.FIRST_NAMES[:6])],
        "chunking_strategies": [_strategy(number) for number in range(len(STRATEGIES))],
        "chunking_configs": [_config(number) for number in range(4)],
        "collections": collections,
        "documents": documents,
        "operations": operations,
        "migration_backups": [_backup(now)],
        "chunks": chunks,
    }
    faults += [
        Fault("failed.operations", len(failed), "status failed"),
        Fault("gone.migration_backups", 1, "a backup that is listed, past its retention, and not there"),
        *(Fault(f"rows.semantik.{table}", len(found), "rows") for table, found in rows.items()),
    ]
    return Semantik(rows, faults)


def _plant(planter: Planter, collections: list[Row], chunks: list[Row], size: Size) -> list[Fault]:
    hot = collections[0]["id"]
    waiting, lost, loose = planter.take(size.rows(400)), planter.take(size.rows(25)), planter.take(size.rows(12))
    for chunk in waiting:
        chunk["embedding_vector_id"] = None
    for number, chunk in enumerate(lost):
        chunk["document_id"] = str(uuid_of("missing document", number % 5))
    for chunk in loose:
        chunk["document_id"] = None
    in_hot = sum(chunk["collection_id"] == hot for chunk in chunks)
    return [
        Fault("hot.chunks.collection_id", in_hot, f"chunks of one collection, {hot}"),
        Fault("no_embedding.chunks", len(waiting), "embedding_vector_id is null"),
        Fault("orphans.chunks.document_id", len(lost), "no such document (the column has no foreign key)"),
        Fault("null.chunks.document_id", len(loose), "no document at all"),
    ]


def _collection(number: int, now: datetime) -> Row:
    chance = dice(f"collection/{number}")
    created = ago(now, chance, at_least=timedelta(days=9), at_most=timedelta(days=300))
    name = words.title(chance).english
    return {
        "id": str(uuid_of("collection", number)),
        "name": f"{name} {number:03}",
        "description": words.sentences(chance, 1, 1),
        "owner_id": chance.randrange(1, 7),
        "vector_store_name": f"col_{chance.getrandbits(64):016x}",
        "embedding_model": "Qwen/Qwen3-Embedding-0.6B",
        "quantization": chance.choice(("float32", "float16", "int8")),
        "is_public": chance.random() < 0.2,
        "created_at": created,
        "updated_at": created,
        "status": chance.choices(("ready", "processing", "error"), (94, 4, 2))[0],
        "document_count": 0,
        "vector_count": 0,
        "total_size_bytes": 0,
        "chunks_total_count": 0,
        "default_chunking_config_id": chance.randrange(1, 5),
    }


def _contents(collections: list[Row], size: Size, now: datetime) -> tuple[list[Row], list[Row]]:
    """Documents and chunks of all collections; the first is the hot one, the others differ as in life."""
    total = size.rows(20_000, least=400)
    weights = [1 / (number + 5) for number in range(len(collections) - 1)]
    shares = [HOT_SHARE] + [(1 - HOT_SHARE) * weight / sum(weights) for weight in weights]
    documents: list[Row] = []
    chunks: list[Row] = []
    for collection, share in zip(collections, shares, strict=True):
        chance = dice(f"chunks/{collection['id']}")
        wanted, before = max(1, round(total * share)), len(documents)
        while wanted > 0:
            document, own = _document(chance, collection, len(documents), min(wanted, chance.randrange(5, 40)), now)
            documents.append(document)
            chunks += own
            wanted -= len(own)
        _tally(collection, documents[before:])
    for number, chunk in enumerate(chunks):
        chunk["id"] = number + 1
    return documents, chunks


def _tally(collection: Row, documents: list[Row]) -> None:
    total = sum(document["chunks_count"] for document in documents)
    collection |= {
        "document_count": len(documents),
        "vector_count": total,
        "chunks_total_count": total,
        "total_size_bytes": sum(document["file_size"] for document in documents),
    }


def _document(chance: random.Random, collection: Row, number: int, count: int, now: datetime) -> tuple[Row, list[Row]]:
    document_id = str(uuid_of("document", number))
    created = ago(now, chance, at_least=timedelta(days=8), at_most=timedelta(days=250))
    texts = [words.sentences(chance, 5, chance.randrange(2)) for _ in range(count)]
    size = sum(len(text.encode()) for text in texts)
    document = {
        "id": document_id,
        "collection_id": collection["id"],
        "file_path": f"/srv/library/{number:05}.md",
        "file_name": f"{number:05}.md",
        "file_size": size,
        "mime_type": "text/markdown",
        "content_hash": hashlib.sha256(document_id.encode()).hexdigest(),
        "status": "completed",
        "chunk_count": count,
        "chunks_count": count,
        "chunking_config_id": collection["default_chunking_config_id"],
        "uri": f"file:///srv/library/{number:05}.md",
        "created_at": created,
        "updated_at": created,
    }
    offset, chunks = 0, []
    for index, text in enumerate(texts):
        chunks.append(_chunk(chance, document, index, text, offset))
        offset += len(text)
    return document, chunks


def _chunk(chance: random.Random, document: Row, index: int, text: str, offset: int) -> Row:
    return {
        "id": None,
        "collection_id": document["collection_id"],
        "document_id": document["id"],
        "chunking_config_id": document["chunking_config_id"],
        "chunk_index": index,
        "content": text,
        "start_offset": offset,
        "end_offset": offset + len(text),
        "token_count": len(text) // 4,
        "embedding_vector_id": f"{chance.getrandbits(128):032x}",
        "metadata": "{}",
        "created_at": document["created_at"],
        "updated_at": document["updated_at"],
    }


def _operation(number: int, collections: list[Row], now: datetime) -> Row:
    chance = dice(f"operation/{number}")
    status = chance.choices(("completed", "cancelled", "processing"), (94, 3, 3))[0]
    created = ago(now, chance, at_least=timedelta(hours=1), at_most=timedelta(days=30))
    return {
        "id": number + 1,
        "uuid": str(uuid_of("operation", number)),
        "collection_id": chance.choice(collections)["id"],
        "user_id": chance.randrange(1, 7),
        "type": chance.choice(("index", "append", "reindex", "remove_source")),
        "status": status,
        "config": "{}",
        "error_message": None,
        "created_at": created,
        "started_at": created + timedelta(seconds=2),
        "completed_at": created + timedelta(minutes=3) if status == "completed" else None,
    }


def _strategy(number: int) -> Row:
    name = STRATEGIES[number]
    return {"id": number + 1, "name": name, "is_active": number < ACTIVE_STRATEGIES, "description": f"{name} chunking"}


def _config(number: int) -> Row:
    data = json.dumps({"chunk_size": 500 * (number + 1), "chunk_overlap": 100})
    return {
        "id": number + 1,
        "strategy_id": number % ACTIVE_STRATEGIES + 1,
        "config_hash": hashlib.sha256(data.encode()).hexdigest(),
        "config_data": data,
    }


def _backup(now: datetime) -> Row:
    made = now - timedelta(days=40)
    return {
        "id": 1,
        "backup_table_name": f"chunks_backup_{made:%Y%m%d_%H%M%S}",
        "original_table_name": "chunks",
        "record_count": 17_204,
        "created_at": made,
        "migration_revision": "db003",
        "retention_until": made + timedelta(days=7),
    }
