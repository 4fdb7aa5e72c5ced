"""The base of every screen: title, keys, filter, help, export; sources that run only while the screen is seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, ClassVar, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker

from backends.sampling.poller import READ_DEADLINE, Poller, no_rest
from backends.sampling.reading import Freshness, Problem, Reading
from screens.export import write_export
from screens.frame import Frame
from screens.help import HelpScreen
from screens.sources import Sampled, Source
from widgets.filter_bar import FilterBar
from widgets.key_line import KeyLine
from widgets.panel import Panel
from widgets.title_bar import TitleBar
from widgets.tone import Part, Tone

T = TypeVar("T")


def closed_with(worker: Worker[None], work: Coroutine[Any, Any, object]) -> Worker[None]:
    """Closes the work when its worker ends: one that is cancelled before it begins would never await it."""
    if worker._task is not None:
        worker._task.add_done_callback(lambda _: work.close())
    return worker


PAINT_FIRST = 0.05
"""Seconds that a screen has for its own first paint before its sources are read."""

MANY = 9
"""Readings that are counted one by one while the display is frozen."""

TICK = 1.0
"""Seconds between two looks at the ages."""


class LiveScreen(Screen[None]):
    """A screen over live sources.

    A subclass sets KEY and TITLE, composes its widgets in `body`, and calls `follow` in its `on_mount` for each
    source. `filtered` is told the filter's text, `back` handles escape, `command` is the headless equivalent.
    """

    KEY: ClassVar[str]
    COMMAND: ClassVar[str]
    AUTO_FOCUS = "Grid, Page"
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """Textual's own repaints the whole screen when the focus moves; the widgets concerned repaint themselves."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "filter", tooltip="Narrow what is shown to a text"),
        Binding("space", "freeze", "freeze", tooltip="Freeze the display; sampling goes on"),
        Binding("r", "refresh_now", "refresh", tooltip="Read every source of this screen now"),
        Binding("c", "copy_command", "copy command", tooltip="Copy the equivalent command to the clipboard"),
        Binding("e", "export", "export", tooltip="Write what this screen shows to a JSON file"),
        Binding(
            "exclamation_mark", "arm", "arm", show=False, tooltip="Open changes for ten minutes, or close them again"
        ),
        Binding("escape", "back", "back", show=False, tooltip="Clear the filter, or go back"),
    ]

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.frame = frame
        self.frozen = False
        self.filter_text = ""
        self._sources: dict[str, Source] = {}
        self._loops: dict[str, Worker[None]] = {}
        self._below: frozenset[str] = frozenset()

    # What a subclass says

    def body(self) -> ComposeResult:
        """The widgets between title and keys."""
        raise NotImplementedError(f"{type(self).__name__} composes nothing")

    def command(self) -> str:
        """The command that reports what this screen shows, without the program's name."""
        return self.COMMAND

    def filtered(self, text: str) -> None:
        """The filter is this text now (lower case; empty for none)."""

    def changed(self) -> None:
        """A reading was shown, or a second passed; for screens that draw ages themselves."""

    async def on_leave(self) -> None:
        """The console is about to end: save what must be saved. Must be quick."""

    def back(self) -> None:
        """Escape was pressed, and there was no filter to clear."""

    def reading(self, name: str) -> Reading[Any]:
        """The reading of a source that is on the screen now."""
        source = self._sources[name]
        return source.shown or Reading(source.poller.reading.refresh)

    def changes_off(self, *names: str) -> str:
        """Why a key that changes something is off: a source is not live, or not shown; "" where it is on."""
        for name in names:
            reading = self.reading(name)
            freshness, age = reading.freshness(self.frame.now()), reading.age(self.frame.now())
            if freshness is not Freshness.LIVE:
                old = f", {age.total_seconds():.0f} s old" if age is not None else ""
                return f"{name}: {freshness.value}{old}. Changes are decided on live data only."
        return "The display is frozen: space shows what is now." if self.frozen and names else ""

    def follow(
        self,
        name: str,
        read: Callable[[], Awaitable[T]],
        show: Callable[[T], None],
        *panels: Panel,
        refresh: float | None = None,
        deadline: float = READ_DEADLINE,
        rest: Callable[[T], float] = no_rest,
        taken: Callable[[T], datetime | None] | None = None,
    ) -> None:
        """Registers a source: `read` is called again and again (`refresh` seconds apart) while the screen is seen,
        `show` gets each new value, and the panels carry state, age and problem. `deadline` bounds one read in seconds.
        `rest` says how many seconds more to wait after a value. `taken`: the value has a time of its own, and
        `refresh` says how long it is good; it is looked for as often as anything.
        """
        poller = Poller(
            read,
            refresh or self.frame.refresh,
            lambda error: self.frame.unexpected(f"reading {name}", error),
            deadline=deadline,
            now=self.frame.now,
            name=name,
            rest=rest,
            taken=taken,
            every=self.frame.refresh if taken is not None else None,
        )
        self._sources[name] = Source(name, poller, panels, show)

    def read_now(self, name: str) -> None:
        """Reads one source now."""
        self._sources[name].poller.refresh_now()

    # The frame

    def compose(self) -> ComposeResult:
        """Title, body, filter, keys."""
        frame = self.frame
        yield TitleBar(frame.profile, frame.kind, frame.production, frame.tabs, self.KEY)
        yield from self.body()
        yield KeyLine(self.shown_keys())
        yield FilterBar()

    def shown_keys(self) -> list[tuple[str, str]]:
        """Keys and their short names for the last line, the screen's own first."""
        nearest = [each.__dict__.get("BINDINGS", ()) for each in type(self).__mro__ if issubclass(each, LiveScreen)]
        shown = [each for bindings in nearest for each in bindings if isinstance(each, Binding) and each.show]
        return [("?", "help"), *((display_key(each.key), each.description) for each in shown), ("q", "quit")]

    def on_mount(self) -> None:
        """Starts looking at the ages; marks production."""
        self.set_class(self.frame.production, "-production")
        self.set_interval(TICK, self._tick, name="ages")

    def on_screen_resume(self) -> None:
        """Starts the sources' loops once the screen is painted: what they import must not keep it waiting."""
        self.set_timer(PAINT_FIRST, self._start_loops)

    def _start_loops(self) -> None:
        """Starts the loops that don't run yet; a screen is told twice that it is seen, or not any more by now."""
        if not self.is_current:
            return
        self._show_badges()
        for source in self._sources.values():
            if source.is_behind:
                self._show(source, source.poller.reading)
        for name, source in self._sources.items():
            if name not in self._loops or self._loops[name].is_finished:
                self._loops[name] = self._start(source)

    def on_screen_suspend(self) -> None:
        """Ends the loops: what nobody sees, or decides on, isn't read."""
        for name in self._loops.keys() - self._below:
            self._loops.pop(name).cancel()

    @contextmanager
    def read_below(self, *names: str) -> Iterator[None]:
        """Inside the block these sources are read on below a dialog, which is about what they say."""
        self._below = frozenset(names)
        try:
            yield
        finally:
            self._below = frozenset()
            if self.app.screen is not self:
                self.on_screen_suspend()

    def _start(self, source: Source) -> Worker[None]:
        def publish(reading: Reading[Any]) -> None:
            self.post_message(Sampled(source.name, reading))

        return self.run_worker(partial(source.poller.run, publish), group="sources", exit_on_error=False)

    @on(Sampled)
    def _on_sampled(self, message: Sampled) -> None:
        source = self._sources[message.source]
        if self.app.screen is not self:
            # A change below the dialog would repaint it; it looks at the age and at what went wrong.
            source.below(message.reading)
            return
        if self.frozen and source.shown is not None:
            source.hold(message.reading)
            self._show_badges()
            return
        self._show(source, message.reading)

    def _show(self, source: Source, reading: Reading[Any]) -> None:
        with self.app.batch_update():
            problem = self._show_value(source, reading) if source.take(reading) else None
            if problem is not None:
                reading = reading.failed(problem, self.frame.now(), reading.took_s or 0.0)
            for panel in source.panels:
                panel.show(reading, self.frame.now())
            self.changed()

    def _show_value(self, source: Source, reading: Reading[Any]) -> Problem | None:
        """Shows the value; a failure in that is the source's problem, and only its."""
        try:
            source.show(reading.value)
        except Exception as error:
            return self.frame.unexpected(f"showing {source.name}", error)
        return None

    def _tick(self) -> None:
        # The screen below the top one counts as current too, and a change in it repaints the one above.
        if self.app.screen is not self:
            return
        for source in self._sources.values():
            for panel in source.panels:
                panel.tick(self.frame.now())
        self._show_badges()
        self.changed()

    # Keys

    def action_filter(self) -> None:
        """Opens the filter."""
        self.query_one(FilterBar).open()

    def action_refresh_now(self) -> None:
        """Reads every source now."""
        for source in self._sources.values():
            source.poller.refresh_now()

    def action_freeze(self) -> None:
        """Freezes the display, or thaws it and shows the newest readings."""
        self.frozen = not self.frozen
        if not self.frozen:
            for source in self._sources.values():
                if source.poller.reading.number:
                    self._show(source, source.poller.reading)
        self._show_badges()

    def action_arm(self) -> None:
        """Opens changes for ten minutes, or closes them again."""
        arming = self.frame.arming
        if arming.allowed:
            self.notify("Changes were allowed when the console was started.", title="armed", markup=False)
        elif arming.armed:
            arming.disarm()
        else:
            arming.arm()
        self._show_badges()

    def action_copy_command(self) -> None:
        """Copies the equivalent command (OSC 52)."""
        command = f"{self.frame.program} {self.command()}".strip()
        self.app.copy_to_clipboard(command)
        self.notify(command, title="copied", markup=False)

    @work(exit_on_error=False)
    async def action_export(self) -> None:
        """Writes what is shown to a file."""
        await self.export_shown()

    def exported(self, reading: Reading[Any]) -> Reading[Any]:
        """A reading as it is written to a file."""
        return reading

    async def export_shown(self) -> None:
        """Writes the sources' readings to a file, and says where it is."""
        sources = self._sources.values()
        shown = {source.name: self.exported(source.shown) for source in sources if source.shown is not None}
        try:
            path = await write_export(self.frame.exports, self.KEY, shown, self.frame.now())
        except OSError as error:
            self.notify(f"not written: {error}", title="export", severity="error", markup=False)
        else:
            self.notify(str(path), title="exported", markup=False)

    def action_back(self) -> None:
        """Clears the filter, else goes back inside the screen."""
        if self.filter_text:
            self.query_one(FilterBar).action_give_up()
        else:
            self.back()

    def action_help(self) -> None:
        """Shows the keys that are valid now."""
        self.app.push_screen(HelpScreen(self))

    @on(FilterBar.Filtered)
    def _on_filtered(self, message: FilterBar.Filtered) -> None:
        self.filter_text = message.text.strip().lower()
        self.filtered(self.filter_text)

    @on(FilterBar.Left)
    def _on_filter_left(self) -> None:
        self.focus_first()

    def focus_first(self) -> None:
        """Gives the focus back to the first table or page that is seen."""
        for widget in self.query("Grid, Page"):
            if widget.focusable and all(each.display for each in widget.ancestors_with_self):
                widget.focus()
                return

    def _show_badges(self) -> None:
        held = sum(source.held for source in self._sources.values())
        frozen = [Part(f" FROZEN · {held if held < MANY else f'{MANY}+'} new ", Tone.WARNING)] if self.frozen else []
        words = self.frame.arming.words
        # A warning's colour can't be read on production's own.
        tone = Tone.STRONG if self.frame.production else Tone.WARNING
        alarm = self.frame.alarm()
        alarms = [Part(alarm.text, Tone.STRONG if self.frame.production else alarm.tone)] if alarm is not None else []
        self.query_one(TitleBar).badges(*alarms, *([Part(f" ▲ {words} ", tone)] if words else []), *frozen)


_KEY_NAMES = {
    "slash": "/",
    "escape": "esc",
    "question_mark": "?",
    "exclamation_mark": "!",
    "colon": ":",
    "plus": "+",
    "minus": "-",
}


def display_key(keys: str) -> str:
    """The first of a binding's keys as people write it.

    >>> display_key("slash"), display_key("f,g")
    ('/', 'f')
    """
    first = keys.split(",")[0]
    return _KEY_NAMES.get(first, first)
