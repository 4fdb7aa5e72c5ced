"""Below one reference: its missing parents, the documents of one, one document; read page by page, when opened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import IntEnum
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from backends.clients.errors import BackendError, Refused
from backends.orphans.model import DocumentPage, MissingPage, MissingParent, Order, ParentKey, Place, ReferenceScan
from backends.orphans.service import OrphansService
from backends.sampling.reading import Problem
from screens.orphan_document import OrphanDocument
from screens.orphan_rows import (
    PARENT_COLUMNS,
    document_columns,
    document_row,
    evidence_cells,
    parent_row,
    parent_state,
)
from screens.pages import Pages
from widgets.grid import Grid
from widgets.line import Line
from widgets.tone import Cell, Part, Tone

MARKED_MOST: Final = 10_000
"""Parents that may be marked at once."""

PAGE: Final = 200
"""Rows of one page of parents or documents."""


class Level(IntEnum):
    """How deep one looks."""

    PARENTS = 0
    DOCUMENTS = 1
    DOCUMENT = 2


class OrphanBrowser(Vertical):
    """Three views, one at a time. `open` begins with a reference; `back` says whether there was a level to leave."""

    VIEWS: ClassVar = ("#parents", "#documents", "#document")
    DEFAULT_CSS = """
    OrphanBrowser { height: 1fr; }
    """

    class Descended(Message):
        """A deeper level was opened: a filter of the level above means nothing there."""

    def __init__(self, service: OrphansService, unexpected: Callable[[str, Exception], Problem]) -> None:
        super().__init__(id="browser")
        self._service = service
        self._unexpected = unexpected
        self._level = Level.PARENTS
        self._filter = ""
        self._reference: ReferenceScan | None = None
        self._missing: MissingParent | None = None
        self._missing_by_key: dict[str, MissingParent] = {}
        self._missing_pages = Pages[Place]()
        self._document_pages = Pages[str]()
        self._found: DocumentPage | None = None
        self._said: dict[Level, tuple[Cell, ...]] = {}
        self._document_key = ""
        self._order = Order.PARENT
        self._marked: set[ParentKey] = set()
        self._page = MissingPage((), None, 0)

    def compose(self) -> ComposeResult:
        """Where one is, the view, and what there is to say about it."""
        yield Line(id="path")
        yield Grid(*PARENT_COLUMNS, id="parents")
        yield Grid(*document_columns(()), id="documents")
        yield OrphanDocument(id="document")
        yield Line(id="evidence")
        yield Line(id="status")

    def open(self, reference: ReferenceScan) -> None:
        """Shows the missing parents of a reference."""
        self._reference, self._filter = reference, ""
        self._marked.clear()
        self._missing_pages = Pages()
        self.query_one("#parents", Grid).show([], empty="reading …")
        self._go(Level.PARENTS)
        self.load()

    def back(self) -> bool:
        """One level up, where everything is as it was; False at the top."""
        self.workers.cancel_node(self)
        if self._level is Level.PARENTS:
            return False
        self._go(Level(self._level - 1))
        return True

    def turn(self, step: int) -> None:
        """Turns a page."""
        turned = self._level is Level.PARENTS and self._missing_pages.turn(step)
        turned = turned or (self._level is Level.DOCUMENTS and self._document_pages.turn(step))
        if turned:
            self.load()

    def narrow(self, text: str) -> None:
        """Narrows the view to a text."""
        self._filter = text
        if self._level is Level.PARENTS:
            self._missing_pages = Pages()
            self.load()
        elif self._level is Level.DOCUMENTS:
            self._draw_documents()
        else:
            self.query_one(OrphanDocument).narrow(text)

    def sort(self) -> None:
        """Sorts the missing parents by the next order, from the first page."""
        if self._level is Level.PARENTS:
            orders = list(Order)
            self._order = orders[(orders.index(self._order) + 1) % len(orders)]
            self._missing_pages = Pages()
            self.load()

    def mark(self) -> None:
        """Marks the parent under the cursor, or unmarks it, and goes on to the next."""
        missing = self.missing
        if self._level is Level.PARENTS and missing is not None:
            self._marked ^= {missing.key}
            self._show_parents(self._page)
            self.query_one("#parents", Grid).action_move(1)

    async def mark_shown(self) -> None:
        """Marks every parent that the filter lets through, on every page; where all are marked, none.

        Raises Refused where there are too many, BackendError.
        """
        if self._level is not Level.PARENTS or self._reference is None:
            return
        if self._page.total > MARKED_MOST:
            raise Refused(f"{self._page.total:,} parents are too many to mark.", hint="Narrow them with / first.")
        name, field = self._reference.collection, self._reference.field
        found = {each.key async for each in self._service.every_missing(name, field=field, contains=self._filter)}
        self._marked = self._marked - found if found <= self._marked else self._marked | found
        self._show_parents(self._page)

    @property
    def chosen(self) -> tuple[ParentKey, ...]:
        """The parents that are marked; where none is, the one under the cursor."""
        here = (self.missing.key,) if self.missing is not None else ()
        return tuple(sorted(self._marked)) or here

    @property
    def filter(self) -> str:
        """What the parents are narrowed to."""
        return self._filter if self._level is Level.PARENTS else ""

    def prove(self) -> None:
        """Looks the parent under the cursor up, now, and says what else names it."""
        missing = self.missing
        if missing is not None:
            self.query_one("#evidence", Line).show(Part("◌ looking it up …", Tone.MUTED))
            self.run_worker(self._prove(missing), exclusive=True, group="evidence", exit_on_error=False)

    @property
    def missing(self) -> MissingParent | None:
        """The missing parent under the cursor, or whose documents are seen."""
        if self._level is not Level.PARENTS:
            return self._missing
        return self._missing_by_key.get(self.query_one("#parents", Grid).cursor_key or "")

    def load(self) -> None:
        """Reads the view's page again."""
        self._say(Part("◌ reading …", Tone.MUTED))
        self.run_worker(self._load(), exclusive=True, exit_on_error=False)

    def _go(self, level: Level) -> None:
        self._level = level
        for each, view in enumerate(self.VIEWS):
            self.query_one(view).display = each == level
        self.query_one("#path", Line).show(*self._where())
        self.query_one("#evidence", Line).show()
        self._say(*self._said.get(level, ()))
        self.query_one(self.VIEWS[level]).focus()

    def _descend(self, level: Level) -> None:
        self._filter = ""
        self.post_message(self.Descended())
        self._go(level)
        self.load()

    def _where(self) -> tuple[Cell, ...]:
        cells: list[Cell] = [self._reference.name if self._reference is not None else ""]
        if self._level >= Level.DOCUMENTS and self._missing is not None:
            cells += [" › ", self._missing.parent_id, " ", parent_state(self._missing.state)]
        if self._level is Level.DOCUMENT:
            cells += [" › document"]
        return tuple(cells)

    @on(Grid.Selected, "#parents")
    def _open_parent(self, message: Grid.Selected) -> None:
        message.stop()
        self._missing = self._missing_by_key.get(message.key or "")
        if self._missing is not None:
            self._document_pages, self._found = Pages(), None
            shown = self._service.reference(self._missing.key.reference).shown
            documents = self.query_one("#documents", Grid)
            documents.use_columns(*document_columns(shown))
            documents.show([], empty="reading …")
            self._descend(Level.DOCUMENTS)

    @on(Grid.Selected, "#documents")
    def _open_document(self, message: Grid.Selected) -> None:
        message.stop()
        self._document_key = message.key or ""
        self.query_one(OrphanDocument).open((), "")
        self._descend(Level.DOCUMENT)

    # Reading

    async def _prove(self, missing: MissingParent) -> None:
        line = self.query_one("#evidence", Line)
        try:
            evidence, others = await asyncio.gather(self._service.prove(missing.key), self._service.others(missing.key))
        except BackendError as error:
            line.show(Part(f"✖ {error.kind}: {error.message}", Tone.CRITICAL))
        except Exception as error:
            line.show(Part(f"✖ {self._unexpected('looking a parent up', error).message}", Tone.CRITICAL))
        else:
            line.show(*evidence_cells(evidence, others))

    async def _load(self) -> None:
        try:
            await self._read()
        except BackendError as error:
            self._say_problem(error.problem())
        except Exception as error:
            self._say_problem(self._unexpected("browsing orphans", error))

    async def _read(self) -> None:
        if self._level is Level.PARENTS and self._reference is not None:
            name, field = self._reference.collection, self._reference.field
            start = self._missing_pages.start
            page = await self._service.missing(
                name, field=field, after=start, limit=PAGE, contains=self._filter, order=self._order
            )
            self._show_parents(page)
        elif self._level is Level.DOCUMENTS and self._missing is not None:
            self._found = await self._service.documents(self._missing.key, self._document_pages.start, PAGE)
            self._draw_documents()
        elif self._level is Level.DOCUMENT and self._missing is not None:
            nodes = await self._service.document(self._missing.key.reference, self._document_key)
            document = self.query_one(OrphanDocument)
            document.open(nodes, self._missing.field)
            document.narrow(self._filter)
            self._say()

    def _show_parents(self, page: MissingPage) -> None:
        self._missing_pages.next, self._page = page.next, page
        self._missing_by_key = {f"{item.key.type} {item.key.value}": item for item in page.items}
        rows = [parent_row(key, item, marked=item.key in self._marked) for key, item in self._missing_by_key.items()]
        self.query_one("#parents", Grid).show(rows, empty="no such parent" if self._filter else "no parent is missing")
        marked = f", {len(self._marked):,} marked" if self._marked else ""
        of = f" of {page.total:,}{self._sorted}{marked}"
        self._say_page(self._missing_pages.number, len(rows), of, page.next is not None)

    def _draw_documents(self) -> None:
        if self._found is None:
            return
        self._document_pages.next = self._found.next
        rows = [document_row(each) for each in self._found.items]
        kept = [row for row in rows if self._filter in " ".join(map(str, row.cells)).lower()]
        empty = "no such document on this page" if rows else "no document refers to it any more"
        self.query_one("#documents", Grid).show(kept, empty=empty)
        self._say_page(self._document_pages.number, len(rows), "", self._found.next is not None)

    # The last line

    def _say(self, *cells: Cell) -> None:
        """Says something about the view; it is said again when one comes back to it."""
        self._said[self._level] = cells
        self.query_one("#status", Line).show(*cells)

    def _say_page(self, number: int, rows: int, of: str, more: bool) -> None:
        first = (number - 1) * PAGE + 1
        said = f"{first:,} to {first + rows - 1:,}{of}" if rows else ""
        keys = [name for name, there in (("n: next page", more), ("p: previous page", number > 1)) if there]
        self._say(Part("   ".join([said, *keys]), Tone.MUTED))

    @property
    def _sorted(self) -> str:
        return "" if self._order is Order.PARENT else f" by {self._order.value}"

    def _say_problem(self, problem: Problem) -> None:
        self._say(Part(f"✖ {problem.kind}: {problem.message}", Tone.CRITICAL), f"  {problem.hint}".rstrip())
