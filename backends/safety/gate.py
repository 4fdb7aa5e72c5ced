"""The gate: every change passes here, with a person's consent, and is in the audit trail before it happens.

A token is what passing gives. Nothing that writes can be called without one, nobody but the gate makes one, and it is
worth nothing for another act, on another target, or once the gate has closed behind it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from backends.clients.errors import AuditFailed, BackendError, OutcomeUnknown, Refused
from backends.safety.arming import ARMED_S, Arming
from backends.safety.audit import UNKNOWN, AuditMirror, AuditTrail, Entry, Outcome
from backends.safety.author import Author
from backends.safety.mirroring import Mirroring, Mirrors, nowhere

ACT_S: Final = ARMED_S
"""Seconds that a token is good for; a run, which is one act however long it takes, says otherwise."""

_MINT: Final = object()
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody wants to change.

    name: dotted, capability and verb ("runs.pause"). target: what it changes: the `where` of a client's target, or in
    words where it is none. beside: further targets that it writes to. details: for the audit entry. plan: the hash of
    the plan that it carries out. run_id: the run that it belongs to. reads: it writes nothing but records in the state
    folder, which needs no consent; no client's target is the state folder, so its token opens nothing else.
    """

    name: str
    target: str
    details: Mapping[str, object] = field(default_factory=dict)
    plan: str = ""
    run_id: str = ""
    beside: tuple[str, ...] = ()
    reads: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    """How a person agreed.

    by: on a screen or with a command. explicit: pressed the key and confirmed it, or gave the command's own flag.
    typed: the environment's name, typed by hand or given with --confirm.
    """

    by: Literal["screen", "command"]
    explicit: bool
    typed: str = ""


class Token:
    """The right to carry out one act, inside the gate's block."""

    def __init__(self, mint: object, act: Act, lifetime_s: float | None) -> None:
        if mint is not _MINT:
            raise TypeError("Only the gate makes tokens.")
        self.act = act
        self.counts: dict[str, object] = {}
        self._until = None if lifetime_s is None else time.monotonic() + lifetime_s
        self._over = False

    def require(self, name: str, target: str | None = None) -> None:
        """Raises Refused unless the token is for the act of this name (and this target), and still good."""
        if self._over:
            raise Refused(f"The permission for {self.act.name} is over.", where=self.act.target)
        if self._until is not None and time.monotonic() > self._until:
            raise Refused(f"The permission for {self.act.name} has expired.", where=self.act.target, hint="Ask again.")
        if name != self.act.name:
            raise Refused(f"The permission is for {self.act.name}, not for {name}.", where=self.act.target)
        if target is not None and target not in (self.act.target, *self.act.beside):
            raise Refused(f"The permission for {name} is for {self.act.target}.", where=target)

    def require_target(self, target: str) -> None:
        """Raises Refused unless the token is good, and its act is on this target."""
        self.require(self.act.name, target)

    def outcome(self, **counts: object) -> None:
        """Adds what was changed to the audit entry of the outcome: counts as the server gave them."""
        self.counts.update(counts)

    def end(self) -> None:
        """Makes the token worthless."""
        self._over = True


