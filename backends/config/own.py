"""The console's own variables, as they are listed beside the others. `console.settings` alone judges them."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from backends.config.platform import Section


class ConsoleVariables(Section):
    """What only the console reads; an empty variable is one that is not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    orchestration_database_url: str = Field(
        default="", repr=False, description="Postgres of the bot sessions, postgresql://…"
    )
    chunks_database_url: str = Field(default="", repr=False, description="Postgres of the chunks table, postgresql://…")
    bayit_content_collection: str = Field(default="content", description="collection that content_id refers to")
    pinecone_controller_host: str = Field(
        default="", description="where Pinecone's indexes are named, for another endpoint"
    )
    whisper_url: str = Field(default="", repr=False, description="the speech service")
    translation_url: str = Field(default="", repr=False, description="the translation service")
    orchestration_url: str = Field(default="", repr=False, description="the orchestration service")
    metrics_urls: str = Field(default="", repr=False, description="Prometheus endpoints, separated by commas")
    olorin_console_state: str = Field(default="", description="folder of logs, drafts, exports; else the user's own")
    olorin_console_refresh: float = Field(default=2.0, ge=0.2, le=3600, description="seconds between two readings")
    olorin_console_allow_writes: bool = Field(default=False, description="whether changes are allowed without arming")
    olorin_console_prices: str = Field(
        default="", description="US dollars a million tokens, model=sent/answered, separated by commas"
    )
