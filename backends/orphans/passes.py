"""One pass over the references of the graph, one after the other; what can't be judged has a problem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from backends.clients.errors import BackendError, CannotConnect, DeadlineExceeded, Stopped
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans.exemptions import Exempt, Exemption
from backends.orphans.graph import Reference
from backends.orphans.history import History
from backends.orphans.model import ReferenceScan
from backends.orphans.scan import Progress, scan_reference


class Pass:
    """Judges references; raises nothing until `check`."""

    def __init__(
        self, mongo: MongoClients, history: History, exemptions: Sequence[Exemption], now: Callable[[], datetime]
    ) -> None:
        self._mongo, self._history, self._exemptions, self._now = mongo, history, exemptions, now
        self._first: BackendError | None = None
        self._gone_away: dict[Role, BackendError] = {}

    async def judge(self, reference: Reference, tell: Progress) -> ReferenceScan:
        """The reference's counts, or its problem."""
        try:
            if reference.parent.role in self._gone_away:
                raise self._gone_away[reference.parent.role]
            await tell(reference, 0)
            exempt = Exempt.of(self._exemptions, reference.collection, self._now())
            return await scan_reference(self._mongo, self._history, reference, exempt, self._now, tell)
        except Stopped:
            raise
        except BackendError as error:
            self._first = self._first or error
            if isinstance(error, CannotConnect | DeadlineExceeded):
                # A server that has stopped answering would cost its deadline for each reference that is left.
                self._gone_away[reference.parent.role] = error
            parent = reference.parent.collection
            return ReferenceScan(reference.collection, reference.field, parent, problem=error.problem())

    def check(self, results: Sequence[ReferenceScan]) -> None:
        """Raises the first problem where no reference could be judged."""
        if self._first is not None and all(result.problem is not None for result in results):
            raise self._first
