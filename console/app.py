"""The application: seven screens as modes, the keys that work everywhere, and the way out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on, work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen

from backends.clients.imports import load
from backends.safety.files import why_unwritable
from backends.safety.text import display_text
from backends.sampling.reading import Problem, utc_now
from console.alarm import Alarm
from console.containment import Contained
from console.screen_factories import SCREEN_MODULES
from console.theme import OLORIN
from screens.base import LiveScreen
from screens.failure import FailureScreen
from screens.frame import Frame
from screens.overview import OverviewScreen
from widgets.title_bar import Tab

if TYPE_CHECKING:
    from console.screen_factories import Factory
    from console.settings import Settings
    from console.wiring import Services

TABS: Final = (
    Tab("0", "overview"),
    Tab("1", "config"),
    Tab("2", "pools"),
    Tab("3", "migrations"),
    Tab("4", "orphans"),
    Tab("5", "bots"),
    Tab("6", "drafting"),
)

NAMES: Final = {tab.key: tab.name for tab in TABS}


WARM_UP_AFTER_S: Final = 0.5
"""Seconds after the start from which the other screens are imported, off the loop."""

NOTICE_S: Final = 30.0
"""Seconds that a notice stays."""

LEAVING_S: Final = 3.0
"""Seconds that a screen has to save what it must."""


class ConsoleApp(Contained, inherit_bindings=False):
    """The console on one profile."""

    TITLE = "Olorin Console"
    CSS_PATH = Path(__file__).with_name("console.tcss")
    COMMAND_PALETTE_BINDING = "ctrl+p"
    ENABLE_COMMAND_PALETTE = True
    DEFAULT_MODE = "0.1"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(tab.key, f"open('{tab.key}')", tab.name, tooltip=f"Screen: {tab.name}", show=False) for tab in TABS),
        Binding("question_mark", "show_help", "help", tooltip="The keys that are valid now"),
        Binding("colon,ctrl+p", "command_palette", "commands", tooltip="Find a command by its name"),
        Binding("q", "quit", "quit", tooltip="Leave the console"),
    ]

    def __init__(self, settings: Settings, services: Services, factories: dict[str, Factory]) -> None:
        super().__init__()
        self.animation_level = "none"
        self._services = services
        self._factories = factories
        self._problems: dict[str, Problem] = {}
        self._modes_by_key: dict[str, str] = {}
        self._built = 0
        self._alarm = Alarm(services, self.bell, self._send)
        self.register_theme(OLORIN)
        self.theme = OLORIN.name
        self.frame = Frame(
            profile=settings.profile,
            kind=settings.kind,
            production=settings.production,
            tabs=TABS,
            refresh=settings.own.refresh,
            program=f"olorin --env-file {settings.env_file}" if settings.env_file else "olorin",
            exports=settings.own.state / "exports",
            unexpected=services.unexpected,
            now=utc_now,
            arming=services.arming,
            gate=lambda: services.gate,
            alarm=lambda: self._alarm.part,
        )
        for tab in TABS:
            self._add_screen_mode(tab.key)

    def on_mount(self) -> None:
        """Imports the other screens once the first one stands; then looks at the alerts as long as it runs."""
        self.set_timer(WARM_UP_AFTER_S, self._warm_up)

    @work(exit_on_error=False)
    async def _warm_up(self) -> None:
        for module in SCREEN_MODULES:
            await load(module)
        state = self._services.settings.own.state
        if reason := await asyncio.to_thread(why_unwritable, state):
            text = f"Nothing can be kept in {display_text(state)} ({reason}): no log, no history, no drafts, no change."
            self.notify(text, severity="error", timeout=NOTICE_S, markup=False)
        await self._alarm.run()

    def _send(self, sequence: str) -> None:
        """Sends the terminal a sequence that draws nothing."""
        if self._driver is not None:
            self._driver.write(sequence)

    def delay_update(self, delay: float = 0.0) -> None:
        """Switching screens waits for nothing: the first paint may be the frame alone."""

    def action_open(self, key: str) -> None:
        """Opens a screen."""
        self.switch_mode(self._modes_by_key[key])

    def action_show_help(self) -> None:
        """Shows the keys that are valid now."""
        if isinstance(self.screen, LiveScreen):
            self.screen.action_help()

    async def action_quit(self) -> None:
        """Leaves without a question: what a screen must save, it saves first."""
        await self.leave()
        self.exit(0)

    async def leave(self) -> None:
        """Lets every open screen save what it has; none keeps a person from leaving."""
        await self._leave_all([screen for stack in self._screen_stacks.values() for screen in stack])

    async def _leave_all(self, screens: Iterable[Screen[Any]]) -> None:
        await asyncio.gather(*(self._leave(screen) for screen in screens if isinstance(screen, LiveScreen)))

    async def _leave(self, screen: LiveScreen) -> None:
        try:
            async with asyncio.timeout(LEAVING_S):
                await screen.on_leave()
        except Exception as error:
            self._services.unexpected(f"leaving screen {screen.KEY}", error)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The screens, and the keys that are valid now, by name."""
        for tab in TABS:
            yield SystemCommand(f"open {tab.name}", f"Screen {tab.key}", self._opener(tab.key))
        if isinstance(screen, LiveScreen):
            yield SystemCommand("arm", "Open changes for ten minutes, or close them again", screen.action_arm)
        offered = {"command_palette"}
        for active in screen.active_bindings.values():
            binding = active.binding
            if active.enabled and binding.show and binding.description and binding.action not in offered:
                offered.add(binding.action)
                run = self._runner(binding.action, active.node)
                yield SystemCommand(binding.description, binding.tooltip or binding.description, run)

    def _opener(self, key: str) -> Callable[[], None]:
        return lambda: self.action_open(key)

    def _runner(self, action: str, node: Any) -> Callable[[], Any]:
        return lambda: self.run_action(action, default_namespace=node)

    @on(OverviewScreen.Opened)
    def _open_system(self, message: OverviewScreen.Opened) -> None:
        self.action_open(message.key)

    @on(FailureScreen.Retry)
    async def _rebuild(self, message: FailureScreen.Retry) -> None:
        # What a person tries again is no storm of failures.
        self._failures.clear()
        self._problems.pop(message.key, None)
        await self._renew(message.key)

    async def contain(self, error: Exception, screen: Screen[Any] | None) -> None:
        """Puts an error panel in the place of the screen.

        A dialog is closed without an answer, and that is told in a notification as is a failure of no screen.
        """
        if isinstance(screen, ModalScreen) and screen is self.screen:
            self._notify_failure(f"showing {type(screen).__name__}", error)
            screen.dismiss(None)
            return
        mode = next((mode for mode, stack in self._screen_stacks.items() if screen in stack), None)
        key = next((key for key, each in self._modes_by_key.items() if each == mode), None)
        if key is None:
            self._notify_failure("handling a key or message", error)
            return
        self._problems[key] = self._services.unexpected(f"showing screen {key} ({NAMES[key]})", error)
        await self._renew(key)

    def _notify_failure(self, doing: str, error: Exception) -> None:
        problem = self._services.unexpected(doing, error)
        self.notify(f"{problem.message} {problem.report}", title=problem.kind, severity="error", markup=False)

    async def _renew(self, key: str) -> None:
        """Builds a key's screen anew as a mode of its own; the old one saves what it must, and goes with all above."""
        old = self._modes_by_key[key]
        await self._leave_all(self._screen_stacks.get(old, ()))
        self._add_screen_mode(key)
        if old == self._current_mode:
            self.action_open(key)
        # A screen whose own loop has ended can't be waited for.
        self.run_worker(self._forget(old), exit_on_error=False)

    async def _forget(self, mode: str) -> None:
        await self.remove_mode(mode)

    def _add_screen_mode(self, key: str) -> None:
        self._built += 1
        self._modes_by_key[key] = f"{key}.{self._built}"
        self.add_mode(self._modes_by_key[key], lambda: self._build(key))

    def _build(self, key: str) -> Screen[Any]:
        """Styled as it is mounted: for a screen that seems older, Textual parses every style anew, twice."""
        screen = self._made(key)
        screen._css_update_count = self._css_update_count
        return screen

    def _made(self, key: str) -> Screen[Any]:
        if key in self._problems:
            return FailureScreen(self.frame, key, self._problems[key])
        try:
            return self._factories[key](self.frame)
        except Exception as error:
            problem = self._services.unexpected(f"building screen {key} ({NAMES[key]})", error)
            return FailureScreen(self.frame, key, problem)
