"""What the screen and `olorin orphans clean | restore | verify` ask for: plans, runs to record, proofs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from backends.backup.model import BackupGate
from backends.clients.errors import BackendError, NotThere, Refused
from backends.clients.mongo import MongoClients
from backends.clients.targets import Role
from backends.orphans import checks, expired, planning, verifying
from backends.orphans.allow_list import Draft
from backends.orphans.clean_model import (
    CLEAN,
    LONGEST_GRACE_DAYS,
    RESTORE,
    CleanOptions,
    CleanPlan,
    PlannedReference,
    references_of,
)
from backends.orphans.exemptions import Exempt, Exemption, identity
from backends.orphans.graph import PARTNERS, Reference
from backends.orphans.history import History
from backends.orphans.model import ReferenceScan, Scan
from backends.orphans.quarantine import about_name
from backends.orphans.service import OrphansService
from backends.orphans.values import json_of
from backends.runs.model import NewRun, new_id
from backends.safety.plans import Plan, PlanStore
from backends.safety.text import display_text
from backends.sampling.reading import utc_now

SKIPPED_SHOWN: Final = 1_000


class CleaningService:
    """Cleans up and restores; each as a run, which the runner executes.

    state: the state folder. separated: whether the databases are. backup: what lets old quarantines be dropped.
    """

    def __init__(
        self,
        mongo: MongoClients,
        orphans: OrphansService,
        state: Path,
        backup: BackupGate,
        *,
        separated: bool,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._mongo, self._orphans, self._separated, self._now = mongo, orphans, separated, now
        self._backup = backup
        self._plans = PlanStore(state, now)
        self.folder = state / "orphans" / "lists"

    @property
    def where(self) -> str:
        """What is changed, masked. Raises NotConfigured."""
        return self._mongo.target(Role.OLORIN).where

    async def dry_run(self, options: CleanOptions, scan: Scan, *, confirmed_percent: int | None = None) -> CleanPlan:
        """What a clean-up would remove after the newest scan, and what it would leave, and why. Raises BackendError."""
        if not 0 <= options.grace_days <= LONGEST_GRACE_DAYS:
            raise Refused(f"The grace period is 0 to {LONGEST_GRACE_DAYS} days.")
        await self._require_suspended(options.suspended)
        exemptions = await self._orphans.exemptions.all()
        body, left_out = await self._listed(options, scan, exemptions)
        plan = await asyncio.to_thread(self._plans.save, CLEAN, self.where, body)
        return await self._known(plan, left_out, confirmed_percent)

    async def load(self, hash_: str, *, confirmed_percent: int | None = None) -> CleanPlan:
        """A plan that was made, to start from. Raises Refused where there is none, or it is too old."""
        plan = await asyncio.to_thread(self._plans.load_to_start, hash_, CLEAN, self.where)
        left_out = self.folder / f"{plan.body['list']}.left-out.jsonl"
        return await self._known(plan, left_out, confirmed_percent)

    def check(self) -> None:
        """Raises Refused where nothing may be cleaned, whatever a plan would say."""
        for why, hint in checks.refusals((), {}, separated=self._separated, confirmed_percent=None):
            raise Refused(why, hint=hint)

    def clean_run(self, plan: CleanPlan) -> NewRun:
        """The run that carries the plan out. Raises Refused where a rule keeps it from that."""
        for why, hint in plan.refusals:
            raise Refused(why, where=self.where, hint=hint)
        return NewRun(new_id("clean", self._now()), CLEAN, self.where, plan.plan.hash, options=plan.plan.body)

    async def restore_run(self, run_id: str, *, parent: str = "", document: str = "", collection: str = "") -> NewRun:
        """The run that restores a clean-up's documents: all, one parent's, or one (by its id as extended JSON).

        Raises NotThere, also where the quarantine holds nothing of that.
        """
        known = await verifying.about_run(self._mongo, run_id)
        names = [name for name in known["collections"] if collection in ("", name)]
        narrowed = document or parent or collection
        if narrowed and not await verifying.holds(self._mongo, run_id, names, identity(parent), document):
            raise NotThere(f"The quarantine of {run_id} holds nothing of {display_text(narrowed)}.")
        options = {"of": run_id, "parent": parent, "document": document, "collection": collection}
        return NewRun(new_id("restore", self._now()), RESTORE, self.where, options=options)

    async def verify(self, run_id: str = "") -> tuple[str, list[verifying.CollectionProof]]:
        """The newest clean-up (or this one), looked at document by document. Raises NotThere and BackendError."""
        run_id = run_id or await verifying.newest_run(self._mongo)
        return run_id, await verifying.verify_clean(self._mongo, run_id)

    async def newest(self) -> tuple[str, int]:
        """The newest clean-up, and how many documents it has in quarantine. Raises NotThere."""
        run_id = await verifying.newest_run(self._mongo)
        async with self._mongo.settled(Role.OLORIN) as database:
            return run_id, await database[about_name(run_id)].count_documents({})

    async def skipped(self, run_id: str, limit: int = SKIPPED_SHOWN) -> list[dict[str, str]]:
        """What the run was to remove and left alone, with why; safe to show. Raises BackendError."""
        found = await verifying.skipped(self._mongo, run_id, limit)
        return [
            {"collection": each["_id"]["c"], "id": display_text(json_of(each["_id"]["id"])), "why": each["why"]}
            for each in found
        ]

    async def _known(self, plan: Plan, left_out: Path, confirmed_percent: int | None) -> CleanPlan:
        references = references_of(plan.body)
        refusals = checks.refusals(
            references, plan.body["parents_before"], separated=self._separated, confirmed_percent=confirmed_percent
        )
        over = expired.of(plan.body)
        kept = await expired.why_kept(self._backup) if over else ""
        words = tuple(expired.words(each, kept) for each in over)
        said = (plan.body["list"], str(left_out))
        return CleanPlan(plan, references, tuple(refusals), *said, words, drops=bool(over) and not kept)

    async def _listed(
        self, options: CleanOptions, scan: Scan, exemptions: tuple[Exemption, ...]
    ) -> tuple[Mapping[str, Any], Path]:
        history, draft = self._orphans.history(), await asyncio.to_thread(Draft, self.folder)
        try:
            listing = planning.Listing(self._mongo, history, options, draft, self._now())
            chosen = [each for each in self._orphans.graph if options.asks_for(each.collection, each.field)]
            for reference in chosen:
                self._require_scanned(scan, reference)
                await listing.add(reference, Exempt.of(exemptions, reference.collection, self._now()))
            name, left_out = await asyncio.to_thread(draft.finish)
        finally:
            await asyncio.to_thread(draft.close)
        planned = [_planned(_scanned(scan, each), each, listing, draft) for each in chosen]
        return await self._body(options, scan, chosen, planned, history, name), left_out

    async def _body(
        self,
        options: CleanOptions,
        scan: Scan,
        chosen: list[Reference],
        planned: list[PlannedReference],
        history: History,
        name: str,
    ) -> Mapping[str, Any]:
        removed = {each.name for each in planned if each.planned}
        parents = {each.parent.collection: each.parent for each in chosen if each.name in removed}
        witnesses = {key: await planning.witnesses(self._mongo, parent) for key, parent in parents.items()}
        before = await asyncio.to_thread(history.parents_before, scan.number, self._now() - options.grace)
        return {
            "options": asdict(options),
            "references": [asdict(each) for each in planned],
            "list": name,
            "scan": scan.number,
            "witnesses": witnesses,
            "parents_before": before,
            expired.OPTION: expired.said(await expired.find(self._mongo, self._now())),
        }

    async def _require_suspended(self, names: Sequence[str]) -> None:
        """Raises Refused where one of the names is no suspended partner's: mistyped, or suspended no more."""
        if not names:
            return
        async with self._mongo.settled(PARTNERS.role) as database:
            query = {PARTNERS.key: {"$in": list(names)}, PARTNERS.marked_by: {"$ne": None}}
            found = {each[PARTNERS.key] for each in await database[PARTNERS.collection].find(query).to_list(None)}
        if unknown := [display_text(name) for name in names if name not in found]:
            raise Refused(f"No suspended partner: {', '.join(unknown)}.", hint="Leave out who is not suspended.")

    def _require_scanned(self, scan: Scan, reference: Reference) -> None:
        """Raises what kept the scan from judging the reference, as a refusal: nothing is an orphan by default."""
        found = _scanned(scan, reference)
        if found.problem is not None:
            raise Refused(
                f"{reference.name} can't be judged: {found.problem.message}", where=self.where, hint=found.problem.hint
            )


def _scanned(scan: Scan, reference: Reference) -> ReferenceScan:
    found = next((each for each in scan.references if each.name == reference.name), None)
    if found is None:
        raise BackendError(f"The scan knows nothing of {reference.name}.")
    return found


def _planned(found: ReferenceScan, reference: Reference, listing: planning.Listing, draft: Draft) -> PlannedReference:
    return PlannedReference(
        reference.name,
        reference.parent.collection,
        found.documents or 0,
        found.parents or 0,
        listing.planned.get(reference.name, 0),
        listing.size_bytes.get(reference.name, 0),
        dict(sorted(draft.reasons.get(reference.name, {}).items())),
    )


def document_key(text: str) -> str:
    """A document's id as it is given on a command line: 24 digits, or extended JSON. Raises Refused.

    >>> document_key("6b017f7c056dda164d0b409d"), document_key('"slug"')
    ('{"$oid": "6b017f7c056dda164d0b409d"}', '"slug"')
    """
    from bson import ObjectId, json_util

    if ObjectId.is_valid(text):
        return json_of(ObjectId(text))
    try:
        return json_of(json_util.loads(text))
    except Exception as error:
        raise Refused(f"{text} is no id: give 24 digits, or extended JSON.") from error
