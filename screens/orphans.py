"""Screen 4: references and their orphans; enter goes down to missing parents, their documents, one document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from backends.clients.errors import BackendError
from backends.orphans.clean_model import CleanOptions
from backends.orphans.exemptions import identity
from backends.orphans.model import ParentKey, ParentState, ReferenceScan, Scan, ToIndex, Trend
from backends.orphans.rules import summary
from backends.orphans.scans import FRESH, ScanDesk, Scans
from backends.orphans.service import OrphansService
from backends.safety.gate import Consent
from backends.sampling.reading import Freshness
from backends.sampling.words import counted
from screens import orphan_acts
from screens.acting import say_failure
from screens.base import LiveScreen
from screens.frame import Frame
from screens.orphan_browser import OrphanBrowser
from screens.orphan_rows import REFERENCE_COLUMNS, about_reference, reference_row, scanning_cells, to_index_lines
from widgets.filter_bar import FilterBar
from widgets.grid import Grid
from widgets.line import Line
from widgets.page import Page
from widgets.panel import Panel
from widgets.prompt import Prompt
from widgets.tone import Part, Tone, state_part

if TYPE_CHECKING:
    from backends.orphans.changes import OrphanChanges


class OrphansScreen(LiveScreen):
    """References whose parent is missing: as the newest scan found them, browsed by keys.

    A scan is a run in a process of its own, started by `r`, and by a first visit where the newest is not fresh; whoever
    started it, it is followed.
    """

    KEY = "4"
    COMMAND = "orphans scan"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "turn(1)", "next page", tooltip="The next page of parents or documents"),
        Binding("p", "turn(-1)", "previous", tooltip="The page before"),
        Binding("s", "sort", "sort", tooltip="Sort the missing parents by the next order"),
        Binding("m", "mark", "mark", tooltip="Mark the parent for x, t and e, and go on to the next"),
        Binding("M", "mark_shown", "mark all", show=False, tooltip="Mark every parent that the filter lets through"),
        Binding("x", "clean", "clean up", tooltip="Remove the orphans that are past their grace, into quarantine"),
        Binding(
            "u",
            "restore",
            "restore",
            tooltip="Restore what the newest clean-up removed, or a part of it",
        ),
        Binding(
            "t",
            "exempt",
            "exempt",
            show=False,
            tooltip="Exempt the parents' documents, or the opened one",
        ),
        Binding("d", "undelete", "undelete", show=False, tooltip="Take the soft delete of the parent back"),
        Binding("v", "prove", "prove it", tooltip="Look the parent up now, and say what else names it"),
    ]
    DEFAULT_CSS = """
    OrphansScreen {
        & > #overview, & > #browser { margin: 0 1; }
        & > .-old { tint: $background 55%; }
        & #references { height: auto; min-height: 2; max-height: 60%; }
        & #about { height: 1fr; margin-top: 1; }
    }
    """

    def __init__(
        self,
        frame: Frame,
        service: OrphansService,
        desk: ScanDesk,
        changes: Callable[[], OrphanChanges] | None = None,
    ) -> None:
        super().__init__(frame)
        self._service, self._desk, self._changes = service, desk, changes
        self._visited = False
        self._scans = self._found = Scans(None)
        self._told: int | None = None
        self._not_started = ""
        self._opened: ReferenceScan | None = None
        self._trends: dict[str, Trend] = {}
        self._to_index: ToIndex | None = None
        self._reason = ""

    def body(self) -> ComposeResult:
        """The scan's state; the references with what one of them is about; or what is below one."""
        yield Panel("References", id="scan")
        with Vertical(id="overview"):
            yield Grid(*REFERENCE_COLUMNS, id="references", empty="no scan yet")
            yield Page(id="about")
            yield Line(id="progress")
        yield OrphanBrowser(self._service, self.frame.unexpected)
        yield Prompt("why are these orphans intentional?", limit=200, id="reason")
        yield Prompt("exempt for how many days? (enter: until it is removed)", limit=4, id="days")
        yield Prompt("restore all of the newest clean-up (enter), or only this parent or document", limit=200, id="of")
        yield Prompt("csv, json or jsonl (enter: csv)", limit=5, id="format")

    def on_mount(self) -> None:
        """Shows the last scan at once, and follows the scans while the screen is seen."""
        panel = self.query_one("#scan", Panel)
        good_s = FRESH.total_seconds()
        self.follow("scan", self._read, self._show_scans, panel, refresh=good_s, taken=_scanned_at)
        self.query_one("#about", Page).can_focus = False
        self.query_one(OrphanBrowser).display = False
        self.run_worker(self._recall(), exit_on_error=False)

    def command(self) -> str:
        """The command that reports what is shown."""
        return f"orphans list --collection {self._opened.collection}" if self._opened is not None else self.COMMAND

    async def _read(self) -> Scans:
        await self._service.check()
        found = await self._desk.look()
        if not self._visited:
            self._visited = True
            if not found.is_fresh(self._service.now()):
                await self._start_scan()
                found = await self._desk.look()
        await self._tell_more(found)
        # The same as before is no news: neither drawn again nor counted while the display is frozen.
        self._found = self._found if found == self._found else found
        return self._found

    async def _start_scan(self) -> None:
        """Starts a scan that lives on without this console, or says why not."""
        try:
            await self._desk.start(Consent("screen", explicit=True))
            self._not_started = ""
        except BackendError as error:
            self._not_started = f"{error.message} {error.hint}"
            say_failure(self, "scan", error)

    async def _tell_more(self, found: Scans) -> None:
        """Reads what follows from a new scan: trends, and contents that came back."""
        number = found.newest.number if found.newest is not None else None
        if number == self._told:
            return
        self._trends = {each.name: each for each in await self._service.trends()}
        try:
            self._to_index = await self._service.to_index()
        except BackendError:
            self._to_index = None  # nothing was cleaned, or the next look at the server fails and says it
        self._told = number

    async def _recall(self) -> None:
        """Shows what is recorded while the server is asked whether it is there."""
        try:
            known = await self._desk.look()
        except BackendError:
            return  # the first reading's own failure says it
        if self._scan is None:
            self._show_scans(known)

    @property
    def _scan(self) -> Scan | None:
        return self._scans.newest

    def _show_scans(self, found: Scans) -> None:
        before, self._scans = self._scan, found
        panel = self.query_one("#scan", Panel)
        panel.note("  ", *self._words(found.newest)) if found.newest is not None else panel.note()
        panel.tick(self.frame.now())
        self._draw_references()
        if self._opened is not None and found.newest != before:
            self.query_one(OrphanBrowser).load()

    def _words(self, scan: Scan) -> tuple[Part, Part]:
        unknown = sum(each.problem is not None for each in scan.references)
        words = counted(scan.orphans, "orphan") + (f", {unknown} unknown" if unknown else "")
        said = state_part(summary(scan, self.frame.now(), list(self._trends.values())).state, words)
        return said, Part(f"  as of {scan.finished_at:%m-%d %H:%M} UTC", Tone.MUTED)

    def _draw_references(self) -> None:
        found = self._scan.references if self._scan is not None else ()
        wanted = self.filter_text if self._opened is None else ""
        self.query_one("#references", Grid).show([reference_row(each) for each in found if wanted in each.name])
        self._draw_about()

    @on(Grid.Highlighted, "#references")
    def _draw_about(self) -> None:
        found = self._under_cursor()
        lines = about_reference(found, self._trends.get(found.name)) if found is not None else []
        back = self._to_index if found is not None and found.name == self._service.graph[0].name else None
        self.query_one("#about", Page).show([*lines, *to_index_lines(back)])

    def _under_cursor(self) -> ReferenceScan | None:
        key = self.query_one("#references", Grid).cursor_key
        found = self._scan.references if self._scan is not None else ()
        return next((each for each in found if each.name == key), None)

    def changed(self) -> None:
        """Tells how far a scan under way is, and greys what is old."""
        freshness = self.reading("scan").freshness(self.frame.now())
        for part in ("#overview", "#browser"):
            self.query_one(part).set_class(freshness in (Freshness.STALE, Freshness.DISCONNECTED), "-old")
        self.query_one("#progress", Line).show(*scanning_cells(self._scans, self._not_started))

    # Going down and up

    @on(Grid.Selected, "#references")
    def _open_reference(self) -> None:
        reference = self._under_cursor()
        if reference is not None:
            self._clear_filter()
            self._opened = reference
            self._show_browser(True)
            self.query_one(OrphanBrowser).open(reference)

    @on(OrphanBrowser.Descended)
    def _clear_filter(self) -> None:
        if self.filter_text:
            self.filter_text = ""
            bar = self.query_one(FilterBar)
            with bar.prevent(FilterBar.Changed):
                bar.value = ""
            bar.remove_class("-open")

    def back(self) -> None:
        """One level up; what was there is still there."""
        if self._opened is not None and not self.query_one(OrphanBrowser).back():
            self._opened = None
            self._show_browser(False)
            self.query_one("#references", Grid).focus()

    def _show_browser(self, shown: bool) -> None:
        self.query_one(OrphanBrowser).display = shown
        self.query_one("#overview").display = not shown

    def action_refresh_now(self) -> None:
        """Starts a scan; below a reference, reads the page again."""
        if self._opened is None:
            self._scan_now()
        else:
            self.query_one(OrphanBrowser).load()

    @work(exit_on_error=False)
    async def _scan_now(self) -> None:
        await self._start_scan()
        self.read_now("scan")

    def action_turn(self, step: int) -> None:
        """Turns a page of parents or documents."""
        if self._opened is not None:
            self.query_one(OrphanBrowser).turn(step)

    def action_sort(self) -> None:
        """Sorts the missing parents otherwise."""
        if self._opened is not None:
            self.query_one(OrphanBrowser).sort()

    def action_prove(self) -> None:
        """Looks the parent up now."""
        if self._opened is not None:
            self.query_one(OrphanBrowser).prove()

    # Marking, changing, exporting

    def action_mark(self) -> None:
        """Marks a parent."""
        if self._opened is not None:
            self.query_one(OrphanBrowser).mark()

    @work(exit_on_error=False)
    async def action_mark_shown(self) -> None:
        """Marks what the filter lets through."""
        if self._opened is not None:
            try:
                await self.query_one(OrphanBrowser).mark_shown()
            except BackendError as error:
                say_failure(self, "mark all", error)

    @work(exit_on_error=False)
    async def action_clean(self) -> None:
        """Plans a clean-up of the reference under the cursor, or of the chosen parents, and asks."""
        found = self._opened or self._under_cursor()
        if found is not None and self._changes is not None:
            keys = self.query_one(OrphanBrowser).chosen if self._opened is not None else ()
            if self._opened is not None and not keys:
                return  # nothing is chosen yet, which is not the same as everything
            parents = tuple(identity(key.value) for key in keys)
            options = CleanOptions(found.collection, parents=parents, field=found.field)
            chosen = self._chosen_words(keys) if keys else f"every orphan of {found.name}"
            if await orphan_acts.clean(self, self._changes(), options, chosen):
                self.query_one(OrphanBrowser).unmark()
                self.read_now("scan")

    def _chosen_words(self, keys: Sequence[ParentKey]) -> str:
        browser = self.query_one(OrphanBrowser)
        only_here = browser.missing is not None and keys == (browser.missing.key,)
        return orphan_acts.chosen_words(keys, "" if only_here else browser.filter)

    def action_restore(self) -> None:
        """Asks what of the newest clean-up is to be restored."""
        if self._changes is not None:
            self.query_one("#of", Prompt).open()

    @on(Prompt.Given, "#of")
    def _restore_given(self, message: Prompt.Given) -> None:
        self.focus_first()
        if message.text is not None:
            self._restore(message.text.strip())

    @work(exit_on_error=False)
    async def _restore(self, named: str) -> None:
        if self._changes is not None:
            await orphan_acts.restore(self, self._changes(), named)

    @work(exit_on_error=False)
    async def action_undelete(self) -> None:
        """Asks, and takes the soft delete of the parent under the cursor back."""
        missing = self.query_one(OrphanBrowser).missing if self._opened is not None else None
        if missing is None or self._changes is None:
            return
        if missing.state is not ParentState.SOFT_DELETED:
            self.notify(f"{missing.parent_id} is {missing.state.value}", severity="warning", markup=False)
        elif await orphan_acts.undelete(self, self._changes(), self._service, missing):
            self.read_now("scan")

    def action_exempt(self) -> None:
        """Asks why the chosen parents' documents are intentional."""
        if self._opened is not None and self._changes is not None and self.query_one(OrphanBrowser).chosen:
            self.query_one("#reason", Prompt).open()

    @on(Prompt.Given, "#reason")
    def _reason_given(self, message: Prompt.Given) -> None:
        self._reason = (message.text or "").strip()
        if self._reason:
            self.query_one("#days", Prompt).open()
        else:
            self.focus_first()

    @on(Prompt.Given, "#days")
    def _days_given(self, message: Prompt.Given) -> None:
        self.focus_first()
        text = (message.text or "").strip()
        if text and not (text.isdecimal() and int(text)):
            self.notify(f"{text} is no number of days", title=orphan_acts.EXEMPTING, severity="warning", markup=False)
        elif message.text is not None:
            self._exempt(self.frame.now() + timedelta(days=int(text)) if text else None)

    @work(exit_on_error=False)
    async def _exempt(self, expires_at: datetime | None) -> None:
        browser, changes = self.query_one(OrphanBrowser), self._changes
        if changes is None or not (keys := browser.chosen):
            return
        chosen = orphan_acts.intentional(keys, browser.document, self._reason, expires_at)
        words = "the document that is opened" if browser.document else self._chosen_words(keys)
        if await orphan_acts.exempt(self, changes(), chosen, words):
            browser.unmark()
            self.read_now("scan")

    @work(exit_on_error=False)
    async def action_export(self) -> None:
        """Writes the missing parents of a reference; at the top, the scan."""
        if self._opened is None:
            await self.export_shown()
        else:
            self.query_one("#format", Prompt).open()

    @on(Prompt.Given, "#format")
    def _format_given(self, message: Prompt.Given) -> None:
        self.focus_first()
        if message.text is not None and self._opened is not None:
            self._write(self._opened, message.text)

    @work(exit_on_error=False)
    async def _write(self, opened: ReferenceScan, format_: str) -> None:
        await orphan_acts.export(self, self._service, opened, self.query_one(OrphanBrowser), format_)

    def filtered(self, text: str) -> None:
        """Narrows what is shown."""
        if self._opened is None:
            self._draw_references()
        else:
            self.query_one(OrphanBrowser).narrow(text)


def _scanned_at(found: Scans) -> datetime | None:
    return found.newest.finished_at if found.newest is not None else None
