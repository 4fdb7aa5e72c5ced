"""The platform's flat settings: what it always needs, `olorin` below it, and the old flat names that still work."""

from __future__ import annotations

import json
import warnings
from functools import reduce
from typing import Any

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import SettingsConfigDict

from backends.config.platform import OlorinSettings, Section


class Deprecated:
    """An old flat attribute: reading it warns and gives what `path` names below `olorin`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, settings: PlatformSettings | None, owner: type) -> Any:
        if settings is None:
            return self
        warnings.warn(
            f"settings.{self.name} is deprecated, use settings.olorin.{self.path}", DeprecationWarning, stacklevel=2
        )
        return reduce(getattr, self.path.split("."), settings.olorin)


class PlatformVariables(Section):
    """What the platform reads beside Olorin's sections. Nothing is required here: the rules report all at once."""

    model_config = SettingsConfigDict(case_sensitive=True, populate_by_name=True)

    ENVIRONMENT: str = Field(default="development", description="development, staging or production")
    SECRET_KEY: str = Field(default="", repr=False, description="key that sessions' tokens are signed with")
    MONGODB_URI: str = Field(
        default="",
        repr=False,
        validation_alias=AliasChoices("MONGODB_URI", "MONGODB_URL"),
        description="the main Mongo: mongodb:// or mongodb+srv://",
    )
    MONGODB_DB_NAME: str = Field(default="bayit_plus", description="the main database's name")
    GCP_PROJECT_ID: str = Field(default="", description="the Google Cloud project")
    FRONTEND_URL: str = Field(default="", description="address in e-mails' links")
    FRONTEND_WEB_URL: str = Field(default="", description="address of the web front end")
    BACKEND_CORS_ORIGINS: str = Field(
        default="", description="origins that browsers may call from, a JSON list or by commas"
    )
    OPENAI_API_KEY: str = Field(default="", repr=False, description="OpenAI's key")
    ANTHROPIC_API_KEY: str = Field(default="", repr=False, description="Anthropic's key")
    ELEVENLABS_API_KEY: str = Field(default="", repr=False, description="ElevenLabs' key")
    ADMIN_API_KEY: str = Field(default="", repr=False, description="key of the admin API")

    @field_validator("BACKEND_CORS_ORIGINS")
    @classmethod
    def _a_list(cls, origins: str) -> str:
        cors_origins(origins)
        return origins


class PlatformSettings(PlatformVariables):
    """The platform's `settings`, names spelled as there."""

    model_config = SettingsConfigDict(ignored_types=(Deprecated,))

    olorin: OlorinSettings

    PINECONE_API_KEY = Deprecated("pinecone.api_key")
    PINECONE_ENVIRONMENT = Deprecated("pinecone.environment")
    PINECONE_INDEX_NAME = Deprecated("pinecone.index_name")
    EMBEDDING_MODEL = Deprecated("embedding.model")
    EMBEDDING_DIMENSIONS = Deprecated("embedding.dimensions")
    DUBBING_MAX_CONCURRENT_SESSIONS = Deprecated("dubbing.max_concurrent_sessions")
    DUBBING_SESSION_TIMEOUT_MINUTES = Deprecated("dubbing.session_timeout_minutes")
    DUBBING_TARGET_LATENCY_MS = Deprecated("dubbing.target_latency_ms")
    RECAP_MAX_CONTEXT_TOKENS = Deprecated("recap.max_context_tokens")
    RECAP_WINDOW_DEFAULT_MINUTES = Deprecated("recap.window_default_minutes")
    RECAP_SUMMARY_MAX_TOKENS = Deprecated("recap.summary_max_tokens")
    CULTURAL_REFERENCE_CACHE_TTL_HOURS = Deprecated("cultural.reference_cache_ttl_hours")
    CULTURAL_DETECTION_MIN_CONFIDENCE = Deprecated("cultural.detection_min_confidence")
    PARTNER_API_KEY_SALT = Deprecated("partner.api_key_salt")
    PARTNER_DEFAULT_RATE_LIMIT_RPM = Deprecated("partner.default_rate_limit_rpm")
    PARTNER_WEBHOOK_TIMEOUT_SECONDS = Deprecated("partner.webhook_timeout_seconds")
    OLORIN_DUBBING_ENABLED = Deprecated("dubbing_enabled")
    OLORIN_SEMANTIC_SEARCH_ENABLED = Deprecated("semantic_search_enabled")
    OLORIN_CULTURAL_CONTEXT_ENABLED = Deprecated("cultural_context_enabled")
    OLORIN_RECAP_ENABLED = Deprecated("recap_enabled")

    def __init__(self, **values: Any) -> None:
        if "olorin" not in values:
            named = {"_env_file": values["_env_file"]} if "_env_file" in values else {}
            values["olorin"] = OlorinSettings(**named)
        super().__init__(**values)


def cors_origins(text: str) -> tuple[str, ...]:
    """The origins: a JSON list, or text separated by commas. Raises ValueError where the JSON is no list of strings.

    >>> cors_origins('["https://a.example", "https://b.example"]') == cors_origins("https://a.example, https://b.example")
    True
    """
    if not text.strip().startswith(("[", "{")):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        origins = json.loads(text)
    except ValueError:
        raise ValueError("is not a JSON list") from None
    if not isinstance(origins, list) or not all(isinstance(each, str) for each in origins):
        raise ValueError("is not a JSON list of texts")
    return tuple(origins)
