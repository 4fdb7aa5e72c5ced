"""Below one reference: its missing parents, the documents of one, one document; read by pages around the cursor."""

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
from backends.orphans.model import MissingParent, Order, ParentKey, Place, ReferenceScan, ReferringDocument
from backends.orphans.service import OrphansService
from backends.sampling.reading import Problem
from screens import orphan_sources
from screens.orphan_document import OrphanDocument
from screens.orphan_rows import PARENT_COLUMNS, document_columns, evidence_cells, parent_state
from screens.orphan_sources import Documents, Parents
from screens.window_grid import WindowGrid
from widgets.grid import Grid
from widgets.line import Line
from widgets.tone import Cell, Part, Tone

MARKED_MOST: Final = 10_000
"""Parents that may be marked at once."""


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
        self._said: dict[Level, tuple[Cell, ...]] = {}
        self._document_key = ""
        self._order = Order.STATE
        self._marked: set[ParentKey] = set()
        self._listed: Parents | None = None

    def compose(self) -> ComposeResult:
        """Where one is, the view, and what there is to say about it."""
        yield Line(id="path")
        yield WindowGrid[Place, MissingParent](*PARENT_COLUMNS, id="parents", failed=self._failed)
        yield WindowGrid[str, ReferringDocument](*document_columns(()), id="documents", failed=self._failed)
        yield OrphanDocument(id="document")
        yield Line(id="evidence")
        yield Line(id="status")

    def open(self, reference: ReferenceScan) -> None:
        """Shows the missing parents of a reference."""
        self._reference, self._filter = reference, ""
        self._marked.clear()
        self._parents.show([], empty="reading …")
        self._go(Level.PARENTS)
        self._list()

    def back(self) -> bool:
        """One level up, where everything is as it was; False at the top."""
        self.workers.cancel_node(self)
        if self._level is Level.PARENTS:
            return False
        self._go(Level(self._level - 1))
        return True

    def turn(self, step: int) -> None:
        """Turns a page."""
        if self._level is not Level.DOCUMENT:
            (self._parents if self._level is Level.PARENTS else self._documents).turn(step)

    def narrow(self, text: str) -> None:
        """Narrows the view to a text."""
        self._filter = text
        if self._level is Level.PARENTS:
            self._list()
        elif self._level is Level.DOCUMENTS:
            if self._missing is not None:
                self._documents.go_on_with(Documents(self._service, self._missing, text))
        else:
            self.query_one(OrphanDocument).narrow(text)

    def sort(self) -> None:
        """Sorts the missing parents by the next order, from the first page."""
        if self._level is Level.PARENTS:
            orders = list(Order)
            self._order = orders[(orders.index(self._order) + 1) % len(orders)]
            self._list()

    def mark(self) -> None:
        """Marks the parent under the cursor, or unmarks it, and goes on to the next."""
        missing = self.missing
        if self._level is Level.PARENTS and missing is not None:
            self._marked ^= {missing.key}
            self._parents.redraw_here()
            self._parents.action_move(1)

    async def mark_shown(self) -> None:
        """Marks every parent that the filter lets through, on every page; where all are marked, none.

        Raises Refused where there are too many, BackendError.
        """
        if self._level is not Level.PARENTS or self._reference is None:
            return
        total = self._listed.total if self._listed is not None else 0
        if total > MARKED_MOST:
            raise Refused(f"{total:,} parents are too many to mark.", hint="Narrow them with / first.")
        name, field = self._reference.collection, self._reference.field
        every = self._service.every_missing(name, field=field, contains=self._filter, sized=False)
        found = {each.key async for each in every}
        more = found - self._marked
        self._marked.difference_update(found)
        self._marked.update(found if more else ())
        self._parents.redraw()

    @property
    def chosen(self) -> tuple[ParentKey, ...]:
        """The parents that are marked, where they are listed; else the one under the cursor, or that is opened."""
        here = (self.missing.key,) if self.missing is not None else ()
        return (tuple(sorted(self._marked)) if self._level is Level.PARENTS else ()) or here

    @property
    def marked(self) -> frozenset[ParentKey]:
        """The parents that are marked, in view or not."""
        return frozenset(self._marked)

    @property
    def document(self) -> str:
        """The `_id` of the document that is opened, as extended JSON; "" where none is."""
        return self._document_key if self._level is Level.DOCUMENT else ""

    def unmark(self) -> None:
        """Marks nothing any more: what was marked is done."""
        self._marked.clear()
        self._parents.redraw()

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
        return self._parents.item if self._level is Level.PARENTS else self._missing

    def load(self) -> None:
        """Reads the view's page again."""
        self._say(Part("◌ reading …", Tone.MUTED))
        if self._level is Level.DOCUMENT:
            self.run_worker(self._load_document(), exclusive=True, exit_on_error=False)
        else:
            (self._parents if self._level is Level.PARENTS else self._documents).reload()

    def _list(self) -> None:
        """Lists the missing parents as they are narrowed and sorted now."""
        self._say(Part("◌ reading …", Tone.MUTED))
        if self._reference is not None:
            self._listed = Parents(self._service, self._reference, self._filter, self._order, self._marked)
            self._parents.begin(self._listed)

    @property
    def _parents(self) -> WindowGrid[Place, MissingParent]:
        return self.query_one("#parents", WindowGrid)

    @property
    def _documents(self) -> WindowGrid[str, ReferringDocument]:
        return self.query_one("#documents", WindowGrid)

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
        self._missing = self._parents.item
        if self._missing is not None:
            shown = self._service.reference(self._missing.key.reference).shown
            self._documents.use_columns(*document_columns(shown))
            self._documents.show([], empty="reading …")
            self._descend(Level.DOCUMENTS)
            self._say(Part("◌ reading …", Tone.MUTED))
            self._documents.begin(Documents(self._service, self._missing))

    @on(Grid.Selected, "#documents")
    def _open_document(self, message: Grid.Selected) -> None:
        message.stop()
        self._document_key = message.key or ""
        self.query_one(OrphanDocument).open((), "")
        self._descend(Level.DOCUMENT)
        self.load()

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

    async def _load_document(self) -> None:
        missing = self._missing
        if missing is None:
            return
        try:
            nodes = await self._service.document(missing.key.reference, self._document_key)
        except Exception as error:
            self._failed(error)
            return
        document = self.query_one(OrphanDocument)
        document.open(nodes, missing.field)
        document.narrow(self._filter)
        self._say()

    def _failed(self, error: Exception) -> None:
        if isinstance(error, BackendError):
            self._say_problem(error.problem())
        else:
            self._say_problem(self._unexpected("browsing orphans", error))

    # The last line

    def _say(self, *cells: Cell) -> None:
        """Says something about the view; it is said again when one comes back to it."""
        self._said[self._level] = cells
        self.query_one("#status", Line).show(*cells)

    @on(WindowGrid.Turned)
    def _say_page(self, message: WindowGrid.Turned) -> None:
        """Says which part of the list the cursor is in."""
        message.stop()
        grid = self._parents if message.grid.id == "parents" else self._documents
        level = Level.PARENTS if grid is self._parents else Level.DOCUMENTS
        if level is not self._level:
            return
        first, rows = grid.number * orphan_sources.PAGE + 1, len(grid.here)
        said = f"{first:,} to {first + rows - 1:,}{self._of if level is Level.PARENTS else ''}" if rows else ""
        keys = [name for name, there in (("n: next page", grid.more), ("p: previous page", grid.number)) if there]
        self._say(Part("   ".join([said, *keys]), Tone.MUTED))

    @property
    def _of(self) -> str:
        marked = f", {len(self._marked):,} marked" if self._marked else ""
        total = self._listed.total if self._listed is not None else 0
        return f" of {total:,} by {self._order.value}{marked}"

    def _say_problem(self, problem: Problem) -> None:
        self._say(Part(f"✖ {problem.kind}: {problem.message}", Tone.CRITICAL), f"  {problem.hint}".rstrip())
