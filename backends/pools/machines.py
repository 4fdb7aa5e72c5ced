"""The machines whose node exporters are configured, read again and again: the busiest of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from backends.clients.errors import BackendError, BadAnswer
from backends.pools.machine import Machine, cpu_percent, machine
from backends.pools.metrics_text import is_metrics_text

if TYPE_CHECKING:
    from backends.clients.http import HttpClient

BETWEEN_S: Final = 1.0
"""Seconds between the first two readings, since processors count seconds."""


class Machines:
    """Processors and memory behind the URLs; those that answer with other metrics are none of them.

    One that was a machine once, and answers with anything else, is silent.
    """

    def __init__(self, http: HttpClient, urls: Sequence[str]) -> None:
        self._http = http
        self._urls = tuple(urls)
        self._before: dict[str, Machine] = {}
        self._seen: set[str] = set()

    async def read(self) -> Mapping[str, float | None]:
        """The highest "cpu" and "memory" in percent; None where one is silent, nothing where none is configured."""
        found = [each for each in [await self._at(url) for url in self._urls] if each]
        return {name: _highest([each[name] for each in found]) for name in ("cpu", "memory")} if found else {}

    async def _at(self, url: str) -> dict[str, float | None]:
        try:
            now = await self._reading(url)
            if now is None:
                return {}
            before = self._before.get(url)
            if before is None:
                before = now
                await asyncio.sleep(BETWEEN_S)
                now = await self._reading(url) or now
        except BackendError:
            self._before.pop(url, None)
            return {"cpu": None, "memory": None}
        self._before[url] = now
        return {"cpu": cpu_percent(before, now), "memory": now.memory}

    async def _reading(self, url: str) -> Machine | None:
        status, text = await self._http.get(url)
        if status >= 400:
            raise BadAnswer(f"The answer is HTTP {status}.")
        found = machine(text)
        if found is not None:
            self._seen.add(url)
        elif url in self._seen or not is_metrics_text(text):
            raise BadAnswer("The answer is not a machine's metrics.")
        return found


def _highest(values: Sequence[float | None]) -> float | None:
    """The highest; None where one of them is not known.

    >>> _highest([20.0, 81.5]), _highest([20.0, None])
    (81.5, None)
    """
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None
