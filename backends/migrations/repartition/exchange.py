"""Putting one table into the other's place, with all that belongs to it: pure text, for one transaction.

It works in both directions: the swap puts the new table into place, the rollback the old one again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backends.migrations.repartition.ddl import Target, grants, indexes, may_refuse_writers
from backends.migrations.repartition.shape import KEY_COLUMN, NEXT, TABLE, Shape, quoted

_ENABLE = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


@dataclass(frozen=True, slots=True)
class Renaming:
    """An index or a statistics object on both sides. kind: as ALTER names it; "" where a side has none."""

    kind: str
    live: str
    aside: str
    waiting: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One table for another. live: the shape of the table in use now, read under the lock.

    aside: the name that it gets; waiting: the name of the one that takes its place; both without schema.
    """

    live: Shape
    aside: str
    waiting: str
    renamings: tuple[Renaming, ...]

    @property
    def locked(self) -> str:
        """Every table whose lock the exchange needs, so that it is waited for once."""
        tables = [self.live.table, self.live.named(self.waiting), *(key["table"] for key in self.live["keys_in"])]
        return ", ".join(dict.fromkeys(tables))


def swap(target: Target, live: Shape) -> Exchange:
    """The new table for the old one."""
    return Exchange(live, target.backup, NEXT, tuple(_renamings(target, back=False)))


def unswap(target: Target, live: Shape) -> Exchange:
    """The old table for the new one."""
    return Exchange(live, target.undone, target.backup, tuple(_renamings(target, back=True)))


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


def _renaming(kind: str, name: str, kept: str, built: str, back: bool) -> Renaming:
    if back:
        return Renaming(kind, name, built, kept)
    return Renaming(kind, name, kept, built)


def statements(exchange: Exchange, triggers: Mapping[str, str] | None) -> Iterator[str]:
    """The exchange itself, under the lock.

    triggers: of the waiting table, by name, as they were enabled; None where it has none yet and gets the live one's.
    """
    live = exchange.live
    aside, waiting = live.named(exchange.aside), live.named(exchange.waiting)
    for key in live["keys_in"]:
        yield f"ALTER TABLE {key['table']} DROP CONSTRAINT {quoted(key['name'])}"
    # It must keep nobody from deleting what its rows refer to, now that nobody deletes them.
    for key in live["keys_out"]:
        if may_refuse_writers(key):
            yield f"ALTER TABLE {live.table} DROP CONSTRAINT {quoted(key['name'])}"
    if live["triggers"]:
        yield f"ALTER TABLE {live.table} DISABLE TRIGGER USER"
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
    yield from _triggers(live, triggers)


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
    for publication in live["publications"]:
        yield f"ALTER PUBLICATION {quoted(publication)} DROP TABLE {aside}"
        yield f"ALTER PUBLICATION {quoted(publication)} ADD TABLE {live.table}"
    for key in live["keys_in"]:
        definition = key["def"].removesuffix(" NOT VALID")
        yield f"ALTER TABLE {key['table']} ADD CONSTRAINT {quoted(key['name'])} {definition} NOT VALID"


def _triggers(live: Shape, own: Mapping[str, str] | None) -> Iterator[str]:
    if own is not None:
        for name, enabled in own.items():
            yield f"ALTER TABLE {live.table} {_ENABLE[enabled]} TRIGGER {quoted(name)}"
        return
    for trigger in live["triggers"]:
        if computes_key(trigger):
            continue
        yield trigger["def"]
        if trigger["enabled"] != "O":
            yield f"ALTER TABLE {live.table} {_ENABLE[trigger['enabled']]} TRIGGER {quoted(trigger['name'])}"


def computes_key(trigger: Mapping[str, Any]) -> bool:
    """Whether the trigger is about the partition key, which the new layout computes by itself.

    >>> computes_key({"source": "BEGIN NEW.partition_key := 1; RETURN NEW; END"}), computes_key({"source": "BEGIN END"})
    (True, False)
    """
    return f"NEW.{KEY_COLUMN}" in "".join(trigger["source"].split())
