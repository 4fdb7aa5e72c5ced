"""Cleaning up after the switch: the main database's collections are set aside under other names, then dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from backends.clients.deadlines import answer_within
from backends.clients.errors import NotThere, Refused
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.memory import ON, record
from backends.migrations.olorin.model import GateState, Held, Light, Seen
from backends.migrations.olorin.names import moved
from backends.migrations.olorin.places import Places, kinds_of
from backends.migrations.olorin.standing import proofs_of
from backends.safety.proofs import Proof

if TYPE_CHECKING:
    from backends.safety.gate import Token

CLEANUP: Final = "separation.cleanup"
DROP: Final = "separation.drop"
PROOF_LASTS: Final = timedelta(hours=24)


async def preview(places: Places, run_id: str, dropping: bool) -> tuple[Held, ...]:
    """What would be set aside, or dropped: names, documents, bytes. Raises BackendError."""
    async with places.reading_source() as source:
        here = await kinds_of(source)
        found = []
        for name in OLORIN_COLLECTIONS:
            away = moved(run_id, name)
            place = away if dropping else name
            if place in here:
                documents = await source[place].count_documents({})
                size = (await source.command("collStats", place)).get("size")
                found.append(Held(name, away, documents, size if isinstance(size, int) else None))
        return tuple(found)


def check(places: Places, proof: Proof | None, seen: Seen, now: datetime) -> None:
    """Raises Refused unless the flag is on, and a verification since the switch passed within 24 h."""
    where = places.source.where
    if places.move.flag is not True:
        raise Refused("OLORIN_USE_SEPARATE_DATABASE is not on: the platform may use these collections.", where=where)
    if proof is None or not proof.holds(now, PROOF_LASTS):
        hint = "Run: olorin migrate olorin --verify"
        raise Refused("No verification passed within the last 24 h.", where=where, hint=hint)
    if not proof.body.get("flag") or seen.on_since is None or proof.made_at < seen.on_since:
        # What the main database got between that verification and the switch is nowhere else.
        hint = "Run it again, with the flag on: olorin migrate olorin --verify"
        raise Refused("The verification that passed is from before the switch.", where=where, hint=hint)


def check_set_aside(places: Places, proof: Proof | None, names: Iterable[str]) -> None:
    """Raises Refused unless the verification read the collections as they were set aside. names: theirs by now."""
    read = {each.read_as for each in proofs_of(proof)}
    if missing := sorted(set(names) - read):
        hint = "What was written just before it is in them alone. Run: olorin migrate olorin --verify"
        said = f"No verification since the cleanup read {', '.join(missing)}."
        raise Refused(said, where=places.source.where, hint=hint)


def check_processes(places: Places, gate: GateState, *, are_told: bool = True) -> None:
    """Raises Refused where one of the platform's processes still uses the collections, or nobody tells (are_told)."""
    if gate.status is Light.RED:
        raise Refused(f"Processes are {gate.why}.", where=places.source.where)
    if not are_told:
        hint = "Whether one of the platform's processes still uses the collections is not known."
        raise Refused(f"The server does not tell who is connected: {gate.why}", where=places.source.where, hint=hint)


async def set_aside(token: Token, places: Places, run_id: str, switched_at: datetime) -> int:
    """Renames the collections; how many. One that was set aside before stays as it is. Raises BackendError.

    switched_at: recorded beside them, so that no console copies from here again before a rollback.
    """
    token.require(CLEANUP, places.source.where)
    await places.require_two()
    async with places.reading_source() as source:
        here = await kinds_of(source)
    both = [name for name in OLORIN_COLLECTIONS if name in here and moved(run_id, name) in here]
    if both:
        raise Refused(f"{', '.join(both)}: written to again after being set aside.", where=places.source.where)
    names = [name for name in OLORIN_COLLECTIONS if name in here]
    async with places.mongo.writing(token, places.source) as writing:
        await record(writing, ON, switched_at)
        for name in names:
            await writing[name].rename(moved(run_id, name))
    token.outcome(set_aside=len(names))
    return len(names)


async def drop(token: Token, places: Places, run_id: str, proof: Proof | None) -> int:
    """Drops what a run's cleanup set aside, for good; how many. Raises NotThere where there is nothing.

    proof: the newest verification, which must have read them. Raises Refused and BackendError.
    """
    token.require(DROP, places.source.where)
    await places.require_two()
    async with places.reading_source() as source:
        here: Mapping[str, Any] = await kinds_of(source)
    names = [moved(run_id, name) for name in OLORIN_COLLECTIONS if moved(run_id, name) in here]
    if not names:
        raise NotThere(f"Nothing was set aside by {run_id}.", where=places.source.where)
    check_set_aside(places, proof, names)
    async with places.mongo.writing(token, places.source) as writing:
        with answer_within(600.0):
            for name in names:
                await writing.drop_collection(name)
    token.outcome(dropped=len(names))
    return len(names)
