"""Putting one table into the other's place, with all that belongs to it: pure text, for one transaction.

It works in both directions: the swap puts the new table into place, the rollback the old one again. What can be done
before the lock (`mirrored`) or after it (`retired`) is, since everybody waits behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from backends.migrations.repartition.capture import CHANGES, drop_trigger_statements
from backends.migrations.repartition.ddl import SEQUENCE, Target, grants, indexes, keys, keys_asked, keys_off
from backends.migrations.repartition.shape import KEY_COLUMN, NEXT, TABLE, Shape, quoted

_ENABLE = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


@dataclass(frozen=True, slots=True)
class Renaming:
    """An index, a statistics object or a materialized view on both sides.

    kind: as ALTER names it. live: its name in use; aside and waiting: its names on either side, "" where it has none.
    """

    kind: str
    live: str
    aside: str
    waiting: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One table for another. live: the shape of the table in use now, read under the lock.

    aside: the name that it gets; waiting: the name of the one that takes its place; both without schema. leaves: where
    that one has its rows, by their names in use. keys: the foreign keys that it gets with the exchange, since until
    then it lags behind, and would refuse writers what the table in use lets through.
    """

    live: Shape
    aside: str
    waiting: str
    renamings: tuple[Renaming, ...]
    leaves: tuple[str, ...]
    keys: tuple[Mapping[str, Any], ...]

    @property
    def locked(self) -> str:
        """Every table whose lock the exchange needs besides that of the table in use."""
        waiting = f"ONLY {self.live.named(self.waiting)}"
        return ", ".join(dict.fromkeys([waiting, self.live.table, *(key["table"] for key in self.live["keys_in"])]))

    @property
    def referred(self) -> str:
        """Every table that nobody may write to while a foreign key to it is made; "" for none."""
        return ", ".join(dict.fromkeys(str(key["table"]) for key in self.keys))

    @property
    def to_validate(self) -> list[Mapping[str, Any]]:
        """The foreign keys of other tables that are to be validated again: those that were."""
        return [key for key in self.live["keys_in"] if key["valid"]]


def swap(target: Target, live: Shape) -> Exchange:
    """The new table for the old one."""
    leaves = tuple(target.shape.named(each) for each in target.partitions)
    return _exchange(target, live, (target.backup, NEXT), leaves, back=False)


def unswap(target: Target, live: Shape) -> Exchange:
    """The old table for the new one."""
    return _exchange(target, live, (target.undone, target.backup), tuple(target.shape.leaves), back=True)


def _exchange(target: Target, live: Shape, names: tuple[str, str], leaves: tuple[str, ...], *, back: bool) -> Exchange:
    return Exchange(live, *names, tuple(_renamings(target, back)), leaves, tuple(keys(target.shape, late=True)))


def _renamings(target: Target, back: bool) -> Iterator[Renaming]:
    old = {index["name"] for index in target.shape["indexes"]}
    for number, index in enumerate(each for each in indexes(target) if each.final):
        kept = f"{target.backup}_ix{number}" if index.final in old else ""
        built = f"{target.undone}_ix{number}" if back else index.name
        yield _renaming("INDEX", index.final, kept, built, back)
    for number, each in enumerate(target.shape["statistics"]):
        name = each["name"].split(".", 1)[1].strip('"')
        built = f"{target.undone}_st{number}" if back else f"chunks_next_st{number}"
        yield _renaming("STATISTICS", name, f"{target.backup}_st{number}", built, back)
    if (sequence := target.shape["sequence"]) and sequence["identity"]:
        built = f"{target.undone}_seq" if back else SEQUENCE
        yield _renaming("SEQUENCE", sequence["bare"], f"{target.backup}_seq", built, back)
    yield from _matviews(target, back)


def _matviews(target: Target, back: bool) -> Iterator[Renaming]:
    for number, view in enumerate(target.shape["matviews"]):
        kept, built = f"{target.backup}_mv{number}", f"{target.undone if back else NEXT}_mv{number}"
        yield _renaming("MATERIALIZED VIEW", view["name"], kept, built, back)
        for place, index in enumerate(view["indexes"]):
            yield _renaming("INDEX", index["name"], f"{kept}_ix{place}", f"{built}_ix{place}", back)


def _renaming(kind: str, name: str, kept: str, built: str, back: bool) -> Renaming:
    if back:
        return Renaming(kind, name, built, kept)
    return Renaming(kind, name, kept, built)


