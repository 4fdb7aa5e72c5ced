"""The Olorin platform's settings: ten classes under one `OlorinSettings`, loaded as the platform loads them.

Every class can be used alone: it reads the process environment, and a dotenv file where `_env_file` names one.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SALT_LENGTH: Final = 32
"""Characters that a salt has at least."""


class Section(BaseSettings):
    """What all classes share: other variables are not theirs, and an error never repeats what was set."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True, allow_inf_nan=False)


class PartnerAPIConfig(Section):
    """How partners authenticate, and how fast they may call."""

    model_config = SettingsConfigDict(env_prefix="PARTNER_")

    api_key_salt: str = Field(
        default="", repr=False, description="salt of every partner's API key hash, 32 characters or more"
    )
    default_rate_limit_rpm: int = Field(default=60, ge=1, le=10_000, description="requests a minute for one partner")
    webhook_timeout_seconds: float = Field(
        default=10.0, ge=1, le=60, description="seconds to wait for a partner's webhook"
    )

    @field_validator("api_key_salt")
    @classmethod
    def _long_enough(cls, salt: str) -> str:
        if salt and len(salt) < SALT_LENGTH:
            raise ValueError(f"must have at least {SALT_LENGTH} characters")
        return salt


class PineconeConfig(Section):
    """Where the vectors are."""

    model_config = SettingsConfigDict(env_prefix="PINECONE_")

    api_key: str = Field(default="", repr=False, description="Pinecone's key")
    environment: str = Field(default="us-east-1-aws", description="Pinecone's region")
    index_name: str = Field(default="olorin-content", description="the index of the content's vectors")


class EmbeddingConfig(Section):
    """How text becomes vectors."""

    model_config = SettingsConfigDict(env_prefix="EMBEDDING_")

    model: str = Field(default="text-embedding-3-small", description="the embedding model's name")
    dimensions: int = Field(default=1536, ge=256, le=3072, description="length of a vector")


class DubbingConfig(Section):
    """Live dubbing."""

    model_config = SettingsConfigDict(env_prefix="DUBBING_")

    max_concurrent_sessions: int = Field(default=100, ge=1, le=1000, description="sessions at once in one process")
    session_timeout_minutes: int = Field(
        default=120, ge=1, le=480, description="minutes without activity until a session ends"
    )
    target_latency_ms: int = Field(
        default=2000, ge=500, le=10_000, description="milliseconds from speech to dubbed speech"
    )
    stt_provider: str = Field(default="elevenlabs", description="who turns speech into text")


class RecapConfig(Section):
    """Summaries of live broadcasts."""

    model_config = SettingsConfigDict(env_prefix="RECAP_")

    max_context_tokens: int = Field(
        default=8000, ge=1000, le=100_000, description="transcript tokens given to the model"
    )
    window_default_minutes: int = Field(default=15, ge=1, le=120, description="minutes that a recap looks back")
    summary_max_tokens: int = Field(default=300, ge=50, le=1000, description="tokens of a summary at most")
    max_transcript_segments: int = Field(
        default=5000, ge=100, le=50_000, description="segments kept, the oldest go first"
    )
    max_recaps_per_session: int = Field(default=100, ge=10, le=1000, description="recaps kept, the oldest go first")


class CulturalContextConfig(Section):
    """Detection of cultural references."""

    model_config = SettingsConfigDict(env_prefix="CULTURAL_")

    reference_cache_ttl_hours: int = Field(
        default=24, ge=1, le=168, description="hours that a looked-up reference is kept"
    )
    reference_cache_max_entries: int = Field(
        default=10_000, ge=100, le=100_000, description="references kept in memory"
    )
    detection_min_confidence: float = Field(
        default=0.7, ge=0, le=1, description="confidence below which nothing is shown"
    )


