"""Looking one parent up, and what else names it, over a real server."""

from typing import Any

import pytest
from bson import ObjectId

from backends.orphans import evidence
from backends.orphans.model import ParentKey, ParentState
from backends.orphans.service import OrphansService
from tests.olorin import T0, Clock, Platform

CONTENT = "content_embeddings.content_id>content"
PARTNER = "dubbing_sessions.partner_id>integration_partners"


@pytest.mark.parametrize(
    ("parent", "state"),
    [
        (None, ParentState.GONE),
        ({}, ParentState.ALIVE),
        ({"deleted_at": None}, ParentState.ALIVE),
        ({"deleted_at": T0}, ParentState.SOFT_DELETED),
    ],
)
@pytest.mark.parametrize("spelled", [str, lambda key: str(key).upper()])
async def test_a_content_is_looked_up_in_any_spelling(
    platform: Platform, service: OrphansService, parent: dict[str, Any] | None, state: ParentState, spelled: Any
) -> None:
    key = ObjectId()
    if parent is not None:
        platform.bayit.content.insert_one({"_id": key, **parent})
    found = await service.prove(ParentKey(CONTENT, spelled(key)))
    assert (found.state, found.parent) == (state, "content")
    assert str(key) in found.asked
    assert found.marked_at == (parent or {}).get("deleted_at")


async def test_what_changes_is_seen_at_once(platform: Platform, service: OrphansService, clock: Clock) -> None:
    key = ParentKey(PARTNER, "acme")
    assert (await service.prove(key)).state is ParentState.GONE
    platform.olorin.integration_partners.insert_one({"partner_id": "acme"})
    clock.pass_(hours=1)
    found = await service.prove(key)
    assert (found.state, found.at) == (ParentState.ALIVE, clock())


async def test_what_names_nothing_is_malformed(service: OrphansService) -> None:
    for key in (ParentKey(PARTNER, "null", "json"), ParentKey(CONTENT, '{"$gt": ""}', "json")):
        found = await service.prove(key)
        assert (found.state, "nothing can be asked" in found.asked) == (ParentState.MALFORMED, True)


async def test_others_that_name_the_same_parent(
    platform: Platform, service: OrphansService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "COUNTED", 3)
    platform.olorin.dubbing_sessions.insert_one({"partner_id": "gone"})
    platform.olorin.usage_records.insert_many([{"partner_id": "gone"} for _ in range(5)])
    platform.olorin.webhook_deliveries.insert_many([{"partner_id": each} for each in ("gone", "other")])
    found = await service.others(ParentKey(PARTNER, "gone"))
    assert {each.name: (each.documents, each.more) for each in found} == {
        "content_embeddings.partner_id": (0, False),
        "recap_sessions.partner_id": (0, False),
        "usage_records.partner_id": (3, True),
        "webhook_deliveries.partner_id": (1, False),
    }


async def test_other_spellings_of_the_same_id_are_told(platform: Platform, service: OrphansService) -> None:
    gone = ObjectId()
    named: list[Any] = [str(gone), str(gone).upper(), gone, gone]
    platform.olorin.content_embeddings.insert_many([{"content_id": each} for each in named])
    (found,) = await service.others(ParentKey(CONTENT, str(gone)))
    assert (found.name, found.documents) == ("content_embeddings.content_id in other spellings", 3)
