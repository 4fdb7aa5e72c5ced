"""Documents that were left out: refused by the target, or in conflict at a rollback. They are listed with their why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backends.backup.bson_files import documents
from backends.migrations.olorin.model import LeftOut, Rejected
from backends.migrations.olorin.names import CONFLICTS, REFUSED
from backends.migrations.olorin.places import Places
from backends.migrations.olorin.planning import id_json
from backends.migrations.olorin.raw import elements
from backends.safety.text import display_text

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingDatabase

LISTED: Final = 200
"""Documents that are listed of those that are counted."""

SHOWN: Final = 80
"""Characters of an `_id`."""


async def left_out(places: Places) -> LeftOut:
    """What either database refused and what rollbacks left: counted, and the first listed. Raises BackendError."""
    async with places.reading_target() as target, places.reading_source() as source:
        # What the main database refused at a rollback is recorded there.
        refused = [*await _listed(target, REFUSED), *await _listed(source, REFUSED)]
        conflicts = await _listed(source, CONFLICTS)
        count = sum([await side[REFUSED].count_documents({}) for side in (target, source)])
        return LeftOut(count, tuple(refused[:LISTED]), await source[CONFLICTS].count_documents({}), conflicts)


async def _listed(database: ReadingDatabase, name: str) -> tuple[Rejected, ...]:
    found = database[name].find_raw_batches({}, limit=LISTED)
    return tuple([_rejected(document) async for batch in found for document in documents(batch)])


def _rejected(document: bytes | memoryview) -> Rejected:
    """A record, as `writing.record` makes it."""
    said = dict(elements(document))
    name, why = (said[key].data[4:-1].decode() if key in said else "" for key in (b"c", b"why"))
    return Rejected(name, display_text(id_json(said[b"k"]), SHOWN), display_text(why, 200))
