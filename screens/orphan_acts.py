"""The keys of screen 4 that change something, or write a file: what is chosen, what a person is asked, what is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from backends.clients.errors import BackendError, Refused
from backends.orphans import exports
from backends.orphans.changes import Intentional
from backends.orphans.clean_model import CleanOptions, CleanPlan
from backends.orphans.exemptions import identity
from backends.orphans.exports import FORMATS, Format
from backends.orphans.model import MissingParent, ParentKey, ReferenceScan
from backends.safety.files import private_folder
from backends.safety.secrets import mask
from backends.safety.text import display_text
from backends.sampling.words import counted
from screens.acting import agree, carry_out, say_failure
from screens.consent import ConsentRequest
from widgets.tone import Cell, Part, Tone

if TYPE_CHECKING:
    from backends.orphans.changes import OrphanChanges
    from backends.orphans.service import OrphansService
    from screens.base import LiveScreen
    from screens.orphan_browser import OrphanBrowser

SOURCE: Final = "scan"
CLEANING: Final = "Clean orphans up"
RESTORING: Final = "Restore"
EXEMPTING: Final = "Exempt orphans"
UNDELETING: Final = "Take the deletion back"
NAMED: Final = 5
"""Chosen parents that a question names; it tells how many more there are."""

NAME_LIMIT: Final = 40
"""Characters of one of them."""


async def clean(screen: LiveScreen, changes: OrphanChanges, options: CleanOptions, chosen: str) -> bool:
    """Plans, asks, starts; whether it was started. chosen: what it is of, in words. In a worker."""
    screen.notify("listing what would go, after a scan where the newest is not fresh …", title=CLEANING, markup=False)
    try:
        plan, share = await changes.plan(options)
        for why, hint in plan.refusals:
            raise Refused(why, hint=hint)
        if not plan.planned:
            raise Refused("Nothing is to be removed.", hint=left_out_words(plan))
    except BackendError as error:
        say_failure(screen, CLEANING, error)
        return False
    request = clean_request(plan, changes.where, chosen, share)
    return await agree(screen, request, lambda consent: changes.clean(plan, share, consent))


def clean_request(plan: CleanPlan, where: str, chosen: str, share: int | None = None) -> ConsentRequest:
    """What a person agrees to before a clean-up. share: the percent that has to be typed, None where none has."""
    lines: list[tuple[Cell, ...]] = [(chosen,)]
    if share is not None:
        lines.append((Part(f"▲ more than half goes: type {share} for its {share} %", Tone.CRITICAL),))
    for each in plan.references:
        if each.planned:
            said = f"{each.name}  {counted(each.planned, 'document')} ({each.percent} %), {each.size_bytes:,} bytes"
            lines.append((Part(said, Tone.WARNING),))
        lines += [(Part(f"{each.name}  {n:,} stay: {reason}", Tone.MUTED),) for reason, n in each.left_out.items()]
    tone = Tone.WARNING if plan.drops else Tone.MUTED
    lines += [(Part(words, tone),) for words in plan.quarantines]
    confirmed = "" if share is None else f" --confirm-share {share}"
    return ConsentRequest(
        f"{CLEANING}: {counted(plan.planned, 'document')}",
        where,
        lines,
        f"orphans clean --execute --plan {plan.plan.hash[:12]}{confirmed}",
        (),  # it was planned on a scan and documents of just now, whatever the screen shows
        "each document is kept in quarantine; u, or olorin orphans restore RUN",
        plan.plan.expires_at,
        "" if share is None else str(share),
    )


def chosen_words(keys: Sequence[ParentKey], narrowed: str = "") -> str:
    """The chosen parents by their first names. narrowed: what the list is narrowed to, so that some may not be in view.

    >>> chosen_words([ParentKey("r", f"p-{n}") for n in range(7)])
    '7 parents: p-0, p-1, p-2, p-3, p-4 and 2 more'
    >>> chosen_words([ParentKey("r", "p-1")], "p-2")
    '1 parent: p-1 (marked ones count that are not in view: the list is narrowed to p-2)'
    """
    more = f" and {len(keys) - NAMED:,} more" if len(keys) > NAMED else ""
    named = ", ".join(display_text(mask(each.value), NAME_LIMIT) for each in keys[:NAMED])
    beyond = f" (marked ones count that are not in view: the list is narrowed to {narrowed})" if narrowed else ""
    return f"{counted(len(keys), 'parent')}: {named}{more}{beyond}"


def left_out_words(plan: CleanPlan) -> str:
    """What stays and why, in a sentence."""
    reasons: dict[str, int] = {}
    for each in plan.references:
        for reason, number in each.left_out.items():
            reasons[reason] = reasons.get(reason, 0) + number
    return "Stays: " + (", ".join(f"{number:,} {reason}" for reason, number in reasons.items()) or "nothing was found")


async def restore(screen: LiveScreen, changes: OrphanChanges, named: str) -> bool:
    """Asks, and starts restoring of the newest clean-up: all, or the parent or document that is named. In a worker."""
    try:
        run_id, documents = await changes.newest()
        run = await changes.restore_run(run_id, named)
    except BackendError as error:
        say_failure(screen, RESTORING, error)
        return False
    kind = "parent" if run.options["parent"] else "document"
    what = f"what is in quarantine of the {kind} {named}" if named else counted(documents, "document")
    lines: list[tuple[Cell, ...]] = [
        (f"{what} of {run_id} {'goes' if named else 'go'} back to where {'it was' if named else 'they were'}",),
        (Part("what is there by now is not changed", Tone.MUTED),),
    ]
    undo = "a clean-up removes what has no parent again"
    command = f"orphans restore {run_id}" + (f" --{kind} {named}" if named else "")
    # Decided on the newest quarantine, which was asked for just now, whatever the scan on screen says.
    request = ConsentRequest(f"{RESTORING} {run_id}", changes.where, lines, command, (), undo)
    return await agree(screen, request, lambda consent: changes.restore(run, consent))


def intentional(keys: Sequence[ParentKey], document: str, reason: str, expires_at: datetime | None) -> Intentional:
    """What of these parents is intentional: their documents, or the one document of them that is opened.

    >>> keys = [ParentKey("recap_sessions.partner_id>partners", "acme")]
    >>> [intentional(keys, document, "why", None).values for document in ("", '{"$oid": "…"}')]
    [('acme',), ('{"$oid": "…"}',)]
    """
    collection = keys[0].reference.partition(".")[0]
    if document:
        return Intentional(collection, "document", (document,), reason, expires_at)
    return Intentional(collection, "parent", tuple(identity(key.value) for key in keys), reason, expires_at)


async def exempt(screen: LiveScreen, changes: OrphanChanges, chosen: Intentional, words: str) -> bool:
    """Asks, and exempts. words: what is chosen, as it is said. In a worker."""
    until = "until it is removed" if chosen.expires_at is None else f"until {chosen.expires_at:%Y-%m-%d %H:%M} UTC"
    lines = [(words,), (f"no clean-up touches {'it' if chosen.kind == 'document' else 'their documents'} {until}",)]
    lines.append((f"reason: {chosen.reason}",))
    only = f"--{chosen.kind} {display_text(mask(chosen.values[0]))} --owner … --reason …"
    command = f"orphans exempt --collection {chosen.collection} {only}" * (len(chosen.values) == 1)
    request = ConsentRequest(EXEMPTING, changes.where, lines, command, (), "olorin orphans exempt --remove ID")
    return await carry_out(screen, changes.exempt_act(chosen), request, lambda token: changes.exempt(token, chosen))


async def undelete(screen: LiveScreen, changes: OrphanChanges, service: OrphansService, parent: MissingParent) -> bool:
    """Asks, and takes a parent's soft delete back. In a worker."""
    collection = service.reference(parent.key.reference).parent.collection
    vanishes = f", vanishes {parent.vanishes_at:%Y-%m-%d}" if parent.vanishes_at is not None else ""
    saved = "embedding" if parent.collection == "content_embeddings" else f"document of {parent.collection}"
    lines: list[tuple[Cell, ...]] = [
        (f"{parent.parent_id} of {collection} is soft-deleted{vanishes}",),
        (Part(f"saves {counted(parent.documents, saved)}", Tone.OK),),
    ]
    command = f"content undelete --content-id {identity(parent.key.value)}" if saved == "embedding" else ""
    act = changes.undelete_act(parent, collection)
    request = ConsentRequest(UNDELETING, act.target, lines, command, (SOURCE,), "the platform deletes it again")
    return await carry_out(screen, act, request, lambda token: changes.undelete(token, parent, collection))


