"""Integration partners and what they leave behind: usage records, dubbing sessions, webhook deliveries."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from console.demo import words
from console.demo.seeding import Document, Fault, Planter, Size, ago, dice, object_id, set_values

NAMES: Final = (
    ("קשת דיגיטל", "Keshet Digital"), ("כאן חינוך", "Kan Education"), ("רשת הצפון", "Northern Network"),
    ("בית הסרט", "Film House"), ("קול הנגב", "Voice of the Negev"), ("אורות", "Orot Studios"),
    ("גשר מדיה", "Gesher Media"), ("ספריית ירושלים", "Jerusalem Library"), ("תרגומון", "Targumon"),
    ("ים תיכון טיוי", "Mediterranean TV"), ("הופ קידס", "Hop Kids"), ("ארכיון הסרטים", "Film Archive"),
    ("פודקאסט עברי", "Ivrit Podcasts"), ("רדיו חיפה", "Radio Haifa"), ("סינמה יפו", "Cinema Jaffa"),
    ("לומדים יחד", "Learning Together"), ("מכון הסאונד", "Sound Institute"), ("שידורי הגליל", "Galilee Broadcasts"),
    ("תפוצות", "Tfutzot"), ("בית הכתוביות", "Subtitle House"), ("ספורט פלוס", "Sport Plus"),
    ("מוזיקה מכאן", "Music From Here"), ("קולנוע דרום", "Cinema South"), ("אתר המורשת", "Heritage Site"),
)  # fmt: skip
MISSING: Final = ("kol-haaretz", "negev-stream", "old-city-radio")
"""Partners that were deleted and are still referred to."""
SUSPENDED: Final = ("gesher-media", "cinema-jaffa")
TIERS: Final = {"free": 1, "standard": 5, "enterprise": 20}
BASE_LIMITS: Final = {
    "realtime_dubbing": (10, 100, 500, 2),
    "semantic_search": (30, 500, 5_000, 10),
    "cultural_context": (60, 1_000, 10_000, 20),
    "recap_agent": (10, 100, 500, 5),
}
"""Capability → requests a minute, an hour, a day, and sessions at once, at tier `free`."""
EVENTS: Final = (
    "session.started", "session.ended", "usage.threshold_reached", "error.occurred", "partner.updated",
    "translation.started", "translation.progress", "translation.completed", "translation.failed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seeded:
    """One collection's documents as the target holds them, and what was planted in them."""

    documents: list[Document]
    planter: Planter
    faults: list[Fault]


def slug(name: str) -> str:
    """A partner_id.

    >>> slug("Cinema Jaffa")
    'cinema-jaffa'
    """
    return name.lower().replace(" ", "-")


HEALTHY: Final = tuple(slug(english) for _, english in NAMES if slug(english) not in SUSPENDED)
"""Partners that are there and not suspended."""


def partners(now: datetime) -> Seeded:
    documents = [_partner(number, now) for number in range(len(NAMES))]
    prefixes = Counter(document["api_key_prefix"] for document in documents)
    shared = sum(count for count in prefixes.values() if count > 1)
    faults = [
        Fault("suspended.integration_partners", len(SUSPENDED), "partners with suspended_at set, is_active still true"),
        Fault("shared_prefix.integration_partners", shared, "partners whose api_key_prefix another one has too"),
    ]
    return Seeded(documents, Planter(documents, "integration_partners"), faults)


