"""The chunks table as the live catalogue tells it, in each layout in which it is met."""

from collections import Counter

import asyncpg
import pytest

from backends.clients.errors import AccessDenied, CannotConnect, NotConfigured, NotThere
from backends.clients.postgres import PostgresClient
from backends.clients.targets import PostgresTarget
from backends.migrations.chunks import chunks
from tests.backends.migrations import layouts

Admin = asyncpg.Connection
FILL = "INSERT INTO chunks (collection_id) SELECT 'c-' || n % 7 FROM generate_series(1, 1000) AS n"


async def test_unpartitioned(admin: Admin, postgres: PostgresClient) -> None:
    await admin.execute(layouts.UNPARTITIONED)
    await admin.execute(f"{FILL}; ANALYZE chunks")
    found = await chunks(postgres)
    size = await admin.fetchval("SELECT pg_total_relation_size('chunks')")
    assert (found.table, found.layout, found.key) == ("public.chunks", "unpartitioned", None)
    assert (found.rows, found.size_bytes, found.partitions, found.skew) == (1000, size, (), None)


@pytest.mark.parametrize("count", [16, 100])
async def test_hash(admin: Admin, postgres: PostgresClient, count: int) -> None:
    await admin.execute(layouts.hash_partitions(count))
    await admin.execute(f"{FILL}; ANALYZE chunks")
    found = await chunks(postgres)
    true = Counter(await _by_partition(admin))
    assert (found.layout, found.key) == (f"HASH {count}", "HASH (collection_id)")
    assert [each.number for each in found.partitions] == list(range(count))
    assert {each.name: each.rows for each in found.partitions if each.rows} == true
    assert found.rows == 1000
    assert found.skew == pytest.approx(max(true.values()) * count / 1000)
    assert found.size_bytes == sum(each.size_bytes for each in found.partitions) > 0
    assert [each.where for each in found.formulas] == ["generated column partition_key"]
    assert "hashtext" in found.formulas[0].text


async def _by_partition(admin: Admin) -> list[str]:
    return [row[0] for row in await admin.fetch("SELECT tableoid::regclass::text FROM chunks")]


@pytest.mark.parametrize(
    "formula",
    [
        "abs(hashtext(NEW.collection_id)) % 100",
        "abs(hashtext(NEW.collection_id || ':' || NEW.document_id)) % 100",
        "mod(hashtext(NEW.collection_id), 100)",
    ],
)
async def test_list_with_a_trigger(admin: Admin, postgres: PostgresClient, formula: str) -> None:
    await admin.execute(layouts.list_partitions(formula))
    found = await chunks(postgres)
    assert (found.layout, found.key) == ("LIST 100", "LIST (partition_key)")
    assert [each.number for each in found.partitions] == list(range(100))
    assert found.triggers == ("set_partition_key",)
    assert [(each.text, each.where) for each in found.formulas] == [(formula, "trigger set_partition_key")]


async def test_list_with_a_check_and_a_default(admin: Admin, postgres: PostgresClient) -> None:
    await admin.execute(layouts.list_partitions())
    await admin.execute(f"ALTER TABLE chunks ADD CONSTRAINT right_key CHECK (partition_key = {layouts.SAFE_KEY})")
    await admin.execute("ALTER TABLE chunks ALTER partition_key SET DEFAULT 0")
    found = await chunks(postgres)
    assert [(each.where, each.text == "0") for each in found.formulas] == [
        ("check right_key", False),
        ("default partition_key", True),
    ]
    assert found.triggers == ()


async def test_a_trigger_that_leaves_the_key_alone_is_no_formula(admin: Admin, postgres: PostgresClient) -> None:
    await admin.execute(layouts.UNPARTITIONED)
    await admin.execute(
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.content := 'x'; RETURN NEW; END$$;"
        "CREATE TRIGGER touch BEFORE INSERT ON chunks FOR EACH ROW EXECUTE FUNCTION touch()"
    )
    found = await chunks(postgres)
    assert (found.triggers, found.formulas) == (("touch",), ())


async def test_an_empty_table_has_no_skew(admin: Admin, postgres: PostgresClient) -> None:
    await admin.execute(layouts.hash_partitions(16))
    found = await chunks(postgres)
    assert (found.rows, found.skew) == (0, None)


async def test_rows_of_a_table_that_was_never_analysed_are_not_minus_one(
    admin: Admin, postgres: PostgresClient
) -> None:
    """reltuples is -1 then; without statistics of its own the number is unknown, never -1 and never 0."""
    await admin.execute("CREATE TABLE chunks (id int) WITH (autovacuum_enabled = off)")
    await admin.execute("INSERT INTO chunks SELECT generate_series(1, 50)")
    await admin.execute("SELECT pg_stat_force_next_flush()")
    counted = (await chunks(postgres)).rows
    await admin.execute("SELECT pg_stat_reset()")
    assert (counted, (await chunks(postgres)).rows) == (50, None)


async def test_no_table(postgres: PostgresClient) -> None:
    with pytest.raises(NotThere, match="no table chunks") as raised:
        await chunks(postgres)
    assert "CHUNKS_DATABASE_URL" in raised.value.hint


async def test_a_view_is_no_table(admin: Admin, postgres: PostgresClient) -> None:
    await admin.execute("CREATE VIEW chunks AS SELECT 1 AS id")
    with pytest.raises(NotThere):
        await chunks(postgres)


async def test_nasty_names_are_shown_safely(admin: Admin, postgres: PostgresClient) -> None:
    await admin.execute(layouts.UNPARTITIONED)
    await admin.execute(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;"
        'CREATE TRIGGER "\x1b[2J[/red]" BEFORE INSERT ON chunks FOR EACH ROW EXECUTE FUNCTION f()'
    )
    assert (await chunks(postgres)).triggers == ("␛[2J[/red]",)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://postgres@127.0.0.1:9/x", CannotConnect),
        ("{server}/no_such_database", NotThere),
        ("{wrong}/postgres", AccessDenied),
    ],
)
async def test_a_server_that_cannot_be_asked(postgres_url: str, url: str, expected: type[Exception]) -> None:
    server = postgres_url.rpartition("/")[0]
    wrong = f"postgresql://postgres:wrong@{server.rpartition('@')[2]}"
    client = PostgresClient(PostgresTarget(url.format(server=server, wrong=wrong), "CHUNKS_DATABASE_URL"))
    with pytest.raises(expected):
        await chunks(client)
    await client.aclose()


async def test_nothing_configured() -> None:
    client = PostgresClient(NotConfigured("The chunks' database is not configured.", hint="Set CHUNKS_DATABASE_URL."))
    with pytest.raises(NotConfigured):
        await chunks(client)
