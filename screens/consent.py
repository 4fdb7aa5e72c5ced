"""The one dialog before every change: what will be done, armed or not, and the word of the person who does it.

A screen asks in a worker: `consent = await confirm(self, ConsentRequest(...))`; None means no.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from backends.safety.gate import Consent
from screens.frame import Frame
from widgets.line import Line
from widgets.page import Page
from widgets.title_bar import who
from widgets.tone import Cell, Part, Tone
from widgets.typed_name import TypedName

if TYPE_CHECKING:
    from screens.base import LiveScreen

TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """What a person is asked to agree to.

    title: the change in a few words. target: what it changes, masked. plan: what will be done, in lines. command: the
    headless equivalent, without the program's name; "" where there is none. sources: the screen's sources that it was
    decided on; while one of them is not live the change is off. undo: how it can be undone; "" for a change that can't
    be. expires_at: of the plan (UTC). typed: what has to be typed besides, such as the share that goes; "" for nothing.
    """

    title: str
    target: str
    plan: Sequence[Sequence[Cell]]
    command: str
    sources: tuple[str, ...] = ()
    undo: str = ""
    expires_at: datetime | None = None
    typed: str = ""


async def confirm(screen: LiveScreen, request: ConsentRequest) -> Consent | None:
    """Asks the person on this screen; None where they left, or where the data is too old to decide on. In a worker."""
    off = screen.changes_off(*request.sources)
    if off:
        screen.notify(off, title=f"{request.title}: off", severity="warning", markup=False)
        return None
    with screen.read_below(*request.sources):
        asked = ConsentScreen(screen.frame, request, lambda: screen.changes_off(*request.sources))
        return await screen.app.push_screen_wait(asked)


class ConsentScreen(ModalScreen[Consent | None]):
    """Plan, arm, confirm: in production by typing the environment's name, elsewhere with a key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", tooltip="Leave; nothing is done"),
        Binding("exclamation_mark", "arm", "arm", tooltip="Open changes for ten minutes"),
        Binding("y", "agree", "do it", tooltip="Do it"),
        Binding("enter,i", "type", "type it", tooltip="Type what is asked for, such as the environment's name"),
    ]
    DEFAULT_CSS = """
    ConsentScreen { align: center middle; }
    ConsentScreen > Vertical {
        width: 76; max-width: 100%; height: auto; max-height: 100%;
        border: round $warning; background: $surface; padding: 0 1;
    }
    ConsentScreen.-production > Vertical { border: heavy $error; }
    ConsentScreen Page { height: auto; max-height: 60vh; background: $surface; margin-bottom: 1; }
    ConsentScreen TypedName { display: none; }
    ConsentScreen.-typing TypedName { display: block; }
    """

    def __init__(self, frame: Frame, request: ConsentRequest, off: Callable[[], str]) -> None:
        """off: why what it was decided on is no base for a change now; "" where it is."""
        super().__init__(classes="-production" if frame.production else "")
        self._frame = frame
        self._request = request
        self._off = off
        self._said = ""
        self._asked = tuple(filter(None, (request.typed, frame.kind if frame.production else "")))
        self._typed = 0

    @property
    def _word(self) -> str:
        """What is to be typed next; "" where nothing is asked for."""
        return self._asked[self._typed] if self._asked else ""

    def compose(self) -> ComposeResult:
        """Title, plan, where it stands, and the field for what is typed."""
        frame = self._frame
        with Vertical():
            yield Line(Part(self._request.title, Tone.STRONG), "  ", who(frame.profile, frame.kind, frame.production))
            yield Page()
            yield Line(id="standing")
            yield TypedName(f"type {self._word}:")

    def on_mount(self) -> None:
        """Fills the page; looks at the countdown every second."""
        self.query_one(Page).show(request_lines(self._request, self._command()))
        self._show_standing()
        self.set_interval(TICK_S, self._show_standing)

    def action_leave(self) -> None:
        """Leaves; nothing is done."""
        self.dismiss(None)

    def action_arm(self) -> None:
        """Opens changes for ten minutes, from now."""
        self._frame.arming.arm()
        self._say("")

    def action_agree(self) -> None:
        """Agrees; where something has to be typed, that is asked for instead."""
        if self._asked:
            self.action_type()
        elif self._obstacle():
            self._show_standing()
        else:
            self._agree()

    def action_type(self) -> None:
        """Opens the field, where something is to be typed and nothing stands in the way."""
        if self._asked and not self._obstacle():
            self._ask(0)
            self.add_class("-typing")
            self.query_one(TypedName).focus()
            self._say("")

    def _ask(self, number: int) -> None:
        self._typed = number
        self.query_one(TypedName).ask(f"type {self._word}:")

    def _agree(self) -> None:
        self.dismiss(Consent("screen", explicit=True, typed=self._frame.kind if self._frame.production else ""))

    @on(TypedName.Given)
    def _given(self, message: TypedName.Given) -> None:
        if self._obstacle():
            self._show_standing()
        elif message.text != self._word:
            self._say(f"that is not {self._word}")
            self.query_one(TypedName).action_clear()
        elif self._typed + 1 < len(self._asked):
            self._ask(self._typed + 1)
            self._say("")
        else:
            self._agree()

    @on(TypedName.Pasted)
    def _pasted(self) -> None:
        self._say("a paste does not count: type it by hand")

    @on(TypedName.Left)
    def _left_field(self) -> None:
        self.remove_class("-typing")
        self.query_one(Page).focus()
        self._say("")

    def _command(self) -> str:
        if not self._request.command:
            return ""
        confirmation = f" --confirm {self._frame.kind}" if self._frame.production else ""
        return f"{self._frame.program} {self._request.command}{confirmation}"

    def _obstacle(self) -> str:
        """What stands in the way; "" for nothing."""
        expires_at = self._request.expires_at
        if expires_at is not None and self._frame.now() >= expires_at:
            return "the plan has expired: esc leaves; make a new one"
        return self._off() or ("" if self._frame.arming.armed else "read-only: ! arms for ten minutes, esc leaves")

    def _say(self, text: str) -> None:
        self._said = text
        self._show_standing()

    def _show_standing(self) -> None:
        obstacle = self._obstacle()
        if obstacle:
            self.query_one("#standing", Line).show(Part(f"✖ {obstacle}", Tone.CRITICAL))
            return
        if self._said:
            self.query_one("#standing", Line).show(Part(f"▲ {self._said}", Tone.WARNING))
            return
        armed = Part(f"▲ {self._frame.arming.words}", Tone.WARNING)
        self.query_one("#standing", Line).show(armed, f" · {self._next()}, esc leaves")

    def _next(self) -> str:
        if not self._asked:
            return "y does it"
        return f"type {self._word}, then enter" if self.has_class("-typing") else f"enter, then type {self._word}"


def request_lines(request: ConsentRequest, command: str) -> list[tuple[Cell, ...]]:
    """The request as lines of a page."""
    undo = (
        Part(f"↶ can be undone: {request.undo}", Tone.OK)
        if request.undo
        else Part("✖ can't be undone from what the console keeps", Tone.CRITICAL)
    )
    lines: list[tuple[Cell, ...]] = [(Part(request.target, Tone.ACCENT),), ("",)]
    lines += [tuple(line) for line in request.plan]
    lines += [("",), (undo,)]
    if request.expires_at is not None:
        lines.append((Part(f"the plan is good until {request.expires_at:%H:%M:%S} UTC", Tone.MUTED),))
    return [*lines, (Part(command, Tone.MUTED),)] if command else lines