class Gate:
    """The one way to a token.

    author: who acts in this process. production: whether the environment's name must be typed. arming: the console's;
    what a screen asks for is refused unless it is armed. mirrors: where an act's entries are kept besides.
    """

    def __init__(
        self, trail: AuditTrail, author: Author, arming: Arming, *, production: bool, mirrors: Mirrors = nowhere
    ) -> None:
        self._trail = trail
        self._author = author
        self._mirrors = mirrors
        self.arming = arming
        self.production = production

    @property
    def environment(self) -> str:
        """The environment's name, which is typed to confirm in production."""
        return self._author.environment

    @asynccontextmanager
    async def act(
        self, act: Act, consent: Consent, *, mirror: AuditMirror | None = None, lifetime_s: float | None = ACT_S
    ) -> AsyncIterator[Token]:
        """A token for the act, good inside the block.

        lifetime_s: seconds that it is good for, None for as long as the block. mirror: without which it may not begin;
        for an act without one, the databases that it changes keep its entries as far as they can be written. Raises
        Refused without consent, AuditFailed where the intent can't be recorded (nothing was done then) or where the
        outcome can't be (it was done), and whatever the block raises.
        """
        await self._check(act, consent)
        intent = await self._intend(act, consent)
        token = Token(_MINT, act, lifetime_s)
        mirroring = Mirroring(mirror, () if mirror is not None or act.reads else self._mirrors(act))
        try:
            await mirroring.intent(token, intent)
            yield token
        except BaseException as error:
            await self._failed(intent, token, mirroring, error)
            raise
        else:
            await self._done(intent, token, mirroring)
        finally:
            token.end()

    def refusal(self, act: Act, consent: Consent) -> Refused | None:
        """Why the consent is not enough; None where it is."""
        if act.reads:
            return None
        if not consent.explicit:
            hint = "Give the command's explicit flag." if consent.by == "command" else "Confirm it."
            return Refused(f"{act.name} was not asked for explicitly.", where=act.target, hint=hint)
        if consent.by == "screen" and not self.arming.armed:
            return Refused("The console is read-only.", where=act.target, hint="Arm it with ! first.")
        if self.production and consent.typed != self.environment:
            wrong = "was typed otherwise" if consent.typed else "was not typed"
            hint = f"Type {self.environment}; headless, repeat with --confirm {self.environment}."
            return Refused(
                f"In production a change needs the environment's name: it {wrong}.", where=act.target, hint=hint
            )
        return None

    async def _check(self, act: Act, consent: Consent) -> None:
        refusal = self.refusal(act, consent)
        if refusal is None:
            return
        try:
            await asyncio.to_thread(self._record_refusal, act, consent, refusal)
        except AuditFailed as error:
            _log.error("a refusal could not be recorded: %s", error.message)
        raise refusal

    def _record_refusal(self, act: Act, consent: Consent, refusal: Refused) -> None:
        intent = self._trail.intent(act, self._author, _described(consent))
        self._trail.outcome(intent, Outcome("refused", refusal.message))

    async def _intend(self, act: Act, consent: Consent) -> Entry:
        writing = asyncio.ensure_future(asyncio.to_thread(self._trail.intent, act, self._author, _described(consent)))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            # The thread can't be called back: what it wrote gets its end, so that it is not taken for a crash.
            intent = await writing
            await asyncio.to_thread(self._trail.outcome, intent, Outcome("cancelled", "before anything was changed"))
            raise

    async def _done(self, intent: Entry, token: Token, mirroring: Mirroring) -> None:
        try:
            entry = await self._end(intent, Outcome("done", counts=token.counts))
            await mirroring.outcome(token, entry)
        except BackendError as error:
            hint = "The change was made. Keep this message: the log will show it with an unknown outcome."
            raise AuditFailed(f"The outcome was not recorded: {error.message}", where=error.where, hint=hint) from error

    async def _failed(self, intent: Entry, token: Token, mirroring: Mirroring, error: BaseException) -> None:
        try:
            entry = await self._end(intent, _outcome(error, token.counts))
            await mirroring.outcome(token, entry)
        except BackendError as unrecorded:
            _log.error("the outcome of %s could not be recorded: %s", token.act.name, unrecorded.message)

    async def _end(self, intent: Entry, outcome: Outcome) -> Entry:
        return await asyncio.shield(asyncio.to_thread(self._trail.outcome, intent, outcome))


def _outcome(error: BaseException, counts: Mapping[str, object]) -> Outcome:
    if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | GeneratorExit):
        return Outcome("cancelled", "it was stopped while it was under way", counts)
    words = ((Refused, "refused"), (OutcomeUnknown, UNKNOWN))
    word = next((word for kind, word in words if isinstance(error, kind)), "failed")
    return Outcome(word, str(error) or type(error).__name__, counts)


def _described(consent: Consent) -> Mapping[str, object]:
    return {"by": consent.by, "typed": bool(consent.typed)}
