"""What the orphans screen may change: each thing with the lines that a person agrees to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backends.orphans.checks import share_to_confirm
from backends.orphans.clean_model import CLEAN, RESTORE, CleanOptions, CleanPlan
from backends.orphans.cleaning import CleaningService
from backends.orphans.exemptions import ExemptionBook, identity
from backends.orphans.model import MissingParent, ParentKey
from backends.orphans.scans import ScanDesk
from backends.runs.starting import RunStarter
from backends.safety.gate import Act, Consent, Token
from backends.sampling.words import counted

if TYPE_CHECKING:
    from backends.content.service import ContentService


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

    async def restore(self, run_id: str, consent: Consent) -> str:
        """Starts restoring all that a clean-up removed. Raises NotThere and BackendError."""
        run = await self._cleaning.restore_run(run_id)
        return f"{run.id} started; its log is {await self._starter.start(run, RESTORE, consent)}"

    def exempt_act(self, keys: Sequence[ParentKey], reason: str) -> Act:
        """The act of exempting the documents of these parents."""
        return self._exemptions.act(parents=len(keys), reason=reason)

    async def exempt(self, token: Token, keys: Sequence[ParentKey], reason: str) -> str:
        """Exempts the documents of these parents, in their collections. Raises Refused and BackendError."""
        for key in keys:
            collection = key.reference.partition(".")[0]
            await self._exemptions.add(
                token, collection, "parent", identity(key.value), owner=self._owner, reason=reason
            )
        return f"{len(keys):,} parents are exempt; olorin orphans exempt --list names them"

    def undelete_act(self, parent: MissingParent, collection: str) -> Act:
        """The act of taking a parent's soft delete back. collection: the parent's own."""
        return self._content.undelete_act(identity(parent.key.value), collection)

    async def undelete(self, token: Token, parent: MissingParent, collection: str) -> str:
        """Takes it back. Raises NotThere, Refused and BackendError."""
        await self._content.undelete(token, identity(parent.key.value), collection)
        kept = counted(parent.documents, "document")
        return f"{parent.parent_id} is there again, and with it the parent of {kept} of {parent.collection}"
