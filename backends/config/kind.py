"""Which kind of environment it is. Apart from the settings classes, since the start of the console needs it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from backends.safety.text import display_text

DEFAULT_KIND: Final = "development"
KINDS: Final = ("development", "staging", "production")

_NOT_PRODUCTION: Final = frozenset({"development", "dev", "staging", "test", "testing", "local"})


def environment_kind(environment: Mapping[str, str]) -> str:
    """ENVIRONMENT as it is set, safe to show; "development" where it isn't, as on the platform."""
    return display_text(environment.get("ENVIRONMENT", "").strip() or DEFAULT_KIND)


def is_production(kind: str) -> bool:
    """Whether to treat it as production: all that is not plainly something else is.

    >>> is_production("production"), is_production("prod-eu"), is_production("Staging")
    (True, True, False)
    """
    return kind.lower() not in _NOT_PRODUCTION
