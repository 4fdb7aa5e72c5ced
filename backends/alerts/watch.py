"""One pass over the rules: every source asked at once, every rule judged, how it stands kept for the next pass."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from backends.alerts.engine import is_beyond, observe, step, unanswered
from backends.alerts.folding import board_state
from backends.alerts.model import Acknowledgement, Alert, Board, Change, Observation, Rule, Track
from backends.alerts.store import AlertStore, alerts
from backends.alerts.table import Settings
from backends.clients.deadlines import Patience
from backends.clients.errors import BackendError, DeadlineExceeded, NotConfigured, NotThere
from backends.safety.text import display_text
from backends.sampling.measure import Absent, Measure
from backends.sampling.reading import Problem, utc_now

if TYPE_CHECKING:
    from backends.safety.audit import AuditTrail
    from backends.safety.author import Author

Read = Callable[[], Awaitable[Sequence[Measure]]]
Answer = Mapping[str, Sequence[Measure]] | Problem

SOURCE_DEADLINE_S: Final = 11.0
"""Seconds that one source may take: a little more than any of its own deadlines."""

FRESH: Final = timedelta(seconds=8)
"""For how long a look is good for everybody in this process."""

RECENT: Final = timedelta(hours=1)
REASON: Final = 200
"""Characters of an acknowledgement's reason."""

_ABSENT: Final = NotConfigured("Nothing tells it.").problem()
_log = logging.getLogger(__name__)


