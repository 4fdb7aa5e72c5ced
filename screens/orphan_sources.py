"""Where the pages of the orphans' browser come from: missing parents of a reference, documents of one of them."""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from backends.orphans.model import (
    DocumentPage,
    MissingPage,
    MissingParent,
    Order,
    ParentKey,
    Place,
    ReferenceScan,
    ReferringDocument,
)
from backends.orphans.service import OrphansService
from screens.orphan_rows import document_row, parent_row
from widgets.grid import Row

PAGE: Final = 200
"""Rows of one page of parents or documents."""


class Parents:
    """The missing parents of a reference, narrowed and sorted. total: of them, as the newest page said."""

    def __init__(
        self, service: OrphansService, of: ReferenceScan, contains: str, order: Order, marked: Set[ParentKey]
    ) -> None:
        self._service, self._of, self._contains = service, of, contains
        self._order, self._marked = order, marked
        self.total = 0
        self.empty = "no such parent" if contains else "no parent is missing"

    async def read(self, after: Place | None) -> MissingPage:
        """A page, without what the server has to be asked for. Raises BackendError."""
        page = await self._service.missing(
            self._of.collection,
            field=self._of.field,
            after=after,
            limit=PAGE,
            contains=self._contains,
            order=self._order,
            sized=False,
        )
        self.total = page.total
        return page

    async def complete(self, items: tuple[MissingParent, ...]) -> tuple[MissingParent, ...]:
        """The parents with their documents' sizes."""
        return tuple(await self._service.sized(items))

    def row(self, item: MissingParent, completed: bool) -> Row:
        """A parent as a row."""
        return parent_row(f"{item.key.type} {item.key.value}", item, marked=item.key in self._marked, sized=completed)


class Documents:
    """The documents that refer to one parent; of each page those that hold the text."""

    def __init__(self, service: OrphansService, parent: MissingParent, contains: str = "") -> None:
        self._service, self._parent, self._contains = service, parent, contains
        self.empty = "no such document on this page" if contains else "no document refers to it any more"

    async def read(self, after: str | None) -> DocumentPage:
        """A page. Raises BackendError."""
        page = await self._service.documents(self._parent.key, after, PAGE, of=self._parent.documents)
        kept = (each for each in page.items if self._contains in " ".join(map(str, document_row(each).cells)).lower())
        return DocumentPage(tuple(kept), page.next)

    async def complete(self, items: tuple[ReferringDocument, ...]) -> tuple[ReferringDocument, ...]:
        """The documents, of which everything was told."""
        return items

    def row(self, item: ReferringDocument, completed: bool) -> Row:
        """A document as a row."""
        return document_row(item)
