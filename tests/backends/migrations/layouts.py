"""The layouts in which a chunks table is met."""

from typing import Final

_COLUMNS: Final = "id bigserial, collection_id varchar NOT NULL, document_id varchar, content text NOT NULL DEFAULT ''"
_KEYED: Final = f"{_COLUMNS}, partition_key integer NOT NULL"
SAFE_KEY: Final = "(abs(hashtext(collection_id)::bigint) % 100)::int"

UNPARTITIONED: Final = f"CREATE TABLE chunks ({_COLUMNS}, PRIMARY KEY (id))"


def hash_partitions(count: int) -> str:
    """HASH(collection_id) in `count` partitions, the key beside it as a generated column."""
    generated = f"partition_key integer GENERATED ALWAYS AS ({SAFE_KEY}) STORED"
    parts = "".join(
        f"CREATE TABLE chunks_part_{n:02} PARTITION OF chunks FOR VALUES WITH (MODULUS {count}, REMAINDER {n});"
        for n in range(count)
    )
    primary = "PRIMARY KEY (id, collection_id, partition_key)"
    return f"CREATE TABLE chunks ({_COLUMNS}, {generated}, {primary}) PARTITION BY HASH (collection_id); {parts}"


def list_partitions(formula: str = "") -> str:
    """LIST(partition_key) in 100 partitions; with a formula, a trigger that checks the key by it."""
    parts = "".join(f"CREATE TABLE chunks_part_{n:02} PARTITION OF chunks FOR VALUES IN ({n});" for n in range(100))
    return f"CREATE TABLE chunks ({_KEYED}) PARTITION BY LIST (partition_key); {parts}" + (
        _trigger(formula) if formula else ""
    )


def _trigger(formula: str) -> str:
    return f"""
    CREATE FUNCTION compute_partition_key() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.partition_key := {formula};
        RETURN NEW;
    END $$;
    CREATE TRIGGER set_partition_key BEFORE INSERT ON chunks FOR EACH ROW EXECUTE FUNCTION compute_partition_key();
    """
