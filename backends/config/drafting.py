"""The drafting partner's variables. They have no prefix, so they are routed by name."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from backends.config.platform import Section

MEGABYTE = 1024 * 1024


class DraftingVariables(Section):
    """What the drafting partner reads; an empty variable is one that is not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    openai_api_key: str = Field(
        default="", repr=False, description="the language model's key; without it nothing is drafted"
    )
    openai_base_url: str = Field(
        default="https://api.openai.com/v1", description="an endpoint that speaks the OpenAI API"
    )
    openai_model: str = Field(default="gpt-4o-mini", min_length=1, description="the language model's name")
    openai_timeout: float = Field(default=90.0, gt=0, description="seconds for a whole answer")
    openai_max_retries: int = Field(default=3, ge=0, description="attempts after the first")
    autosave_dir: str = Field(default="", description="the drafts' folder; a relative one is inside the state folder")
    autosave_interval: int = Field(default=3, ge=1, description="seconds from a change to its save")
    max_backups: int = Field(default=5, ge=1, description="older copies kept")
    max_upload_bytes: int = Field(default=10 * MEGABYTE, ge=1024, description="bytes of an imported file")
    max_draft_length: int = Field(default=500_000, ge=1, description="characters of a draft")
    max_projects: int = Field(default=100, ge=1, description="projects at most")
    default_ai_intensity: float = Field(default=0.75, ge=0, le=1, description="intensity of new projects")
    rate_limit_enabled: bool = Field(default=True, description="whether calls to the model are limited")
    rate_limit_calls: int = Field(default=10, ge=1, description="calls in sixty seconds")
    log_level: str = Field(default="INFO", description="least severity that the console logs")
    log_file: str = Field(default="console.log", description="the console's log, in the state folder")
    log_max_bytes: int = Field(default=5 * MEGABYTE, ge=1, description="bytes at which a log is rotated")
    log_backup_count: int = Field(default=3, ge=0, description="rotated logs kept")
    enable_analytics: bool = Field(default=True, description="counts and durations on this host, never text")
    enable_telemetry: bool = Field(default=False, description="each call's times in the log; nothing is sent")
    debug_mode: bool = Field(default=False, description="whether everything is logged")
    enable_caching: bool = Field(default=True, description="whether answers are kept for a while")
    cache_ttl: int = Field(default=300, ge=0, description="seconds that they are kept")
