"""All that hangs on the table survives the swap and the rollback, and stands for the table in use each time."""

from __future__ import annotations

import asyncpg
import pytest

from backends.migrations.repartition import following
from tests.backends.migrations.repartition.place import STAMP, Place

FURNITURE = """
    CREATE VIEW newest WITH (security_barrier = true) AS SELECT id, content FROM chunks WHERE chunk_index > 0;
    CREATE VIEW counted AS SELECT count(*) AS rows FROM newest;
    CREATE MATERIALIZED VIEW sizes AS SELECT chunks.collection_id, count(*) AS rows, min(chunks.id) AS first
        FROM chunks JOIN collections ON collections.id = chunks.collection_id GROUP BY 1;
    CREATE UNIQUE INDEX sizes_key ON sizes (collection_id);
    COMMENT ON MATERIALIZED VIEW sizes IS 'hourly';
    CREATE TABLE notes (id serial, chunk bigint, collection varchar, key integer,
        CONSTRAINT notes_chunk FOREIGN KEY (chunk, collection, key)
        REFERENCES chunks (id, collection_id, partition_key) ON DELETE CASCADE);
    INSERT INTO notes (chunk, collection, key) SELECT id, collection_id, partition_key FROM chunks WHERE id <= 50;
    CREATE ROLE {role};
    GRANT SELECT, INSERT (content), UPDATE ON chunks TO {role};
    GRANT SELECT ON newest, sizes TO {role};
    COMMENT ON TABLE chunks IS 'what''s embedded';
    COMMENT ON COLUMN chunks.content IS 'a \\ text';
    COMMENT ON INDEX idx_chunks_part_collection IS 'for deletes';
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT DELETE ON TABLES TO {role};
    ALTER TABLE chunks ALTER content SET STATISTICS 900, ALTER content SET COMPRESSION pglz,
        ALTER document_id SET (n_distinct = -0.5), REPLICA IDENTITY FULL;
    ALTER TABLE chunks ADD CONSTRAINT wide UNIQUE (collection_id, partition_key, id) INCLUDE (chunk_index) DEFERRABLE;
    ALTER TABLE chunks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    ALTER TABLE chunks ADD CONSTRAINT not_empty CHECK (content <> '');
    CREATE STATISTICS together (ndistinct) ON collection_id, document_id FROM chunks;
    CREATE POLICY mine ON chunks FOR SELECT TO {role} USING (chunk_index > 0);
    CREATE TABLE touched (id bigint);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN INSERT INTO public.touched VALUES (NEW.id); RETURN NULL; END$$;
    CREATE TRIGGER touch AFTER UPDATE ON chunks FOR EACH ROW EXECUTE FUNCTION touch();
    {publication};
"""


@pytest.mark.parametrize("layout", ["hash", "list"])
async def test_everything_comes_along_and_back(place: Place, layout: str) -> None:
    await place.make("list with trigger", 500)
    role = f"role_{place.url.rpartition('_')[2]}"
    # Before 18 no publication sends generated columns: with the key as one, the swap would be refused.
    new = place.admin.get_server_version().major >= 18
    published = f"CREATE PUBLICATION {role}_all FOR TABLE chunks"
    published += " WITH (publish_generated_columns = stored)" if new else ""
    await place.admin.execute(FURNITURE.format(role=role, publication=published if new or layout == "list" else ""))
    try:
        before = await dependants(place)
        assert (await place.execute(layout)).state == "holding"
        swapped = await place.swap()
        assert swapped.state == "done", swapped
        after = await dependants(place)
        assert after == before
        await works(place, "" if layout == "hash" else "partition_key, ")
        undone = await place.roll_back()
        assert undone.state == "done", undone
        assert await dependants(place) == before
        await works(place, "partition_key, ")
    finally:
        await place.admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def dependants(place: Place) -> dict[str, list[tuple[object, ...]]]:
    """What hangs on the table that is called chunks now."""
    queries = {
        "views": "SELECT v.relname, pg_get_viewdef(v.oid), v.reloptions::text FROM pg_class v"
        " WHERE v.relname IN ('newest', 'counted') ORDER BY 1",
        "view reads": "SELECT count(*) > 0 FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid"
        " WHERE r.ev_class = 'newest'::regclass AND d.refobjid = 'chunks'::regclass",
        "materialized view": "SELECT pg_get_viewdef('sizes'::regclass), obj_description('sizes'::regclass),"
        " relispopulated, relacl::text, (SELECT string_agg(indexdef, '') FROM pg_indexes WHERE tablename = 'sizes')"
        " FROM pg_class WHERE oid = 'sizes'::regclass",
        "materialized view reads": "SELECT count(*) > 0 FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid"
        " WHERE r.ev_class = 'sizes'::regclass AND d.refobjid = 'chunks'::regclass",
        "keys in": "SELECT conname, convalidated FROM pg_constraint"
        " WHERE contype = 'f' AND confrelid = 'chunks'::regclass AND conparentid = 0",
        "keys out": "SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint"
        " WHERE contype = 'f' AND conrelid = 'chunks'::regclass ORDER BY 1",
        "checks": "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'c' AND conrelid = 'chunks'::regclass AND conname = 'not_empty'",
        "acl": "SELECT relacl::text FROM pg_class WHERE oid = 'chunks'::regclass",
        "column acl": "SELECT attname, attacl::text FROM pg_attribute"
        " WHERE attrelid = 'chunks'::regclass AND attacl IS NOT NULL",
        "comments": "SELECT obj_description('chunks'::regclass), col_description('chunks'::regclass, attnum)"
        " FROM pg_attribute WHERE attrelid = 'chunks'::regclass AND attname = 'content'",
        "indexes": "SELECT indexname FROM pg_indexes WHERE tablename = 'chunks' ORDER BY 1",
        "index": "SELECT obj_description('idx_chunks_part_collection'::regclass), pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE conrelid = 'chunks'::regclass AND conname = 'wide'",
        "settings": "SELECT relreplident, relrowsecurity, relforcerowsecurity, attstattarget, attcompression, ("
        "SELECT attoptions::text FROM pg_attribute WHERE attrelid = c.oid AND attname = 'document_id') FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND attname = 'content' WHERE c.oid = 'chunks'::regclass",
        "others may": "SELECT count(*) FROM pg_partition_tree('chunks'::regclass) t JOIN pg_class c ON c.oid = t.relid"
        " CROSS JOIN aclexplode(c.relacl) g WHERE g.privilege_type = 'DELETE' AND g.grantee <> c.relowner",
        "statistics": "SELECT stxname FROM pg_statistic_ext WHERE stxrelid = 'chunks'::regclass",
        "policies": "SELECT policyname, roles::text, qual FROM pg_policies WHERE tablename = 'chunks'",
        "triggers": "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'chunks'::regclass AND tgname = 'touch'",
        "publications": "SELECT count(*) FROM pg_publication_tables WHERE tablename = 'chunks'",
        "sequence": "SELECT pg_get_serial_sequence('chunks', 'id')",
    }
    return {name: [tuple(row) for row in await place.admin.fetch(text)] for name, text in queries.items()}


