"""The orphans screen at both sizes: references, missing parents, documents, one document, and nobody there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from backends.clients.errors import BadAnswer, CannotConnect
from backends.clients.mongo import MongoClients
from backends.clients.targets import WATCHING, mongo_targets
from backends.orphans.browse import tree
from backends.orphans.model import (
    DocumentPage,
    MissingPage,
    MissingParent,
    Node,
    ParentKey,
    ParentState,
    Place,
    ReferenceScan,
    ReferringDocument,
    Scan,
    Trend,
)
from backends.orphans.scans import ScanDesk, Scans
from backends.orphans.service import OrphansService
from backends.runs.folder_store import FolderRunStore
from backends.runs.model import Progress, Run, Unit
from backends.safety.gate import Consent
from screens.orphans import OrphansScreen
from tests.stage import NOW, StagedApp, shown, staged

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Compare = Callable[..., bool]
EMPTY = BadAnswer("content is empty, but contents holds documents", hint="Is BAYIT_CONTENT_COLLECTION right?")


def reference(name: str, parent: str, documents: int, orphans: int, **more: Any) -> ReferenceScan:
    collection, _, field = name.partition(".")
    counts = {"missing_parents": orphans // 3, "soft_deleted": 0, "suspended": 0, "malformed": 0, "unset": 0}
    counts |= {"exempt": 0, "in_grace": orphans // 4, "removable": orphans - orphans // 4, "parents": 2000}
    given = {**counts, "p95_ms": 0.8, "duration_s": 0.3, **more}
    return ReferenceScan(collection, field, parent, documents, orphans, **given)


REFERENCES = (
    reference("content_embeddings.content_id", "content", 5_993_120, 12_034, soft_deleted=30, malformed=9),
    reference("recap_sessions.channel_id", "live_channels", 199, 14, unset=20, malformed=3),
    reference("dubbing_sessions.partner_id", "integration_partners", 797, 25, suspended=40),
    reference("content_embeddings.partner_id", "integration_partners", 5_993_120, 0, suspended=10),
    ReferenceScan("recap_sessions", "partner_id", "integration_partners", problem=EMPTY.problem()),
    reference("usage_records.partner_id", "integration_partners", 2995, 0, p95_ms=612.0),
    reference("webhook_deliveries.partner_id", "integration_partners", 0, 0, p95_ms=None),
)


def missing(id_: str, state: ParentState, documents: int, size: int | None) -> MissingParent:
    key = ParentKey("content_embeddings.content_id>content", id_)
    vanishes = NOW + timedelta(days=12) if state is ParentState.SOFT_DELETED else None
    days = documents % 9
    first = NOW - timedelta(days=days)
    made = (first - timedelta(days=90), first - timedelta(days=30)) if size is not None else (None, None)
    return MissingParent(
        key, "content_embeddings", "content_id", id_, state, documents, first, NOW, size, vanishes, *made
    )


PARENTS = (
    missing("691e7e04ba88298241805af9", ParentState.GONE, 6, 8_212),
    missing("691e7e04ba88298241805b01", ParentState.SOFT_DELETED, 30, 40_960),
    missing("691e7e04ba88298241805b02", ParentState.GONE, 11_998, None),
    missing("[/red]␛[2J@click=app.quit", ParentState.MALFORMED, 1, 512),
)
DOCUMENT = {
    "_id": "d-1",
    "content_id": "691e7e04ba88298241805af9",
    "embedding_type": "title",
    "api_key": "olorin_0123456789abcdef0123456789",
    "voice": {"speed": "slow", "levels": [1, 2]},
    "note": "[@click=app.quit]\x1b[2Jx[/]",
    "created_at": NOW,
}


class FixedOrphans(OrphansService):
    """Always the same answers, whoever asks."""

    def __init__(self, folder: Path) -> None:
        super().__init__(MongoClients(mongo_targets({}), WATCHING), folder)

    async def check(self) -> None:
        """It is there."""

    async def trends(self) -> tuple[Trend, ...]:
        points = tuple((NOW - timedelta(days=days), 12_034 - 1_400 * days) for days in (3, 2, 1, 0))
        return (Trend("content_embeddings.content_id", points, 1_400.0),)

    async def missing(self, *_: Any, after: Place | None = None, **__: Any) -> MissingPage:
        first = MissingPage(PARENTS, Place(PARENTS[-1].key), 12_041)
        return first if after is None else replace(first, items=(), next=None)

    async def documents(self, *_: Any, **__: Any) -> DocumentPage:
        cells = (
            ("embedding_type", "title"),
            ("created_at", "2026-01-09 22:10"),
            ("segment_index", "–"),
            ("language", "he"),
        )
        return DocumentPage(
            tuple(ReferringDocument(f"k{n}", f"691e7e04ba88298241805c{n:02}", cells) for n in range(6)), None
        )

    async def document(self, *_: Any) -> tuple[Node, ...]:
        return tree(DOCUMENT)


class NobodyThere(FixedOrphans):
    """A server that does not answer."""

    async def check(self) -> None:
        raise CannotConnect("No server answers: refused", where="mongodb://ops:••••@db:27017", hint="Is it running?")


class FixedScans(ScanDesk):
    """Always the same scans; nobody starts another."""

    def __init__(self, service: OrphansService, folder: Path, found: Scans) -> None:
        super().__init__(service, FolderRunStore(folder), lambda: pytest.fail("nobody starts a process here"))
        self._found = found

    async def look(self) -> Scans:
        return self._found

    async def start(self, consent: Consent) -> str:
        return "scan"


SCANNED = Scans(Scan(7, NOW - timedelta(seconds=3), NOW, REFERENCES))
PROGRESS = Progress(
    (Unit("content_embeddings.content_id", 5_993_120, 5_993_120), Unit("recap_sessions.channel_id", 199, 40)),
    counts={"references": 1},
)
SCANNING = Run("scan-20260120-030405-a1b2c3", "orphans.scan", "running", progress=PROGRESS, holder="eva@db2 pid 7")


def app(folder: Path, service: OrphansService, found: Scans = SCANNED) -> StagedApp:
    return staged(folder, "4", lambda frame: OrphansScreen(frame, service, FixedScans(service, folder, found)))


def pressing(*steps: str) -> Callable[[Pilot[Any]], Any]:
    """Waits for the first text, then presses a key and waits for the next text, and so on."""

    async def before(pilot: Pilot[Any]) -> None:
        await shown(pilot, steps[0])
        for key, text in zip(steps[1::2], steps[2::2], strict=True):
            await pilot.press(key)
            await shown(pilot, text)

    return before


@SIZES
def test_references(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Seven references, one of which could not be judged."""
    assert snap_compare(
        app(tmp_path, FixedOrphans(tmp_path)), terminal_size=size, run_before=pressing("12,073 orphans")
    )


