"""Pages of missing parents and of their documents, and documents as text, over a real server."""

from datetime import UTC, timedelta
from typing import Any

import pytest
from bson import BSON, ObjectId, Regex

from backends.clients.errors import BackendError, NotThere
from backends.orphans import browse
from backends.orphans.model import MissingParent, Order, ParentKey, ParentState, Place
from backends.orphans.service import OrphansService
from backends.safety.url_secrets import MASK
from tests.olorin import T0, Clock, Platform
from tests.scanning import scan_now

PARTNERS = "dubbing_sessions.partner_id>integration_partners"


async def dubbed(platform: Platform, service: OrphansService, *partners: Any) -> list[MissingParent]:
    """The missing parents after a scan over sessions of these partners."""
    platform.olorin.integration_partners.insert_one({"partner_id": "acme"})
    platform.olorin.dubbing_sessions.insert_many([{"partner_id": each, "session_id": "s"} for each in partners])
    await scan_now(service)
    return list((await service.missing("dubbing_sessions", limit=1000)).items)


async def test_nothing_is_missing_before_the_first_scan(service: OrphansService) -> None:
    page = await service.missing()
    assert (page.items, page.next, page.total) == ((), None, 0)


async def test_missing_parents_are_paged_by_key(platform: Platform, service: OrphansService) -> None:
    await dubbed(platform, service, *(f"p-{number:02}" for number in range(25)))
    platform.olorin.usage_records.insert_many([{"partner_id": "zz"}, {"partner_id": "yy"}])
    await scan_now(service)
    seen: list[str] = []
    after: Place | None = None
    for _ in range(100):
        page = await service.missing(after=after, limit=4)
        assert page.total == 27
        seen += [item.parent_id for item in page.items]
        after = page.next
        if after is None:
            break
    assert seen == [*(f"p-{number:02}" for number in range(25)), "yy", "zz"]


async def test_a_full_last_page_has_no_next(platform: Platform, service: OrphansService) -> None:
    await dubbed(platform, service, "a", "b", "c", "d")
    page = await service.missing(limit=4)
    assert ([item.parent_id for item in page.items], page.next) == (["a", "b", "c", "d"], None)


async def test_documents_and_bytes_are_the_servers(platform: Platform, service: OrphansService) -> None:
    found = await dubbed(platform, service, "gone", "gone", "gone", "other")
    stored = platform.olorin.dubbing_sessions.find({"partner_id": "gone"})
    assert (found[0].documents, found[0].size_bytes) == (3, sum(len(BSON.encode(each)) for each in stored))


async def test_bytes_of_many_documents_are_not_asked_for(
    platform: Platform, service: OrphansService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browse, "SIZED_DOCUMENTS", 2)
    found = await dubbed(platform, service, "gone", "gone", "gone", "other")
    assert [item.size_bytes is None for item in found] == [True, False]


async def test_first_and_last_sighting(platform: Platform, service: OrphansService, clock: Clock) -> None:
    await dubbed(platform, service, "gone")
    clock.pass_(days=3)
    await scan_now(service)
    item = (await service.missing()).items[0]
    assert (item.first_seen, item.last_seen) == (T0, T0 + timedelta(days=3))


async def test_a_soft_deleted_parent_says_when_it_vanishes(platform: Platform, service: OrphansService) -> None:
    parent = ObjectId()
    platform.bayit.content.insert_one({"_id": parent, "deleted_at": T0})
    platform.olorin.content_embeddings.insert_one({"content_id": str(parent)})
    await scan_now(service)
    item = (await service.missing()).items[0]
    assert (item.state, item.vanishes_at) == (ParentState.SOFT_DELETED, T0 + timedelta(days=30))


@pytest.mark.parametrize(
    ("text", "seen"),
    [("one", ["ONE", "one-two"]), ("suspended", ["idle"]), ("nowhere", []), ("%", []), ("éC", ["École"])],
)
async def test_the_filter_takes_a_part_of_the_id_or_a_state(
    platform: Platform, service: OrphansService, text: str, seen: list[str]
) -> None:
    platform.olorin.integration_partners.insert_one({"partner_id": "idle", "suspended_at": T0})
    await dubbed(platform, service, "ONE", "one-two", "three", "École", "idle")
    page = await service.missing(contains=text)
    assert ([item.parent_id for item in page.items], page.total) == (seen, len(seen))


async def test_documents_of_one_parent_are_paged_by_id(platform: Platform, service: OrphansService) -> None:
    (item, _) = await dubbed(platform, service, *["gone"] * 25, "other")
    stored = [str(each["_id"]) for each in platform.olorin.dubbing_sessions.find({"partner_id": "gone"}).sort("_id")]
    seen: list[str] = []
    page = await service.documents(item.key, limit=10)
    while True:
        seen += [document.id for document in page.items]
        if page.next is None:
            break
        page = await service.documents(item.key, page.next, limit=10)
    assert seen == stored


