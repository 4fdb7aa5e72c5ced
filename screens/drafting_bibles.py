"""The bibles on screen: story, voice, vault and style banks of the open project, each control and text editable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.timer import Timer

from backends.drafting import samples, story, voice
from backends.drafting.bibles import Bibles, Lane, Style
from backends.drafting.limits import STYLE_SAMPLE, VOICE_NAME
from backends.drafting.model import Project
from backends.drafting.rules import stepped
from screens.drafting_bible_rows import COLUMNS, Choice, Face, Item, choices, is_text, text_of
from screens.drafting_desk import Desk
from screens.drafting_page import DeskPage
from screens.frame import Frame
from widgets.editor import Editor
from widgets.grid import Grid
from widgets.key_line import KeyLine, key_parts
from widgets.line import Line
from widgets.prompt import Prompt
from widgets.tone import Part, Tone

LANES: tuple[Lane | None, ...] = (None, *Lane)
"""A sample's lane: detected, or set."""

KEEP_S: Final = 3.0
"""Seconds after which a text that is being written is saved."""


class Controls(Grid):
    """The rows of a part; left and right turn a control."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.choose", "choose", tooltip="Edit the text, toggle or turn the control"),
        Binding("right,l,plus,equals_sign", "screen.turn(1)", "more", show=False, tooltip="Turn the control on"),
        Binding("left,h,minus", "screen.turn(-1)", "less", show=False, tooltip="Turn the control back"),
    ]


class BiblesScreen(DeskPage):
    """Everything that the model is told of a project beside its draft."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "face", "view", tooltip="Story bible, voice bible, voice vault, style banks"),
        Binding("n", "new_voice", "new voice", tooltip="Add a voice to the vault"),
        Binding("a", "add", "add sample", tooltip="Write a sample for this voice or style; esc adds it"),
        Binding("m", "mode", "split", tooltip="Samples of a style: one a paragraph, or the whole text"),
        Binding("t", "lane", "lane", tooltip="The lane of new samples: detected, or one of the four"),
        Binding("d", "drop", "drop", tooltip="Drop this sample or voice; twice, to be sure"),
    ]
    DEFAULT_CSS = """
    BiblesScreen {
        & #head, & #new, & #said { margin: 0 1; }
        & #parts { height: 1fr; margin: 1 1 0 1; }
        & #controls { width: 1fr; }
        & #text { width: 1fr; margin: 0 0 0 1; }
        &.-narrow #parts { layout: vertical; }
        &.-narrow #controls { height: 2fr; }
        &.-narrow #text { height: 1fr; margin: 0; }
    }
    """
    HORIZONTAL_BREAKPOINTS: ClassVar[list[tuple[int, str]]] = [(0, "-narrow"), (100, "-wide")]  # type: ignore[misc]

    def __init__(self, frame: Frame, desk: Desk) -> None:
        super().__init__(frame, desk)
        self._face = Face.STORY
        self._choices: dict[str, Choice] = {}
        self._editing: Choice | None = None
        self._adding = False
        self._by_paragraph = True
        self._lane: Lane | None = None
        self._dropping = ""
        self._keeping: Timer | None = None

    def body(self) -> ComposeResult:
        """What part is shown, its rows, and the text of the row under the cursor."""
        self.set_class(self.app.size.width < 100, "-narrow")
        yield Line(id="head")
        yield Line(id="new")
        with Horizontal(id="parts"):
            yield Controls(*COLUMNS, empty="no voices yet: n makes one", id="controls")
            yield Editor(id="text")
        yield Line(id="said")
        yield Prompt("name of the new voice", limit=VOICE_NAME.most)

    def on_mount(self) -> None:
        """Shows the story bible."""
        self.query_one(Editor).read_only = True
        self._draw()

    async def on_leave(self) -> None:
        """Takes what is being written: the desk saves it before it closes."""
        if self._editing is not None and self.query_one(Editor).text.strip():
            self._taken(self._editing, self.query_one(Editor).text)

    # Keys

    def action_face(self) -> None:
        """Turns to the next part."""
        faces = list(Face)
        self._face = faces[(faces.index(self._face) + 1) % len(faces)]
        self.query_one(Controls).action_end(-1)
        self._draw()

    def action_choose(self) -> None:
        """Edits the text of the row, or turns its control."""
        choice = self._choice()
        if choice is None:
            return
        if not is_text(choice):
            self.action_turn(1)
        elif not self.desk.writable:
            self.say("▲ read-only: another console writes this project", Tone.WARNING)
        elif choice.item is Item.SECTION and self.project.binding.locked:
            self.say("▲ The story bible is locked: enter on Lock opens it.", Tone.WARNING)
        else:
            self._edit(choice, text_of(self.project, choice))

    def action_turn(self, step: int) -> None:
        """Turns the control of the row."""
        choice = self._choice()
        if choice is not None and self._turned(choice, step):
            self._draw()

    def action_new_voice(self) -> None:
        """Asks for a voice's name."""
        self.query_one(Prompt).open()

    def action_add(self) -> None:
        """Opens an empty text for a sample."""
        choice = self._choice()
        if choice is None or choice.item not in {Item.VOICE, Item.VOICE_SAMPLE, Item.BANK, Item.STYLE_SAMPLE}:
            self.say("▲ Samples belong to a voice or a style: v turns to the vault and the banks.", Tone.WARNING)
            return
        self._adding = True
        self._edit(choice, "")

    def action_mode(self) -> None:
        """Splits a style's text by paragraph, or takes it whole."""
        self._by_paragraph = not self._by_paragraph
        self._draw()

    def action_lane(self) -> None:
        """Sets the lane of new samples."""
        self._lane = LANES[(LANES.index(self._lane) + 1) % len(LANES)]
        self._draw()

    def action_drop(self) -> None:
        """Drops the sample or the voice, when asked twice."""
        choice = self._choice()
        if choice is None or choice.item not in {Item.VOICE, Item.VOICE_SAMPLE, Item.STYLE_SAMPLE}:
            return
        if self._dropping != choice.row.key:
            self._dropping = choice.row.key
            self.say("▲ d again drops it", Tone.WARNING)
            return
        self._dropping = ""
        self._change(lambda bibles: _without(bibles, choice), "dropped")

    @on(Grid.Highlighted)
    def _highlighted(self) -> None:
        self._dropping = ""
        self._draw_text()

    @on(Editor.Changed)
    def _typed(self) -> None:
        if self._editing is not None and not self._adding and self._keeping is None:
            self._keeping = self.set_timer(KEEP_S, self._keep)

    def _keep(self) -> None:
        """Keeps what is being written, before anybody says that it is done."""
        self._keeping = None
        if self._editing is not None and not self._adding:
            self._taken(self._editing, self.query_one(Editor).text)

    @on(Editor.Left)
    def _left(self) -> None:
        choice, text = self._editing, self.query_one(Editor).text
        if choice is not None and (text.strip() or not self._adding) and not self._taken(choice, text):
            return
        self._editing, self._adding = None, False
        self.query_one(Editor).read_only = True
        self.focus_first()
        self._draw()

    @on(Prompt.Given)
    def _given(self, message: Prompt.Given) -> None:
        self.focus_first()
        if message.text is not None:
            name = message.text
            self._face = Face.VAULT
            self._change(lambda bibles: samples.add_voice(bibles, name, self.frame.now()), f"added {name}")

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _keys_of_focus(self) -> None:
        editing = self.query_one(Editor).has_focus
        self.query_one(KeyLine).show(*key_parts([("esc", "takes the text")] if editing else self.shown_keys()))

    # Changes

    def _edit(self, choice: Choice, text: str) -> None:
        editor = self.query_one(Editor)
        editor.load_text(text)
        editor.to_end()
        editor.read_only = False
        self._editing = choice
        editor.focus()

    def _taken(self, choice: Choice, text: str) -> bool:
        """Whether the text was taken; where it was not, it stays where it is written."""
        now = self.frame.now()
        if choice.item is Item.SECTION:
            return self.change(lambda project: story.with_section(project, choice.name, text), "taken")
        if choice.item is Item.CONTROL:
            return self._change(lambda bibles: voice.written(bibles, choice.name, text), "taken")
        if choice.item in {Item.VOICE, Item.VOICE_SAMPLE}:
            return self._change(
                lambda bibles: samples.add_voice_sample(bibles, choice.name, text, now, self._lane), "sample added"
            )
        return self._change(
            lambda bibles: samples.add_style_samples(
                bibles, Style(choice.name), text, now, by_paragraph=self._by_paragraph, lane=self._lane
            )[0],
            self._added(text),
        )

    def _added(self, text: str) -> str:
        """What became of a style's text."""
        if not self._by_paragraph:
            return "1 sample added"
        few, lost = len(samples.split(text)), samples.left_out(text)
        limits = f"under {STYLE_SAMPLE.least} or over {STYLE_SAMPLE.most:,} characters"
        return f"{few} samples added" + (f", {lost} paragraphs left out: {limits}" if lost else "")

    def _turned(self, choice: Choice, step: int) -> bool:
        if choice.item is Item.CONTROL:
            return self._change(lambda bibles: voice.turned(bibles, choice.name, step), "")
        if choice.item is Item.LOCK:
            return self.change(lambda project: story.locked(project, self.frame.now()), "")
        if choice.item is Item.LANE:
            return self._change(lambda bibles: replace(bibles, forced_lane=_next(bibles.forced_lane, step)), "")
        if choice.item is Item.INTENSITY:
            return self.change(lambda each: replace(each, intensity=stepped(each.intensity, voice.STEP * step)), "")
        if choice.item is Item.VOICE:
            trained = "" if self.project.bibles.voice.trained_voice == choice.name else choice.name
            return self._change(
                lambda bibles: replace(bibles, voice=replace(bibles.voice, trained_voice=trained)), "trained voice set"
            )
        return False

    def _change(self, change: Callable[[Bibles], Bibles], done: str) -> bool:
        def changed(project: Project) -> Project:
            return replace(project, bibles=change(project.bibles))

        possible = self.change(changed, done)
        if possible:
            self._draw()
        return possible

    # Drawing

    def _choice(self) -> Choice | None:
        return self._choices.get(self.query_one(Controls).cursor_key or "")

    def _draw(self) -> None:
        shown = choices(self.project, self._face)
        self._choices = {choice.row.key: choice for choice in shown}
        self.query_one(Controls).show([choice.row for choice in shown])
        # The part that is shown comes first: what a narrow screen cuts off is what comes after it.
        order = [*list(Face)[list(Face).index(self._face) :], *list(Face)[: list(Face).index(self._face)]]
        faces = [Part(f" {face.value} ", Tone.ACCENT if face is self._face else Tone.MUTED) for face in order]
        lane = self._lane.value if self._lane else "detected"
        new = f"new samples: {'by paragraph' if self._by_paragraph else 'whole'}, lane {lane}"
        self.query_one("#new", Line).show(Part(new if self._face in {Face.VAULT, Face.BANKS} else "", Tone.MUTED))
        self.query_one("#head", Line).show(Part(self.project.title, Tone.STRONG), " ", *faces)
        self._draw_text()

    def _draw_text(self) -> None:
        choice = self._choice()
        if self._editing is None:
            self.query_one(Editor).show(text_of(self.project, choice) if choice else "")


def _next(lane: Lane | None, step: int) -> Lane | None:
    return LANES[(LANES.index(lane) + step) % len(LANES)]


def _without(bibles: Bibles, choice: Choice) -> Bibles:
    if choice.item is Item.VOICE:
        return samples.without_voice(bibles, choice.name)
    if choice.sample is None:
        return bibles
    if choice.item is Item.VOICE_SAMPLE:
        return samples.without_voice_sample(bibles, choice.name, choice.sample)
    return samples.without_style_sample(bibles, Style(choice.name), choice.sample)
