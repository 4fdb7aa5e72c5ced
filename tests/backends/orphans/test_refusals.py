"""What keeps a clean-up from removing anything: each rule, before the run and in its middle."""

from collections.abc import Callable
from typing import Any

import pytest

from backends.clients.errors import Refused
from backends.clients.mongo import MongoClients
from backends.orphans import clean_job
from backends.orphans.allow_list import list_path
from backends.orphans.exemptions import EXEMPTIONS
from backends.runs.sizing import Limits
from backends.safety.gate import Consent
from tests.backends.orphans.cleaner import FLAG, Cleaner, plant
from tests.olorin import T0, Clock, Platform
from tests.scanning import scan_now

EMBEDDINGS = "content_embeddings"


async def refused(cleaner: Cleaner, says: str, **options: Any) -> None:
    """The clean-up is refused with these words, before a run is recorded."""
    before = cleaner.raw(EMBEDDINGS)
    with pytest.raises(Refused, match=says):
        cleaner.cleaning.clean_run(await cleaner.plan(**options))
    assert cleaner.raw(EMBEDDINGS) == before
    assert not cleaner.raw("console_runs")


async def test_databases_that_are_not_separated(platform: Platform, mongo: MongoClients, cleaner: Cleaner) -> None:
    plant(platform)
    cleaner.cleaning._separated = False
    await refused(cleaner, "not separated")


async def test_an_empty_parent_collection(platform: Platform, cleaner: Cleaner) -> None:
    plant(platform)
    platform.bayit.content.delete_many({})
    await refused(cleaner, "content is empty")


async def test_the_other_name_of_the_content_collection(platform: Platform, cleaner: Cleaner) -> None:
    plant(platform)
    platform.bayit.content.rename("contents")
    await refused(cleaner, "contents holds documents")


async def test_parents_of_another_type(platform: Platform, cleaner: Cleaner) -> None:
    there, _ = plant(platform)
    platform.bayit.content.drop()
    platform.bayit.content.insert_many([{"_id": {"id": str(each)}} for each in there])
    await refused(cleaner, "is it the right collection")


async def test_parents_that_shrank(platform: Platform, cleaner: Cleaner, clock: Clock) -> None:
    there, _ = plant(platform, alive=100)
    await scan_now(cleaner.orphans)
    clock.pass_(days=8)
    await scan_now(cleaner.orphans)
    platform.bayit.content.delete_many({"_id": {"$in": there[:21]}})
    await refused(cleaner, "shrank from 100 to 79")
    # Looking again does not make it right: within the grace the most that was seen counts.
    await scan_now(cleaner.orphans)
    await refused(cleaner, "shrank from 100 to 79", grace_days=7)


@pytest.mark.parametrize("gone", [20, 0])
async def test_parents_that_shrank_no_more_than_they_may(platform: Platform, cleaner: Cleaner, gone: int) -> None:
    there, _ = plant(platform, alive=100)
    await scan_now(cleaner.orphans)
    platform.bayit.content.delete_many({"_id": {"$in": there[:gone]}})
    assert (await cleaner.clean()).counts["deleted"] == 30 + 3 * gone


async def test_a_name_of_no_suspended_partner(platform: Platform, cleaner: Cleaner) -> None:
    plant(platform)
    platform.olorin.integration_partners.insert_one({"partner_id": "acme", "suspended_at": None})
    await refused(cleaner, "No suspended partner: acme, typo.", suspended=("acme", "typo"))


async def test_more_than_half_is_confirmed_by_its_number(platform: Platform, cleaner: Cleaner) -> None:
    plant(platform, alive=10, gone=15)
    await refused(cleaner, "60 % of content_embeddings")
    await refused(cleaner, "60 % of content_embeddings", confirmed_percent=59)
    assert (await cleaner.clean(confirmed_percent=60)).counts["deleted"] == 45


async def test_the_references_of_a_collection_count_together(platform: Platform, cleaner: Cleaner) -> None:
    """Two fifths for one reference and two fifths for the other are four fifths of the collection."""
    platform.olorin.integration_partners.insert_one({"partner_id": "acme"})
    plant(platform, alive=2, gone=4, children=1, partner_id="acme")
    plant(platform, alive=4, gone=0, children=1, partner_id="nobody")
    await refused(cleaner, "80 % of content_embeddings would go")
    assert (await cleaner.clean(confirmed_percent=80)).counts["deleted"] == 8


async def test_a_plan_is_good_for_fifteen_minutes_to_start_from(
    platform: Platform, cleaner: Cleaner, clock: Clock
) -> None:
    plant(platform)
    made = (await cleaner.plan()).plan.hash
    clock.pass_(minutes=14)
    run = cleaner.cleaning.clean_run(await cleaner.cleaning.load(made))
    run_id = await cleaner.create(run)
    clock.pass_(minutes=2)
    with pytest.raises(Refused, match="was good until"):
        await cleaner.cleaning.load(made)
    assert (await cleaner.execute(run_id)).counts["deleted"] == 30