def _partner(number: int, now: datetime) -> Document:
    hebrew, english = NAMES[number]
    chance = dice(f"partner/{number}")
    tier = chance.choice(tuple(TIERS))
    suspended = slug(english) in SUSPENDED
    created = ago(now, chance, at_least=timedelta(days=60), at_most=timedelta(days=400))
    key = f"olorin_{chance.getrandbits(256):064x}"
    return {
        "_id": object_id("partner", number),
        "partner_id": slug(english),
        "name": hebrew,
        "name_en": english,
        "api_key_hash": "$2b$12$" + hashlib.sha256(key.encode()).hexdigest()[:53],
        "api_key_prefix": key[:8],
        "webhook_secret": f"whsec_{chance.getrandbits(128):032x}",
        "contact_email": f"contact@{slug(english)}.example",
        "contact_name": words.person(chance).hebrew,
        "technical_contact_email": f"tech@{slug(english)}.example",
        "capabilities": {name: _capability(name, TIERS[tier]) for name in chance.sample(tuple(BASE_LIMITS), 2)},
        "billing_tier": tier,
        "monthly_usage_limit_usd": None if tier == "enterprise" else 500.0,
        "billing_email": f"billing@{slug(english)}.example",
        "webhook_url": f"https://hooks.{slug(english)}.example/olorin",
        "webhook_events": chance.sample(EVENTS, 3),
        "webhook_retry_count": 3,
        "progress_thresholds": [25, 50, 75],
        "description": words.sentences(chance, 1, 1),
        "logo_url": None,
        "website_url": f"https://{slug(english)}.example",
        "is_active": True,
        "is_verified": chance.random() < 0.7,
        "suspended_at": now - timedelta(days=9) if suspended else None,
        "suspension_reason": "payment overdue" if suspended else None,
        "created_at": created,
        "updated_at": created,
        "last_active_at": ago(now, chance, at_least=timedelta(hours=1), at_most=timedelta(days=9)),
    }


def _capability(name: str, factor: int) -> Document:
    minute, hour, day, sessions = (limit * factor for limit in BASE_LIMITS[name])
    limits = {
        "requests_per_minute": minute,
        "requests_per_hour": hour,
        "requests_per_day": day,
        "concurrent_sessions": sessions,
        "max_audio_seconds_per_request": 300,
    }
    return {"enabled": True, "rate_limits": limits, "custom_settings": {}}


def usage_records(size: Size, now: datetime) -> Seeded:
    rows, orphans, copies = size.rows(3_000, least=80), size.rows(30), size.rows(6)
    documents = [_usage(number, now) for number in range(rows - copies)]
    planter = Planter(documents, "usage_records")
    for number, orphan in enumerate(planter.point("partner_id", MISSING, orphans)):
        _move(orphan, now - timedelta(hours=1_000 + number))  # no two of one hour: those would be duplicates as well
    originals = planter.take(copies)
    documents += [
        original | {"_id": object_id("usage copy", number), "request_count": 1}
        for number, original in enumerate(originals)
    ]
    return Seeded(
        documents,
        planter,
        [
            Fault("orphans.usage_records.partner_id", orphans, "no such partner"),
            Fault(
                "duplicates.usage_records", copies, "second records of one partner, capability, hour and granularity"
            ),
        ],
    )


