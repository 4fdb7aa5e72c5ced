"""What Olorin knows about content: embeddings, recap sessions, cultural references."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

from console.demo import words
from console.demo.mongo_bayit import Bayit
from console.demo.mongo_partners import HEALTHY, MISSING, SUSPENDED, Seeded
from console.demo.seeding import Document, Fault, Planter, Size, ago, dice, object_id, set_values

MALFORMED: Final = ("tt0084296", "507f1f77bcf86cd79943901", "None", "", "channel-12", "507f1f77bcf86cd7994390zz")
"""References that are no ObjectId."""
CATEGORIES: Final = ("person", "place", "event", "term", "holiday", "food", "slang", "law", "military", "media")
SEGMENT: Final = 30.0
"""Seconds of subtitles in one embedding."""


def content_embeddings(size: Size, world: Bayit) -> Seeded:
    rows, copies = size.rows(6_000, least=300), size.rows(20)
    contents = world.contents
    documents = [_embedding(number, contents, world.now) for number in range(rows - copies)]
    planter = Planter(documents, "content_embeddings")
    documents += [
        original | {"_id": object_id("embedding copy", number)} for number, original in enumerate(planter.take(copies))
    ]
    faults = [Fault("duplicates.content_embeddings", copies, "second rows of one content, type and segment")]
    return Seeded(documents, planter, faults + _plant_embeddings(planter, size, world))


def _plant_embeddings(planter: Planter, size: Size, world: Bayit) -> list[Fault]:
    *parents, kept = world.missing_contents
    missing, kept_rows, capital = size.rows(58, least=len(parents)), size.rows(6), size.rows(2)
    folded, malformed = size.rows(4), max(len(MALFORMED), size.rows(9))
    deleted = size.rows(30, least=len(world.deleted_contents))
    pointed = planter.point("content_id", parents, missing)
    pointed += planter.point("content_id", [kept], kept_rows, segment_text="The launch evening, kept on purpose")
    pointed += planter.point("content_id", [parent.upper() for parent in parents], capital)
    pointed += planter.point("content_id", [content.upper() for content in world.contents], folded)
    pointed += planter.point("content_id", MALFORMED, malformed)
    pointed += planter.point("content_id", world.deleted_contents, deleted)
    for number, document in enumerate(pointed):  # no two of one segment: those would be duplicates as well
        set_values(document, {"embedding_type": "subtitle_segment", "segment_index": 1_000 + number})
    orphans, suspended = size.rows(8), size.rows(10)
    planter.point("partner_id", MISSING, orphans)
    planter.point("partner_id", SUSPENDED, suspended)
    name = "content_embeddings.content_id"
    return [
        Fault(f"orphans.{name}", missing + kept_rows + capital, "no such content, case folded, malformed ones apart"),
        Fault(f"orphans.{name}.parents", len(parents) + 1, "how many different parents these miss, case folded"),
        Fault(f"orphans.{name}.upper_case", capital, "of these, written in capitals"),
        Fault(f"intentional.{name}", kept_rows, f"of these, kept on purpose: all that refer to {kept}"),
        Fault(f"upper_case.{name}", folded, "written in capitals, but the content is there: no orphans"),
        Fault(f"malformed.{name}", malformed, "no ObjectId"),
        Fault(f"soft_deleted.{name}", deleted, "the content is softly deleted"),
        Fault("orphans.content_embeddings.partner_id", orphans, "no such partner"),
        Fault("suspended.content_embeddings.partner_id", suspended, "the partner is suspended"),
    ]


def _embedding(number: int, contents: list[str], now: datetime) -> Document:
    """Every content gets its title first, then its description, then segment after segment."""
    chance = dice(f"embedding/{number}")
    content, turn = contents[number % len(contents)], number // len(contents)
    kind = ("title", "description")[turn] if turn < 2 else "subtitle_segment"
    segment = turn - 2 if turn >= 2 else None
    created = ago(now, chance, at_least=timedelta(days=8), at_most=timedelta(days=200))
    return {
        "_id": object_id("embedding", number),
        "content_id": content,
        "content_type": chance.choice(("movie", "series", "episode")),
        "embedding_type": kind,
        "segment_index": segment,
        "segment_start_time": None if segment is None else segment * SEGMENT,
        "segment_end_time": None if segment is None else (segment + 1) * SEGMENT,
        "segment_text": words.sentences(chance, 2, 0),
        "embedding_model": "text-embedding-3-small",
        "embedding_dimensions": 1536,
        "pinecone_vector_id": _vector_id(content, kind, segment),
        "language": "he",
        "genre_ids": chance.sample(words.GENRES, 1),
        "section_ids": chance.sample(words.SECTIONS, 1),
        "audience_ids": ["general"],
        "partner_id": chance.choice(HEALTHY) if chance.random() < 0.25 else None,
        "created_at": created,
        "updated_at": created,
    }


def _vector_id(content: str, kind: str, segment: int | None) -> str:
    """The indexing service's form; the batch script's titles have another one."""
    if kind == "title" and int(content[-1], 16) < 2:
        return f"content_{content}_title"
    return hashlib.sha256(f"{content}:{kind}:{segment}".encode()).hexdigest()[:32]


def recap_sessions(size: Size, world: Bayit) -> Seeded:
    documents = [_recap(number, world) for number in range(size.rows(200, least=40))]
    planter = Planter(documents, "recap_sessions")
    gone, gone_active, malformed = size.rows(10, least=2), size.rows(4), size.rows(3)
    partner, suspended = size.rows(5), size.rows(6)
    planter.point("channel_id", world.missing_channels, gone, **_ended(world.now))
    planter.point("channel_id", world.missing_channels, gone_active, **_active(world.now))
    planter.point("channel_id", MALFORMED, malformed)
    planter.point("partner_id", MISSING, partner, **_ended(world.now))
    planter.point("partner_id", SUSPENDED, suspended, **_ended(world.now))
    without = planter.take(size.rows(20))
    for document in without:
        document["channel_id"] = None
    name = "recap_sessions.channel_id"
    return Seeded(
        documents,
        planter,
        [
            Fault(f"orphans.{name}", gone + gone_active, "no such live channel"),
            Fault(f"active_orphans.{name}", gone_active, "of these, status active or paused: never cleaned"),
            Fault(f"malformed.{name}", malformed, "no ObjectId"),
            Fault(f"null.{name}", len(without), "no channel at all: skipped, no orphan"),
            Fault("orphans.recap_sessions.partner_id", partner, "no such partner"),
            Fault("suspended.recap_sessions.partner_id", suspended, "the partner is suspended"),
        ],
    )


def _ended(now: datetime) -> dict[str, Any]:
    started = now - timedelta(days=11)
    ended = started + timedelta(minutes=50)
    return {"status": "ended", "started_at": started, "ended_at": ended, "last_updated_at": ended}


def _active(now: datetime) -> dict[str, Any]:
    return {"status": "active", "started_at": now - timedelta(minutes=35), "ended_at": None, "last_updated_at": now}


def _recap(number: int, world: Bayit) -> Document:
    chance = dice(f"recap/{number}")
    live = chance.random() < 0.1
    started = ago(
        world.now, chance, at_least=timedelta(hours=2), at_most=timedelta(hours=3) if live else timedelta(days=30)
    )
    spoken = [_spoken(position, chance.randrange(2**32)) for position in range(chance.randrange(4, 16))]
    ended = None if live else started + timedelta(minutes=chance.randrange(10, 110))
    return {
        "_id": object_id("recap", number),
        "session_id": f"recap_{chance.getrandbits(48):012x}",
        "partner_id": chance.choice(HEALTHY) if chance.random() < 0.5 else None,
        "channel_id": chance.choice(world.channels),
        "stream_url": None,
        "transcript_segments": spoken,
        "total_duration_seconds": len(spoken) * 12.0,
        "recaps": [_summary(started, chance.randrange(2**32)) for _ in range(chance.randrange(3))],
        "status": chance.choice(("active", "paused")) if live else "ended",
        "started_at": started,
        "ended_at": ended,
        "last_updated_at": ended or world.now,
    }


def _spoken(position: int, throw: int) -> Document:
    chance = dice(f"spoken/{throw}")
    return {
        "text": words.sentences(chance, 1, 0),
        "timestamp": position * 12.0,
        "speaker": words.person(chance).hebrew,
        "language": "he",
        "confidence": round(chance.uniform(0.7, 0.99), 2),
    }


def _summary(started: datetime, throw: int) -> Document:
    chance = dice(f"summary/{throw}")
    return {
        "summary": words.sentences(chance, 3, 0),
        "key_points": [words.sentences(chance, 1, 0) for _ in range(3)],
        "window_start_seconds": 0.0,
        "window_end_seconds": 900.0,
        "generated_at": started + timedelta(minutes=15),
        "tokens_used": chance.randrange(300, 2_000),
    }


def cultural_references(size: Size, now: datetime) -> Seeded:
    documents = [_reference(number, now) for number in range(size.rows(300, least=20))]
    return Seeded(documents, Planter(documents, "cultural_references"), [])


def _reference(number: int, now: datetime) -> Document:
    chance = dice(f"reference/{number}")
    title = words.title(chance)
    created = ago(now, chance, at_least=timedelta(days=20), at_most=timedelta(days=500))
    category = chance.choice(CATEGORIES)
    return {
        "_id": object_id("reference", number),
        "reference_id": f"{category}-{number:04}",
        "canonical_name": title.hebrew,
        "canonical_name_en": title.english,
        "category": category,
        "subcategory": chance.choice((None, "modern", "biblical", "military slang", "street food")),
        "aliases": [words.title(chance).hebrew],
        "aliases_en": [words.title(chance).english],
        "aliases_es": [],
        "short_explanation": words.sentences(chance, 1, 0),
        "short_explanation_en": words.sentences(chance, 1, 1),
        "short_explanation_es": None,
        "detailed_explanation": words.sentences(chance, 4, 0),
        "detailed_explanation_en": words.sentences(chance, 4, 1),
        "detailed_explanation_es": None,
        "relevance_keywords": chance.sample(words.GENRES, 2),
        "related_references": [],
        "source": chance.choice(("manual", "wikipedia", "ai_generated")),
        "verified": chance.random() < 0.6,
        "wikipedia_url": None,
        "image_url": None,
        "lookup_count": chance.randrange(5_000),
        "last_accessed_at": ago(now, chance, at_least=timedelta(hours=1), at_most=timedelta(days=9)),
        "created_at": created,
        "updated_at": created,
    }
