"""The platform's drafting variables that take effect here; a value that can't be used gives way to its default."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from backends.clients.model import timeout_seconds
from backends.drafting.costs import PRICES, Price, price_table
from backends.drafting.model import DEFAULT_INTENSITY
from backends.safety.logs import LEVELS

T = TypeVar("T")

_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
_FALSE: Final = frozenset({"0", "false", "f", "no", "n", "off"})


@dataclass(frozen=True, slots=True)
class DraftingOptions:
    """What can be set.

    calls: in any sixty seconds, None for no limit. retries: attempts after the first, backoff_s: seconds before the
    first of them. upload_bytes: of an imported file. draft_characters: of a draft. backups: copies kept behind the
    newest. projects: in one library at most. intensity: of new projects, from 0 to 1. autosave_s: seconds from a change
    to its save at most. cache_s: seconds for which an answer is kept, 0 for none. analytics, telemetry: whether events
    are recorded, and each call's times logged. folder: of the drafts, '' for the state folder's own; a relative one is
    inside that. prices: US dollars a million tokens, sent and answered, by model. unusable: the variables whose values
    were set aside.
    """

    calls: int | None = 10
    retries: int = 3
    backoff_s: float = 1.0
    upload_bytes: int = 10 * 1024 * 1024
    draft_characters: int = 500_000
    backups: int = 5
    projects: int = 100
    intensity: float = DEFAULT_INTENSITY
    autosave_s: float = 3.0
    cache_s: float = 300.0
    analytics: bool = True
    telemetry: bool = False
    folder: str = ""
    prices: tuple[Price, ...] = PRICES
    unusable: tuple[str, ...] = ()


def drafting_options(environment: Mapping[str, str]) -> DraftingOptions:
    """The options that the variables give.

    >>> drafting_options({"RATE_LIMIT_CALLS": "4", "OPENAI_MAX_RETRIES": "many"})
    ... # doctest: +ELLIPSIS
    DraftingOptions(calls=4, retries=3, ..., unusable=('OPENAI_MAX_RETRIES',))
    >>> drafting_options({"RATE_LIMIT_ENABLED": "false"}).calls is None
    True
    """
    reader = _Reader(environment)
    default = DraftingOptions()
    reader.check("OPENAI_TIMEOUT", timeout_seconds)
    reader.check_log()
    calls = reader.whole("RATE_LIMIT_CALLS", default.calls or 10, least=1)
    return DraftingOptions(
        calls=calls if reader.flag("RATE_LIMIT_ENABLED", default=True) else None,
        retries=reader.whole("OPENAI_MAX_RETRIES", default.retries, least=0),
        upload_bytes=reader.whole("MAX_UPLOAD_BYTES", default.upload_bytes, least=1024),
        draft_characters=reader.whole("MAX_DRAFT_LENGTH", default.draft_characters, least=1),
        backups=reader.whole("MAX_BACKUPS", default.backups, least=1),
        projects=reader.whole("MAX_PROJECTS", default.projects, least=1),
        intensity=reader.share("DEFAULT_AI_INTENSITY", default.intensity),
        autosave_s=reader.whole("AUTOSAVE_INTERVAL", 0, least=1) or default.autosave_s,
        cache_s=_cache_s(reader, default.cache_s),
        analytics=reader.flag("ENABLE_ANALYTICS", default=True),
        telemetry=reader.flag("ENABLE_TELEMETRY", default=False),
        folder=environment.get("AUTOSAVE_DIR", "").strip(),
        prices=reader.prices("OLORIN_CONSOLE_PRICES"),
        unusable=tuple(reader.unusable),
    )


def _cache_s(reader: _Reader, default: float) -> float:
    seconds = reader.whole("CACHE_TTL", int(default), least=0)
    return float(seconds) if reader.flag("ENABLE_CACHING", default=True) else 0.0


class _Reader:
    """Reads variables, and remembers those that can't be used."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.unusable: list[str] = []

    def flag(self, name: str, *, default: bool) -> bool:
        text = self._text(name).lower()
        if text in _TRUE | _FALSE:
            return text in _TRUE
        return self._default(name, default)

    def whole(self, name: str, default: int, *, least: int) -> int:
        try:
            value = int(self._text(name))
        except ValueError:
            return self._default(name, default)
        return value if value >= least else self._default(name, default)

    def share(self, name: str, default: float) -> float:
        try:
            value = float(self._text(name))
        except ValueError:
            return self._default(name, default)
        return value if math.isfinite(value) and 0 <= value <= 1 else self._default(name, default)

    def check(self, name: str, parse: Callable[[str], object | None]) -> None:
        """Remembers a variable that something else reads, where that can't use it."""
        if parse(self._text(name)) is None:
            self._default(name, None)

    def check_log(self) -> None:
        """The same for the log's variables."""
        self.check("LOG_LEVEL", lambda text: text if text.upper() in LEVELS else None)
        self.whole("LOG_MAX_BYTES", 1, least=1)
        self.whole("LOG_BACKUP_COUNT", 0, least=0)
        self.flag("DEBUG_MODE", default=False)

    def prices(self, name: str) -> tuple[Price, ...]:
        try:
            given = price_table(self._text(name))
        except ValueError:
            return self._default(name, PRICES)
        return (*given, *PRICES)

    def _text(self, name: str) -> str:
        return self._environment.get(name, "").strip()

    def _default(self, name: str, default: T) -> T:
        if self._text(name):
            self.unusable.append(name)
        return default
