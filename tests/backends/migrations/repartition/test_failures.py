"""What gets in the way: somebody's lock, a row that the new table refuses, a changed table, an unknown formula."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import asyncpg
import pytest

from backends.clients.errors import Refused, VerificationFailed
from backends.clients.postgres import PostgresClient
from backends.clients.targets import WATCHING, PostgresTarget
from backends.migrations.repartition import dropping, following
from backends.migrations.repartition.book import Stage
from backends.migrations.repartition.proof import compare
from tests.backends.migrations.repartition.place import FLAG, PAIR, STAMP, Place
from tests.waiting import until


async def test_an_idle_transaction_that_blocks_the_swap(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocker is named and left alone, writers wait no longer than the timeout, and everything is as it was."""
    monkeypatch.setattr(following, "TRIES", 2)
    await place.make("list", 300)
    await place.execute()
    blocker = await asyncpg.connect(place.url, server_settings={"application_name": "left open"})
    holding = blocker.transaction()
    await holding.start()
    await blocker.execute("SELECT FROM chunks LIMIT 1")
    refused = await place.swap()
    assert isinstance(refused.error, Refused)
    assert refused.state == "blocked"
    assert f"pid {blocker.get_server_pid()}" in refused.error.hint
    assert "left open" in refused.error.hint
    assert await place.admin.fetchval("SELECT pg_get_partkeydef('chunks'::regclass)") == "LIST (partition_key)"
    named = "conname = 'chunks_chunking_config_id_fkey' AND conrelid = $1::regclass"
    late = f"SELECT count(*) FROM pg_constraint WHERE {named}"
    assert await place.admin.fetchval(late, "chunks_next") == 0
    assert await place.admin.fetchval(late, "chunks") == 1
    found = await place.book()
    assert found is not None
    assert found.stage is Stage.READY
    await holding.rollback()
    await blocker.close()
    assert (await place.swap()).state == "done"