class AlertsService:
    """The alerts of one profile.

    sources: the part of a measure's name before its dot → what reads those measures. unexpected turns an exception
    that no backend foresaw into a Problem, with a report.
    """

    def __init__(
        self,
        sources: Mapping[str, Read],
        settings: Settings,
        store: AlertStore,
        audit: Callable[[], tuple[AuditTrail, Author]],
        unexpected: Callable[[str, Exception], Problem],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.settings = settings
        self._sources = sources
        self._store = store
        self._audit = audit
        self._unexpected = unexpected
        self._now = now
        self._unkept: dict[str, Track] = {}
        self._board: Board | None = None
        self._looking: asyncio.Task[Board] | None = None

    async def board(self) -> Board:
        """All alerts as they stood a few seconds ago at most; a look that is under way is joined, not repeated."""
        if self._board is not None and timedelta() <= self._now() - self._board.at < FRESH:
            return self._board
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> Board:
        self._board = await self.check()
        return self._board

    async def check(self, only: str | None = None) -> Board:
        """All rules (of one group) once, against what the sources say now. Raises nothing of theirs.

        Where something of a group is wrong or unknown, the rules of other groups that may explain it are judged too.
        """
        rules = [rule for rule in self.settings.rules if only in (None, rule.group)]
        seen = await self._observed(rules)
        roots = self._explaining([rule for rule in rules if _is_wrong(rule, seen[rule.id])], {*seen})
        seen |= await self._observed(roots)
        now, judged = self._now(), [*rules, *roots]
        try:
            stand, note = await asyncio.to_thread(self._store.advance, judged, seen, now), ""
        except BackendError as error:
            stand, note = self._without_store(judged, seen, now), error.message
        shown = stand[: len(rules)]
        return Board(now, board_state(shown), shown, note)

    async def _observed(self, rules: Sequence[Rule]) -> dict[str, Observation]:
        wanted = sorted({source_of(rule) for rule in rules} & set(self._sources))
        found = dict(zip(wanted, await asyncio.gather(*map(self._ask, wanted)), strict=True))
        now = self._now()
        return {rule.id: _seen(rule, found.get(source_of(rule), _ABSENT), now) for rule in rules}

    def _explaining(self, rules: Sequence[Rule], known: set[str]) -> list[Rule]:
        """What may explain the rules, and what may explain that in its turn; without those that are known."""
        asked = {name for rule in rules for name in rule.depends} - known
        found = [rule for rule in self.settings.rules if rule.id in asked]
        return [*found, *self._explaining(found, known | asked)] if found else []

    async def stand(self) -> tuple[Alert, ...]:
        """The alerts as anybody on this host saw them last; asks no server. Raises BackendError."""
        return await asyncio.to_thread(self._store.stand, self.settings.rules, self._now())

    async def changes(self, since: timedelta = RECENT) -> tuple[Change, ...]:
        """What changed lately, newest first. Raises BackendError."""
        return await asyncio.to_thread(self._store.changes, self._now() - since)

    async def history(self, id_: str) -> tuple[Change, ...]:
        """What became of a rule for as long as changes are kept, newest first. Raises BackendError."""
        return await asyncio.to_thread(self._store.history, id_)

    async def acknowledge(self, id_: str, reason: str, hours: float, *, snooze: bool = False) -> Acknowledgement:
        """Takes care of an alert for so many hours, for everybody on this host. Raises BackendError, NotThere."""
        if id_ not in {rule.id for rule in self.settings.rules}:
            raise NotThere(f"There is no rule {id_}.")
        now = self._now()
        owner = f"{self._audit()[1].user}@{self._audit()[1].host}"
        given = Acknowledgement(owner, display_text(reason)[:REASON], now + timedelta(hours=hours), now, snooze)
        verb = "snooze" if snooze else "acknowledge"
        details = {"reason": given.reason, "until": given.until.isoformat()}
        await self._audited(verb, id_, details, lambda: self._store.acknowledge(id_, given))
        self._board = None
        return given

    async def release(self, id_: str) -> None:
        """Takes an acknowledgement back. Raises BackendError."""
        owner = f"{self._audit()[1].user}@{self._audit()[1].host}"
        await self._audited("release", id_, {}, lambda: self._store.release(id_, owner, self._now()))
        self._board = None

    async def _audited(self, verb: str, id_: str, details: Mapping[str, object], do: Callable[[], None]) -> None:
        """It changes nothing on a server, so that it passes no gate; but who did it is on record first."""
        from backends.safety.audit import Outcome
        from backends.safety.gate import Act

        def act() -> None:
            trail, author = self._audit()
            intent = trail.intent(Act(f"alerts.{verb}", id_, details), author, {})
            try:
                do()
            except BackendError as error:
                trail.outcome(intent, Outcome("failed", error.message))
                raise
            trail.outcome(intent, Outcome("done"))

        await asyncio.to_thread(act)

    async def _ask(self, name: str) -> Answer:
        try:
            async with Patience(SOURCE_DEADLINE_S):
                found = await self._sources[name]()
        except BackendError as error:
            if not isinstance(error, NotConfigured):
                _log.info("alerts: %s: %s: %s (%s)", name, error.kind, error.message, error.where)
            return error.problem()
        except TimeoutError:
            return DeadlineExceeded(f"no answer within {SOURCE_DEADLINE_S:g} s").problem()
        except Exception as error:
            return self._unexpected(f"measuring {name}", error)
        return _by_name(found)

    def _without_store(
        self, rules: Sequence[Rule], seen: Mapping[str, Observation], now: datetime
    ) -> tuple[Alert, ...]:
        """How the rules stand where nothing can be kept: this process alone remembers."""
        after = {rule.id: step(rule, self._unkept.get(rule.id), seen[rule.id], now) for rule in rules}
        self._unkept |= after
        return alerts(rules, after, {})


def source_of(rule: Rule) -> str:
    """The source of the rule's measure."""
    return rule.measure.partition(".")[0]


def _is_wrong(rule: Rule, seen: Observation) -> bool:
    return seen.absent is Absent.NO_DATA if seen.value is None else is_beyond(rule, seen.value)


def _by_name(measures: Sequence[Measure]) -> dict[str, list[Measure]]:
    named: dict[str, list[Measure]] = {}
    for measure in measures:
        named.setdefault(measure.name, []).append(measure)
    return named


def _seen(rule: Rule, answer: Answer, now: datetime) -> Observation:
    return unanswered(answer, now) if isinstance(answer, Problem) else observe(rule, answer.get(rule.measure, ()), now)
