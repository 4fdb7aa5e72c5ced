"""A Mongo database there and back, on a real server: byte by byte, and only into what is ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import ASCENDING, MongoClient
from pymongo.database import Database

from backends.backup.bson_files import Digest, documents
from backends.backup.model import Backup, Light
from backends.backup.mongo_restore import MARK
from backends.backup.rules import require
from backends.backup.service import BackupsService
from backends.clients.errors import BadAnswer, NotThere, Refused
from backends.clients.mongo import MongoClients
from backends.clients.targets import WATCHING, mongo_targets
from backends.safety.gate import Consent, Gate

FLAG = Consent("command", explicit=True)
ODD: dict[str, Any] = {
    "_id": 7,
    "at": datetime(1, 1, 1, tzinfo=UTC),
    "exact": bson.Decimal128("1.10"),
    "pattern": bson.Regex("^a", "i"),
    "code": bson.Code("x"),
    "long": bson.Int64(1),
    "nothing": None,
}


@pytest.fixture
def database(mongo_url: str, mongo_database: str) -> Iterator[Database[dict[str, Any]]]:
    """A database with what is hard to copy: rare types, early dates, validators, indexes, odd names, a view."""
    with MongoClient[dict[str, Any]](mongo_url) as client:
        found = client[mongo_database]
        found["things"].insert_many([{"_id": n, "text": "x" * (n % 50), "deep": {"n": [n, None]}} for n in range(2500)])
        found["odd name/é"].insert_one({"_id": "only", "at": datetime(1, 1, 1, tzinfo=UTC)})
        found["odd"].insert_one(ODD)
        found.create_collection("empty")
        found.create_collection("seen", viewOn="things", pipeline=[{"$match": {"_id": {"$lt": 3}}}])
        found["things"].create_index([("text", ASCENDING), ("deep.n", -1)], name="by_text", sparse=True)
        found["odd name/é"].create_index("at", expireAfterSeconds=10**8, name="at_ttl")
        yield found
        client.drop_database(f"{mongo_database}_test")


@pytest.fixture
async def backups(mongo_url: str, database: Database[dict[str, Any]], tmp_path: Path) -> AsyncIterator[BackupsService]:
    mongo = MongoClients(mongo_targets({"MONGODB_URI": mongo_url, "MONGODB_DB_NAME": database.name}), WATCHING)
    yield BackupsService(mongo, {}, tmp_path / "state")
    await mongo.aclose()


async def take(backups: BackupsService, gate: Gate, **options: Any) -> Backup:
    async with gate.act(backups.act("backup.take", "main"), FLAG) as token:
        return await backups.take(token, "main", **options)


async def record(backups: BackupsService, gate: Gate, place: str) -> Backup:
    taken_at = datetime.now(UTC) - timedelta(hours=1)
    async with gate.act(backups.act("backup.record", "main"), FLAG) as token:
        return await backups.record(token, "main", place, taken_at)


async def test_a_backup_is_proven_and_opens_the_gate(
    backups: BackupsService, gate: Gate, database: Database[dict[str, Any]]
) -> None:
    assert (await backups.gate("main", undoable=False)).light is Light.RED
    made = await take(backups, gate)
    assert (made.proven, made.differences) == (True, ())
    assert {part.name: part.documents for part in made.parts} == {
        "odd": 1, "empty": 0, "odd name/é": 1, "things": 2500
    }  # fmt: skip
    assert (await backups.gate("main", undoable=False)).light is Light.OK
    assert f"{database.name}_test" not in database.client.list_database_names()


async def test_the_files_are_mongodumps(
    backups: BackupsService, gate: Gate, database: Database[dict[str, Any]]
) -> None:
    folder = Path((await take(backups, gate)).place) / database.name
    names = {path.name for path in folder.iterdir()}
    assert names == {"seen.metadata.json"} | {
        f"{name}.{end}"
        for name in ("things", "odd", "empty", "odd%20name%2F%C3%A9")
        for end in ("bson", "metadata.json")
    }
    assert bson.decode_all((folder / "things.bson").read_bytes()) == list(database["things"].find())
    assert (folder / "odd.bson").read_bytes() == bson.encode(ODD)
    said = json.loads((folder / "things.metadata.json").read_text())
    assert [each["name"] for each in said["indexes"]] == ["_id_", "by_text"]
    assert said["collectionName"] == "things"
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


async def test_what_is_restored_is_the_same_with_its_indexes(
    backups: BackupsService, gate: Gate, database: Database[dict[str, Any]]
) -> None:
    await take(backups, gate, keep_test=True)
    restored = database.client[f"{database.name}_test"]
    assert set(restored.list_collection_names()) == {MARK, *database.list_collection_names()}
    for name in ("things", "odd name/é"):
        assert restored[name].index_information() == database[name].index_information()
    assert [each["_id"] for each in restored["seen"].find()] == [0, 1, 2]
    assert list(restored["things"].find(sort=[("_id", 1)])) == list(database["things"].find(sort=[("_id", 1)]))
    again = await take(backups, gate)
    assert again.proven, "a test database that the console made is made anew"


async def test_a_test_database_of_somebody_else_is_not_touched(
    backups: BackupsService, gate: Gate, database: Database[dict[str, Any]]
) -> None:
    theirs = database.client[f"{database.name}_test"]
    theirs["precious"].insert_one({"_id": 1})
    with pytest.raises(Refused, match="exists already"):
        await take(backups, gate)
    assert theirs.list_collection_names() == ["precious"]
    assert (await backups.gate("main", undoable=False)).light is Light.RED
    (kept,) = await backups.backups("main")
    assert not kept.proven


async def test_damaged_files_are_no_backup(
    backups: BackupsService, gate: Gate, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    folder = Path((await take(backups, gate)).place)
    things = folder / database.name / "things.bson"
    data = things.read_bytes()
    things.write_bytes(data[:-3])
    with pytest.raises(BadAnswer, match="in the middle of a document"):
        await record(backups, gate, str(folder))
    assert f"{database.name}_test" not in database.client.list_database_names(), "no copy is left behind"
    things.write_bytes(data)
    assert (await record(backups, gate, str(folder))).proven


async def test_a_recorded_dump_that_lacks_a_collection_is_not_proven(
    backups: BackupsService, gate: Gate, database: Database[dict[str, Any]]
) -> None:
    folder = Path((await take(backups, gate)).place)
    for file in (folder / database.name).glob("odd.*"):
        file.unlink()
    made = await record(backups, gate, str(folder))
    assert (made.proven, made.differences) == (False, ("odd: not in the backup",))


async def test_a_dump_is_compared_with_what_was_read_and_not_with_itself(
    backups: BackupsService, gate: Gate, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = backups._dump

    async def damaging(target: str, folder: Path, tell: Any) -> Any:
        parts = await dump(target, folder, tell)
        things = folder / database.name / "things.bson"
        things.write_bytes(things.read_bytes().replace(b"xxxx", b"xxxy", 1))
        return parts

    monkeypatch.setattr(backups, "_dump", damaging)
    made = await take(backups, gate)
    assert (made.proven, made.differences) == (False, ("things: 2,500 documents, but another content",))


async def test_a_note_is_recorded_and_proves_nothing(backups: BackupsService, gate: Gate) -> None:
    made = await record(backups, gate, "point-in-time recovery of the provider, 35 days")
    assert (made.how, made.proven) == ("recorded", False)
    assert require(await backups.gate("main", undoable=True), made.where).light is Light.WARNING
    assert "was never restored" in await backups.warning(made.where)
    with pytest.raises(Refused, match="never restored") as caught:
        require(await backups.gate("main", undoable=False), made.where)
    assert caught.value.hint == "Run: olorin backup main"


async def test_a_database_that_is_not_there_leaves_nothing(
    mongo_url: str, mongo_database: str, gate: Gate, tmp_path: Path
) -> None:
    mongo = MongoClients(mongo_targets({"MONGODB_URI": mongo_url, "MONGODB_DB_NAME": mongo_database}), WATCHING)
    backups = BackupsService(mongo, {}, tmp_path / "state")
    with pytest.raises(NotThere):
        await take(backups, gate)
    assert await backups.backups("main") == []
    assert list((tmp_path / "state" / "backups").iterdir()) == []
    await mongo.aclose()


async def test_without_the_gate_nothing_is_taken(backups: BackupsService, gate: Gate) -> None:
    async with gate.act(backups.act("backup.take", "main"), FLAG) as token:
        pass
    with pytest.raises(Refused):
        await backups.take(token, "main")


def test_the_digest_knows_no_order_and_every_byte() -> None:
    raw = [bson.encode({"_id": n}) for n in range(5)]

    def digest(found: list[bytes]) -> Any:
        counted = Digest()
        for each in documents(b"".join(found)):
            counted.add(each)
        return counted.part("x")

    assert digest(raw) == digest(raw[::-1])
    assert digest(raw) != digest([*raw[:4], bson.encode({"_id": 5})])
    assert digest(raw) != digest([*raw, raw[0]])
    with pytest.raises(BadAnswer):
        digest([raw[0], raw[1][:-1]])
