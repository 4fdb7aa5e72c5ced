"""The statements that build the new table with all that belongs to it; pure text from the old table's shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from backends.clients.queries import literal
from backends.migrations.repartition.shape import KEY_COLUMN, Shape, quoted

PARTITIONS: Final = 100
SAFE_KEY: Final = "(abs(hashtext(collection_id::text)::bigint) % 100)::integer"
"""The key of a collection, from 0 to 99. Taking the absolute value as a bigint is safe for the smallest integer too."""

PRIMARY: Final = ("id", "collection_id", KEY_COLUMN)
STORAGE: Final = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
COMPRESSION: Final = {"p": "pglz", "l": "lz4"}
IDENTITY: Final = {"d": "DEFAULT", "f": "FULL", "n": "NOTHING"}
SEQUENCE: Final = "chunks_next_seq"
"""Of an identity column, while it waits."""

_KEPT: Final = {"s": "STORED", "v": "VIRTUAL"}
_NO_ACTION: Final = frozenset("ar")


@dataclass(frozen=True, slots=True)
class Built:
    """An index of the new table. name: while it is built; final: after the swap, "" where it keeps its name."""

    name: str
    final: str
    statement: str


@dataclass(frozen=True, slots=True)
class Target:
    """What is built. layout: "hash" or "list". stamp: of the run (YYYYMMDD_HHMMSS), in the names that stay."""

    shape: Shape
    layout: str
    stamp: str

    @property
    def columns(self) -> tuple[Mapping[str, Any], ...]:
        """The columns in their order; one for the key at the end where there was none."""
        columns = tuple(self.shape["columns"])
        if self.shape.column(KEY_COLUMN):
            return columns
        return (*columns, {"name": KEY_COLUMN, "type": "integer", "not_null": True, "identity": "", "generated": ""})

    @property
    def partitions(self) -> tuple[str, ...]:
        """The names of the partitions, in the order of their numbers."""
        return tuple(f"chunks_{self.stamp}_{number:02}" for number in range(PARTITIONS))

    @property
    def backup(self) -> str:
        """The old table's name after the swap."""
        return f"chunks_backup_{self.stamp}"

    @property
    def backup_leaves(self) -> list[str]:
        """The backup's partitions, which keep their names, or itself, renamed."""
        return self.shape.leaves if self.shape["kind"] == "p" else [self.shape.named(self.backup)]

    @property
    def undone(self) -> str:
        """The new table's name after a rollback."""
        return f"chunks_undone_{self.stamp}"


def table_statements(target: Target) -> Iterator[str]:
    """The new table with its partitions, empty, without keys and indexes."""
    shape = target.shape
    how = "HASH (collection_id)" if target.layout == "hash" else f"LIST ({KEY_COLUMN})"
    parts = [_column(shape, each, target.layout) for each in target.columns]
    parts += [f"CONSTRAINT {quoted(each['name'])} {_check(each)}" for each in shape["checks"] if not _of_key(each)]
    if target.layout == "list":
        parts.append(f"CONSTRAINT chunks_partition_key_is_right CHECK ({KEY_COLUMN} = {SAFE_KEY})")
    yield f"CREATE TABLE {shape.next} (\n    " + ",\n    ".join(parts) + f"\n) PARTITION BY {how}"
    options = f" WITH ({', '.join(shape['options'])})" if shape["options"] and shape["kind"] == "r" else ""
    for number, name in enumerate(target.partitions):
        bound = f"WITH (MODULUS {PARTITIONS}, REMAINDER {number})" if target.layout == "hash" else f"IN ({number})"
        yield f"CREATE TABLE {shape.named(name)} PARTITION OF {shape.next} FOR VALUES {bound}{options}"


def _column(shape: Shape, column: Mapping[str, Any], layout: str) -> str:
    if column["name"] == KEY_COLUMN:
        generated = f" GENERATED ALWAYS AS ({SAFE_KEY}) STORED" if layout == "hash" else ""
        return f"{KEY_COLUMN} integer{generated} NOT NULL"
    said = [quoted(column["name"]), column["type"]]
    if column["collation"]:
        said.append(f"COLLATE {column['collation']}")
    if column["generated"]:
        said.append(f"GENERATED ALWAYS AS ({column['default']}) {_KEPT[column['generated']]}")
    elif column["identity"]:
        said.append(_identity(shape, column))
    elif column["default"] is not None:
        said.append(f"DEFAULT {column['default']}")
    if column["not_null"] or column["name"] in PRIMARY:
        said.append("NOT NULL")
    return " ".join(said)


