"""What must be so before the table is re-partitioned: each trap a gate with its sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from backends.migrations.repartition.book import UNDER_WAY
from backends.migrations.repartition.ddl import keys
from backends.migrations.repartition.exchange import computes_key
from backends.migrations.repartition.facts import Facts
from backends.migrations.repartition.formulas import COLLECTION_ONLY
from backends.migrations.repartition.inserts import LIMIT_S, Inserts
from backends.migrations.repartition.modelling import judged
from backends.migrations.repartition.rebuilding import not_rebuilt
from backends.migrations.repartition.shape import KEY_COLUMN, Shape
from backends.migrations.rules import OLDEST_SERVER, SKEW_COLLECTIONS, SKEW_GATE
from backends.safety.text import display_text


class Status(Enum):
    """How a gate stands."""

    OK = "ok"
    WARNING = "warning"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Gate:
    """One check: its id, how it stands, and why."""

    id: str
    status: Status
    why: str


@dataclass(frozen=True, slots=True)
class Probe:
    """What trying showed. tried and worked: inserts shaped as today's; error: the first that failed, "" for none.

    model: what failed through the model, "" for nothing. inserts: how long a thousand take.
    """

    tried: int
    worked: int
    error: str = ""
    model: str = ""
    inserts: Inserts | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is known of rehearsals. needed: this is production; said: of the newest, "" for none; same: the table was
    shaped as now.
    """

    needed: bool
    passed: bool = False
    said: str = ""
    same: bool = False


def gates(
    found: Facts, layout: str, probe: Probe | None, rehearsal: Rehearsal = Rehearsal(needed=False)
) -> tuple[Gate, ...]:
    """All gates, the traps of the table first; where rows are hidden only those that count none."""
    if found.hidden:
        return (_hidden(found), _foreign(found), *_server(found))
    rest = (*_data(found), *_table(found, layout, probe), *_server(found))
    return (*_traps(found, layout, probe), _hidden(found), _foreign(found), *rest, _rehearsal(rehearsal))


def _hidden(found: Facts) -> Gate:
    """Not even a policy that lets all rows through is relied on: it may be another one tomorrow."""
    if not found.hidden:
        return Gate("row-security", Status.OK, "No policy hides rows from this role.")
    said = f"Row-level security applies to this role on {', '.join(found.hidden)}: hidden rows would be lost."
    return Gate("row-security", Status.RED, f"{said} Nothing was counted. A role with BYPASSRLS is needed.")


def _foreign(found: Facts) -> Gate:
    said = "; ".join(found.foreign)
    why = f"This role may not change all that a swap touches: {said}." if said else "This role may change all of it."
    return Gate("owners", _is(said, Status.RED), why)


def _rehearsal(known: Rehearsal) -> Gate:
    if not known.said:
        said = "It was never rehearsed here: --rehearse plays it on a sampled clone."
        return Gate("rehearsal", _is(known.needed, Status.WARNING), said)
    if not known.passed:
        return Gate("rehearsal", Status.RED, f"The newest rehearsal failed: {known.said}")
    changed = "" if known.same else " The table is shaped differently by now."
    return Gate("rehearsal", _is(changed and known.needed, Status.WARNING), f"Rehearsed: {known.said}.{changed}")


def worst(found: tuple[Gate, ...]) -> Status:
    """The worst of them."""
    order = [Status.OK, Status.WARNING, Status.RED]
    return max((gate.status for gate in found), key=order.index, default=Status.OK)


def _is(bad: object, status: Status) -> Status:
    return status if bad else Status.OK


