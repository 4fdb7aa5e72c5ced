"""Runs between their records (Mongo documents, Postgres rows) and the model; texts are made safe to show here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from backends.runs.model import DATABASE, Control, Halt, Holder, Lease, Progress, Run, Transition, Unit, Want
from backends.safety.secrets import mask
from backends.safety.text import display_text

Record = Mapping[str, Any]


def run_of(record: Record, checkpoint: Record, control: Record, lease: Lease | None, expiry_s: float) -> Run:
    """The run, as far as its records go; lease: that of its scope."""
    holding = lease is not None and not lease.released and lease.run_id == record.get("id")
    executed = lease if holding and lease is not None and lease.age_s <= expiry_s + lease.extra_s else None
    return Run(
        id=text(record.get("id")),
        kind=text(record.get("kind")),
        state=text(record.get("state")),
        where=text(record.get("place")),
        scope=text(record.get("scope")) or DATABASE,
        plan=text(record.get("plan")),
        version=text(record.get("version")),
        options=_mapping(record.get("options")),
        why=text(record.get("why")),
        since=time(record.get("since")),
        created_at=time(record.get("created_at")),
        updated_at=time(checkpoint.get("at")) or time(record.get("since")),
        progress=progress_of(_mapping(checkpoint.get("progress"))),
        control=control_of(control),
        holder=executed.holder.said if executed else None,
        silent_s=executed.age_s if executed else None,
        extra_s=lease.extra_s if holding and lease is not None else 0.0,
        history=tuple(_transition(each) for each in _sequence(record.get("history"))),
    )


def lease_of(record: Record, extra_s: float = 0.0) -> Lease:
    """The lease; its age comes from the server, as `age_s`."""
    return Lease(
        scope=str(record["id"]),
        token=int(record["token"]),
        run_id=text(record.get("run_id")),
        holder=_holder(_mapping(record.get("holder"))),
        since=time(record.get("since")),
        age_s=max(float(record.get("age_s") or 0.0), 0.0),
        beats=count(record.get("beats")) or 0,
        released=bool(record.get("released")),
        extra_s=extra_s,
        session=bytes(record.get("session") or b""),
    )


def progress_record(progress: Progress) -> dict[str, Any]:
    """As it is kept; reasons may hold dots, which are no names of fields."""
    return {
        **_kept(progress),
        "units": [{**_kept(unit), "name": text(unit.name)} for unit in progress.units],
        "lost_s": [[text(name), lost] for name, lost in progress.lost_s.items()],
        "waiting_for": [text(each) for each in progress.waiting_for],
        "not_measured": [text(each) for each in progress.not_measured],
        "counts": {text(name): count for name, count in progress.counts.items()},
    }


def _kept(record: Progress | Unit) -> dict[str, Any]:
    """Field → value. Every batch pays for this: `asdict` takes five times as long."""
    return {name: getattr(record, name) for name in record.__slots__}


def progress_of(record: Record) -> Progress:
    """The progress, as far as its record goes."""
    lost = [each for each in _sequence(record.get("lost_s")) if isinstance(each, Sequence) and len(each) == 2]
    counts = {text(name): count(value) for name, value in _mapping(record.get("counts")).items()}
    measured = {text(name): number(value) for name, value in _mapping(record.get("measured")).items()}
    return Progress(
        units=tuple(_unit(each) for each in _sequence(record.get("units")) if isinstance(each, Mapping)),
        slow=number(record.get("slow")),
        fast=number(record.get("fast")),
        batch=count(record.get("batch")) or 0,
        lost_s={text(name): number(value) or 0.0 for name, value in lost},
        waiting_for=tuple(text(each) for each in _sequence(record.get("waiting_for"))),
        not_measured=tuple(text(each) for each in _sequence(record.get("not_measured"))),
        counts={name: value for name, value in counts.items() if value is not None},
        measured={name: value for name, value in measured.items() if value is not None},
        warnings=tuple(text(each) for each in _sequence(record.get("warnings"))),
        window=text(record.get("window")),
        unknown=tuple(text(each) for each in _sequence(record.get("unknown"))),
    )


def control_of(record: Record) -> Control:
    """What was asked for; a word that is none of ours pauses, since nobody knows what it means."""
    words = {want.value: want for want in Want}
    want = words.get(str(record.get("want", Want.GO.value)), Want.PAUSE)
    return Control(
        want,
        batch=count(record.get("batch")) or None,
        pace=number(record.get("pace")) or None,
        who=text(record.get("who")),
        why=text(record.get("why")),
        at=time(record.get("at")),
    )


def control_record(fields: Mapping[str, object]) -> dict[str, object]:
    """Fields of Control as they are kept.

    >>> control_record({"want": Want.STOP, "pace": None})
    {'want': 'stop', 'pace': None}
    """
    return {name: value.value if isinstance(value, Want) else value for name, value in fields.items()}


def halt_of(record: Record) -> Halt:
    """The halt."""
    return Halt(text(record.get("kind")), text(record.get("who")), text(record.get("why")), time(record.get("at")))


def _unit(record: Record) -> Unit:
    return Unit(
        text(record.get("name")),
        count(record.get("total")),
        count(record.get("done")) or 0,
        count(record.get("failed")) or 0,
        count(record.get("bytes")) or 0,
        number(record.get("rate")),
    )


def _transition(record: object) -> Transition:
    found = _mapping(record)
    return Transition(text(found.get("state")), time(found.get("at")), text(found.get("who")), text(found.get("why")))


def _holder(record: Record) -> Holder:
    return Holder(
        text(record.get("user")),
        text(record.get("host")),
        text(record.get("ssh_client")),
        count(record.get("pid")) or 0,
        text(record.get("started")),
    )


def text(value: object) -> str:
    """Text that is safe to show; "" for none."""
    return "" if value is None else display_text(mask(str(value)))


def count(value: object) -> int | None:
    """A whole number that counts something; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def number(value: object) -> float | None:
    """A number from 0; None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def time(value: object) -> datetime | None:
    """A time, in UTC where it names no zone; Postgres keeps those inside JSON as text."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