async def test_a_swap_that_steps_back_keeps_nobody_waiting(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others go on writing meanwhile, and nobody is refused the delete of a config that has no chunks any more."""
    monkeypatch.setattr(following, "TRIES", 3)
    await place.make("list", 300)
    await place.execute()
    idle, writer = await asyncpg.connect(place.url), await asyncpg.connect(place.url)
    insert = (
        "INSERT INTO chunks (partition_key, collection_id, chunking_config_id, chunk_index, content)"
        " VALUES (abs(hashtext('collection-1')) % 100, 'collection-1', 1, 1, $1)"
    )
    holding = idle.transaction()
    await holding.start()
    await idle.execute(insert, "idle")
    swapping, longest = asyncio.create_task(place.swap()), 0.0
    while not swapping.done():
        began = asyncio.get_running_loop().time()
        await writer.execute(insert, "meanwhile")
        async with writer.transaction():
            config = await writer.fetchval("INSERT INTO chunking_configs DEFAULT VALUES RETURNING id")
            await writer.execute(insert.replace("'collection-1', 1, 1", f"'collection-1', {config}, 1"), "of it")
        async with writer.transaction():
            await writer.execute("DELETE FROM chunks WHERE chunking_config_id = $1", config)
            await writer.execute("DELETE FROM chunking_configs WHERE id = $1", config)
        longest = max(longest, asyncio.get_running_loop().time() - began)
        await asyncio.sleep(0.01)  # a pace that is followed
    refused = await swapping
    assert refused.state == "blocked", refused
    assert isinstance(refused.error, Refused)
    assert f"pid {idle.get_server_pid()}" in refused.error.hint
    assert longest < 5, "nobody waits behind a lock that is not to be had"
    await holding.commit()
    again = await place.swap()
    assert again.state == "done", again
    contents = Counter(row[0] for row in await place.admin.fetch("SELECT content FROM chunks"))
    assert (contents["idle"], contents["meanwhile"] > 0) == (1, True)
    await idle.close()
    await writer.close()


async def test_a_long_transaction_holds_the_capture_up_and_nothing_is_missed(place: Place) -> None:
    """A row written before the capture, committed long after the run began, is in the copy."""
    await place.make("list", 300)
    other = await asyncpg.connect(place.url)
    open_ = other.transaction()
    await open_.start()
    await other.execute(
        "INSERT INTO chunks (partition_key, collection_id, chunk_index, content)"
        " VALUES (abs(hashtext('collection-1')) % 100, 'collection-1', 1, 'late')"
    )
    running = asyncio.create_task(place.execute())
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'"
    seen = False
    async with asyncio.timeout(60):
        while not seen:
            seen = bool(await place.admin.fetchval(waits))
    await open_.commit()
    await other.close()
    assert (await running).state == "holding"
    assert await place.rows("chunks_next") == await place.rows()
    assert await place.admin.fetchval("SELECT count(*) FROM chunks_next WHERE content = 'late'") == 1


async def test_a_row_that_the_new_table_refuses_is_reported_and_not_lost(place: Place) -> None:
    """A check that was never validated holds for the new table's rows."""
    await place.make("list", 300)
    await place.admin.execute("UPDATE chunks SET content = 'bad' WHERE id = 77")
    await place.admin.execute("ALTER TABLE chunks ADD CONSTRAINT good CHECK (content <> 'bad') NOT VALID")
    failed = await place.execute()
    assert isinstance(failed.error, VerificationFailed)
    assert "id 77" in failed.error.message
    assert (failed.skipped, await place.admin.fetchval("SELECT count(*) FROM chunks")) == (1, 300)
    assert "Failing row" not in failed.error.message, "what people wrote is no part of an error"
    assert await place.admin.fetchval("SELECT count(*) FROM chunks_next") == 299
    await place.admin.execute("UPDATE chunks SET content = 'mended' WHERE id = 77")
    assert (await place.resume()).state == "holding"
    assert await place.rows("chunks_next") == await place.rows()


async def test_a_table_changed_since_the_copy_is_not_swapped(place: Place) -> None:
    await place.make("list", 300)
    await place.execute()
    await place.admin.execute(
        "ALTER TABLE chunks ADD COLUMN summary text; CREATE POLICY secret ON chunks AS RESTRICTIVE USING (false);"
        "ALTER TABLE chunks FORCE ROW LEVEL SECURITY; CREATE STATISTICS s ON chunk_index, document_id FROM chunks;"
        "COMMENT ON TABLE chunks IS 'new'; ALTER TABLE chunks REPLICA IDENTITY FULL"
    )
    refused = await place.swap()
    assert isinstance(refused.error, Refused)
    changed = refused.error.message.partition(": ")[2].rstrip(".").split(", ")
    wanted = ("columns", "policies", "force_row_security", "statistics", "comment", "replica_identity")
    assert set(changed) == set(wanted)
    assert (await place.roll_back()).state == "done"
    assert await place.admin.fetchval("SELECT to_regclass('chunks_next') IS NULL")
    assert await place.admin.fetchval("SELECT pg_get_partkeydef('chunks'::regclass)") == "LIST (partition_key)"


async def test_without_a_known_formula_nothing_is_carried_back(place: Place) -> None:
    await place.make("list", 300, PAIR)
    await place.execute(formula="")
    await place.swap()
    await place.admin.execute("UPDATE chunks SET content = 'after' WHERE id = 5")
    refused = await place.roll_back()
    assert isinstance(refused.error, Refused)
    assert refused.error.hint.startswith("1 keys")
    assert "(5, collection-6)" in refused.error.hint
    assert await place.admin.fetchval("SELECT content FROM chunks WHERE id = 5") == "after"
    assert await place.admin.fetchval("SELECT pg_get_partkeydef('chunks'::regclass)") == "HASH (collection_id)"


BACKUPS = """
    CREATE TABLE migration_backups (id serial, backup_table_name text, original_table_name text, record_count integer,
        migration_revision text, retention_until timestamptz)
"""


async def test_a_backup_that_somebody_reads_is_not_dropped(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it meanwhile, and the reader is named."""
    monkeypatch.setattr(dropping, "TRIES", 2)
    await place.make("list with trigger", 300)
    await place.admin.execute(f"CREATE TABLE notes (id bigint, partition_key integer); {BACKUPS}")
    await place.execute()
    place.retain_h = 0
    await place.swap()
    kept = "SELECT backup_table_name FROM migration_backups"
    assert await place.admin.fetchval(kept) == f"chunks_backup_{STAMP}"
    reader = await asyncpg.connect(place.url, server_settings={"application_name": "left open"})
    async with place.gate.act(place.service.act("drop_backup"), FLAG) as token:
        async with reader.transaction():
            await reader.execute(f"SELECT FROM chunks_backup_{STAMP} LIMIT 1")
            with pytest.raises(Refused) as refused:
                await place.service.drop_backup(token)
        assert "left open" in refused.value.hint
        assert (await place.service.standing()).stage == "swapped"
        await place.admin.execute(
            "CREATE TRIGGER also BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION compute_partition_key()"
        )
        await place.admin.execute("UPDATE migration_backups SET retention_until = now() + interval '1 day'")
        with pytest.raises(Refused, match="time is not over"):
            await place.service.drop_backup(token)
        await place.admin.execute("UPDATE migration_backups SET retention_until = now()")
        dropped = await place.service.drop_backup(token)
        assert await place.admin.fetchval(kept) is None
        with pytest.raises(Refused, match="nothing is left to drop"):
            await place.service.drop_backup(token)
    assert not any("compute_partition_key" in line for line in dropped), "another table needs it"
    await reader.close()


async def test_truncate_is_refused_while_it_would_be_lost(place: Place) -> None:
    """By whoever replicates, too; a probe says that the table is locked, and nothing of inserts."""
    await place.make("list", 300)
    await place.execute()
    await place.admin.execute("SET session_replication_role = replica")
    for table in ("chunks", "chunks_part_07"):
        with pytest.raises(asyncpg.RaiseError, match="TRUNCATE would be lost"):
            await place.admin.execute(f"TRUNCATE {table}")
    async with place.admin.transaction(), place.gate.act(place.service.probe_act(), FLAG) as token:
        await place.admin.execute("LOCK TABLE chunks IN SHARE MODE")
        with pytest.raises(Refused, match="chunks is locked"):
            await place.service.probe(token)


async def test_rows_that_move_between_partitions_while_they_are_copied(place: Place) -> None:
    """Each row changes its collection again and again, so that some are copied twice, and some from no partition."""
    await place.make("list", 2_000)
    moved, stop = 0, False

    async def move() -> None:
        nonlocal moved
        connection = await asyncpg.connect(place.url)
        while not stop:
            collection = f"collection-{1 + moved % 40}"
            await connection.execute(
                "UPDATE chunks SET collection_id = $1::varchar, partition_key = abs(hashtext($1::varchar)) % 100"
                " WHERE id % 97 = $2",
                collection,
                moved % 97,
            )
            moved += 1
            await asyncio.sleep(0.05)  # slower than the copy follows
        await connection.close()

    moving = asyncio.create_task(move())
    await until(lambda: moved)
    verdict = await place.execute()
    stop = True
    await moving
    assert verdict.state == "holding", verdict
    assert (await place.swap()).state == "done"
    assert await place.admin.fetchval("SELECT count(DISTINCT id) FROM chunks") == 2_000
    assert sum((await place.rows()).values()) == 2_000


async def test_a_collection_that_hashes_to_the_smallest_integer(place: Place) -> None:
    """One id in four billion does; here a function found before the server's own lets one of forty."""
    await place.make("plain", 400)
    database = place.url.rpartition("/")[2]
    await place.admin.execute(
        "CREATE FUNCTION public.hashtext(t text) RETURNS integer LANGUAGE sql IMMUTABLE AS"
        " $$SELECT CASE t WHEN 'collection-7' THEN -2147483648 ELSE pg_catalog.hashtext(t) END$$;"
        f"ALTER DATABASE {database} SET search_path = public, pg_catalog"
    )
    assert (await place.execute()).state == "holding"
    keys = await place.admin.fetch(
        "SELECT DISTINCT partition_key FROM chunks_next WHERE collection_id = 'collection-7'"
    )
    assert [row[0] for row in keys] == [48]
    assert (await place.swap()).state == "done"
    assert await place.admin.fetchval("SELECT count(*) FROM chunks") == 400


async def test_a_proof_may_take_longer_than_watching(place: Place) -> None:
    """The console's own patience with a server, a second here, does not end a proof that is under way; the one
    connection of its pool is free for a page meanwhile.
    """
    await place.make("list", 100)
    await place.execute()
    migration = await place.book()
    assert migration is not None
    patience = replace(WATCHING, max=1, connect_s=1.0, wait_s=1.0)
    client = PostgresClient(PostgresTarget(place.url, "CHUNKS_DATABASE_URL"), patience)
    async with client.studying(60_000) as session, place.admin.transaction():
        await place.admin.execute("LOCK TABLE chunks_next IN ACCESS EXCLUSIVE MODE")
        proving = asyncio.create_task(compare(session, migration.route))
        done, _ = await asyncio.wait({proving}, timeout=2 * patience.connect_s)
        assert not done
        async with client.reading() as other:
            assert await other.fetchval("SELECT state FROM console_chunks") == "ready"
        await place.admin.execute("ROLLBACK; BEGIN")
        assert (await proving).same
    await client.aclose()
