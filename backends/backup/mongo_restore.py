"""A dump put back as a database of its own, `<name>_test`: one of that name that is not ours is not touched."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backends.backup.bson_files import Digest, read_batch
from backends.backup.model import Part
from backends.backup.mongo_dump import Tell
from backends.clients.deadlines import answer_within
from backends.clients.errors import BadAnswer, NotThere, Refused
from backends.sampling.reading import utc_now

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase

    Database = AsyncIOMotorDatabase[dict[str, Any]]

MARK: Final = "console_restore"
"""The collection that says that the database is ours to drop."""

BATCH_DOCUMENTS: Final = 1000
BATCH_BYTES: Final = 4 * 1024 * 1024
DROP_S: Final = 300.0
"""Seconds that dropping the database may take."""

INDEX_S: Final = 3600.0
"""Seconds that building a collection's indexes may take."""


async def clear(database: Database) -> None:
    """Drops the database if it is ours; raises Refused if it is another's. One that isn't there is fine."""
    names = await database.list_collection_names()
    if names and MARK not in names:
        hint = "It was not made by this console. Rename or drop it by hand if nobody needs it."
        raise Refused(f"{database.name} exists already: nothing is restored into it.", where=database.name, hint=hint)
    if names:
        with answer_within(DROP_S):
            await database.client.drop_database(database.name)


async def restore_database(database: Database, folder: Path, backup_id: str, tell: Tell) -> tuple[Part, ...]:
    """Puts every collection of the dump into the database; returns what its files held. Raises BackendError, OSError.

    Views come last, since they may stand on each other; indexes after their documents, as they are built quicker so.
    """
    await database[MARK].insert_one({"_id": "olorin-console", "backup": backup_id, "at": utc_now()})
    found = await asyncio.to_thread(read_metadata, folder)
    parts = [await _collection(database, each, folder, tell) for each in found if each["type"] == "collection"]
    for view in found:
        if view["type"] == "view":
            await database.create_collection(view["collectionName"], **view["options"])
    return tuple(parts)


def read_metadata(folder: Path) -> list[dict[str, Any]]:
    """What a dump's `.metadata.json` files say, with the file that holds the documents. Raises NotThere, BadAnswer."""
    from bson.json_util import CANONICAL_JSON_OPTIONS, loads

    if not folder.is_dir():
        raise NotThere("There is no such folder.", where=str(folder))
    found = []
    for path in sorted(folder.glob("*.metadata.json")):
        stem = path.name.removesuffix(".metadata.json")
        try:
            values = loads(path.read_bytes(), json_options=CANONICAL_JSON_OPTIONS)
            found.append({"collectionName": stem, "type": "collection", "options": {}, **values, "stem": stem})
        except (ValueError, TypeError) as error:
            raise BadAnswer(f"The file can't be read: {error}", where=str(path)) from error
    if not found:
        raise NotThere("There is no .metadata.json file: this is no dump of a database.", where=str(folder))
    return found


async def _collection(database: Database, said: Mapping[str, Any], folder: Path, tell: Tell) -> Part:
    from bson.codec_options import CodecOptions
    from bson.raw_bson import RawBSONDocument

    name = said["collectionName"]
    options = {key: value for key, value in said["options"].items() if key != "autoIndexId"}
    # As a command: the driver's helper knows only the options that it has names for.
    await database.command({"create": name, **options})
    raw = database[name].with_options(codec_options=CodecOptions(document_class=RawBSONDocument))
    part = await _documents(raw, folder / f"{said['stem']}.bson", tell)
    indexes = [dict(each) for each in said.get("indexes", ()) if each["name"] != "_id_"]
    if indexes:
        with answer_within(INDEX_S):
            await database.command({"createIndexes": name, "indexes": indexes})
    return part


async def _documents(collection: AsyncIOMotorCollection[Any], path: Path, tell: Tell) -> Part:
    from bson.raw_bson import RawBSONDocument

    digest = Digest()
    with await asyncio.to_thread(path.open, "rb") as file:
        while batch := await asyncio.to_thread(read_batch, file, BATCH_BYTES, BATCH_DOCUMENTS):
            for document in batch:
                digest.add(document)
            await collection.insert_many([RawBSONDocument(each) for each in batch], bypass_document_validation=True)
            tell(collection.name, digest.documents)
    return digest.part(collection.name)
