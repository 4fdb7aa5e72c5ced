"""Which of the platform's processes use which database, by application name, as the servers see it.

A server tells what runs at a moment, so it is looked again and again, and what was seen is remembered for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from backends.clients.errors import BackendError, Refused
from backends.clients.mongo import MongoClients
from backends.clients.naming import PREFIX
from backends.clients.targets import MongoTarget, Role
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.model import GateState, Light, Process
from backends.pools.model import Use
from backends.pools.mongo_side import MongoSide
from backends.pools.own import place_of

NAMELESS: Final = "(no name)"

RECENT: Final = timedelta(minutes=1)
"""How long it counts that a process was seen at the main database's collections: it may be restarted meanwhile."""

LOOKS: Final = 5
LOOK_S: Final = 0.2
"""How often a command looks, and seconds between two looks."""


class Processes:
    """What was seen of the platform's processes since this console looks. clock: the time (UTC).

    olorin: Olorin's own database, whether the platform uses it or not; on another server than the main one's it is
    looked at once the flag is on.
    """

    def __init__(self, mongo: MongoClients, olorin: MongoTarget | BackendError, clock: Callable[[], datetime]) -> None:
        self._mongo, self._olorin, self._clock = mongo, olorin, clock
        self._known: dict[str, Process] = {}

    async def look(self, looks: int = 1) -> tuple[Process, ...]:
        """Looks so many times more; everybody who was seen, by name. Raises BackendError."""
        for number in range(looks):
            if number:
                await asyncio.sleep(LOOK_S)
            self._known = seen(self._known, await self._uses(), self._databases(), self._clock())
        return tuple(sorted(self._known.values(), key=lambda each: each.app))

    async def _uses(self) -> frozenset[Use]:
        places = {place_of(self._mongo, role): role for role in (Role.OLORIN, Role.MAIN)}
        sides = [MongoSide(self._mongo, [role], place) for place, role in places.items() if place is not None]
        return frozenset().union(*[await side.uses() for side in sides])

    def _databases(self) -> tuple[str, str]:
        if isinstance(self._olorin, BackendError):
            raise self._olorin
        return self._mongo.target(Role.MAIN).database, self._olorin.database


def seen(
    before: Mapping[str, Process], uses: Iterable[Use], databases: tuple[str, str], now: datetime
) -> dict[str, Process]:
    """What is known after a look. databases: the main one, and Olorin's.

    >>> at = datetime(2026, 1, 1)
    >>> seen({}, [Use("api", "bayit.usage_records"), Use("api", "bayit.users")], ("bayit", "olorin"), at)["api"].at_old
    'usage_records'
    """
    found = {app: replace(each, connected=False) for app, each in before.items()}
    for use in uses:
        app = use.app or NAMELESS
        if not app.startswith(PREFIX):
            was = found.get(app) or Process(app)
            told = was.told or bool(use.namespace)
            found[app] = replace(_with(was, use.namespace, databases, now), connected=True, told=told)
    return found


def _with(process: Process, namespace: str, databases: tuple[str, str], now: datetime) -> Process:
    database, _, collection = namespace.partition(".")
    if collection in OLORIN_COLLECTIONS and database == databases[0]:
        return replace(process, old=now, at_old=collection)
    return replace(process, new=now) if database == databases[1] else process


def processes_gate(flag: bool | None, processes: Sequence[Process] | BackendError, now: datetime) -> GateState:
    """Whether the platform's processes use Olorin's own database. They are asked for once the flag is on.

    processes: those that were seen, or why they could not be asked for.
    """
    if not flag:
        return GateState("processes", Light.OK, "asked once the flag is on")
    if isinstance(processes, BackendError):
        return GateState("processes", Light.NO_DATA, f"{processes.message} {processes.hint}".strip())
    late = [each for each in processes if _is_late(each, now)]
    if late:
        said = ", ".join(f"{each.app} ({each.at_old})" for each in late)
        return GateState("processes", Light.RED, f"still at the main database's collections: {said}; restart them")
    waiting = [each for each in processes if each.connected and each.new is None]
    if waiting:
        tells = any(each.told for each in waiting)
        why = "and not seen at either database yet" if tells else "but the server does not tell which database is used"
        return GateState("processes", Light.WARNING, f"connected, {why}: {', '.join(each.app for each in waiting)}")
    moved = [each.app for each in processes if each.new is not None]
    if moved:
        return GateState("processes", Light.OK, f"seen at Olorin's own database: {', '.join(moved)}")
    return GateState("processes", Light.NO_DATA, "no process of the platform is connected")


def _is_late(process: Process, now: datetime) -> bool:
    """Whether it was just seen at the old collections, or is connected and was seen there last."""
    if process.old is None:
        return False
    is_last = process.new is None or process.new < process.old
    return now - process.old <= RECENT or (process.connected and is_last)


def check_nobody_writes(processes: Sequence[Process], now: datetime, where: str) -> None:
    """Raises Refused where one of the platform's processes was just seen at Olorin's own database."""
    late = [each.app for each in processes if each.new is not None and now - each.new <= RECENT]
    if late:
        hint = "Turn OLORIN_USE_SEPARATE_DATABASE off for them and restart them first."
        raise Refused(f"Processes are still at Olorin's own database: {', '.join(late)}.", where=where, hint=hint)
