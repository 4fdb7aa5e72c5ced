"""Configurations for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from backends.config.model import Finding
from backends.config.rules import judge
from backends.config.sources import Sources
from backends.config.values import Values, read_values

SALT: Final = "q7Jx2mPz9KvR4tWn8Yb3Lc6Hd1Fs5Ga0UeQi"

HEALTHY: Final[Mapping[str, str]] = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "Vb8xQ2rLm5Kt9Wz3Np7Yc1Hd4Gf6Js0aRuTe",
    "MONGODB_URI": "mongodb+srv://ops:pw-of-ops@main.example.net/?appName=bayit-plus",
    "GCP_PROJECT_ID": "bayit-prod",
    "FRONTEND_URL": "https://bayit.example.net",
    "FRONTEND_WEB_URL": "https://www.bayit.example.net",
    "BACKEND_CORS_ORIGINS": '["https://bayit.example.net"]',
    "OLORIN_DUBBING_ENABLED": "true",
    "OLORIN_SEMANTIC_SEARCH_ENABLED": "true",
    "OLORIN_CULTURAL_CONTEXT_ENABLED": "true",
    "OLORIN_RECAP_ENABLED": "true",
    "PARTNER_API_KEY_SALT": SALT,
    "PINECONE_API_KEY": "pcsk_0123456789abcdef",
    "OPENAI_API_KEY": "sk-0123456789abcdef",
    "ANTHROPIC_API_KEY": "sk-ant-0123456789abcdef",
    "ELEVENLABS_API_KEY": "el-0123456789abcdef",
    "OLORIN_USE_SEPARATE_DATABASE": "true",
    "OLORIN_MONGODB_URL": "mongodb+srv://ops:pw-of-ops@olorin.example.net/?appName=olorin",
    "ORCHESTRATION_DATABASE_URL": "postgresql://ops@bots.example.net/bots?sslmode=require",
    "CHUNKS_DATABASE_URL": "postgresql://ops@/chunks?host=/run/postgresql",
    "OPENAI_BASE_URL": "https://model.example.net/v1",
}
"""A production in which every rule is kept and every feature is on."""


def values_of(changes: Mapping[str, str | None] | None = None) -> Values:
    """HEALTHY with some variables another, or gone (None)."""
    merged = {**HEALTHY, **(changes or {})}
    return read_values(Sources({name: value for name, value in merged.items() if value is not None}))


def findings_of(changes: Mapping[str, str | None]) -> tuple[Finding, ...]:
    """What the rules say of HEALTHY with these changes."""
    return judge(values_of(changes))


def only(findings: Iterable[Finding], rule: str) -> list[Finding]:
    """The findings of one rule."""
    return [finding for finding in findings if finding.rule == rule]