@pytest.mark.parametrize(
    "value",
    [5, 2.5, True, ["a", "b"], {"$gt": ""}, {"$where": "1"}, Regex(".*"), ObjectId("0" * 24), None, T0, ""],
    ids=str,
)
async def test_malformed_references_lead_to_their_own_documents_only(
    platform: Platform, service: OrphansService, value: Any
) -> None:
    """A value that looks like an operator or a pattern is looked for as what it is."""
    (item,) = await dubbed(platform, service, value, "acme", "acme")
    page = await service.documents(item.key)
    wanted = platform.olorin.dubbing_sessions.find_one({"partner_id": {"$ne": "acme"}})
    assert wanted is not None
    assert item.state is ParentState.MALFORMED
    assert [document.id for document in page.items] == [str(wanted["_id"])]


async def test_a_document_opens_as_a_tree(platform: Platform, service: OrphansService) -> None:
    key = ObjectId()
    inner = {"recaps": [{"summary": "x"}], "n": 5, "empty": []}
    platform.olorin.dubbing_sessions.insert_one({"_id": key, "partner_id": "gone", **inner})
    nodes = await service.document(PARTNERS, f'{{"$oid": "{key}"}}')
    assert [(node.depth, node.name, node.text, node.inner) for node in nodes] == [
        (0, "_id", f'{{"$oid": "{key}"}}', False),
        (0, "partner_id", '"gone"', False),
        (0, "recaps", "1 value", True),
        (1, "0", "1 field", True),
        (2, "summary", '"x"', False),
        (0, "n", '{"$numberInt": "5"}', False),
        (0, "empty", "[]", False),
    ]


async def test_a_document_shows_no_secret_and_no_escape(platform: Platform, service: OrphansService) -> None:
    key = ObjectId()
    secrets = {"api_key_hash": "$2b$12$abcdefghij", "nested": [{"webhook_secret": "hunter2hunter2"}]}
    nasty = {"note": "\x1b]0;owned\x07[@click=app.quit]x[/] \u202egnp.exe", "url": "https://u:sesame99@host/x"}
    names = {"\x1b[2Jname": 1}
    platform.olorin.dubbing_sessions.insert_one({"_id": key, "partner_id": "gone", **secrets, **nasty, **names})
    text = str(await service.document(PARTNERS, f'{{"$oid": "{key}"}}'))
    assert MASK in text
    for hidden in ("$2b$12", "hunter2", "sesame99", "\x1b", "\x07", "\u202e", "x1b"):
        assert hidden not in text
    assert "[@click=app.quit]x[/]" in text


async def test_a_document_that_is_gone_is_told(service: OrphansService) -> None:
    with pytest.raises(NotThere):
        await service.document(PARTNERS, f'{{"$oid": "{ObjectId()}"}}')


async def test_nasty_text_in_a_reference_is_shown_safely(platform: Platform, service: OrphansService) -> None:
    (item,) = await dubbed(platform, service, "\x1b[2J[/red]\x00\u202e")
    assert "\x1b" not in item.parent_id
    assert "\x00" not in item.parent_id
    assert "[/red]" in item.parent_id
    assert len((await service.documents(item.key)).items) == 1


async def test_a_key_of_another_graph_is_refused(service: OrphansService) -> None:
    with pytest.raises(BackendError, match="no reference"):
        await service.documents(ParentKey("users.id>nothing", "x"))


async def test_times_are_utc(platform: Platform, service: OrphansService) -> None:
    (item,) = await dubbed(platform, service, "gone")
    assert item.first_seen.tzinfo is UTC


@pytest.mark.parametrize(
    ("order", "seen"),
    [
        (Order.DOCUMENTS, ["c", "a", "idle", "b", "d", "7"]),
        (Order.STATE, ["a", "b", "c", "d", "7", "idle"]),
        (Order.FIRST_SEEN, ["a", "b", "c", "idle", "d", "7"]),
    ],
)
async def test_sorted_pages(
    platform: Platform, service: OrphansService, clock: Clock, order: Order, seen: list[str]
) -> None:
    platform.olorin.integration_partners.insert_one({"partner_id": "idle", "suspended_at": T0})
    await dubbed(platform, service, *"ccc", *"aa", "idle", "idle", "b")
    clock.pass_(days=1)
    await dubbed(platform, service, "d", 7)
    found: list[str] = []
    after: Place | None = None
    for _ in range(10):
        page = await service.missing(after=after, limit=2, order=order)
        found += [item.key.value for item in page.items]
        after = page.next
        if after is None:
            break
    assert [each.replace('{"$numberInt": "7"}', "7") for each in found] == seen


async def test_the_ids_tell_when_the_documents_were_made(platform: Platform, service: OrphansService) -> None:
    times = [T0 - timedelta(days=days) for days in (9, 3, 5)]
    platform.olorin.integration_partners.insert_one({"partner_id": "acme"})
    platform.olorin.dubbing_sessions.insert_many(
        [{"_id": ObjectId.from_datetime(at), "partner_id": "gone"} for at in times] + [{"_id": 1, "partner_id": "odd"}]
    )
    await scan_now(service)
    gone, odd = (await service.missing()).items
    assert (gone.oldest, gone.newest, odd.oldest) == (times[0], times[1], None)
