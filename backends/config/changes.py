"""The one entry point to any setting, by its path or its variable, and to who wants to know of its changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backends.clients.errors import NotThere
from backends.config.catalogue import Spec, by_id, specs
from backends.config.model import ConfigSnapshot


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that has another value than before; both are masked."""

    id: str
    name: str
    before: str
    after: str


Told = Callable[[Change], object]


def spec_of(key: str) -> Spec:
    """The setting that a key means, routed by its prefix: a path (`olorin.…`, `audio.…`), or a variable's name.

    A bare key of the orchestration service (`database_pool_size`) is its own. Raises NotThere.

    >>> [spec_of(key).name for key in ("audio.chunk_duration", "OPENAI_MODEL", "workers")]
    ['AUDIO_CHUNKING_CHUNK_DURATION', 'OPENAI_MODEL', 'WORKERS']
    """
    found = by_id().get(key) or by_id().get(f"orchestration.{key}")
    found = found or next((spec for spec in specs() if key in (spec.name, *spec.older_names)), None)
    if found is None:
        raise NotThere(f"No setting is called {key}.", hint="`olorin config show` lists them.")
    return found


def changes(before: ConfigSnapshot, after: ConfigSnapshot) -> tuple[Change, ...]:
    """What differs between two readings of the same configuration."""
    old = {setting.id: setting.value for setting in before.settings}
    return tuple(
        Change(setting.id, setting.name, old[setting.id], setting.value)
        for setting in after.settings
        if setting.value != old[setting.id]
    )


class Subscribers:
    """Who wants to know of changes, by the beginning of the settings' paths."""

    def __init__(self) -> None:
        self._told: list[tuple[str, Told]] = []

    def add(self, prefix: str, told: Told) -> Callable[[], None]:
        """Calls `told` with each later change below the prefix; returns what ends that."""
        entry = (prefix, told)
        self._told.append(entry)
        return lambda: self._told.remove(entry)

    def tell(self, changed: tuple[Change, ...]) -> None:
        """Tells everyone what they asked for."""
        for change in changed:
            for prefix, told in tuple(self._told):
                if change.id.startswith(prefix):
                    told(change)
