"""Scans over a real server: against the naive reference, with faults planted, and with failures in the middle."""

import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from backends.clients.errors import AccessDenied, CannotConnect, NotConfigured, NotThere
from backends.clients.mongo import MongoClients
from backends.clients.targets import WATCHING, Role, mongo_targets
from backends.orphans import scan_job, streams
from backends.orphans.graph import Reference
from backends.orphans.model import ReferenceScan, Scan
from backends.orphans.service import OrphansService
from backends.sampling.state import State
from console.demo.servers import MongoServer
from tests.backends.orphans.naive import expected
from tests.olorin import IMPATIENT, T0, Clock, Platform
from tests.scanning import scan_now

CONTENT = "content_embeddings.content_id"


def of(scan: Scan, name: str) -> ReferenceScan:
    return next(each for each in scan.references if each.name == name)


def ids(count: int) -> list[ObjectId]:
    return [ObjectId() for _ in range(count)]


def insert(platform: Platform, collection: str, field: str, values: list[Any], **more: Any) -> None:
    """Documents with these references, and the index that the platform declares."""
    platform.olorin[collection].insert_many([{field: value, **more} for value in values])
    platform.olorin[collection].create_index(field)


async def test_a_database_that_is_not_there_is_said(service: OrphansService) -> None:
    with pytest.raises(NotThere):
        await scan_now(service)


async def test_nothing_to_refer_is_nothing_wrong(platform: Platform, service: OrphansService) -> None:
    platform.olorin.cultural_references.insert_one({})
    scan = await scan_now(service)
    assert scan.complete
    assert [each.name for each in scan.references[:3]] == [
        CONTENT,
        "recap_sessions.channel_id",
        "dubbing_sessions.partner_id",
    ]
    assert {(each.documents, each.orphans, each.p95_ms) for each in scan.references} == {(0, 0, None)}


