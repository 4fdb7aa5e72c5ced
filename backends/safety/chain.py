"""The audit log's chain: each line holds the hash of the line before it, and its own over every byte but the hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

GENESIS: Final = "0" * 64
"""What the first line says of the line before it."""

_SEAL: Final = b',"hash":"'
_SEALED_END: Final = b'"}'


@dataclass(frozen=True, slots=True)
class Head:
    """The newest line that was confirmed: how many lines there are, their bytes, and the last one's hash.

    Kept apart from the log, because a chain whose last lines were cut off is whole in itself.
    """

    lines: int = 0
    size: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Chain:
    """The entries up to the first broken line, where that is (counted from 1), and what is wrong there."""

    entries: tuple[Mapping[str, Any], ...]
    broken_at: int | None = None
    why: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing was changed, removed, moved or cut off."""
        return self.broken_at is None


def sealed(body: Mapping[str, Any], head: Head) -> tuple[bytes, Head]:
    """The next line of the log, with its line feed, and the head afterwards."""
    entry = {"n": head.lines + 1, **body, "prev": head.hash}
    text = json.dumps(entry, separators=(",", ":")).encode("ascii").removesuffix(b"}")
    digest = hashlib.sha256(text).hexdigest()
    line = text + _SEAL + digest.encode("ascii") + _SEALED_END + b"\n"
    return line, Head(head.lines + 1, head.size + len(line), digest)


def read_chain(data: bytes, head: Head | None) -> Chain:
    """Reads and verifies a log. head: what was confirmed last; None where that is lost.

    An unfinished line after the confirmed ones was never acted upon and breaks nothing; neither do whole lines there,
    whose writer died before it could confirm them.
    """
    *lines, rest = data.split(b"\n")
    entries, broken = _walk(lines)
    if broken is not None:
        return Chain(tuple(entries), len(entries) + 1, broken)
    if head is None:
        why = "the record of how long the log is, is lost: lines may be missing after this"
        return Chain(tuple(entries), len(entries) + 1, why) if data else Chain(())
    if len(entries) < head.lines:
        cut = f"{head.lines - len(entries)} of {head.lines} lines are cut off" + (
            " in the middle of one" if rest else ""
        )
        return Chain(tuple(entries), len(entries) + 1, cut)
    if head.lines and entries[head.lines - 1]["hash"] != head.hash:
        return Chain(tuple(entries[: head.lines - 1]), head.lines, "the line is not the one that was confirmed")
    return Chain(tuple(entries))


def compared(chain: Chain, kept: Iterable[Mapping[str, Any]], where: str) -> Chain:
    """The chain beside what is kept of its lines elsewhere: a line that stands there and not here was removed here.

    kept: the number and hash of each. What was never kept elsewhere can't be missed.
    """
    here = {entry["hash"] for entry in chain.entries}
    missing = sorted(each["n"] for each in kept if each["hash"] not in here)
    if not missing or (chain.broken_at is not None and chain.broken_at <= missing[0]):
        return chain
    why = f"{where} keeps a line {missing[0]} that is not in the log: it was removed, or the log was begun anew"
    return Chain(chain.entries[: missing[0] - 1], missing[0], why)


def unconfirmed(data: bytes, head: Head) -> tuple[Head, int]:
    """The head after the whole lines that follow it in `data` (the log from head.size on), and the bytes left over."""
    for line in data.split(b"\n")[:-1]:
        entry = _entry(line)
        if isinstance(entry, str) or _misplaced(entry, head.lines + 1, head.hash):
            break
        head = Head(head.lines + 1, head.size + len(line) + 1, entry["hash"])
        data = data[len(line) + 1 :]
    return head, len(data)


def _walk(lines: Iterable[bytes]) -> tuple[list[dict[str, Any]], str | None]:
    """The entries before the first broken line, and what is wrong with that one; None where there is none."""
    entries: list[dict[str, Any]] = []
    before = GENESIS
    for number, line in enumerate(lines, start=1):
        entry = _entry(line)
        wrong = entry if isinstance(entry, str) else _misplaced(entry, number, before)
        if isinstance(entry, str) or wrong:
            return entries, wrong or ""
        entries.append(entry)
        before = entry["hash"]
    return entries, None


def _misplaced(entry: Mapping[str, Any], number: int, before: str) -> str:
    if entry["prev"] != before:
        return "it does not follow the line before it: a line was removed, added or moved"
    return "" if entry["n"] == number else f"it says that it is line {entry['n']}"


def _entry(line: bytes) -> dict[str, Any] | str:
    """The line's entry, or what is wrong with it in itself."""
    text, seal, digest = line.rpartition(_SEAL)
    if not seal or digest[64:] != _SEALED_END:
        return "it is no line of the log"
    if hashlib.sha256(text).hexdigest().encode("ascii") != digest[:64]:
        return "its content is not what was written"
    try:
        entry = json.loads(line)
        return entry if {"n", "prev", "hash", "id", "step"} <= set(entry) else "it lacks a field"
    except (ValueError, TypeError):
        return "it is no line of the log"