async def test_a_list_that_was_changed_by_hand(platform: Platform, cleaner: Cleaner) -> None:
    plant(platform)
    plan = await cleaner.plan()
    path = list_path(cleaner.cleaning.folder, plan.list_hash)
    path.write_bytes(path.read_bytes().replace(b"content_id", b"content_iD").replace(b"h\x00\x10", b"h\x00\x11"))
    verdict = await cleaner.clean(plan)
    assert (verdict.state, type(verdict.error)) == ("blocked", Refused)
    assert len(cleaner.raw(EMBEDDINGS)) == 90


async def test_nobody_agreed(platform: Platform, cleaner: Cleaner) -> None:
    plant(platform)
    run = cleaner.cleaning.clean_run(await cleaner.plan())
    for consent in (Consent("screen", explicit=True), Consent("command", explicit=False)):
        with pytest.raises(Refused):
            await cleaner.runner.create(run, run.kind, consent)
    assert not cleaner.raw("console_runs")


def emptied(platform: Platform) -> None:
    platform.bayit.content.delete_many({})


def halved(platform: Platform) -> None:
    ids = [each["_id"] for each in platform.bayit.content.find({}, {"_id": 1})]
    platform.bayit.content.delete_many({"_id": {"$in": ids[::2]}})


def retyped(platform: Platform) -> None:
    ids = [each["_id"] for each in platform.bayit.content.find({}, {"_id": 1})]
    platform.bayit.content.drop()
    platform.bayit.content.insert_many([{"_id": str(each)} for each in ids])


@pytest.mark.parametrize("spoil", [emptied, halved, retyped])
async def test_parents_that_change_before_the_run_or_in_its_middle(
    platform: Platform, cleaner: Cleaner, spoil: Callable[[Platform], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocked, and only what was removed before is; each of those had no parent then."""
    monkeypatch.setattr(clean_job.CleanJob, "limits", Limits(10, 10, 10))
    _, missing = plant(platform, alive=60, gone=20)
    run_id = await cleaner.create(cleaner.cleaning.clean_run(await cleaner.plan()))
    done: list[int] = []
    removing = clean_job.CleanJob._remove

    async def remove(self: clean_job.CleanJob, *given: Any) -> None:
        if len(done) == 2:
            spoil(platform)
        await removing(self, *given)
        done.append(1)

    monkeypatch.setattr(clean_job.CleanJob, "_remove", remove)
    verdict = await cleaner.execute(run_id)
    assert (verdict.state, type(verdict.error)) == ("blocked", Refused)
    quarantined = cleaner.about(run_id)
    assert (len(quarantined), len(cleaner.raw(EMBEDDINGS))) == (20, 220)
    assert {each["parent"] for each in quarantined} <= set(map(str, missing))
    # Resumed it is blocked from its start, as long as the parents are so.
    assert (await cleaner.execute(run_id)).state == "blocked"
    assert len(cleaner.raw(EMBEDDINGS)) == 220


async def test_a_parent_collection_that_may_not_be_read_blocks(
    platform: Platform, cleaner: Cleaner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded server knows no users, so the driver's own error is raised in the middle of a batch."""
    from pymongo.errors import OperationFailure

    from backends.clients import read_only

    plant(platform)
    run_id = await cleaner.create(cleaner.cleaning.clean_run(await cleaner.plan()))
    finding = read_only.ReadingCollection.find

    def find(self: read_only.ReadingCollection, *given: Any, **more: Any) -> Any:
        if self.name == "content":
            raise OperationFailure("not authorized on bayit_plus", 13)
        return finding(self, *given, **more)

    monkeypatch.setattr(read_only.ReadingCollection, "find", find)
    verdict = await cleaner.execute(run_id)
    assert (verdict.state, type(verdict.error)) == ("blocked", Refused)
    assert "not authorized" in verdict.why
    assert len(cleaner.raw(EMBEDDINGS)) == 90


async def test_a_filter_that_runs_code_or_that_the_server_does_not_take_is_no_exemption(
    platform: Platform, cleaner: Cleaner
) -> None:
    plant(platform)
    book = cleaner.orphans.exemptions
    async with cleaner.gate.act(book.act(), FLAG) as token:
        odd = '{"a": {"$bad": 1}}'
        for value in ("{}", "[]", "nonsense", '{"$where": "1"}', '{"a": {"$not": {"$expr": {}}}}', odd):
            with pytest.raises(Refused):
                await book.add(token, EMBEDDINGS, "filter", value, owner="o", reason="r")
    assert not await book.all()
    # One that another version kept is named by what it spoils.
    kept = {"collection": EMBEDDINGS, "kind": "filter", "value": odd, "owner": "o", "reason": "r"}
    platform.olorin[EXEMPTIONS].insert_one({"_id": "abcd", **kept, "made_at": T0, "expires_at": None})
    with pytest.raises(Refused, match="can't be judged: The exemption abcd: ") as told:
        await cleaner.plan()
    assert "--remove abcd" in told.value.hint
