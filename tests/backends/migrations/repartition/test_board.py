"""The board after a swap on a real server, what is left behind, how full the partitions are, and the team's lines."""

from __future__ import annotations

import pytest

from backends.clients.errors import Refused
from backends.migrations.repartition.board import Written
from backends.migrations.repartition.messages import due, messages
from tests.backends.migrations.repartition.place import FLAG, STAMP, Place


async def wrote(place: Place) -> Written:
    async with place.gate.act(place.service.probe_act(), FLAG) as token:
        return await place.service.write_everywhere(token)


async def checks(place: Place) -> dict[str, tuple[str, str]]:
    return {gate.id: (gate.status.value, gate.why) for gate in (await place.service.proven()).board}


async def said(place: Place) -> list[str]:
    """The moments whose line is true."""
    lines = messages("the server", await place.service.progress(), await place.service.proven())
    return [line.moment for line in lines if line.text]


async def test_from_nothing_to_a_green_board(place: Place) -> None:
    await place.make("hash 16", 400)
    assert await said(place) == []
    await place.execute()
    assert await said(place) == ["start", "model agrees", "copy proven"]
    with pytest.raises(Refused, match="ready, not swapped"):
        await wrote(place)
    assert await checks(place) == {}
    await place.swap()
    assert (await checks(place))["writable"][0] == "warning"
    rows = await place.rows()
    assert await wrote(place) == Written(100, 100, 0)
    assert await place.rows() == rows
    found = await checks(place)
    assert " µs " in found.pop("inserts")[1], "as measured, whatever it is"
    assert {name: status for name, (status, _) in found.items()} == dict.fromkeys(found, "ok")
    assert set(found) == {"readable", "writable", "constraints", "errors", "revisions", "backup"}
    assert f"chunks_backup_{STAMP} is kept until" in found["backup"][1]
    assert await said(place) == ["start", "model agrees", "copy proven", "key generated"]
    await place.service.verify()
    lines = messages("the server", await place.service.progress(), await place.service.proven())
    newest = due(lines)
    assert newest is not None
    assert "400 rows proven" in newest.text


async def test_the_board_turns_red(place: Place) -> None:
    await place.make("hash 16", 300)
    await place.execute()
    await place.swap()
    await place.admin.execute(
        f"ALTER TABLE chunks_{STAMP}_07 ADD CHECK (chunk_index < 0) NOT VALID;"
        "ALTER TABLE chunks ADD CONSTRAINT late CHECK (chunk_index >= 0) NOT VALID;"
        f"ALTER TABLE chunks_backup_{STAMP} RENAME TO elsewhere"
    )
    written = await wrote(place)
    assert (written.worked, "check" in written.error) == (99, True)
    found = await checks(place)
    assert {name for name, (status, _) in found.items() if status == "red"} == {"writable", "constraints", "backup"}
    assert "late" in found["constraints"][1]


async def test_partitions_fill_and_all_that_was_made_is_listed(place: Place) -> None:
    await place.make("hash 16", 300)
    await place.execute()
    await place.admin.execute("UPDATE chunks SET content = 'new'; SELECT pg_stat_force_next_flush()")
    await place.admin.execute("SELECT pg_stat_reset()")
    assert (await place.service.standing()).backlog == 300, "counted, whatever the statistics say"
    progress = await place.service.progress()
    assert progress.filling is not None
    assert len(progress.filling.partitions) == 100
    kept = {(each.kind, each.name) for each in progress.standing.kept}
    assert ("table with its partitions", "chunks_next") in kept
    assert ("function", "console_chunks_changes_note()") in kept
    assert ("trigger", "console_chunks_changes on chunks") in kept
    assert all(each.since is not None for each in progress.standing.kept)
