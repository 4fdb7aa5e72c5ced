"""The console's own settings, and the merged variables that every system's settings are read from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from backends.safety.secrets import mask
from backends.safety.text import display_text
from console.paths import state_folder

DEFAULT_ENV_FILE: Final = Path(".env")
ENCODING: Final = "utf-8-sig"
"""UTF-8 with or without a byte order mark, as editors on other systems leave one."""


class ConfigurationInvalid(Exception):
    """The console's own configuration can't be used; the message is one line, masked, and names the variable."""


def _checked(url: str, *schemes: str) -> str:
    if not url:
        return url
    parts = urlsplit(url)
    _ = parts.port  # raises ValueError where it is no number
    if parts.scheme not in schemes:
        raise ValueError(f"must start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return url


def _http(url: str) -> str:
    return _checked(url, "http", "https")


def _postgres(url: str) -> str:
    return _checked(url, "postgresql", "postgres")


def _each_http(urls: str) -> str:
    for url in urls.split(","):
        if url.strip():
            _http(url.strip())
    return urls


HttpUrl = Annotated[str, AfterValidator(_http)]
PostgresUrl = Annotated[str, AfterValidator(_postgres)]


class OwnSettings(BaseSettings):
    """The variables that only the console reads (design section 4); given by name, since they are merged already."""

    model_config = SettingsConfigDict(
        extra="ignore", validate_default=False, case_sensitive=False, hide_input_in_errors=True
    )

    orchestration_database_url: PostgresUrl = ""
    """Postgres of the bot sessions."""
    chunks_database_url: PostgresUrl = ""
    """Postgres of the `chunks` table."""
    bayit_content_collection: str = Field(default="content", min_length=1)
    """Parent collection of `content_id`."""
    whisper_url: HttpUrl = ""
    translation_url: HttpUrl = ""
    orchestration_url: HttpUrl = ""
    metrics_urls: Annotated[str, AfterValidator(_each_http)] = ""
    """Prometheus text endpoints, comma-separated."""
    olorin_console_state: Path = Field(default_factory=state_folder)
    """Folder of logs, reports, drafts and exports."""
    olorin_console_refresh: float = Field(default=2.0, ge=0.2, le=3600, allow_inf_nan=False)
    """Seconds between two readings of a live source."""
    olorin_console_allow_writes: bool = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is given: the variables are merged, in the platform's order, before they come here."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that was configured: the merged variables (the process environment wins), the file and our own."""

    environment: Mapping[str, str]
    env_file: Path | None
    own: OwnSettings

    @property
    def profile(self) -> str:
        """The name of what the console points at: the dotenv file's, or the environment's kind."""
        name = self.env_file.name.removesuffix(".env").strip(".") if self.env_file else ""
        return display_text(name or self.kind)

    @property
    def kind(self) -> str:
        """ENVIRONMENT as it is set; "development" where it isn't, as on the platform."""
        return display_text(self.environment.get("ENVIRONMENT", "").strip() or "development")

    @property
    def production(self) -> bool:
        """Whether to treat it as production: all that is not plainly something else is."""
        return self.kind.lower() not in {"development", "dev", "staging", "test", "testing", "local"}

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.own.olorin_console_state.expanduser()

    @property
    def metrics_urls(self) -> tuple[str, ...]:
        """The Prometheus endpoints."""
        return tuple(filter(None, (part.strip() for part in self.own.metrics_urls.split(","))))


def load_settings(env_file: Path | None) -> Settings:
    """Reads the dotenv file (`.env` of this folder where none is named, if it is there) and the environment.

    Raises ConfigurationInvalid for a file that can't be read and for a malformed variable of the console's own.
    """
    file = env_file if env_file is not None else _default_file()
    mask.learn_environment(os.environ)
    environment = {**_read(file), **os.environ}
    mask.learn_environment(environment)
    return Settings(environment, file, _own_settings(environment))


def _default_file() -> Path | None:
    return DEFAULT_ENV_FILE if DEFAULT_ENV_FILE.is_file() else None


def _read(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    try:
        # python-dotenv takes a file that isn't there for an empty one; a person who named it wants to know.
        with file.open(encoding=ENCODING) as stream:
            values = dotenv_values(stream=stream)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationInvalid(f"{display_text(file)} can't be read: {reason}") from None
    return {name: value for name, value in values.items() if value is not None}


def _own_settings(environment: Mapping[str, str]) -> OwnSettings:
    given = {name.lower(): value for name, value in environment.items() if name.lower() in OwnSettings.model_fields}
    # An empty variable is one that is not set.
    given = {name: value for name, value in given.items() if value.strip()}
    try:
        return OwnSettings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        raise ConfigurationInvalid(
            display_text(mask(f"{name} is not valid: {first['msg'].removeprefix('Value error, ')}"))
        ) from None
