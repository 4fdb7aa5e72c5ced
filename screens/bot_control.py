"""What the list of bots and a session's page share: live changes, keys that change a bot, watching the effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from textual import work
from textual.worker import Worker

from backends.bots.actions import EXTENSION_S, Seen
from backends.bots.effects import Asked, effect
from backends.bots.model import Session, Stray
from backends.clients.errors import BackendError
from backends.safety.gate import Token
from screens.acting import say_failure
from screens.base import LiveScreen
from screens.bot_words import coarse, status_part
from screens.consent import ConsentRequest, confirm
from screens.frame import Frame
from widgets.lines import Lines
from widgets.panel import duration
from widgets.tone import Cell, Part, Tone

if TYPE_CHECKING:
    from backends.bots.actions import BotActions
    from backends.bots.feed import Feed
    from backends.bots.probes import ServicesHealth
    from backends.bots.service import BotsService

KEPT_S: Final = 30.0
"""Seconds for which the end of something that was asked for stays on the screen."""

SAYS: Final = {
    "stop": "it leaves the call; what it heard and stored stays",
    "restart": "it leaves the call, and another bot joins the same meeting in a session of its own",
    "extend": f"it may run {EXTENSION_S // 3600} h longer than its platform's limit",
}


@dataclass(slots=True)
class Entry:
    """Something that a person asked for: what is watched, or why it was refused; when it was over."""

    title: str
    asked: Asked | None
    refused: str = ""
    over_at: datetime | None = None


@dataclass(slots=True)
class AskedLog:
    """What was asked for lately, for the list and the page alike."""

    entries: list[Entry] = field(default_factory=list)

    def lines(self, sessions: Sequence[Session], now: datetime) -> list[tuple[Cell, ...]]:
        """Each with what is seen of it now; what has long been over goes."""
        self.entries = [each for each in self.entries if not _is_old(each, now)]
        return [_line(each, sessions, now) for each in self.entries[-3:]]


def _is_old(entry: Entry, now: datetime) -> bool:
    return entry.over_at is not None and (now - entry.over_at).total_seconds() > KEPT_S


def _line(entry: Entry, sessions: Sequence[Session], now: datetime) -> tuple[Cell, ...]:
    if entry.asked is None:
        return (Part(f"✖ {entry.title}: {entry.refused}", Tone.CRITICAL),)
    seen = effect(entry.asked, sessions, now)
    if seen.over and entry.over_at is None:
        entry.over_at = now
    if not seen.over:
        waited = Part(f" · {duration((now - entry.asked.at).total_seconds())}", Tone.MUTED)
        return (Part(f"◔ {entry.title}: {seen.words}", Tone.ACCENT), waited)
    return (Part(f"{'●' if seen.good else '▲'} {entry.title}: {seen.words}", Tone.OK if seen.good else Tone.WARNING),)


@dataclass(frozen=True, slots=True)
class BotDesk:
    """The services of both screens; feed makes what tells of changes, of one session or of all."""

    bots: BotsService
    health: ServicesHealth
    actions: BotActions
    feed: Callable[[str | None], Feed]
    asked: AskedLog = field(default_factory=AskedLog)


class BotControl(LiveScreen):
    """A screen on which bots are stopped, restarted and extended.

    A subclass says which bot is chosen and which sessions it knows, names the source that they come from, and has
    `Lines` with the id `asked`.
    """

    SOURCE: ClassVar[str]

    def __init__(self, frame: Frame, desk: BotDesk, session_id: str | None = None) -> None:
        super().__init__(frame)
        self.desk = desk
        self.feed = desk.feed(session_id)
        self._listening: Worker[None] | None = None

    def chosen(self) -> Session | Stray | None:
        """The bot that a key acts on."""
        raise NotImplementedError(f"{type(self).__name__} chooses nothing")

    def known(self) -> Sequence[Session]:
        """The sessions in which effects are looked for."""
        raise NotImplementedError(f"{type(self).__name__} knows nothing")

    def told(self) -> None:
        """Something changed: read it."""
        self.read_now(self.SOURCE)

    # Live changes

    def on_screen_resume(self) -> None:
        """Listens while the screen is seen."""
        if self._listening is None or self._listening.is_finished:
            self._listening = self.run_worker(self._listen(), group="feed", exit_on_error=False)

    def on_screen_suspend(self) -> None:
        """Listens no more."""
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None

    async def _listen(self) -> None:
        try:
            await self.feed.run(self._told)
        except Exception as error:
            # Without notifications the sources poll, so the screen goes on.
            self.frame.unexpected("listening for changes", error)

    def _told(self) -> None:
        """A frozen display goes on at its own pace: what is told would only change the number of what is new."""
        if not self.frozen:
            self.told()

    def feed_parts(self) -> list[Part]:
        """How changes arrive."""
        state = self.feed.state
        if state.listening:
            return [Part(" · as it happens", Tone.MUTED)]
        return [Part(f" · polled: {state.why.partition(':')[0][:30]}", Tone.MUTED)]

    # Keys

    @work(exit_on_error=False)
    async def action_stop(self) -> None:
        """Ends the bot, once the person agreed."""
        await self._order("stop", self.desk.actions.stop)

    @work(exit_on_error=False)
    async def action_restart(self) -> None:
        """Puts another bot in its place, once the person agreed."""
        await self._order("restart", self.desk.actions.restart)

    @work(exit_on_error=False)
    async def action_extend(self) -> None:
        """Lets its session run longer, once the person agreed."""
        await self._order("extend", self.desk.actions.extend)

    async def _order(self, verb: str, do: Callable[[Token, Seen], Awaitable[str]]) -> None:
        bot = self.chosen()
        if bot is None:
            self.notify("put the cursor on a bot", title=verb, severity="warning", markup=False)
            return
        seen, plan, asked = seen_of(bot), order_plan(verb, bot), self._asked(verb, bot)
        await self.carry(f"{verb} {bot.bot_id}", verb, seen.bot_id, plan, lambda token: do(token, seen), lambda: asked)

    def _asked(self, verb: str, bot: Session | Stray) -> Asked:
        meeting = frozenset(each.session_id for each in self.known() if each.meeting_id == bot.meeting_id)
        limit_s = bot.limit_s if isinstance(bot, Session) else 0.0
        alone = len(self.known()) == 1
        return Asked(verb, bot.session_id, bot.bot_id, bot.meeting_id, self.frame.now(), limit_s, meeting, alone)

    async def carry(
        self,
        title: str,
        verb: str,
        bot: str,
        plan: Sequence[Sequence[Cell]],
        do: Callable[[Token], Awaitable[str]],
        asked: Callable[[], Asked],
        command: str = "",
    ) -> None:
        """Asks the person, passes the gate, tells the service; the effect is watched, a refusal is shown as one."""
        try:
            act = self.desk.actions.act(verb, bot)
        except BackendError as error:
            say_failure(self, title, error)
            return
        request = ConsentRequest(title, act.target, plan, command or f"bots {verb} {bot}", (self.SOURCE,))
        consent = await confirm(self, request)
        if consent is None:
            return
        try:
            async with self.frame.gate().act(act, consent, lifetime_s=None) as token:
                said = await do(token)
        except BackendError as error:
            self.refused(title, error)
            return
        # Counted from when the service agreed, not from when the person was asked.
        self.desk.asked.entries.append(Entry(title, replace(asked(), at=self.frame.now())))
        self.notify(said, title=title, markup=False)
        self.draw_asked()
        self.told()

    def refused(self, title: str, error: BackendError) -> None:
        """Shows that something was not done, and why."""
        refused = f"{error.kind}: {error.message}"
        self.desk.asked.entries.append(Entry(title, None, refused, self.frame.now()))
        say_failure(self, title, error)
        self.draw_asked()
        self.told()

    def draw_asked(self) -> None:
        """Shows what was asked for, and what is seen of it."""
        lines = self.desk.asked.lines(self.known(), self.frame.now())
        shown = self.query_one("#asked", Lines)
        shown.show(lines)
        shown.set_class(bool(lines), "-shown")


def seen_of(bot: Session | Stray) -> Seen:
    """The bot as the person sees it."""
    if isinstance(bot, Session):
        return Seen.of(bot)
    return Seen(bot.session_id, bot.bot_id, bot.platform, bot.status, "")


def order_plan(verb: str, bot: Session | Stray) -> list[tuple[Cell, ...]]:
    """What will be done to the bot, in lines."""
    lines: list[tuple[Cell, ...]] = [(Part(bot.bot_id, Tone.ACCENT), f" on {bot.platform}, meeting {bot.meeting_id}")]
    if isinstance(bot, Session):
        lines.append((status_part(bot.status, bot.recovering), " for ", coarse(bot.in_state_s), f" · {bot.title}"))
        lines.append((Part("only if it is still as it is shown here", Tone.MUTED),))
    else:
        lines.append((Part(bot.finding.what, Tone.WARNING),))
    return [*lines, ("",), (SAYS[verb],)]
