"""The main database, bayit_plus: content, live channels, users and profiles, and the parents that are missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from console.demo import words
from console.demo.seeding import Document, Fault, Planter, Size, ago, dice, object_id

GRACE: Final = timedelta(days=7)
"""The orphans' grace period by default."""


@dataclass(frozen=True, slots=True)
class Bayit:
    """The main database's documents, and the ids that children refer to (24 lower-case hex digits)."""

    now: datetime
    content: list[Document]
    live_channels: list[Document]
    users: list[Document]
    profiles: list[Document]
    missing_contents: list[str]
    missing_channels: list[str]
    faults: list[Fault]

    @property
    def contents(self) -> list[str]:
        """Of the content that is there and not softly deleted."""
        return [str(document["_id"]) for document in self.content if document["deleted_at"] is None]

    @property
    def deleted_contents(self) -> list[str]:
        return [str(document["_id"]) for document in self.content if document["deleted_at"] is not None]

    @property
    def channels(self) -> list[str]:
        return [str(document["_id"]) for document in self.live_channels]


def bayit(size: Size, now: datetime) -> Bayit:
    content = [_content(number, now) for number in range(size.rows(2_000, least=60))]
    faults = _plant(Planter(content, "content"), size, now)
    return Bayit(
        now=now,
        content=content,
        live_channels=[_channel(number, now) for number in range(40)],
        users=[_user(number, now) for number in range(size.rows(60, least=6))],
        profiles=[_profile(number, now) for number in range(size.rows(90, least=6))],
        missing_contents=[str(object_id("content", 10_000_000 + number)) for number in range(size.rows(13, least=3))],
        missing_channels=[str(object_id("channel", 10_000_000 + number)) for number in range(size.rows(5, least=2))],
        faults=faults,
    )


def _plant(planter: Planter, size: Size, now: datetime) -> list[Fault]:
    """Softly deleted content, on both sides of the grace period, and titles that no terminal should interpret."""
    fresh, old = size.rows(4), size.rows(6)
    for days, count in ((2, fresh), (20, old)):
        for document in planter.take(count):
            document["deleted_at"] = now - timedelta(days=days)
    for document, nasty in zip(planter.take(len(words.NASTY)), words.NASTY, strict=True):
        document["title_en"] = nasty
    return [
        Fault("soft_deleted.content", fresh + old, "content with deleted_at set"),
        Fault("soft_deleted.content.past_grace", old, f"of these, deleted more than {GRACE.days} days ago"),
        Fault("nasty.content.title_en", len(words.NASTY), "titles with markup, escapes, bidi controls, mojibake"),
    ]


def _content(number: int, now: datetime) -> Document:
    chance = dice(f"content/{number}")
    title = words.title(chance)
    kind = chance.choice(("movie", "movie", "series", "episode", "episode"))
    created = ago(now, chance, at_least=timedelta(days=30), at_most=timedelta(days=900))
    series = kind == "episode"
    return {
        "_id": object_id("content", number),
        "title": title.hebrew,
        "title_en": title.english,
        "title_es": None,
        "description": words.sentences(chance, 3, 0),
        "description_en": words.sentences(chance, 3, 1),
        "section_ids": chance.sample(words.SECTIONS, 2),
        "primary_section_id": chance.choice(words.SECTIONS),
        "content_format": "series" if kind != "movie" else "movie",
        "audience_id": chance.choice(("general", "kids", "family", "mature")),
        "genre_ids": chance.sample(words.GENRES, 2),
        "topic_tags": chance.sample(("israel", "shabbat", "history", "family", "aliyah", "food"), 2),
        "subcategory_ids": [],
        "category_id": chance.choice(("movies", "series", "documentaries")),
        "duration": f"{chance.randrange(1, 3)}:{chance.randrange(60):02}:00",
        "year": chance.randrange(1964, 2026),
        "rating": chance.choice(("G", "PG", "PG-13", "TV-14")),
        "content_type": kind,
        "stream_url": f"https://cdn.bayit.example/vod/{number:06}/index.m3u8",
        "stream_type": "hls",
        "file_hash": f"{chance.getrandbits(256):064x}",
        "is_series": kind == "series",
        "season": chance.randrange(1, 6) if series else None,
        "episode": chance.randrange(1, 25) if series else None,
        "series_id": None,
        "tmdb_id": chance.randrange(1_000, 900_000),
        "imdb_id": f"tt{chance.randrange(10**7):07}",
        "is_published": chance.random() < 0.95,
        "is_featured": chance.random() < 0.05,
        "visibility_mode": "public",
        "requires_subscription": chance.choice(("basic", "premium")),
        "view_count": chance.randrange(50_000),
        "avg_rating": round(chance.uniform(2.5, 5), 1),
        "created_at": created,
        "updated_at": created + timedelta(days=7),
        "published_at": created + timedelta(days=1),
        "deleted_at": None,
    }


def _channel(number: int, now: datetime) -> Document:
    chance = dice(f"channel/{number}")
    place = words.PLACES[number % len(words.PLACES)]
    created = ago(now, chance, at_least=timedelta(days=200), at_most=timedelta(days=700))
    return {
        "_id": object_id("channel", number),
        "name": f"ערוץ {number + 11}: {place[0]}",
        "name_en": f"Channel {number + 11}: {place[1]}",
        "name_es": None,
        "description": words.sentences(chance, 1, 0),
        "category": chance.choice(("news", "kids", "sports", "music", "entertainment")),
        "culture_id": "israeli",
        "stream_url": f"https://live.bayit.example/{number + 11}/index.m3u8",
        "stream_type": "hls",
        "supports_live_subtitles": chance.random() < 0.7,
        "primary_language": "he",
        "available_translation_languages": ["en", "es", "ar", "ru"],
        "supports_live_dubbing": chance.random() < 0.5,
        "dubbing_source_language": "he",
        "available_dubbing_languages": ["en", "es", "ar", "ru"],
        "default_dubbing_voice_id": None,
        "dubbing_sync_delay_ms": 600,
        "is_active": True,
        "order": number,
        "requires_subscription": "premium",
        "created_at": created,
        "updated_at": created,
    }


def _user(number: int, now: datetime) -> Document:
    chance = dice(f"user/{number}")
    name = words.person(chance)
    created = ago(now, chance, at_least=timedelta(days=10), at_most=timedelta(days=700))
    return {
        "_id": object_id("user", number),
        "email": f"user{number}@bayit.example",
        "name": name.hebrew,
        "role": "admin" if number == 0 else "user",
        "is_active": True,
        "created_at": created,
    }


def _profile(number: int, now: datetime) -> Document:
    chance = dice(f"profile/{number}")
    return {
        "_id": object_id("profile", number),
        "user_id": str(object_id("user", number % 60)),
        "name": chance.choice(words.FIRST_NAMES)[0],
        "is_kids_profile": chance.random() < 0.3,
        "created_at": ago(now, chance, at_least=timedelta(days=1), at_most=timedelta(days=600)),
    }