@pytest.mark.parametrize("seed", range(4))
async def test_a_scan_finds_what_the_naive_reference_finds(
    platform: Platform, service: OrphansService, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists of 7 make the sides meet at every kind of boundary."""
    monkeypatch.setattr(streams, "LIST", 7)
    chance = random.Random(seed)
    known, gone = ids(30), ids(10)
    parents: dict[object, object] = {each: chance.choice([None, None, T0]) for each in known}
    texts = [str(each) for each in known + gone]
    odd: list[Any] = [None, 5, 5.5, True, "", "junk", "g" * 24, texts[0].upper(), texts[35].upper(), known[3], gone[4]]
    odd += [["a", "b"], {"$gt": ""}, T0, ObjectId.from_datetime(T0)]
    children: list[Any] = chance.choices(texts, k=300) + chance.choices(odd, k=60)
    platform.bayit.content.insert_many([{"_id": key, "deleted_at": mark} for key, mark in parents.items()])
    insert(platform, "content_embeddings", "content_id", children)

    result = of(await scan_now(service), CONTENT)

    page = await service.missing("content_embeddings", field="content_id", limit=1000)
    found = Counter({(item.key.value, item.key.type, item.state.value): item.documents for item in page.items})
    wanted = expected(children, parents, "soft-deleted", True, True)
    assert found == wanted
    totals = Counter(dict.fromkeys(("gone", "soft-deleted", "malformed"), 0))
    for (_, _, state), documents in wanted.items():
        totals[state] += documents
    assert (result.orphans, result.soft_deleted, result.malformed) == (
        totals["gone"],
        totals["soft-deleted"],
        totals["malformed"],
    )
    assert (result.documents, result.parents) == (len(children), len(known))


async def test_partners_are_missing_or_suspended(platform: Platform, service: OrphansService) -> None:
    platform.olorin.integration_partners.insert_many(
        [{"partner_id": "acme"}, {"partner_id": "idle", "suspended_at": T0}, {"partner_id": "off", "is_active": False}]
    )
    insert(platform, "dubbing_sessions", "partner_id", ["acme", "idle", "idle", "off", "nobody", None, "Acme"])
    result = of(await scan_now(service), "dubbing_sessions.partner_id")
    assert (result.documents, result.orphans, result.missing_parents, result.suspended, result.malformed) == (
        7,
        2,
        2,
        2,
        1,
    )


async def test_an_optional_reference_may_be_null(platform: Platform, service: OrphansService) -> None:
    platform.bayit.live_channels.insert_one({"_id": ObjectId()})
    insert(platform, "recap_sessions", "channel_id", [None, None, str(ObjectId())])
    result = of(await scan_now(service), "recap_sessions.channel_id")
    assert (result.documents, result.unset, result.orphans, result.malformed) == (3, 2, 1, 0)


async def test_spellings_of_one_id_are_one_missing_parent(platform: Platform, service: OrphansService) -> None:
    platform.bayit.content.insert_one({"_id": ObjectId()})
    gone = ObjectId("6b018474feb93a4fea84f745")
    insert(platform, "content_embeddings", "content_id", [str(gone), str(gone).upper()])
    result = of(await scan_now(service), CONTENT)
    assert (result.orphans, result.missing_parents) == (2, 1)


@pytest.mark.parametrize("index", [None, [("content_id", 1), ("segment_index", 1)]], ids=["no index", "compound"])
async def test_the_scan_needs_no_index_of_its_own(platform: Platform, service: OrphansService, index: Any) -> None:
    platform.bayit.content.insert_one({"_id": ObjectId()})
    platform.olorin.content_embeddings.insert_many([{"content_id": str(each)} for each in ids(20)])
    if index:
        platform.olorin.content_embeddings.create_index(index)
    assert of(await scan_now(service), CONTENT).orphans == 20


async def test_an_index_that_leaves_documents_out_is_not_used(platform: Platform, service: OrphansService) -> None:
    platform.bayit.content.insert_one({"_id": ObjectId()})
    platform.olorin.content_embeddings.insert_many([{"content_id": str(each)} for each in ids(3)] + [{}])
    platform.olorin.content_embeddings.create_index("content_id", sparse=True)
    result = of(await scan_now(service), CONTENT)
    assert (result.documents, result.malformed) == (4, 1)


async def test_an_empty_parent_collection_makes_no_orphans(platform: Platform, service: OrphansService) -> None:
    platform.bayit.contents.insert_one({"_id": ObjectId()})
    insert(platform, "content_embeddings", "content_id", [str(ObjectId())])
    scan = await scan_now(service)
    result = of(scan, CONTENT)
    assert not scan.complete
    assert result.problem is not None
    assert "content is empty, but contents holds documents" in result.problem.message
    assert "BAYIT_CONTENT_COLLECTION" in result.problem.hint
    assert result.orphans is None
    assert (await service.missing("content_embeddings", field="content_id")).items == ()


async def test_the_content_collection_is_a_setting(platform: Platform, mongo: MongoClients, tmp_path: Path) -> None:
    parent = ObjectId()
    platform.bayit.contents.insert_one({"_id": parent})
    insert(platform, "content_embeddings", "content_id", [str(parent), str(ObjectId())])
    result = of(await scan_now(OrphansService(mongo, tmp_path, "contents")), CONTENT)
    assert (result.parent, result.orphans) == ("contents", 1)


async def test_without_the_separation_all_is_in_one_database(platform: Platform, tmp_path: Path) -> None:
    platform.bayit.content.insert_one({"_id": ObjectId()})
    platform.bayit.content_embeddings.insert_one({"content_id": str(ObjectId())})
    mongo = platform.clients(OLORIN_USE_SEPARATE_DATABASE="false")
    result = of(await scan_now(OrphansService(mongo, tmp_path)), CONTENT)
    await mongo.aclose()
    assert (result.documents, result.orphans) == (1, 1)


async def test_a_flag_that_says_neither_is_an_error(platform: Platform, tmp_path: Path) -> None:
    mongo = platform.clients(OLORIN_USE_SEPARATE_DATABASE="perhaps")
    with pytest.raises(NotConfigured):
        await scan_now(OrphansService(mongo, tmp_path))


async def test_grace_counts_from_the_first_sighting(platform: Platform, service: OrphansService, clock: Clock) -> None:
    platform.bayit.content.insert_one({"_id": ObjectId()})
    insert(platform, "content_embeddings", "content_id", [str(ObjectId())] * 3)
    await scan_now(service)
    clock.pass_(days=6, hours=23)
    young = of(await scan_now(service), CONTENT)
    assert (young.orphans, young.in_grace, young.removable) == (3, 3, 0)
    clock.pass_(hours=1)
    old = of(await scan_now(service), CONTENT)
    assert (old.orphans, old.in_grace, old.removable, old.exempt) == (3, 0, 3, 0)


async def test_grace_of_a_soft_deleted_parent_counts_from_its_deletion(
    platform: Platform, service: OrphansService, clock: Clock
) -> None:
    parent, other = ids(2)
    platform.bayit.content.insert_many([{"_id": parent, "deleted_at": T0 - timedelta(days=29)}, {"_id": other}])
    insert(platform, "content_embeddings", "content_id", [str(parent)])
    before = of(await scan_now(service), CONTENT)
    platform.bayit.content.delete_one({"_id": parent})
    clock.pass_(hours=1)
    after = of(await scan_now(service), CONTENT)
    assert (before.soft_deleted, before.orphans, after.orphans, after.removable) == (1, 0, 1, 1)


async def test_an_orphan_that_comes_again_begins_its_grace_anew(
    platform: Platform, service: OrphansService, clock: Clock
) -> None:
    parent, other = ids(2)
    platform.bayit.content.insert_one({"_id": other})
    insert(platform, "content_embeddings", "content_id", [str(parent)])
    await scan_now(service)
    platform.bayit.content.insert_one({"_id": parent})
    clock.pass_(days=8)
    assert of(await scan_now(service), CONTENT).orphans == 0
    platform.bayit.content.delete_one({"_id": parent})
    assert of(await scan_now(service), CONTENT).in_grace == 1


async def test_sessions_in_use_are_not_removable(platform: Platform, service: OrphansService, clock: Clock) -> None:
    platform.olorin.integration_partners.insert_one({"partner_id": "acme"})
    for status in ("active", "paused", "ended"):
        insert(platform, "dubbing_sessions", "partner_id", ["nobody", "acme"], status=status)
    await scan_now(service)
    clock.pass_(days=8)
    result = of(await scan_now(service), "dubbing_sessions.partner_id")
    assert (result.orphans, result.removable) == (3, 1)


async def test_look_ups_are_timed(platform: Platform, service: OrphansService) -> None:
    platform.bayit.content.insert_one({"_id": ObjectId()})
    insert(platform, "content_embeddings", "content_id", [str(ObjectId()), "junk", str(ObjectId()).upper()])
    result = of(await scan_now(service), CONTENT)
    assert result.p95_ms is not None
    assert 0 < result.p95_ms < 1000 * (result.duration_s or 0)


async def test_nobody_there_is_an_error(tmp_path: Path) -> None:
    mongo = MongoClients(mongo_targets({"MONGODB_URI": "mongodb://127.0.0.1:9/"}), IMPATIENT)
    service = OrphansService(mongo, tmp_path)
    with pytest.raises(CannotConnect):
        await scan_now(service)
    assert await service.latest() is None
    await mongo.aclose()


async def test_a_server_that_dies_while_parents_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first scan's findings stay; the reference under way, and those after it, are unknown."""
    monkeypatch.setattr(streams, "LIST", 100)
    server = MongoServer(tmp_path / "mongo", durable=False)
    await server.start()
    url = server.url
    mongo = MongoClients(mongo_targets({"MONGODB_URI": url}), IMPATIENT)
    service = OrphansService(mongo, tmp_path)
    try:
        with MongoClient[dict[str, Any]](url) as client:
            parents = ids(1000)
            client.bayit_plus.content.insert_many([{"_id": each} for each in parents])
            children = [{"content_id": str(each)} for each in parents + ids(1000)]
            client.bayit_plus.content_embeddings.insert_many(children)
        before = of(await scan_now(service), CONTENT)

        async def die(reference: Reference, documents: int) -> None:
            if reference.field == "content_id" and documents and server.process.is_running():
                server.process.kill()
                server.process.wait()

        monkeypatch.setattr(scan_job, "_teller", lambda _: die)
        with pytest.raises(CannotConnect):
            await scan_now(service)
        page = await service.missing("content_embeddings", field="content_id", limit=1)
    finally:
        await server.stop()
        await mongo.aclose()
    assert (before.orphans, page.total) == (1000, 1000)


async def test_a_reference_whose_parents_may_not_be_read_hides_no_other(tmp_path: Path) -> None:
    """A user who may read Olorin's database only: partners are judged, content and channels are not."""
    async with MongoServer(tmp_path / "mongo") as server:
        with MongoClient[dict[str, Any]](server.url) as client:
            roles = [{"role": "read", "db": "olorin_platform"}]
            client.admin.command("createUser", "reader", pwd="sesame99", roles=roles)
            client.bayit_plus.content.insert_one({})
            client.olorin_platform.content_embeddings.insert_one({"content_id": str(ObjectId())})
            client.olorin_platform.integration_partners.insert_one({"partner_id": "acme"})
            client.olorin_platform.usage_records.insert_one({"partner_id": "nobody"})
    async with MongoServer(tmp_path / "mongo", flags=["--auth"], durable=False) as server:
        url = server.url.replace("://", "://reader:sesame99@")
        environment = {"MONGODB_URI": url, "OLORIN_USE_SEPARATE_DATABASE": "true"}
        mongo = MongoClients(mongo_targets(environment), IMPATIENT)
        scan = await scan_now(OrphansService(mongo, tmp_path))
        await mongo.aclose()
    denied = of(scan, CONTENT)
    assert denied.problem is not None
    assert (denied.problem.kind, denied.orphans) == (AccessDenied.kind, None)
    assert of(scan, "usage_records.partner_id").orphans == 1
    assert not scan.complete


async def test_how_things_stand_is_what_the_newest_scan_found(
    platform: Platform, service: OrphansService, clock: Clock
) -> None:
    """Whoever only wants to know it scans nothing."""
    platform.olorin.integration_partners.insert_one({"partner_id": "acme"})
    insert(platform, "usage_records", "partner_id", ["nobody"])
    before = await service.summary()
    assert (before.state, before.headline, await service.latest()) == (State.NO_DATA, "no scan yet", None)
    await scan_now(service)
    insert(platform, "usage_records", "partner_id", ["nobody"])
    clock.pass_(hours=23)
    found = await service.summary()
    assert (found.state, found.headline) == (State.WARNING, "1 orphan, most in usage_records.partner_id (1)")


async def test_a_user_without_privileges_is_told(tmp_path: Path, mongo_url: str) -> None:
    server = MongoServer(tmp_path / "mongo", durable=False, flags=["--auth"])
    await server.start()
    mongo = MongoClients(mongo_targets({"MONGODB_URI": server.url}), WATCHING)
    try:
        with pytest.raises(AccessDenied):
            await scan_now(OrphansService(mongo, tmp_path))
    finally:
        await mongo.aclose()
        await server.stop()


async def test_histories_of_other_databases_are_apart(platform: Platform, tmp_path: Path) -> None:
    insert(platform, "content_embeddings", "content_id", [str(ObjectId())])
    platform.bayit.content.insert_one({"_id": ObjectId()})
    mongo, other = platform.clients(), platform.clients(OLORIN_MONGODB_DB_NAME="elsewhere")
    await scan_now(OrphansService(mongo, tmp_path))
    assert await OrphansService(other, tmp_path).latest() is None
    assert mongo.target(Role.OLORIN).database != other.target(Role.OLORIN).database
    await mongo.aclose()
