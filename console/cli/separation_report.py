"""What `olorin migrate olorin` says, as JSON and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from console.cli.migrate_parts import cell, index_count, run_lines, runs_report
from console.cli.reporting import columns

if TYPE_CHECKING:
    from backends.migrations.model import MovingCollection, Separation
    from backends.migrations.olorin.model import (
        Board,
        BuiltIndex,
        CollectionProof,
        DryRun,
        GateState,
        Held,
        LeftOut,
        Verified,
    )

SHOWN = 20
"""Documents of a list that are told as text; the page has more."""


def separation(found: Separation) -> dict[str, Any]:
    """Both sides' collections as they are, as JSON."""
    return {
        "flag": {True: "on", False: "off", None: "unclear"}[found.flag],
        "source": found.source,
        "target": found.target,
        "target_variable": found.target_variable,
        "same": found.same,
        "collections": [_collection(each, found.flag) for each in found.collections],
        "runs": runs_report(found.runs),
    }


def _collection(moving: MovingCollection, flag: bool | None) -> dict[str, Any]:
    from backends.migrations.rules import collection_state

    return {
        "name": moving.name,
        "source": moving.source and moving.source.documents,
        "target": moving.target and moving.target.documents,
        "difference": moving.difference,
        "source_indexes": moving.source and moving.source.indexes,
        "target_indexes": moving.target and moving.target.indexes,
        "missing_indexes": moving.missing_indexes,
        "status": collection_state(moving, flag)[1],
    }


def separation_lines(found: Separation) -> list[str]:
    """Both sides' collections as they are, as text."""
    answer = separation(found)
    rows = [("collection", "source", "target", "difference", "indexes", "status")]
    for each in answer["collections"]:
        indexes = f"{index_count(each['source_indexes'])} to {index_count(each['target_indexes'])}"
        numbers = (cell(each[key]) for key in ("source", "target", "difference"))
        rows.append((each["name"], *numbers, indexes, each["status"]))
    same = "  (the same database)" if found.same else ""
    return [
        f"separation  {answer['flag']}",
        f"source      {found.source}",
        f"target      {found.target or 'not configured'}{same}",
        "",
        *columns(rows),
        "",
        *run_lines(found.runs),
    ]


def dry_run(found: DryRun) -> dict[str, Any]:
    """What an execution would do, as JSON."""
    return {
        "plan": found.plan,
        "gates": [{"id": gate.id, "status": gate.status.value, "why": gate.why} for gate in found.gates],
        "collections": [
            {
                "name": each.name,
                "source": each.source,
                "target": each.target,
                "to_copy": each.to_copy,
                "bytes": each.bytes,
                "indexes": each.indexes,
            }
            for each in found.collections
        ],
    }


def dry_run_lines(found: DryRun) -> list[str]:
    """What an execution would do, as text."""
    rows: list[tuple[str, ...]] = [
        ("collection", "source", "target", "to copy", "only in target", "bytes", "batches", "indexes to build")
    ]
    for each in found.collections:
        numbers = (each.source, each.target, each.to_copy, each.extra, each.bytes, each.batches)
        rows.append((each.name, *(f"{number:,}" for number in numbers), "; ".join(each.indexes) or "–"))
    least, most = found.seconds
    return [
        f"source  {found.source}",
        f"target  {found.target}",
        "",
        *columns(rows),
        "",
        *gate_lines(found.gates),
        "",
        *reject_lines(found),
        f"copying takes {least:,.0f} to {most:,.0f} s",
        f"plan    {found.plan or 'none'}",
    ]


def gate_lines(gates: tuple[GateState, ...]) -> list[str]:
    """Gates, one a line."""
    return columns([(gate.status.value, gate.id, gate.why) for gate in gates])


def reject_lines(found: DryRun, shown: int = SHOWN) -> list[str]:
    """The documents that the platform's models would reject: how many, and so many of them."""
    if not found.rejected:
        return []
    lines = [f"  {each.collection} {each.id}: {each.why}" for each in found.rejects[:shown]]
    left = found.rejected - len(lines)
    more = [f"  and {left:,} more"] if left else []
    return [f"{found.rejected:,} documents that the platform's models would reject:", *lines, *more, ""]


