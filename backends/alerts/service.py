"""One look at every system, each with its own deadline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from backends.alerts.model import Standing, System
from backends.alerts.rules import standing
from backends.clients.errors import BackendError, DeadlineExceeded
from backends.sampling.reading import Problem

_log = logging.getLogger(__name__)

LOOK_DEADLINE: Final = 12.0
"""Seconds that one system's answer may take."""


class OverviewService:
    """unexpected turns an exception that no backend foresaw into a Problem, with a report."""

    def __init__(self, systems: Sequence[System], unexpected: Callable[[str, Exception], Problem]) -> None:
        self.systems = tuple(systems)
        self._unexpected = unexpected

    async def look(self) -> tuple[Standing, ...]:
        """All systems, asked at once, in the screens' order. Raises nothing: who can't be asked stands as no data."""
        return tuple(await asyncio.gather(*(self._one(system) for system in self.systems)))

    async def _one(self, system: System) -> Standing:
        try:
            async with asyncio.timeout(LOOK_DEADLINE):
                return standing(system.name, await system.read(), None)
        except BackendError as error:
            _log.warning("%s: %s: %s (%s)", system.name, error.kind, error.message, error.where)
            return standing(system.name, None, error.problem())
        except TimeoutError:
            problem = DeadlineExceeded(f"no answer within {LOOK_DEADLINE:g} s").problem()
            return standing(system.name, None, problem)
        except Exception as error:
            return standing(system.name, None, self._unexpected(f"asking {system.name}", error))