def _usage(number: int, now: datetime) -> Document:
    chance = dice(f"usage/{number}")
    capabilities = tuple(BASE_LIMITS)
    partner, rest = number % len(HEALTHY), number // len(HEALTHY)
    requests = chance.randrange(1, 400)
    record: Document = {
        "_id": object_id("usage", number),
        "partner_id": HEALTHY[partner],
        "capability": capabilities[rest % len(capabilities)],
        "request_count": requests,
        "tokens_consumed": requests * chance.randrange(50, 900),
        "characters_processed": requests * chance.randrange(100, 2_000),
        "sessions_created": chance.randrange(6),
        "audio_seconds_processed": round(chance.uniform(0, 3_600), 2),
        "estimated_cost_usd": round(chance.uniform(0.01, 12), 4),
        "period_start": None,
        "period_end": None,
        "granularity": "hourly",
        "created_at": None,
    }
    _move(record, now - timedelta(hours=1 + rest // len(capabilities)))
    return record


def _move(record: Document, moment: datetime) -> None:
    """Let a record count the hour that `moment` lies in."""
    start = moment.replace(minute=0, second=0, microsecond=0)
    times = {
        "period_start": start,
        "period_end": start + timedelta(hours=1),
        "created_at": start + timedelta(seconds=5),
    }
    set_values(record, times)


def dubbing_sessions(size: Size, now: datetime) -> Seeded:
    documents = [_dubbing(number, now) for number in range(size.rows(800, least=60))]
    planter = Planter(documents, "dubbing_sessions")
    gone, gone_active = size.rows(20), size.rows(5)
    suspended, suspended_active = size.rows(36), size.rows(4)
    planter.point("partner_id", MISSING, gone, **_ended(now))
    planter.point("partner_id", MISSING, gone_active, **_active(now))
    planter.point("partner_id", SUSPENDED, suspended, **_ended(now))
    planter.point("partner_id", SUSPENDED, suspended_active, **_active(now))
    name = "dubbing_sessions.partner_id"
    return Seeded(
        documents,
        planter,
        [
            Fault(f"orphans.{name}", gone + gone_active, "no such partner"),
            Fault(f"active_orphans.{name}", gone_active, "of these, status active or paused: never cleaned"),
            Fault(f"suspended.{name}", suspended + suspended_active, "the partner is suspended"),
            Fault(f"active_suspended.{name}", suspended_active, "of these, status active or paused"),
        ],
    )


def _ended(now: datetime) -> dict[str, Any]:
    started = now - timedelta(days=12)
    ended = started + timedelta(minutes=25)
    return {"status": "ended", "started_at": started, "last_activity_at": ended, "ended_at": ended}


def _active(now: datetime) -> dict[str, Any]:
    started = now - timedelta(minutes=40)
    return {"status": "active", "started_at": started, "last_activity_at": now, "ended_at": None}


def _dubbing(number: int, now: datetime) -> Document:
    chance = dice(f"dubbing/{number}")
    status = chance.choices(("ended", "active", "paused", "error"), (88, 6, 2, 4))[0]
    live = status in ("active", "paused")
    started = ago(
        now, chance, at_least=timedelta(minutes=5), at_most=timedelta(hours=1) if live else timedelta(days=30)
    )
    seconds = chance.randrange(120, 5_400)
    ended = None if live else min(started + timedelta(seconds=seconds), now - timedelta(minutes=1))
    segments = seconds // 6
    return {
        "_id": object_id("dubbing", number),
        "session_id": f"dub_{chance.getrandbits(48):012x}",
        "partner_id": chance.choice(HEALTHY),
        "source_language": "he",
        "target_language": chance.choice(("en", "es", "ru", "ar")),
        "voice_id": f"voice_{chance.randrange(12)}",
        "audio_seconds_processed": float(seconds),
        "estimated_cost_usd": round(seconds * 0.00028, 4),
        "segments_processed": segments,
        "characters_translated": segments * chance.randrange(40, 90),
        "characters_synthesized": segments * chance.randrange(40, 90),
        "error_count": chance.randrange(3) if status != "error" else chance.randrange(3, 12),
        "reconnection_count": chance.randrange(3),
        "avg_stt_latency_ms": round(chance.uniform(180, 700), 1),
        "avg_translation_latency_ms": round(chance.uniform(120, 500), 1),
        "avg_tts_latency_ms": round(chance.uniform(200, 900), 1),
        "avg_total_latency_ms": round(chance.uniform(600, 2_400), 1),
        "status": status,
        "error_message": "speech service closed the stream" if status == "error" else None,
        "started_at": started,
        "last_activity_at": ended or now,
        "ended_at": ended,
        "client_ip": f"203.0.113.{chance.randrange(1, 255)}",
        "client_user_agent": "olorin-sdk/1.4",
    }


def webhook_deliveries(size: Size, now: datetime) -> Seeded:
    documents = [_webhook(number, now) for number in range(size.rows(400, least=30))]
    planter = Planter(documents, "webhook_deliveries")
    orphans = size.rows(12)
    planter.point("partner_id", MISSING, orphans)
    return Seeded(documents, planter, [Fault("orphans.webhook_deliveries.partner_id", orphans, "no such partner")])


def _webhook(number: int, now: datetime) -> Document:
    chance = dice(f"webhook/{number}")
    delivered = chance.random() < 0.9
    created = ago(now, chance, at_least=timedelta(minutes=5), at_most=timedelta(days=20))
    return {
        "_id": object_id("webhook", number),
        "partner_id": chance.choice(HEALTHY),
        "event_type": chance.choice(EVENTS),
        "payload": {"session_id": f"dub_{chance.getrandbits(48):012x}", "progress": chance.randrange(101)},
        "delivered": delivered,
        "attempts": 1 if delivered else 3,
        "last_attempt_at": created + timedelta(seconds=1 if delivered else 7),
        "next_retry_at": None,
        "response_status_code": 200 if delivered else chance.choice((500, 502, 503, None)),
        "response_body": "ok" if delivered else None,
        "error_message": None if delivered else "no answer within 10 s",
        "created_at": created,
    }