async def works(place: Place, key: str) -> None:
    """Inserts take the next id and the defaults, updates fire the trigger, deletes cascade, checks hold."""
    admin, highest = place.admin, await place.admin.fetchval("SELECT max(id) FROM chunks")
    value = "abs(hashtext('collection-1')) % 100, " if key else ""
    insert = f"INSERT INTO chunks ({key}collection_id, chunk_index, content) VALUES ({value}'collection-1', 9, $1)"
    new = await admin.fetchval(f"{insert} RETURNING id", "new")
    assert new > highest
    before = await admin.fetchval("SELECT count(*) FROM touched")
    await admin.execute("UPDATE chunks SET content = 'newer' WHERE id = $1", new)
    assert await admin.fetchval("SELECT count(*) FROM touched") == before + 1
    assert await admin.fetchval("SELECT content FROM newest WHERE id = $1", new) == "newer"
    with pytest.raises(asyncpg.CheckViolationError):
        await admin.execute(insert, "")
    await admin.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY sizes")
    assert await admin.fetchval("SELECT sum(rows) FROM sizes") == await admin.fetchval("SELECT count(*) FROM chunks")
    noted = await admin.fetchval("SELECT chunk FROM notes LIMIT 1")
    await admin.execute("DELETE FROM chunks WHERE id = $1", noted)
    assert await admin.fetchval("SELECT count(*) FROM notes WHERE chunk = $1", noted) == 0
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await admin.execute("INSERT INTO notes (chunk, collection, key) VALUES (-1, 'collection-1', 1)")


async def test_the_backup_refuses_nobody_a_delete(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config whose chunks are gone can be deleted, although the old table still has those chunks; nor does it refuse
    once a rollback that got no lock has ended.
    """
    monkeypatch.setattr(following, "TRIES", 2)
    await place.make("list", 300)
    await place.execute()
    await place.swap()
    idle = await asyncpg.connect(place.url)
    async with idle.transaction():
        await idle.execute("SELECT FROM chunks LIMIT 1")
        assert (await place.roll_back()).state == "blocked"
    await idle.close()
    await place.admin.execute("DELETE FROM chunks WHERE chunking_config_id = 2")
    await place.admin.execute("DELETE FROM chunking_configs WHERE id = 2")
    undone = await place.roll_back()
    assert undone.state == "done", undone
    assert await place.admin.fetchval("SELECT count(*) FROM chunks WHERE chunking_config_id = 2") == 0
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await place.admin.execute("DELETE FROM chunking_configs WHERE id = 1")


async def test_what_was_built_and_never_used_is_taken_away(place: Place) -> None:
    await place.make("list", 300)
    rows = await place.rows()
    await place.execute()
    undone = await place.roll_back()
    assert undone.state == "done", undone
    left = "SELECT relname FROM pg_class WHERE relname ~ '^(chunks_next|console_chunks_(changes|since))|_20260301_'"
    assert [row[0] for row in await place.admin.fetch(left)] == []
    assert await place.admin.fetchval("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'console%'") == 0
    assert await place.rows() == rows
    resumed = await place.resume_refused(f"chunks-{STAMP}")
    assert "undone" in resumed
