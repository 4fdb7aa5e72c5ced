"""The bot-session schema's page: current, heads, pending, each step with its lock, the SQL; upgrade and downgrade."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from backends.clients.errors import BackendError, Refused
from backends.safety.gate import Token
from screens.acting import carry_out, say_failure
from screens.base import LiveScreen
from screens.consent import ConsentRequest
from screens.frame import Frame
from screens.migration_rows import TABLE_COLUMNS, table_row
from screens.schema_rows import (
    STEP_COLUMNS,
    downgrade_request,
    sql_lines,
    step_row,
    upgrade_request,
    version_lines,
)
from widgets.grid import Grid
from widgets.page import Page
from widgets.panel import Panel

if TYPE_CHECKING:
    from backends.migrations.model import BotSchema
    from backends.migrations.schema_service import SchemaService

CATALOGUE_EVERY_S: Final = 10.0


class SchemaScreen(LiveScreen):
    """The schema's versions."""

    KEY = "3"
    COMMAND = "migrate schema --status"
    AUTO_FOCUS = "#steps"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "preview", "SQL preview", tooltip="What an upgrade would execute here; again: the tables"),
        Binding("u", "upgrade", "upgrade", tooltip="Go to the newest revision, in one transaction"),
        Binding("b", "downgrade", "downgrade", tooltip="Go back to the step under the cursor"),
    ]
    DEFAULT_CSS = """
    SchemaScreen {
        & #facts { height: auto; margin: 0 1; }
        & #steps { height: auto; min-height: 2; max-height: 10; margin: 0 1; }
        & #tables { height: 1fr; margin: 0 1; }
        & #rest { height: 1fr; & > .panel--body { height: 1fr; } }
        & #sql { display: none; margin: 0 1; }
        &.-sql #sql { display: block; }
        &.-sql #tables { display: none; }
    }
    """

    def __init__(self, frame: Frame, service: SchemaService) -> None:
        super().__init__(frame)
        self._service = service
        self._found: BotSchema | None = None

    def body(self) -> ComposeResult:
        """Where it is; the steps; the tables, or the preview in their place."""
        yield Panel("Bot sessions' schema", Page(id="facts"), Grid(*STEP_COLUMNS, id="steps"), id="schema")
        yield Panel("Tables", Grid(*TABLE_COLUMNS, id="tables"), Page(id="sql"), id="rest")

    def on_mount(self) -> None:
        """Follows the database."""
        panels = [self.query_one(f"#{name}", Panel) for name in ("schema", "rest")]
        self.follow("schema", self._service.status, self._show_schema, *panels, refresh=CATALOGUE_EVERY_S)
        self.query_one("#facts").can_focus = False

    def command(self) -> str:
        """The command that reports what is shown."""
        return "migrate schema --sql" if self.has_class("-sql") else self.COMMAND

    def back(self) -> None:
        """From the preview to the tables, then back to the migrations."""
        if self.has_class("-sql"):
            self.remove_class("-sql")
        else:
            self.app.pop_screen()

    def filtered(self, text: str) -> None:
        """Keeps the tables that hold the text."""
        self._draw()

    def _show_schema(self, found: BotSchema) -> None:
        self._found = found
        self._draw()

    def _draw(self) -> None:
        found = self._found
        if found is None:
            return
        self.query_one("#facts", Page).show(version_lines(found))
        self.query_one("#steps", Grid).show([step_row(step, found) for step in found.steps])
        kept = [each for each in found.tables if self.filter_text in each.name]
        self.query_one("#tables", Grid).show([table_row(each) for each in kept])

    @work(exit_on_error=False, exclusive=True, group="sql")
    async def action_preview(self) -> None:
        """Shows the SQL of an upgrade, or the tables again."""
        if self.has_class("-sql"):
            self.remove_class("-sql")
            return
        try:
            text = await self._service.sql()
        except BackendError as error:
            say_failure(self, "SQL preview", error)
            return
        self.query_one("#sql", Page).show(sql_lines(text))
        self.add_class("-sql")

    @work(exit_on_error=False)
    async def action_upgrade(self) -> None:
        """Asks, and upgrades to the newest revision."""
        found = self._found
        if found is None:
            return
        if found.revisions and not found.pending:
            self.notify("nothing is pending", title="upgrade", markup=False)
            return
        await self._go(upgrade_request(found, self._service.where), "head", back=False)

    @work(exit_on_error=False)
    async def action_downgrade(self) -> None:
        """Asks, and goes back to the step under the cursor."""
        found, target = self._found, self.query_one("#steps", Grid).cursor_key
        if found is None or target is None:
            return
        if not found.revisions or target in found.revisions or target in found.pending:
            hint = "Put the cursor on an older step that is done."
            say_failure(self, "downgrade", Refused(f"{target} is not behind where it is.", hint=hint))
            return
        await self._go(downgrade_request(found, target, self._service.where), target, back=True)

    async def _go(self, request: ConsentRequest, target: str, *, back: bool) -> None:
        async def do(token: Token) -> str:
            moved = await self._service.go_to(token, target, back=back)
            before, after = (", ".join(each) or "nothing" for each in (moved.before, moved.after))
            counts = "".join(f"; {name.replace('_', ' ')} {number:,}" for name, number in moved.counts.items())
            return f"{before} → {after}{counts}; no row is lost in {len(moved.rows)} tables"

        if await carry_out(self, self._service.act(target, back=back), request, do):
            self.read_now("schema")
