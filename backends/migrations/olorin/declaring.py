"""Building in the target what the platform's models declare and it lacks: offered by a verification, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backends.clients.deadlines import answer_within
from backends.migrations.model import OLORIN_COLLECTIONS
from backends.migrations.olorin.indexes import Index, declared, lacking, said
from backends.migrations.olorin.model import BuiltIndex
from backends.migrations.olorin.places import Places, indexes_at, kinds_of
from backends.migrations.olorin.preparing import DUPLICATES, INDEX_S
from backends.safety.secrets import mask
from backends.safety.text import display_text

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorDatabase

    from backends.safety.gate import Token

INDEXES: Final = "separation.indexes"

WHY_SHOWN: Final = 200
"""Characters of what a server says to an index that it does not build."""

_IN_THE_WAY: Final = frozenset({85, 86})
"""IndexOptionsConflict, IndexKeySpecsConflict."""


async def lacking_at(places: Places) -> list[tuple[str, Index]]:
    """Collection and index of what is declared and not in the target. Raises BackendError."""
    async with places.reading_target() as target:
        there = await kinds_of(target)
        return [
            (name, index)
            for name in OLORIN_COLLECTIONS
            for index in lacking(declared(name), await indexes_at(target, name, name in there))
        ]


async def build_declared(token: Token, places: Places) -> tuple[BuiltIndex, ...]:
    """Builds what is lacking. One that the target's documents or another index keep from being is told, and left.

    Raises BackendError.
    """
    token.require(INDEXES, places.target.where)
    wanted = await lacking_at(places)
    async with places.mongo.writing(token, places.target) as writing:
        found = tuple([BuiltIndex(name, said(index), await _build(writing, name, index)) for name, index in wanted])
    token.outcome(built=sum(not each.why_not for each in found), left=sum(bool(each.why_not) for each in found))
    return found


async def _build(writing: AsyncIOMotorDatabase[dict[str, object]], name: str, index: Index) -> str:
    """Why it could not be built; "" where it was."""
    from pymongo.errors import OperationFailure

    try:
        with answer_within(INDEX_S):
            await writing.command({"createIndexes": name, "indexes": [dict(index)]})
    except OperationFailure as error:
        if error.code in _IN_THE_WAY:
            return "another index of its name or its fields is there, as the source has it"
        if error.code == DUPLICATES:
            said_ = (error.details or {}).get("errmsg", "")
            return f"documents have the same value: {display_text(mask(said_), WHY_SHOWN)}"
        raise
    return ""