class MeteringConfig(Section):
    """Costs that partners' usage is billed by, in US dollars."""

    model_config = SettingsConfigDict(env_prefix="METERING_")

    cost_per_audio_second_stt: float = Field(default=0.00004, ge=0, description="a second of speech recognised")
    cost_per_audio_second_tts: float = Field(default=0.00024, ge=0, description="a second of speech spoken")
    cost_per_1k_translation_chars: float = Field(default=0.00002, ge=0, description="1,000 characters translated")
    cost_per_1k_tokens_llm: float = Field(default=0.003, ge=0, description="1,000 tokens of the language model")
    cost_per_1k_embedding_tokens: float = Field(default=0.00002, ge=0, description="1,000 tokens embedded")


class ResilienceConfig(Section):
    """Circuit breaker and retries towards other services."""

    model_config = SettingsConfigDict(env_prefix="RESILIENCE_")

    circuit_breaker_failure_threshold: int = Field(
        default=5, ge=1, le=100, description="failures until the circuit opens"
    )
    circuit_breaker_recovery_timeout_seconds: int = Field(
        default=30, ge=5, le=300, description="seconds until it is tried"
    )
    circuit_breaker_half_open_max_calls: int = Field(
        default=3, ge=1, le=10, description="calls that decide whether it closes"
    )
    retry_max_attempts: int = Field(default=3, ge=1, le=10, description="attempts of one call")
    retry_initial_delay_seconds: float = Field(default=1.0, ge=0.1, le=30, description="seconds before the first retry")
    retry_max_delay_seconds: float = Field(default=60.0, ge=1, le=300, description="seconds between retries at most")
    retry_exponential_base: float = Field(
        default=2.0, ge=1.5, le=4, description="growth of the delay from retry to retry"
    )


class DatabaseConfig(Section):
    """Olorin's own database."""

    model_config = SettingsConfigDict(env_prefix="OLORIN_")

    mongodb_url: str | None = Field(
        default=None, repr=False, description="Olorin's Mongo; the main one where it is not set"
    )
    mongodb_db_name: str = Field(default="olorin_platform", description="the database's name")
    use_separate_database: bool = Field(default=False, description="whether Olorin's data is in a database of its own")


class FeatureFlags(Section):
    """Feature flags, all off by default. Their variables are spelled exactly as here."""

    model_config = SettingsConfigDict(case_sensitive=True, populate_by_name=True)

    dubbing_enabled: bool = Field(default=False, validation_alias="OLORIN_DUBBING_ENABLED", description="live dubbing")
    semantic_search_enabled: bool = Field(
        default=False, validation_alias="OLORIN_SEMANTIC_SEARCH_ENABLED", description="search by meaning"
    )
    cultural_context_enabled: bool = Field(
        default=False,
        validation_alias="OLORIN_CULTURAL_CONTEXT_ENABLED",
        description="explanations of cultural references",
    )
    recap_enabled: bool = Field(
        default=False, validation_alias="OLORIN_RECAP_ENABLED", description="recaps of live broadcasts"
    )
    default_content_language: str = Field(
        default="he",
        validation_alias="OLORIN_DEFAULT_CONTENT_LANGUAGE",
        description="language of content that names none",
    )
    api_version: str = Field(default="v1", description="version in the API's paths")


class OlorinSettings(FeatureFlags):
    """The flags and the nine sections.

    A dotenv file named by `_env_file` is read for the sections too, which pydantic-settings by itself would not do.
    """

    partner: PartnerAPIConfig
    pinecone: PineconeConfig
    embedding: EmbeddingConfig
    dubbing: DubbingConfig
    recap: RecapConfig
    cultural: CulturalContextConfig
    metering: MeteringConfig
    resilience: ResilienceConfig
    database: DatabaseConfig

    def __init__(self, **values: Any) -> None:
        named = {"_env_file": values["_env_file"]} if "_env_file" in values else {}
        for name, section in SECTIONS.items():
            if name not in values:
                values[name] = section(**named)
        super().__init__(**values)


SECTIONS: Final[dict[str, type[Section]]] = {
    "partner": PartnerAPIConfig,
    "pinecone": PineconeConfig,
    "embedding": EmbeddingConfig,
    "dubbing": DubbingConfig,
    "recap": RecapConfig,
    "cultural": CulturalContextConfig,
    "metering": MeteringConfig,
    "resilience": ResilienceConfig,
    "database": DatabaseConfig,
}
"""Name below `settings.olorin` → its class."""
