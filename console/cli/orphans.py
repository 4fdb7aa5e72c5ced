"""`olorin orphans`: scans the references, and lists the parents that are missing; what changes something is beside."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from backends.clients.errors import StoppedByPerson
from backends.orphans import exports
from backends.orphans.exports import FORMATS, Format
from backends.orphans.graph import reference_graph
from backends.orphans.model import Order
from console.cli.executing import Execution, execution_options, report
from console.cli.exit_codes import ExitCode, problem_code
from console.cli.orphans_changes import clean, exempt, restore, verify
from console.cli.orphans_scanning import UNLIMITED, scan_here
from console.cli.reporting import columns, emit, reporting, say, with_services
from console.settings import load_settings

if TYPE_CHECKING:
    from backends.orphans.model import MissingPage, MissingParent, Place, ReferenceScan
    from console.wiring import Services

SCAN_KEYS: Final = (
    "name", "field", "parent", "documents", "orphans", "missing_parents", "soft_deleted", "suspended", "malformed",
    "exempt", "in_grace", "removable", "p95_ms", "duration_s",
)  # fmt: skip
LIST_KEYS: Final = ("collection", "field", "parent_id", "documents", "bytes", "first_seen", "state")
COLLECTIONS: Final = tuple(dict.fromkeys(each.collection for each in reference_graph("content")))
"""The collections that refer to something."""


@click.group()
def orphans() -> None:
    """References whose parent is missing."""


for _command in (clean, restore, verify, exempt):
    orphans.add_command(_command)


@orphans.command()
@execution_options
@reporting
def scan(execution: Execution, env_file: Path | None, as_json: bool) -> None:
    """Scan every reference and count what has no parent: a run that only reads, recorded in the state folder.

    JSON: {"collections": [...], "complete": BOOL}; of a scan that was stopped, the verdict.
    """
    verdict, found = with_services(load_settings(env_file), lambda services: scan_here(services, execution))
    if found is None:
        report(verdict, as_json)
        return
    rows = [_reference(each) for each in found.references]
    emit({"collections": rows, "complete": found.complete}, as_json, lambda: _table(SCAN_KEYS, rows))
    click.get_current_context().exit(_judged(found.references))


@orphans.command(name="list")
@click.option("--collection", type=click.Choice(COLLECTIONS), default=None, help="Only this collection's references.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Parents in the answer.")
@click.option("--sort", type=click.Choice([each.value for each in Order]), default="parent", show_default=True)
@click.option("--contains", default="", metavar="TEXT", help="Only parents with this in their id, or of this state.")
@click.option("--format", "format_", type=click.Choice(FORMATS), default=None, help="Every parent, as a file's text.")
@click.option("--after", default=None, metavar="CURSOR", help="Go on after an earlier answer's `next`.")
@reporting
def list_(
    collection: str | None,
    limit: int,
    sort: str,
    contains: str,
    format_: Format | None,
    after: str | None,
    env_file: Path | None,
    as_json: bool,
) -> None:
    """List the parents that are missing, as the newest scan found them.

    JSON: {"items": [{"collection", "field", "parent_id", "documents", "bytes", "first_seen", "state"}], "next"}.
    Exit 3 (6 or 7 by what kept it from that) where the newest scan could not judge one of the references: its parents
    are those of a scan before.
    """
    start = _decoded(after) if after is not None else None
    if format_ is not None:
        _export(format_, collection, contains, env_file)
        return

    async def call(services: Services) -> tuple[MissingPage, ExitCode]:
        if start is not None and start.key.reference not in (each.key for each in services.orphans.graph):
            raise click.UsageError("--after is the `next` of another graph: begin again without it.")
        code = await _scanned(services, collection)
        found = services.orphans.missing(collection, after=start, limit=limit, contains=contains, order=Order(sort))
        return await found, code

    page, code = with_services(load_settings(env_file), call)
    rows, cursor = [_parent(each) for each in page.items], page.next and _encoded(page.next)
    emit({"items": rows, "next": cursor}, as_json, lambda: _table(LIST_KEYS, rows))
    if cursor and not as_json:
        say(f"more: --after {cursor}")
    click.get_current_context().exit(code)


async def _scanned(services: Services, collection: str | None) -> ExitCode:
    """Says of when the newest scan is and what it could not judge, and its code; makes one where there is none."""
    known = await services.orphans.latest()
    if known is None:
        say("there is no scan yet: scanning")
        verdict, known = await scan_here(services, UNLIMITED)
        if known is None:
            raise StoppedByPerson(verdict.why, hint=f"It goes on with: {verdict.resume_cmd}")
    say(f"as of the scan at {known.finished_at:%Y-%m-%d %H:%M:%S} UTC")
    references = [each for each in known.references if collection in (None, each.collection)]
    if any(each.problem is not None for each in references):
        say("not judged by it, listed as an earlier one found them:")
    return _judged(references)


def _export(format_: Format, collection: str | None, contains: str, env_file: Path | None) -> None:
    async def call(services: Services) -> tuple[int, ExitCode]:
        code = await _scanned(services, collection)
        found = services.orphans.every_missing(collection, contains=contains)
        return await exports.write(format_, found, sys.stdout), code

    rows, code = with_services(load_settings(env_file), call)
    say(f"{rows:,} parents")
    click.get_current_context().exit(code)


def _judged(references: Sequence[ReferenceScan]) -> ExitCode:
    """Says what could not be judged; the code of the first such reference."""
    unknown = [(each.name, each.problem) for each in references if each.problem is not None]
    for name, problem in unknown:
        say(f"{name}: {problem.message} {problem.hint}".rstrip())
    return problem_code(unknown[0][1]) if unknown else ExitCode.OK


def _reference(found: ReferenceScan) -> dict[str, Any]:
    values: dict[str, Any] = {key: getattr(found, key) for key in SCAN_KEYS if key != "name"}
    for key in ("p95_ms", "duration_s"):
        values[key] = None if values[key] is None else round(values[key], 3)
    return {"name": found.collection, **values}


def _parent(found: MissingParent) -> dict[str, Any]:
    values: dict[str, Any] = {key: getattr(found, key) for key in LIST_KEYS if key != "bytes"}
    return {key: found.size_bytes if key == "bytes" else values[key] for key in LIST_KEYS}


def _table(keys: tuple[str, ...], rows: list[dict[str, Any]]) -> list[str]:
    return columns([keys, *(tuple(_cell(row[key]) for key in keys) for row in rows)])


def _cell(value: Any) -> str:
    from datetime import datetime
    from enum import Enum

    if value is None:
        return "no data"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value.value if isinstance(value, Enum) else value)


def _encoded(place: Place) -> str:
    key = place.key
    told = json.dumps([key.reference, key.value, key.type, place.rank])
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> Place:
    """The place that a cursor stands for. Raises UsageError."""
    from backends.orphans.model import ParentKey, Place

    try:
        reference, value, type_, rank = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return Place(ParentKey(str(reference), str(value), str(type_)), float(rank))
    except (ValueError, TypeError):
        raise click.UsageError("--after takes the `next` of an earlier answer.") from None