@SIZES
def test_an_old_scan_while_another_one_is_made(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """Greyed and marked with its age, and how far the one under way is."""
    night = Scan(6, NOW - timedelta(hours=3, seconds=9), NOW - timedelta(hours=3), REFERENCES)
    staged_app = app(tmp_path, FixedOrphans(tmp_path), Scans(night, under_way=SCANNING))
    assert snap_compare(staged_app, terminal_size=size, run_before=pressing("12,073 orphans", "j", "40 of 199"))


@SIZES
def test_missing_parents(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """The missing parents of the first reference."""
    steps = pressing("12,073 orphans", "enter", "of 12,041")
    assert snap_compare(app(tmp_path, FixedOrphans(tmp_path)), terminal_size=size, run_before=steps)


@SIZES
def test_documents(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """The documents of one missing parent."""
    steps = pressing("12,073 orphans", "enter", "of 12,041", "enter", "1 to 6")
    assert snap_compare(app(tmp_path, FixedOrphans(tmp_path)), terminal_size=size, run_before=steps)


@SIZES
def test_document(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    """One document: canonical, its secret masked, its escapes seen and dead."""
    steps = pressing("12,073 orphans", "enter", "of 12,041", "enter", "1 to 6", "enter", "content_id")
    assert snap_compare(app(tmp_path, FixedOrphans(tmp_path)), terminal_size=size, run_before=steps)


@SIZES
def test_nobody_there(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who can't be asked, where, and what to do; the pause before the next try has no jitter here."""
    monkeypatch.setattr("random.uniform", lambda _, most: most)
    staged_app = app(tmp_path, NobodyThere(tmp_path), Scans(None))
    staged_app.frame = replace(staged_app.frame, refresh=60.0)  # so that a busy machine sees no second try
    assert snap_compare(staged_app, terminal_size=size, run_before=pressing("Is it running?"))
