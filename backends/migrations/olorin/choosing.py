"""Which run goes on, and when a new one is begun: those of the separation among all that a database records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from backends.clients.errors import NotThere, Refused
from backends.clients.targets import MongoTarget
from backends.migrations.olorin.model import KIND, Light, SoftDelete
from backends.runs.model import NEWEST, Run, RunState
from backends.runs.store import RunKey

if TYPE_CHECKING:
    from backends.runs.store import RunStore

SOURCE: Final = "source"
"""The option of a run that says from where it copies."""

_OVER: Final = frozenset({RunState.STOPPED, RunState.BLOCKED, RunState.FAILED})
"""States of a run that nobody executes, beside which another plan may be begun."""


async def runs_of(store: RunStore, kind: str) -> AsyncIterator[Run]:
    """The runs of a kind, newest first, however many others were recorded since. Raises BackendError."""
    after: RunKey | None = None
    while page := await store.page(NEWEST, after):
        for run in page:
            if run.kind == kind:
                yield run
        last = page[-1]
        if len(page) < NEWEST or last.created_at is None:
            return
        after = RunKey(last.created_at, last.id)


async def newest(store: RunStore) -> Run | None:
    """The newest run of the migration."""
    return await anext(runs_of(store, KIND), None)


async def require_newest(store: RunStore) -> Run:
    """The newest run of the migration. Raises NotThere where there is none."""
    found = await newest(store)
    if found is None:
        raise NotThere("The separation was never executed.", where=store.where)
    return found


async def open_run(store: RunStore, source: MongoTarget, plan: str) -> Run | None:
    """The run to go on with. Raises Refused where another plan is named than that of a run that is under way.

    source: where it must copy from.
    """
    found = await newest(store)
    if found is None or found.known_state is RunState.DONE:
        return None
    over = found.known_state in _OVER
    hint = "Go on with it without --plan" if plan else "Begin with a new plan: --dry-run, then --execute --plan HASH"
    hint += "." if over else f", or stop it first: olorin runs stop {found.id}"
    if plan and not found.plan.startswith(plan):
        if over:
            return None
        raise Refused(f"The run {found.id} carries out another plan.", where=store.where, hint=hint)
    if not is_from(found, source):
        raise Refused(f"The run {found.id} copies from {found.options[SOURCE]}.", where=source.where, hint=hint)
    return found


async def open_soft_delete(store: RunStore, kind: str, collection: str, expired: int) -> Run | None:
    """The run of the soft-delete plan to go on with. expired: documents that the index would delete by now.

    One that was not agreed to delete so many could never go on.
    """
    async for run in runs_of(store, kind):
        is_open = run.known_state is not RunState.DONE and run.options.get("collection") == collection
        if is_open and int(run.options.get("expired", 0)) >= expired:
            return run
    return None


def check_soft_delete(found: SoftDelete, *, typed: bool) -> None:
    """Raises Refused where a gate is red. typed: what the index deletes at once was agreed to."""
    if found.light is not Light.RED or (typed and found.gates[0].status is Light.OK):
        return
    why = next(gate.why for gate in found.gates if gate.status is Light.RED)
    hint = "Agree to it with --confirm and the environment's name." if found.expired else ""
    raise Refused(f"{why[0].upper()}{why[1:]}.", where=found.where, hint=hint)


def origin(source: MongoTarget) -> str:
    """From where a run copies, as its options say: hosts and database.

    >>> origin(MongoTarget("mongodb://u:p@db2,db1/x", "bayit", "MONGODB_URI"))
    'db1:27017,db2:27017/bayit'
    """
    return f"{source.server}/{source.database}"


def is_from(run: Run, source: MongoTarget) -> bool:
    """Whether the run copies from there: the same database on at least one of its hosts, as members come and go."""
    hosts, _, database = str(run.options.get(SOURCE) or origin(source)).rpartition("/")
    return database == source.database and bool(set(hosts.split(",")) & set(source.server.split(",")))