def _identity(shape: Shape, column: Mapping[str, Any]) -> str:
    """An identity column, whose sequence can't move from table to table: one just like it, which takes its name."""
    sequence = shape["sequence"]
    always = "ALWAYS" if column["identity"] == "a" else "BY DEFAULT"
    bounds = f"MINVALUE {sequence['least']} MAXVALUE {sequence['most']} START {sequence['start']}"
    cycle = "CYCLE" if sequence["cycle"] else "NO CYCLE"
    counts = f"INCREMENT BY {sequence['by']} {bounds} CACHE {sequence['cache']} {cycle}"
    return f"GENERATED {always} AS IDENTITY (SEQUENCE NAME {shape.named(SEQUENCE)} {counts})"


def _of_key(check: Mapping[str, Any]) -> bool:
    """Whether it only says how the key is computed, which the new layout says by itself."""
    return KEY_COLUMN in check["def"] and "hashtext" in check["def"]


def _check(check: Mapping[str, Any]) -> str:
    return str(check["def"]).removesuffix(" NOT VALID")


def indexes(target: Target) -> tuple[Built, ...]:
    """The primary key and every index of the old table, those too that its partitions have one by one."""
    shape, found = target.shape, []
    for number, index in enumerate(shape["indexes"]):
        name = f"chunks_next_ix{number}"
        found.append(Built(name, index["name"], _index_statement(shape, index, name)))
        if index["comment"]:
            said = f"COMMENT ON INDEX {shape.named(name)} IS {literal(index['comment'])}"
            found[-1] = replace(found[-1], statement=f"{found[-1].statement};\n{said}")
    if not any(index["primary"] for index in shape["indexes"]):
        found.append(Built("chunks_next_pk", f"chunks_{target.stamp}_pkey", _primary(shape, "chunks_next_pk")))
    known = {index_rest(index["def"]) for index in shape["indexes"]}
    for number, index in enumerate(each for each in shape["leaf_indexes"] if each["rest"] not in known):
        name = f"chunks_{target.stamp}_lx{number}"
        found.append(Built(name, "", f"CREATE INDEX {quoted(name)} ON {shape.next}{index['rest']}"))
    return tuple(found)


def _index_statement(shape: Shape, index: Mapping[str, Any], name: str) -> str:
    said = str(index["constraint_def"] or "")
    if index["primary"]:
        # Behind the columns: INCLUDE, DEFERRABLE.
        return _primary(shape, name) + said.partition(")")[2]
    if index["constraint"]:
        return f"ALTER TABLE {shape.next} ADD CONSTRAINT {quoted(name)} {said}"
    unique = "UNIQUE " if index["unique"] else ""
    return f"CREATE {unique}INDEX {quoted(name)} ON {shape.next}{index_rest(index['def'])}"


def _primary(shape: Shape, name: str) -> str:
    return f"ALTER TABLE {shape.next} ADD CONSTRAINT {quoted(name)} PRIMARY KEY ({', '.join(PRIMARY)})"


def index_rest(definition: str) -> str:
    """An index's definition behind the name of its table."""
    return f" USING{definition.partition(' USING')[2]}"


def may_refuse_writers(key: Mapping[str, Any]) -> bool:
    """Whether the foreign key would refuse a delete that the table in use lets through, while this one lags behind."""
    return key["on_delete"] in _NO_ACTION


def keys(shape: Shape, *, late: bool) -> list[Mapping[str, Any]]:
    """The foreign keys to other tables; late: those that come with the exchange itself, the others go before it."""
    return [key for key in shape["keys_out"] if may_refuse_writers(key) is late]