async def export(
    screen: LiveScreen, service: OrphansService, opened: ReferenceScan, browser: OrphanBrowser, named: str
) -> None:
    """Writes the marked parents of a reference, else those that the filter lets through; says where. In a worker."""
    format_, frame = format_of(named), screen.frame
    if format_ is None:
        screen.notify("csv, json or jsonl", title="export", severity="warning", markup=False)
        return
    path = frame.exports / f"orphans-{opened.name}-{frame.now():%Y%m%dT%H%M%SZ}.{format_}"
    marked = browser.marked
    every = service.every_missing(opened.collection, field=opened.field, contains="" if marked else browser.filter)
    found = (each async for each in every if not marked or each.key in marked)
    try:
        private_folder(path.parent)
        with path.open("w", encoding="utf-8", newline="") as out:
            path.chmod(0o600)
            rows = await exports.write(format_, found, out)
    except (OSError, BackendError) as error:
        screen.notify(f"not written: {error}", title="export", severity="error", markup=False)
    else:
        screen.notify(f"{path}: {rows:,} parents", title="exported", markup=False)


def format_of(text: str) -> Format | None:
    """The format of this name; nothing typed is CSV.

    >>> format_of(""), format_of(" JSONL "), format_of("xls")
    ('csv', 'jsonl', None)
    """
    named = text.strip().lower() or "csv"
    return next((each for each in FORMATS if each == named), None)