def _traps(found: Facts, layout: str, probe: Probe | None) -> Iterator[Gate]:
    shape, data = found.shape, found.data
    key = shape.column(KEY_COLUMN)
    computing = [each["name"] for each in shape["triggers"] if computes_key(each)]
    beside = "the key is a generated column beside it" if layout == "hash" else "a CHECK keeps the key right"
    how = "HASH (collection_id)" if layout == "hash" else f"LIST ({KEY_COLUMN})"
    yield Gate("generated-key", Status.OK, f"A generated column can't be in a partition key: {how}, and {beside}.")
    yield _trigger(computing, probe)
    default = key and not key["generated"] and key["default"]
    said = f"The key's default is {display_text(str(default))}: a row that relies on it is refused." if default else ""
    yield Gate(
        "key-default", _is(default, Status.WARNING), said or "No default of the key can refer to another column."
    )
    keyless = not any(index["primary"] for index in shape["indexes"])
    why = "The table has no primary key: give it one first." if keyless else "The primary key is on columns alone."
    yield Gate("primary-key", _is(keyless, Status.RED), why)
    smallest = f"{data.smallest} rows are of collections that hash to the smallest integer, whose abs() fails today."
    yield Gate("smallest-integer", _is(data.smallest, Status.WARNING), smallest if data.smallest else _SAFE)
    unpruned = shape["kind"] == "p" and KEY_COLUMN in str(shape["key"])
    yield Gate("pruning", _is(unpruned and layout == "list", Status.WARNING), _pruning(unpruned, layout))
    yield Gate(
        "key-in-place", Status.OK, "A column of the partition key can't be changed in place: a new table is built."
    )
    copies = f"No proper backups, for want of keys and indexes: {', '.join(found.copies)}." if found.copies else _BACKUP
    yield Gate("backup", _is(found.copies, Status.WARNING), copies)
    yield Gate("error-rate", Status.OK, "Errors are counted from commits and rollbacks; no counter knows queries.")
    yield Gate(
        "hash-function", Status.OK, "The key is computed by this server alone: hashtext is internal to Postgres."
    )
    yield _inserts(probe)
    yield _skew(found)


_SAFE: Final = "No collection hashes to the smallest integer, and the new key is computed safely for it."
_BACKUP: Final = "The old table itself, renamed with all that belongs to it, is the backup."


def _trigger(computing: list[str], probe: Probe | None) -> Gate:
    if not computing:
        return Gate("key-trigger", Status.OK, "No trigger computes the key.")
    names = ", ".join(map(display_text, computing))
    if probe is None:
        why = f"{names} can't move a row to another partition, only refuse it; --probe tells whether inserts work."
        return Gate("key-trigger", Status.WARNING, why)
    if not probe.tried:
        return Gate("key-trigger", Status.WARNING, f"{names} could not be tried: there is no row to copy.")
    if probe.worked == probe.tried:
        return Gate("key-trigger", Status.OK, f"{names} lets all of {probe.tried} inserts in, as they are made today.")
    why = f"{names} refuses {probe.tried - probe.worked} of {probe.tried} inserts: {probe.error}"
    return Gate("key-trigger", Status.WARNING, why)


def _inserts(probe: Probe | None) -> Gate:
    """As measured, whatever it is; whether the new layout is faster is told after the swap."""
    inserts = probe.inserts if probe else None
    if inserts is None:
        return Gate("inserts", Status.OK, "--probe and --execute measure how long inserts take.")
    if inserts.took_s is None:
        return Gate("inserts", Status.WARNING, f"How long inserts take could not be measured: {inserts.error}.")
    said = f"{inserts.number:,} inserts take {inserts.took_s:.2f} s today; they have {LIMIT_S:g} s."
    return Gate("inserts", _is(inserts.took_s > LIMIT_S, Status.WARNING), said)


def _pruning(unpruned: bool, layout: str) -> str:
    if layout == "hash":
        before = "; today it scans every partition" if unpruned else ""
        return f"WHERE collection_id = x will look into one partition{before}."
    return "WHERE collection_id = x alone scans every partition in this layout."


