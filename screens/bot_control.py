"""What the list of bots and a session's page share: live changes, keys that change a bot, watching the effect."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from textual import work
from textual.binding import Binding, BindingType
from textual.worker import Worker

from backends.bots.actions import EXTENSION_S, Seen
from backends.bots.effects import Asked
from backends.bots.managers.model import BotEvent, EventKind
from backends.bots.model import Session, Stray
from backends.clients.errors import BackendError, OutcomeUnknown
from backends.safety.gate import Token
from screens.acting import say_failure
from screens.base import LiveScreen
from screens.bot_asked import AskedLog, Entry
from screens.bot_words import coarse, status_part
from screens.consent import ConsentRequest, confirm
from screens.frame import Frame
from widgets.lines import Lines
from widgets.tone import Cell, Part, Tone

if TYPE_CHECKING:
    from backends.bots.actions import BotActions
    from backends.bots.feed import Feed
    from backends.bots.probes import ServicesHealth
    from backends.bots.service import BotsService

ASKED: Final = "asked"
"""The source that says what became of what was asked for."""

SAYS: Final = {
    "stop": "it leaves the call; what it heard and stored stays",
    "restart": "it leaves the call, and another bot joins the same meeting in a session of its own",
    "extend": f"it may run {EXTENSION_S // 3600} h longer than its platform's limit",
}


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

    A subclass says which bot is chosen, names the source that it comes from, and has `Lines` with the id `asked`.
    """

    SOURCE: ClassVar[str]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "give_up", "give up", show=False, tooltip="Take back what still waits for a place"),
    ]

    def __init__(self, frame: Frame, desk: BotDesk, session_id: str | None = None) -> None:
        super().__init__(frame)
        self.desk = desk
        self.feed = desk.feed(session_id)
        self._listening: Worker[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def chosen(self) -> Session | Stray | None:
        """The bot that a key acts on."""
        raise NotImplementedError(f"{type(self).__name__} chooses nothing")

    def on_mount(self) -> None:
        """Follows what becomes of what was asked for, on this screen or another."""
        self.follow(ASKED, self._look, lambda _: None)

    async def _look(self) -> None:
        await self.desk.asked.look(self.desk.bots, self.frame.now)

    def told(self) -> None:
        """Something changed: read it."""
        self.read_now(self.SOURCE)
        self.read_now(ASKED)

    # Live changes

    def on_screen_resume(self) -> None:
        """Listens while the screen is seen, to the database and to what the manager sees."""
        if self._unsubscribe is None:
            self._unsubscribe = self.desk.actions.manager.subscribe(self._happened)
        if self._listening is None or self._listening.is_finished:
            self._listening = self.run_worker(self._listen(), group="feed", exit_on_error=False)

    def on_screen_suspend(self) -> None:
        """Listens no more."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None

    async def _listen(self) -> None:
        try:
            await self.feed.run(self._told)
        except Exception as error:
            # Without notifications the sources poll, so the screen goes on.
            self.frame.unexpected("listening for changes", error)

    def _happened(self, event: BotEvent) -> None:
        """A process came or went: whether there is a ghost or a stray no notification tells."""
        if event.kind in {EventKind.SPAWNED, EventKind.TERMINATED, EventKind.ERROR}:
            self.feed.missed()

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

    def action_give_up(self) -> None:
        """Takes back the last of those that wait for a place; pressed again, the one before it."""
        handles = [entry.handle for entry in self.desk.asked.entries if entry.waits]
        if handles and handles[-1] is not None and handles[-1].cancel():
            self.notify(handles[-1].request.meeting_url, title="taken back", markup=False)

    async def _order(self, verb: str, do: Callable[[Token, Seen], Awaitable[str]]) -> None:
        bot = self.chosen()
        if bot is None:
            self.notify("put the cursor on a bot", title=verb, severity="warning", markup=False)
            return
        seen, asked = Seen.of(bot), Asked.of(verb, bot, self.frame.now())

        async def order(token: Token, entry: Entry) -> str:
            entry.asked = await self.desk.bots.beforehand(asked)
            return await do(token, seen)

        plan, command = order_plan(verb, bot), f"bots {verb} {named(bot)}"
        await self.carry(f"{verb} {bot.bot_id}", verb, seen.bot_id, plan, order, command)

    async def carry(
        self,
        title: str,
        verb: str,
        bot: str,
        plan: Sequence[Sequence[Cell]],
        do: Callable[[Token, Entry], Awaitable[str]],
        command: str,
    ) -> None:
        """Asks the person, passes the gate, tells the service; the effect is watched, a refusal is shown as one.

        do sets what is to be looked for before it tells the service, which may answer too late, or never.
        """
        try:
            act = self.desk.actions.act(verb, bot)
        except BackendError as error:
            say_failure(self, title, error)
            return
        consent = await confirm(self, ConsentRequest(title, act.target, plan, command, (self.SOURCE,)))
        if consent is None:
            return
        entry, said = Entry(title, self.frame.now()), ""
        self.desk.asked.entries.append(entry)
        try:
            async with self.frame.gate().act(act, consent, lifetime_s=None) as token:
                said = await do(token, entry)
        except BackendError as error:
            self._failed(entry, error, done=bool(said))
        except asyncio.CancelledError:
            entry.leave(self.frame.now())
            raise
        else:
            entry.watch(self.frame.now())
            self.notify(said, title=title, markup=False)
        self.draw_asked()
        self.told()

    def _failed(self, entry: Entry, error: BackendError, *, done: bool) -> None:
        """Not done, unless the service may have done it: then its effect is watched all the same."""
        if done:
            entry.watch(self.frame.now())
        elif isinstance(error, OutcomeUnknown) and entry.asked is not None:
            entry.watch(self.frame.now(), error.message.rstrip("."))
        else:
            entry.refuse(f"{error.kind}: {error.message}", self.frame.now())
        say_failure(self, entry.title, error)

    def refused(self, title: str, error: BackendError) -> None:
        """Shows that something was not done, and why."""
        entry = Entry(title, self.frame.now())
        self.desk.asked.entries.append(entry)
        self._failed(entry, error, done=False)
        self.draw_asked()

    def draw_asked(self) -> None:
        """Shows what was asked for, and what is seen of it."""
        lines = self.desk.asked.lines(self.frame.now())
        shown = self.query_one("#asked", Lines)
        shown.show(lines)
        shown.set_class(bool(lines), "-shown")


def named(bot: Session | Stray) -> str:
    """What a command calls the bot by: its session's id, or its own where no session tells of it."""
    return shlex.quote(bot.session_id if isinstance(bot, Session) else bot.bot_id)


def order_plan(verb: str, bot: Session | Stray) -> list[tuple[Cell, ...]]:
    """What will be done to the bot, in lines."""
    lines: list[tuple[Cell, ...]] = [(Part(bot.bot_id, Tone.ACCENT), f" on {bot.platform}, meeting {bot.meeting_id}")]
    if isinstance(bot, Session):
        lines.append((status_part(bot.status, bot.recovering), " for ", coarse(bot.in_state_s), f" · {bot.title}"))
        lines.append((Part("only if it is still as it is shown here", Tone.MUTED),))
    else:
        lines.append((Part(bot.finding.what, Tone.WARNING),))
    return [*lines, ("",), (SAYS[verb],)]
