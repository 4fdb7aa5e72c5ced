"""A Mongo database as files in mongodump's layout: `<database>/<collection>.bson` and `.metadata.json`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import quote

from backends.backup.bson_files import Digest, documents
from backends.backup.model import Part
from backends.clients.errors import Refused
from backends.safety.files import private_folder, sync_folder

if TYPE_CHECKING:
    from backends.clients.read_only import ReadingCollection, ReadingDatabase

BATCH_DOCUMENTS: Final = 1000
"""Documents that a server is asked for at a time: a few hundred kilobytes, 16 MB at most."""

Tell = Callable[[str, int], None]
"""Is told a collection's name and the documents done so far."""


async def dump_database(database: ReadingDatabase, folder: Path, tell: Tell) -> tuple[Part, ...]:
    """Writes every collection and view to `folder`; returns what the collections hold. Raises BackendError, OSError.

    One collection is read after the other: each is as it was while it was read. Only one batch is in memory.
    """
    await asyncio.to_thread(private_folder, folder)
    found: list[Part] = []
    for entry in await collections_of(database):
        name = entry["name"]
        if entry.get("type") == "timeseries":
            hint = "Back the database up with mongodump, and record that: olorin backup … --record PATH"
            raise Refused(f"{name} is a time series, which the console does not back up.", hint=hint)
        indexes = await indexes_of(database, name) if holds(entry) else []
        text = metadata(entry, indexes)
        await asyncio.to_thread(_write, folder / f"{file_name(name)}.metadata.json", text)
        if holds(entry):
            found.append(await dump_collection(database[name], folder / f"{file_name(name)}.bson", tell))
    await asyncio.to_thread(sync_folder, folder)
    return tuple(found)


async def dump_collection(collection: ReadingCollection, path: Path, tell: Tell) -> Part:
    """Streams a collection to a file, without decoding."""
    digest = Digest()
    file: BinaryIO = await asyncio.to_thread(_private_file, path)
    try:
        async for batch in collection.find_raw_batches({}, batch_size=BATCH_DOCUMENTS):
            await asyncio.to_thread(_keep, file, batch, digest)
            tell(collection.name, digest.documents)
        await asyncio.to_thread(_finish, file)
    finally:
        file.close()
    return digest.part(collection.name)


async def digest_of(collection: ReadingCollection, tell: Tell) -> Part:
    """What a collection holds, read without decoding."""
    digest = Digest()
    async for batch in collection.find_raw_batches({}, batch_size=BATCH_DOCUMENTS):
        await asyncio.to_thread(_keep, None, batch, digest)
        tell(collection.name, digest.documents)
    return digest.part(collection.name)


async def collections_of(database: ReadingDatabase) -> list[Mapping[str, Any]]:
    """Collections and views with their options, by name; the server's own are left out."""
    answer = await database.command("listCollections", 1, cursor={"batchSize": 100_000})
    entries: list[Mapping[str, Any]] = answer["cursor"]["firstBatch"]
    return sorted((each for each in entries if not each["name"].startswith("system.")), key=lambda each: each["name"])


def holds(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of `collections_of` holds documents itself, as a view doesn't."""
    return bool(entry.get("type", "collection") == "collection")


async def indexes_of(database: ReadingDatabase, name: str) -> list[Mapping[str, Any]]:
    """The indexes of a collection, as the server says them."""
    answer = await database.command("listIndexes", name, cursor={"batchSize": 1000})
    found: list[Mapping[str, Any]] = answer["cursor"]["firstBatch"]
    return found


def metadata(entry: Mapping[str, Any], indexes: list[Mapping[str, Any]]) -> bytes:
    """The text of a `.metadata.json`, in extended JSON as mongodump writes it."""
    from bson.json_util import CANONICAL_JSON_OPTIONS, dumps

    uuid = entry.get("info", {}).get("uuid")
    values = {
        "options": entry.get("options", {}),
        "indexes": [{key: value for key, value in each.items() if key != "ns"} for each in indexes],
        "uuid": bytes(uuid).hex() if isinstance(uuid, bytes) else getattr(uuid, "hex", ""),
        "collectionName": entry["name"],
        "type": entry.get("type", "collection"),
    }
    return dumps(values, json_options=CANONICAL_JSON_OPTIONS).encode()


def file_name(collection: str) -> str:
    """The name of a collection as mongodump makes a file's of it.

    >>> file_name("usage_records"), file_name("a/b c")
    ('usage_records', 'a%2Fb%20c')
    """
    return quote(collection, safe="$&+=:@")


def _private_file(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _write(path: Path, data: bytes) -> None:
    with _private_file(path) as file:
        file.write(data)
        _finish(file)


def _finish(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _keep(file: BinaryIO | None, batch: bytes, digest: Digest) -> None:
    for document in documents(batch):
        digest.add(document)
    if file is not None:
        file.write(batch)