def statements(exchange: Exchange, triggers: Mapping[str, str]) -> Iterator[str]:
    """The exchange itself, under the lock. triggers: of the waiting table, by name, as they are to be enabled."""
    live = exchange.live
    aside, waiting = live.named(exchange.aside), live.named(exchange.waiting)
    for key in live["keys_in"]:
        yield f"ALTER TABLE {key['table']} DROP CONSTRAINT {quoted(key['name'])}"
    yield from _sequences(live, live.table, waiting)
    for each in exchange.renamings:
        if each.aside:
            yield f"ALTER {each.kind} {live.named(each.live)} RENAME TO {quoted(each.aside)}"
    yield f"ALTER TABLE {live.table} RENAME TO {quoted(exchange.aside)}"
    for each in exchange.renamings:
        if each.waiting:
            yield f"ALTER {each.kind} {live.named(each.waiting)} RENAME TO {quoted(each.live)}"
    yield f"ALTER TABLE {waiting} RENAME TO {quoted(TABLE)}"
    yield from _dependants(live, aside)
    yield from keys_asked(exchange.leaves, exchange.keys)
    for name, enabled in triggers.items():
        if enabled != "D":
            yield f"ALTER TABLE {live.table} {_ENABLE[enabled]} TRIGGER {quoted(name)}"


def kept_triggers(shape: Shape) -> dict[str, str]:
    """The triggers that the new table gets, by name, and how they are enabled: all but those about the key."""
    return {each["name"]: each["enabled"] for each in shape["triggers"] if not computes_key(each)}


def mirrored(shape: Shape, waiting: str) -> Iterator[str]:
    """The table's triggers on the one that waits, where they do nothing until the exchange enables them."""
    kept = kept_triggers(shape)
    for trigger in shape["triggers"]:
        if trigger["name"] in kept:
            yield _TABLE.sub(lambda _: f" ON {waiting} ", trigger["def"], count=1)
            yield f"ALTER TABLE {waiting} DISABLE TRIGGER {quoted(trigger['name'])}"


_TABLE: Final = re.compile(rf' ON (?:"(?:[^"]|"")+"|\w+)\.{TABLE} ')
"""The table in a trigger's definition, whose names are qualified."""


def unbound(shape: Shape, aside: str, leaves: list[str]) -> Iterator[str]:
    """The table put aside keeps nobody from deleting what its rows refer to, now that nobody deletes them."""
    return keys_off(aside, leaves, keys(shape, late=True))


def retired(target: Target) -> Iterator[str]:
    """After the swap: what the backup needs no more, and what would keep rows from being carried back."""
    backup = target.shape.named(target.backup)
    yield from unbound(target.shape, backup, target.backup_leaves)
    yield from drop_trigger_statements(CHANGES, backup, target.backup_leaves)
    if target.shape["triggers"]:
        yield f"ALTER TABLE {backup} DISABLE TRIGGER USER"


def _sequences(live: Shape, table: str, waiting: str) -> Iterator[str]:
    sequence = live["sequence"]
    if not sequence:
        return
    column = quoted(sequence["column"])
    if not sequence["identity"]:
        yield f"ALTER SEQUENCE {sequence['name']} OWNED BY {waiting}.{column}"
        return
    other = f"pg_get_serial_sequence('{waiting}', '{sequence['column']}')"
    yield f"SELECT setval({other}, last_value, is_called) FROM {sequence['name']}"


def _dependants(live: Shape, aside: str) -> Iterator[str]:
    """Views, privileges, publications and foreign keys that pointed at the table in use."""
    for view in live["views"]:
        options = f" WITH ({', '.join(view['options'])})" if view["options"] else ""
        yield f"CREATE OR REPLACE VIEW {view['name']}{options} AS {view['def']}"
    yield from grants(live, live.table)
    if (sequence := live["sequence"]) and sequence["identity"]:
        yield from grants(sequence, f"SEQUENCE {sequence['name']}")
    for publication in live["publications"]:
        yield f"ALTER PUBLICATION {quoted(publication)} DROP TABLE {aside}"
        yield f"ALTER PUBLICATION {quoted(publication)} ADD TABLE {live.table}"
    for key in live["keys_in"]:
        definition = key["def"].removesuffix(" NOT VALID")
        yield f"ALTER TABLE {key['table']} ADD CONSTRAINT {quoted(key['name'])} {definition} NOT VALID"


def computes_key(trigger: Mapping[str, Any]) -> bool:
    """Whether the trigger is about the partition key, which the new layout computes by itself.

    >>> computes_key({"source": "BEGIN NEW.partition_key := 1; RETURN NEW; END"}), computes_key({"source": "BEGIN END"})
    (True, False)
    """
    return f"NEW.{KEY_COLUMN}" in "".join(trigger["source"].split())