def keys_asked(partitions: Sequence[str], found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Foreign keys that are asked of new rows only, on each partition: the whole takes none that is not validated."""
    for key in found:
        definition = str(key["def"]).removesuffix(" NOT VALID")
        for partition in partitions:
            yield f"ALTER TABLE {partition} ADD CONSTRAINT {quoted(key['name'])} {definition} NOT VALID"


def keys_checked(partitions: Sequence[str], found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """They are asked of the rows that are there, too."""
    for key in found:
        for partition in partitions:
            yield f"ALTER TABLE {partition} VALIDATE CONSTRAINT {quoted(key['name'])}"


def keys_whole(table: str, partitions: Sequence[str], found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """They are the whole table's, which takes those of its partitions over unread."""
    for key in found:
        if list(partitions) != [table]:
            definition = str(key["def"]).removesuffix(" NOT VALID")
            yield f"ALTER TABLE {table} ADD CONSTRAINT {quoted(key['name'])} {definition}"


def keys_off(table: str, partitions: Sequence[str], found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """They are gone, from partitions too that have them one by one."""
    for key in found:
        for place in dict.fromkeys([table, *partitions]):
            yield f"ALTER TABLE IF EXISTS {place} DROP CONSTRAINT IF EXISTS {quoted(key['name'])}"


def furniture(target: Target) -> Iterator[str]:
    """All that the new table can have before anybody uses it: owner, comments, statistics, policies."""
    shape = target.shape
    table, partitions = shape.next, [shape.named(name) for name in target.partitions]
    yield from _identities(shape, partitions)
    if shape["comment"]:
        yield f"COMMENT ON TABLE {table} IS {literal(shape['comment'])}"
    for column in shape["columns"]:
        name = quoted(column["name"])
        if column["comment"]:
            yield f"COMMENT ON COLUMN {table}.{name} IS {literal(column['comment'])}"
        for place in (table, *partitions):
            yield from (f"ALTER TABLE {place} ALTER COLUMN {name} SET {each}" for each in _settings(column))
    yield from _statistics(shape)
    yield from policies(shape, table)
    # At last, since from here on even the table's owner may be another role.
    for place in (table, *partitions):
        yield f"ALTER TABLE {place} OWNER TO {quoted(shape['owner'])}"


def _identities(shape: Shape, partitions: Sequence[str]) -> Iterator[str]:
    """What a subscriber is told of a row that goes; of a partitioned table, what its partitions say counts."""
    places = [(shape.next, shape["replica_identity"])]
    places += [(each, shape["leaf_identities"][0]) for each in partitions]
    for place, how in places:
        if how != "d":
            yield f"ALTER TABLE {place} REPLICA IDENTITY {IDENTITY[how]}"


def _settings(column: Mapping[str, Any]) -> Iterator[str]:
    """What a column is set to, beside its definition."""
    if column["storage"]:
        yield f"STORAGE {STORAGE[column['storage']]}"
    if column["statistics"] is not None:
        yield f"STATISTICS {column['statistics']}"
    if column["compression"]:
        yield f"COMPRESSION {COMPRESSION[column['compression']]}"
    if column["options"]:
        yield f"({', '.join(column['options'])})"


def policies(shape: Shape, table: str) -> Iterator[str]:
    """The row-level security of the old table, on the one of this name."""
    for policy in shape["policies"]:
        yield _policy(table, policy)
    if shape["row_security"]:
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    if shape["force_row_security"]:
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"


def _statistics(shape: Shape) -> Iterator[str]:
    for number, each in enumerate(shape["statistics"]):
        kinds, _, rest = each["def"].removeprefix("CREATE STATISTICS ").removeprefix(each["name"]).partition(" ON ")
        name, columns = shape.named(f"chunks_next_st{number}"), rest.rpartition(" FROM ")[0]
        yield f"CREATE STATISTICS {name}{kinds} ON {columns} FROM {shape.next}"


def _policy(table: str, policy: Mapping[str, Any]) -> str:
    roles = ", ".join("PUBLIC" if role == "public" else quoted(role) for role in policy["roles"])
    using = f" USING ({policy['using']})" if policy["using"] else ""
    check = f" WITH CHECK ({policy['check']})" if policy["check"] else ""
    said = f"AS {policy['permissive']} FOR {policy['command']} TO {roles}{using}{check}"
    return f"CREATE POLICY {quoted(policy['name'])} ON {table} {said}"


def grants(old: Shape | Mapping[str, Any], table: str) -> Iterator[str]:
    """The privileges of the old table or view, on the one of this name."""
    for each in old["grants"]:
        grantee = quoted(each["grantee"]) if each["grantee"] else "PUBLIC"
        column = f" ({quoted(each['column'])})" if each["column"] else ""
        option = " WITH GRANT OPTION" if each["grantable"] else ""
        yield f"GRANT {each['privilege']}{column} ON {table} TO {grantee}{option}"


def drop_next(shape: Shape) -> str:
    """Takes away what was built and never used; whatever depends on it keeps it."""
    return f"DROP TABLE IF EXISTS {shape.next}"
