"""What the orphans screen may change: each thing with the lines that a person agrees to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from backends.clients.errors import NotThere
from backends.orphans.checks import share_to_confirm
from backends.orphans.clean_model import CLEAN, RESTORE, CleanOptions, CleanPlan
from backends.orphans.cleaning import CleaningService, document_key
from backends.orphans.exemptions import ExemptionBook, identity
from backends.orphans.model import MissingParent
from backends.orphans.scans import ScanDesk
from backends.runs.model import NewRun
from backends.runs.starting import RunStarter
from backends.safety.gate import Act, Consent, Token
from backends.sampling.words import counted

if TYPE_CHECKING:
    from backends.content.service import ContentService


@dataclass(frozen=True, slots=True)
class Intentional:
    """What is exempted together: parents (identities) or documents (ids as extended JSON) of a collection.

    expires_at: until when, None for good.
    """

    collection: str
    kind: Literal["parent", "document"]
    values: tuple[str, ...]
    reason: str
    expires_at: datetime | None = None


class OrphanChanges:
    """Plans and starts clean-ups and restores, exempts parents, and takes soft deletes back.

    owner: who answers for exemptions.
    """

    def __init__(
        self,
        cleaning: CleaningService,
        exemptions: ExemptionBook,
        scans: ScanDesk,
        starter: RunStarter,
        content: ContentService,
        owner: str,
    ) -> None:
        self._cleaning, self._exemptions, self._scans = cleaning, exemptions, scans
        self._starter, self._content, self._owner = starter, content, owner

    @property
    def where(self) -> str:
        """What is changed, masked. Raises NotConfigured."""
        return self._cleaning.where

    async def plan(self, options: CleanOptions) -> tuple[CleanPlan, int | None]:
        """A dry run on a fresh scan, which a process of its own makes where there is none, and the percent to type.

        The plan is judged as if that were typed already; None where no collection loses more than half. Raises
        BackendError.
        """
        scan = await self._scans.fresh(Consent("screen", explicit=True))
        plan = await self._cleaning.dry_run(options, scan)
        share = share_to_confirm(plan.references)
        return (plan if share is None else await self._cleaning.load(plan.plan.hash, confirmed_percent=share)), share

    async def clean(self, plan: CleanPlan, share: int | None, consent: Consent) -> str:
        """Starts the clean-up, and says where its log is. share: that was typed. Raises Refused and BackendError."""
        run = self._cleaning.clean_run(await self._cleaning.load(plan.plan.hash, confirmed_percent=share))
        return f"{run.id} started; its log is {await self._starter.start(run, CLEAN, consent)}"

    async def newest(self) -> tuple[str, int]:
        """The newest clean-up, and how many documents it has in quarantine. Raises NotThere."""
        return await self._cleaning.newest()

    async def restore_run(self, run_id: str, named: str) -> NewRun:
        """What restores a clean-up: all of it, or the parent's documents or the one document that is named.

        Raises NotThere where the quarantine holds nothing of that.
        """
        if not named:
            return await self._cleaning.restore_run(run_id)
        with suppress(NotThere):
            return await self._cleaning.restore_run(run_id, parent=named)
        return await self._cleaning.restore_run(run_id, document=document_key(named))

    async def restore(self, run: NewRun, consent: Consent) -> str:
        """Starts restoring, and says where its log is. Raises BackendError."""
        return f"{run.id} started; its log is {await self._starter.start(run, RESTORE, consent)}"

    def exempt_act(self, chosen: Intentional) -> Act:
        """The act of exempting them."""
        return self._exemptions.act(**{chosen.kind: len(chosen.values)}, reason=chosen.reason)

    async def exempt(self, token: Token, chosen: Intentional) -> str:
        """Exempts the documents of these parents, or these documents. Raises Refused and BackendError."""
        said = {"owner": self._owner, "reason": chosen.reason}
        for value in chosen.values:
            await self._exemptions.add(
                token, chosen.collection, chosen.kind, value, **said, expires_at=chosen.expires_at
            )
        return f"{counted(len(chosen.values), chosen.kind)} exempt; olorin orphans exempt --list names what is"

    def undelete_act(self, parent: MissingParent, collection: str) -> Act:
        """The act of taking a parent's soft delete back. collection: the parent's own."""
        return self._content.undelete_act(identity(parent.key.value), collection)

    async def undelete(self, token: Token, parent: MissingParent, collection: str) -> str:
        """Takes it back. Raises NotThere, Refused and BackendError."""
        await self._content.undelete(token, identity(parent.key.value), collection)
        kept = counted(parent.documents, "document")
        return f"{parent.parent_id} is there again, and with it the parent of {kept} of {parent.collection}"