def _skew(found: Facts) -> Gate:
    data = found.data
    if data.skew is None:
        return Gate("skew", Status.OK, "There are no rows.")
    said = f"skew {data.skew:.2f}, by chance {data.chance or 0:.2f}"
    if data.collections < SKEW_COLLECTIONS:
        return Gate("skew", Status.OK, f"{said}; not judged below {SKEW_COLLECTIONS:,} collections.")
    return Gate("skew", _is(data.skew > SKEW_GATE, Status.WARNING), f"{said}; the gate is {SKEW_GATE}.")


def _data(found: Facts) -> Iterator[Gate]:
    data, shape = found.data, found.shape
    yield Gate("nulls", _is(data.nulls, Status.RED), f"{data.nulls} rows have no id or no collection.")
    yield Gate(
        "duplicates", _is(data.twice, Status.RED), f"{data.twice} keys (id, collection) belong to more than one row."
    )
    if shape.column(KEY_COLUMN):
        yield _formula(found)
    for table, number in data.parentless.items():
        if number is None:
            yield Gate(f"parents-{table}", Status.WARNING, f"There is no table {table}.")
        else:
            yield Gate(
                f"parents-{table}", _is(number, Status.WARNING), f"{number} rows whose row in {table} is missing."
            )


def _formula(found: Facts) -> Gate:
    data = found.data
    if not data.formula:
        hint = "A rollback can't carry back what is written after the swap."
        return Gate("key-formula", _is(data.rows, Status.WARNING), f"No known formula agrees with every key. {hint}")
    if data.formula != COLLECTION_ONLY:
        return Gate("key-formula", Status.WARNING, f"The key is {data.formula} today; it becomes {COLLECTION_ONLY}.")
    return Gate(
        "key-formula", Status.OK, f"The key is {data.formula}, and stays so for all {data.collections:,} collections."
    )


def _table(found: Facts, layout: str, probe: Probe | None) -> Iterator[Gate]:
    shape = found.shape
    change = writers(shape, layout, found.data.formula)
    yield Gate("writers", _is(change, Status.WARNING), change or "Writers need not change.")
    leading = any(index["columns"][0] == "id" for index in (*shape["indexes"],) if index["columns"])
    yield Gate(
        "id-index", _is(not leading, Status.RED), "Batches are read in the order of an index that begins with id."
    )
    yield _lock(len(shape["keys_in"]), len(keys(shape, late=True)))
    for name, bad, why in not_rebuilt(found.shape, layout, may_create=found.may_create):
        yield Gate(name, Status.RED if bad else Status.OK, why)
    yield _model(found)
    differs = f"Related tables differ from the model: {'; '.join(found.related)}."
    agree = "The related tables that are there agree with the model."
    yield Gate("related-models", _is(found.related, Status.WARNING), differs if found.related else agree)
    yield _through_model(found, probe)
    unvalidated = [
        each["name"] for part in ("checks", "keys_out", "keys_in") for each in shape[part] if not each["valid"]
    ]
    said = f"Not validated: {', '.join(map(display_text, unvalidated))}." if unvalidated else "All are validated."
    if found.broken:
        rows = ", ".join(f"{name} ({number} rows)" for name, number in found.broken.items())
        yield Gate("constraints", Status.RED, f"Foreign keys that rows break, which the new table can't have: {rows}.")
    else:
        yield Gate("constraints", _is(unvalidated, Status.WARNING), said)
    left = ", ".join(map(display_text, shape["left_behind"]))
    yield Gate("left-behind", _is(left, Status.WARNING), f"The new table is without: {left or 'nothing'}.")


def _lock(others: int, own: int) -> Gate:
    """How long everybody waits, as far as it depends on the table's shape: the rest is the backlog of a moment."""
    about = LOCK_BASE_MS + others * LOCK_KEY_MS + own * LOCK_OWN_MS
    made = f"{others} foreign keys of other tables and {own} of its own are made under it"
    said = f"{made}; about {about} ms, --rehearse measures it."
    return Gate("lock", _is(about > LOCK_TARGET_MS, Status.WARNING), said)


LOCK_BASE_MS: Final = 20
LOCK_KEY_MS: Final = 30
"""Milliseconds under the lock, measured on PostgreSQL 18 and two cores: of names alone, and of each key of another
table, which has a constraint and two triggers for each of a hundred partitions,"""