def left_out(found: LeftOut) -> dict[str, Any]:
    """What was left out, as JSON: all of it counted, the first of it listed."""
    return {
        "refused": found.refused,
        "conflicting": found.conflicting,
        "documents": [
            {"collection": each.collection, "id": each.id, "why": each.why}
            for each in (*found.refusals, *found.conflicts)
        ],
    }


def left_out_lines(found: LeftOut | None) -> list[str]:
    """What was left out, as text."""
    if found is None or not (found.refused or found.conflicting):
        return []
    rows = [(each.collection, each.id, each.why) for each in (*found.refusals, *found.conflicts)]
    said = f"left out: {found.refused:,} refused by the target, {found.conflicting:,} in conflict at a rollback"
    return ["", said, *columns(rows)]


def verified(found: Verified) -> dict[str, Any]:
    """A verification, as JSON."""
    return {
        "state": _passed(found.passed),
        "collections": [
            {
                "name": each.name,
                "source": each.source,
                "target": each.target,
                "missing": each.missing,
                "extra": each.extra,
                "different": each.different,
                "indexes": [f"{index.what}: {index.text}" for index in each.indexes],
                "status": _passed(each.passed),
            }
            for each in found.collections
        ],
    }


def verified_lines(found: Verified) -> list[str]:
    """A verification, as text."""
    rows: list[tuple[str, ...]] = [("collection", "source", "target", "missing", "extra", "different", "indexes", "")]
    for each in found.collections:
        numbers = (each.source, each.target, each.missing, each.extra, each.different, len(each.indexes))
        rows.append((each.name, *(f"{number:,}" for number in numbers), _passed(each.passed)))
    refused = [f"{found.refused:,} documents were refused by the target and are still kept"] if found.refused else []
    return [*columns(rows), *(line for each in found.collections for line in _proof_lines(each)), *refused]


def _proof_lines(proof: CollectionProof) -> list[str]:
    lines = [f"  {each.kind} {each.id}" for each in proof.differences[:SHOWN]]
    lines += [f"  index {each.what}: {each.text}" for each in proof.indexes]
    lines += [f"  index declared by the platform and not there: {each}" for each in proof.declared]
    if proof.since is not None:
        since = proof.since
        lines.append(f"  since the switch: {since.gained:,} new, {since.changed:,} changed, {since.deleted:,} deleted")
    return [f"{proof.name}:", *lines] if lines else []


def built_lines(built: tuple[BuiltIndex, ...]) -> list[str]:
    """What became of the declared indexes that were lacking, as text."""
    if not built:
        return ["every declared index is there"]
    return [f"{each.collection} {each.text}: {each.why_not or 'built'}" for each in built]


def _passed(passed: bool) -> str:
    return "passed" if passed else "failed"


def cleanup(run_id: str, held: tuple[Held, ...], done: bool) -> dict[str, Any]:
    """What a cleanup did or would do, as JSON."""
    return {
        "run_id": run_id,
        "done": done,
        "collections": [
            {"name": each.name, "moved_to": each.moved_to, "documents": each.documents, "bytes": each.bytes}
            for each in held
        ],
    }


def cleanup_lines(held: tuple[Held, ...]) -> list[str]:
    """What a cleanup did or would do, as text."""
    if not held:
        return ["nothing is there to be cleaned up"]
    rows = [("collection", "documents", "bytes", "set aside as")]
    rows += [(each.name, f"{each.documents:,}", cell(each.bytes), each.moved_to) for each in held]
    return columns(rows)


def board(found: Board) -> dict[str, Any]:
    """The board, as JSON."""
    return {
        "gates": [{"id": gate.id, "status": gate.status.value, "why": gate.why} for gate in found.gates],
        "change": found.change,
        "recommended": found.recommended,
        "because": found.because,
        "cards": [{"name": card.name, "command": card.command, "what": card.what} for card in found.cards],
    }


def board_lines(found: Board | None) -> list[str]:
    """The board, as text."""
    if found is None:
        return []
    change = (
        ["", f"to switch, set {found.change} for every process of the platform and restart it"] if found.change else []
    )
    marks = {True: "→", False: " "}
    cards = [f"{marks[card.name == found.recommended]} {card.name}: {card.command}" for card in found.cards]
    return ["", *gate_lines(found.gates), *change, "", f"ways back (→ fits now: {found.because}):", *cards]
