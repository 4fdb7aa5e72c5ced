"""The gates of a dry run and of an execution: each looked at by itself, each with its reason in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import AccessDenied, BackendError, Refused
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.model import CollectionPlan, GateState, Light
from backends.migrations.olorin.places import Places, kinds_of
from backends.sampling.words import counted

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase

NEEDED: Final = frozenset({"insert", "update", "remove", "createCollection", "createIndex"})
"""What the target's user must be allowed to do."""

DISK_FACTOR: Final = 1.5
"""Free space that is wanted for each byte to copy: documents, their indexes, the journal."""


async def place_gates(places: Places, switched: str) -> list[GateState]:
    """What can be told without reading documents. switched: when a switch was recorded, "" where none was.

    Raises BackendError where a side can't be asked.
    """
    gates = [await _different(places), _flag(places), _newer(places, switched)]
    async with places.reading_source() as database:
        kinds = await kinds_of(database)
        gates += [_source(kinds), await _streams(database)]
    async with places.reading_target() as database:
        gates += [GateState("reachable", Light.OK, "the target answers"), await _writable(database)]
    return gates


async def check_gates(places: Places, switched: str) -> None:
    """Raises Refused where a gate is red, AccessDenied where it is the target's user; and BackendError."""
    for gate in await place_gates(places, switched):
        if gate.status is Light.RED:
            kind: type[BackendError] = AccessDenied if gate.id == "writable" else Refused
            raise kind(f"{gate.id}: {gate.why}.", where=places.target.where)


async def check_disk(places: Places) -> None:
    """Raises Refused where the target's disk does not take what it lacks in bytes. Raises BackendError."""
    async with places.reading_source() as database:
        mine = await _sizes(database)
    async with places.reading_target() as database:
        other = await _sizes(database)
    missing = [max(size - other.get(name, 0), 0) for name, size in mine.items()]
    gate = await disk_gate(places, sum(missing))
    if gate.status is Light.RED:
        raise Refused(f"{gate.id}: {gate.why}.", where=places.target.where)


async def _sizes(database: ReadingDatabase) -> Mapping[str, int]:
    """Bytes of the documents of each of the seven collections that are there."""
    there = [name for name in OLORIN_COLLECTIONS if name in await kinds_of(database)]
    sizes = {name: (await database.command("collStats", name)).get("size") for name in there}
    return {name: int(size) for name, size in sizes.items() if isinstance(size, int | float)}


async def disk_gate(places: Places, wanted_bytes: int) -> GateState:
    """Whether the target's disk takes what is to be copied, where the server tells. Raises BackendError."""
    async with places.reading_target() as database:
        said = await database.command("dbStats")
    total, used = said.get("fsTotalSize"), said.get("fsUsedSize")
    if not isinstance(total, int | float) or not isinstance(used, int | float):
        return GateState("disk", Light.NO_DATA, "the server does not tell how much disk is free")
    free, wanted = int(total - used), int(wanted_bytes * DISK_FACTOR)
    why = f"{free:,} bytes are free, {wanted:,} are wanted"
    return GateState("disk", Light.OK if free >= wanted else Light.RED, why)


def difference_gate(collections: Sequence[CollectionPlan]) -> GateState:
    """What is in the target already: nothing, the same, or something else."""
    different = [each for each in collections if each.target and (each.to_copy or each.extra)]
    if not different:
        return GateState("difference", Light.OK, "nothing in the target is overwritten")
    extra = sum(each.extra for each in different)
    names = ", ".join(each.name for each in different)
    why = f"the target holds other documents in {names}; {counted(extra, 'document')} there would be set aside"
    return GateState("difference", Light.WARNING, why)


def models_gate(rejected: int) -> GateState:
    """Whether the platform's models take every document."""
    if not rejected:
        return GateState("models", Light.OK, "the platform's models take every document")
    why = f"{counted(rejected, 'document')} would be rejected by the platform's models; they are copied as they are"
    return GateState("models", Light.WARNING, why)


async def _different(places: Places) -> GateState:
    if why := await places.not_two():
        return GateState("different", Light.RED, why)
    return GateState("different", Light.OK, "source and target are two databases")


def _flag(places: Places) -> GateState:
    if places.move.flag is None:
        return GateState("flag", Light.RED, "OLORIN_USE_SEPARATE_DATABASE is neither true nor false")
    if places.move.flag:
        return GateState("flag", Light.WARNING, "OLORIN_USE_SEPARATE_DATABASE is on already")
    return GateState("flag", Light.OK, "OLORIN_USE_SEPARATE_DATABASE is off, as it should be until the switch")


def _newer(places: Places, switched: str) -> GateState:
    if places.move.flag:
        return GateState("newer", Light.RED, "the platform writes to the target: copying would put old data over new")
    if switched:
        why = f"a switch was recorded at {switched}: the target may be newer; --rollback takes that back"
        return GateState("newer", Light.RED, why)
    return GateState("newer", Light.OK, "no switch is recorded")


def _source(kinds: Mapping[str, Mapping[str, Any]]) -> GateState:
    odd = [name for name in OLORIN_COLLECTIONS if name in kinds and kinds[name].get("type") != "collection"]
    if odd:
        return GateState("source", Light.RED, f"{', '.join(odd)}: not a collection that can be copied")
    missing = [name for name in OLORIN_COLLECTIONS if name not in kinds]
    if len(missing) == len(OLORIN_COLLECTIONS):
        return GateState("source", Light.RED, "none of the seven collections is in the source")
    if missing:
        return GateState("source", Light.WARNING, f"the source has no {', '.join(missing)}")
    return GateState("source", Light.OK, "all seven collections are there")


async def _streams(database: ReadingDatabase) -> GateState:
    hello = await database.command("hello")
    if hello.get("setName") or hello.get("msg") == "isdbgrid":
        return GateState("follow", Light.OK, "the source tells its changes")
    why = "the source has no change streams: a second pass is made, and writes after that are not seen"
    return GateState("follow", Light.WARNING, why)


async def _writable(database: ReadingDatabase) -> GateState:
    hello = await database.command("hello")
    if not (hello.get("isWritablePrimary") or hello.get("ismaster")):
        return GateState("writable", Light.RED, "the target's server is no primary: it takes no writes")
    try:
        said = (await database.command("connectionStatus", showPrivileges=True)).get("authInfo", {})
    except BackendError:
        return GateState("writable", Light.NO_DATA, "the server does not tell what this user may do")
    missing = NEEDED - _allowed(said, database.name)
    if said.get("authenticatedUsers") and missing:
        return GateState("writable", Light.RED, f"the target's user may not: {', '.join(sorted(missing))}")
    return GateState("writable", Light.OK, "the target takes writes")


def _allowed(said: Mapping[str, Any], database: str) -> set[str]:
    return {
        action
        for each in said.get("authenticatedUserPrivileges", ())
        if _covers(each.get("resource", {}), database)
        for action in each.get("actions", ())
    }


def _covers(resource: Mapping[str, Any], database: str) -> bool:
    if resource.get("anyResource"):
        return True
    return resource.get("db") in {database, ""} and resource.get("collection") == "" and "cluster" not in resource