LOCK_OWN_MS: Final = 50
"""and of each of its own that come with the exchange, made on a hundred partitions one by one."""

LOCK_TARGET_MS: Final = 500


def _model(found: Facts) -> Gate:
    loses, lost, other = judged(found.model)
    if loses:
        return Gate("model", Status.RED, f"The model would lose data of chunks: {lost}.")
    said = f"The model differs from chunks: {other}." if other else "The model and chunks agree, column by column."
    return Gate("model", _is(other, Status.WARNING), said)


def _through_model(found: Facts, probe: Probe | None) -> Gate:
    if probe is None:
        return Gate("model-works", Status.OK, "--probe creates and reads a chunk through the model.")
    if not probe.model:
        return Gate("model-works", Status.OK, _WORKS)
    # What differs from the model is judged by itself, and where copies of today's rows are refused, or there are none,
    # it is not the model that does not work.
    missing = any(number is None for number in found.data.parentless.values())
    explained = found.model or found.related or missing or probe.worked < max(probe.tried, 1)
    bad = Status.WARNING if explained else Status.RED
    return Gate("model-works", bad, f"Through the model, it does not work: {probe.model}.")


_WORKS: Final = "Through the model a chunk is created, read by its composite key, and its parents by relationships."

WRITERS: Final = (
    "Writers must stop naming partition_key before the swap: Postgres refuses a value for a generated column."
)
"""Said by the plan, and again where a person is about to swap."""

NAMING: Final = f"Writers must name partition_key as {COLLECTION_ONLY} from the swap on: a CHECK refuses all else."
"""The same for the old layout as target, which computes no key by itself."""


def writers(shape: Shape, layout: str, formula: str) -> str:
    """What writers have to change by the swap, "" for nothing. formula: of the key today."""
    column = shape.column(KEY_COLUMN)
    named = bool(column and not column["generated"])
    if layout == "hash":
        return WRITERS if named else ""
    return "" if named and formula == COLLECTION_ONLY else NAMING


def _server(found: Facts) -> Iterator[Gate]:
    version = found.version
    said = f"PostgreSQL {version // 10_000}.{version % 10_000}; 12 or newer is needed."
    yield Gate("version", _is(version < OLDEST_SERVER, Status.RED), said)
    yield revisions_gate(found.pending, found.unknown)
    going = found.migration is not None and found.migration.stage in UNDER_WAY
    stage = found.migration.stage.value if found.migration else ""
    why = f"A re-partitioning is {stage}: --rollback or --drop-backup ends it." if going else "None is under way."
    yield Gate("under-way", _is(going, Status.RED), why)
    megabytes = found.needed_bytes * 5 // 4 // 2**20
    needed = f"About {megabytes:,} MB of disk and as much WAL are needed; what is free is not measured."
    yield Gate("disk", Status.OK, needed)
    long = f"Long transactions: {'; '.join(found.long)}." if found.long else "No transaction is older than a minute."
    yield Gate("long-transactions", _is(found.long, Status.WARNING), long)
    held = f"Locks on the table, held for a while: {'; '.join(found.locks)}." if found.locks else _FREE
    yield Gate("locks", _is(found.locks, Status.WARNING), held)


def revisions_gate(pending: tuple[str, ...], unknown: tuple[str, ...]) -> Gate:
    """What is pending in the database; of another system's revisions that is not known."""
    if pending:
        return Gate("revisions", Status.RED, f"Revisions are pending in this database: {', '.join(pending)}.")
    if unknown:
        said = f"alembic_version is at {', '.join(unknown)}, not a revision of this tool"
        return Gate("revisions", Status.WARNING, f"{said}: whether one is pending there is not known; ask its system.")
    return Gate("revisions", Status.OK, "None is pending.")


_FREE: Final = "Nobody holds a lock on the table for long: capture and swap wait for nobody."
