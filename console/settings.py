"""The console's own settings, and the merged variables that every system's settings are read from.

Read without pydantic, whose import takes as long as the rest of the start: the platform's settings classes, which the
config screen shows, are read with it when that screen is opened.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from backends.config.kind import environment_kind, is_production
from backends.safety.secrets import mask
from backends.safety.text import display_text
from console.paths import state_folder

T = TypeVar("T")

DEFAULT_ENV_FILE: Final = Path(".env")
ENCODING: Final = "utf-8-sig"
"""UTF-8 with or without a byte order mark, as editors on other systems leave one."""

REFRESH_RANGE: Final = (0.2, 3600.0)
"""Seconds between two readings, least and most."""


class ConfigurationInvalid(Exception):
    """The console's own configuration can't be used; the message is one line, masked, and names the variable."""


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """The variables that only the console reads (design section 4); empty where they are not set.

    refresh is in seconds; metrics_urls are Prometheus text endpoints.
    """

    orchestration_database_url: str
    chunks_database_url: str
    content_collection: str
    whisper_url: str
    translation_url: str
    orchestration_url: str
    metrics_urls: tuple[str, ...]
    state: Path
    refresh: float
    allow_writes: bool


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
        return environment_kind(self.environment)

    @property
    def production(self) -> bool:
        """Whether to treat it as production: all that is not plainly something else is."""
        return is_production(self.kind)


def load_settings(env_file: Path | None) -> Settings:
    """Reads the dotenv file (`.env` of this folder where none is named, if it is there) and the environment.

    Raises ConfigurationInvalid for a file that can't be read and for a malformed variable of the console's own.
    """
    file = env_file if env_file is not None else _default_file()
    mask.learn_environment(os.environ)
    environment = {**_read(file), **os.environ}
    mask.learn_environment(environment)
    return Settings(environment, file, own_settings(environment))


def own_settings(environment: Mapping[str, str]) -> OwnSettings:
    """The console's own settings. Raises ConfigurationInvalid, naming the first malformed variable."""
    own, problems = _read_own(environment)
    for name, reason in problems.items():
        raise ConfigurationInvalid(display_text(mask(f"{name} is not valid: {reason}")))
    return own


def own_problems(environment: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the console's own variables: name → reason. Reasons are not masked yet."""
    return _read_own(environment)[1]


def _read_own(environment: Mapping[str, str]) -> tuple[OwnSettings, dict[str, str]]:
    """The settings, with the default where a variable can't be used, and name → reason for each of those."""
    problems: dict[str, str] = {}

    def read(name: str, default: T, parse: Callable[[str], T]) -> T:
        text = environment.get(name, "").strip()
        try:
            return parse(text) if text else default
        except (ValueError, RuntimeError) as error:
            problems[name] = str(error)
            return default

    own = OwnSettings(
        orchestration_database_url=read("ORCHESTRATION_DATABASE_URL", "", _postgres_url),
        chunks_database_url=read("CHUNKS_DATABASE_URL", "", _postgres_url),
        content_collection=read("BAYIT_CONTENT_COLLECTION", "content", _collection),
        whisper_url=read("WHISPER_URL", "", _http_url),
        translation_url=read("TRANSLATION_URL", "", _http_url),
        orchestration_url=read("ORCHESTRATION_URL", "", _http_url),
        metrics_urls=read("METRICS_URLS", (), _http_urls),
        state=read("OLORIN_CONSOLE_STATE", state_folder(), lambda text: Path(text).expanduser()),
        refresh=read("OLORIN_CONSOLE_REFRESH", 2.0, _seconds),
        allow_writes=read("OLORIN_CONSOLE_ALLOW_WRITES", False, _boolean),
    )
    read("OLORIN_CONSOLE_PRICES", "", _prices)  # drafting reads it for itself; a mistake is told at the start
    return own, problems


def _default_file() -> Path | None:
    return DEFAULT_ENV_FILE if DEFAULT_ENV_FILE.is_file() else None


def _read(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    from dotenv import dotenv_values

    try:
        # python-dotenv takes a file that isn't there for an empty one; a person who named it wants to know.
        with file.open(encoding=ENCODING) as stream:
            values = dotenv_values(stream=stream)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationInvalid(f"{display_text(file)} can't be read: {reason}") from None
    return {name: value for name, value in values.items() if value is not None}


def _url(text: str, *schemes: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        # The parser's own message repeats what stands in the port's place: often it is a password.
        raise ValueError("it is no URL, or its port is no number") from None
    if parts.scheme not in schemes:
        raise ValueError(f"it must start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return text


def _http_url(text: str) -> str:
    url = _url(text, "http", "https")
    if not urlsplit(url).hostname:
        raise ValueError("it names no host")
    return url


def _postgres_url(text: str) -> str:
    """One host, or several separated by commas, as libpq takes them."""
    place, end, rest = text.partition("://")[2].partition("/")
    user, at, hosts = place.rpartition("@")
    for host in hosts.split(","):
        _url(f"{text.partition('://')[0]}://{user}{at}{host}{end}{rest}", "postgresql", "postgres")
    return text


def _prices(text: str) -> str:
    from backends.drafting.costs import price_table

    try:
        price_table(text)
    except ValueError:
        raise ValueError("it is no table of MODEL=SENT/ANSWERED, separated by commas") from None
    return text


def _collection(text: str) -> str:
    if "$" in text or "\0" in text or text.startswith("system.") or text.strip(".") != text:
        raise ValueError(f"{text!r} can't be the name of a collection")
    return text


def _http_urls(text: str) -> tuple[str, ...]:
    return tuple(_http_url(part.strip()) for part in text.split(",") if part.strip())


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number of seconds") from None
    least, most = REFRESH_RANGE
    if not math.isfinite(seconds) or not least <= seconds <= most:
        raise ValueError(f"it must be from {least:g} to {most:g} seconds")
    return seconds


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in {"true", "1", "yes", "on"}
