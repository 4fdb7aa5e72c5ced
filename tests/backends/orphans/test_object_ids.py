"""References that are stored as ObjectIds: chosen, exempted, restored and embedded again by the id that people give."""

from bson import ObjectId

from backends.orphans.exemptions import identity
from tests.backends.orphans.cleaner import FLAG, Cleaner, plant
from tests.olorin import Platform
from tests.scanning import scan_now

EMBEDDINGS = "content_embeddings"


async def exempted(cleaner: Cleaner, parent: str) -> str:
    book = cleaner.orphans.exemptions
    async with cleaner.gate.act(book.act(), FLAG) as token:
        return (await book.add(token, EMBEDDINGS, "parent", parent, owner="o", reason="r")).id


async def ended(cleaner: Cleaner, exemption: str) -> None:
    async with cleaner.gate.act(cleaner.orphans.exemptions.act(), FLAG) as token:
        await cleaner.orphans.exemptions.remove(token, exemption)


async def test_one_parent_in_every_way(platform: Platform, cleaner: Cleaner) -> None:
    plant(platform, gone=0)
    gone = ObjectId()
    platform.olorin[EMBEDDINGS].insert_many([{"content_id": gone, "n": n} for n in range(3)])
    await scan_now(cleaner.orphans)
    key = (await cleaner.orphans.missing(EMBEDDINGS, contains=str(gone))).items[0].key
    assert key.type == "json"

    # Exempted as the screen knows it, and after the plan as people type it.
    exemption = await exempted(cleaner, key.value)
    assert (await cleaner.plan()).references[0].left_out == {"exempt": 3}
    await ended(cleaner, exemption)
    plan = await cleaner.plan(parents=(identity(key.value),))
    assert plan.planned == 3
    exemption = await exempted(cleaner, str(gone).upper())
    assert (await cleaner.clean(plan)).counts["skipped"] == 3
    await ended(cleaner, exemption)

    run_id = (await cleaner.clean()).run_id
    platform.bayit.content.insert_one({"_id": gone, "title": "again"})
    assert (await cleaner.orphans.to_index()).contents == (str(gone),)
    assert (await cleaner.restore(run_id, parent=str(gone))).counts["restored"] == 3
