"""Connections gathered by application: what both kinds of server have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from backends.pools.model import AppConnections, Origin
from backends.safety.secrets import mask
from backends.safety.text import display_text

NAME_LIMIT: Final = 128
"""Characters of an application's name: what Mongo allows; Postgres cuts at 63 bytes."""

_MOST_PLACES: Final = 50
"""Hosts or drivers that are listed for one application."""


@dataclass(frozen=True, slots=True)
class Group:
    """Connections of one application that have everything else in common too, as AppConnections counts them."""

    app: str
    host: str = ""
    driver: str = ""
    active: int | None = 0
    idle: int | None = 0
    other: int = 0
    in_transaction: int = 0
    oldest_s: float = 0.0
    wait: str = ""
    monitors: int = 0

    @property
    def total(self) -> int:
        """How many connections these are."""
        return (self.active or 0) + (self.idle or 0) + self.other


def by_app(groups: Iterable[Group]) -> tuple[AppConnections, ...]:
    """One entry an application, the large ones first. Names are made safe here, and nameless ones share one entry.

    Size counts in powers of two, so that a connection more or less doesn't move an entry about.

    >>> [(each.app, each.active, each.other) for each in by_app([Group("a", active=2), Group(""), Group("a", other=1)])]
    [('a', 2, 1), (None, 0, 0)]
    """
    found: dict[str, AppConnections] = {}
    places: dict[str, Counter[tuple[str, str]]] = {}
    for group in groups:
        name = safe_name(group.app)
        found[name] = _joined(found.get(name) or AppConnections(name or None), group)
        places.setdefault(name, Counter())[safe_name(group.host), safe_name(group.driver)] += group.total
    found = {name: replace(app, origins=_origins(places[name])) for name, app in found.items()}
    return tuple(sorted(found.values(), key=lambda each: (-each.total.bit_length(), each.app or "")))


def safe_name(text: str) -> str:
    """A name from outside, safe to show, in one line. The same few come again with every reading."""
    return _safe(text, mask.known)


@lru_cache(maxsize=4096)
def _safe(text: str, known: int) -> str:
    return display_text(mask(text.strip()), NAME_LIMIT)


def _joined(app: AppConnections, group: Group) -> AppConnections:
    waits = dict(app.waits)
    if group.wait and group.active:
        waits[group.wait] = waits.get(group.wait, 0) + group.active
    return replace(
        app,
        hosts=_with(app.hosts, group.host),
        drivers=_with(app.drivers, group.driver),
        active=_sum(app.active, group.active),
        idle=_sum(app.idle, group.idle),
        other=app.other + group.other,
        in_transaction=app.in_transaction + group.in_transaction,
        oldest_s=max(app.oldest_s, group.oldest_s),
        waits=waits,
        monitors=app.monitors + group.monitors,
    )


def _origins(places: Mapping[tuple[str, str], int]) -> tuple[Origin, ...]:
    """The largest, in an order that does not change while their sizes don't."""
    ranked = sorted(places.items(), key=lambda each: (-each[1], each[0]))
    return tuple(Origin(host, driver, n) for (host, driver), n in ranked[:_MOST_PLACES])


def _with(places: tuple[str, ...], place: str) -> tuple[str, ...]:
    safe = safe_name(place)
    return tuple(sorted({*places, safe})) if safe and len(places) < _MOST_PLACES else places


def _sum(total: int | None, more: int | None) -> int | None:
    return total if more is None else (total or 0) + more
