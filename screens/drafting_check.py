"""The draft looked through: each paragraph's voice, what contradicts the canon; in incidents, what is not covered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from backends.drafting.canon import Finding, Severity, canon_findings
from backends.drafting.conformity import Conformity, average, conformity
from backends.drafting.coverage import Sentence, checked
from backends.drafting.model import Kind
from backends.safety.text import display_text
from screens.drafting_desk import Desk
from screens.drafting_page import DeskPage
from screens.frame import Frame
from widgets.grid import Column, Grid, Row
from widgets.line import Line
from widgets.tone import Cell, Part, Tone

HEAT: Final = (
    Column("¶", 4, align="right"),
    Column("voice", 16),
    Column("why", 24, flexible=True),
    Column("paragraph", 20, flexible=True, drop=1),
)
CITED: Final = (
    Column("n", 4, align="right"),
    Column("cites", 12),
    Column("covered", 24, flexible=True),
    Column("sentence", 30, flexible=True, drop=1),
)
CANON: Final = (
    Column("¶", 4, align="right"),
    Column("canon", 9),
    Column("sure", 5, align="right", drop=2),
    Column("issue", 30, flexible=True),
    Column("do", 18, flexible=True, drop=1),
)


class CheckScreen(DeskPage):
    """The heat map above, the findings below; both judge what is on the desk now."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "other table", tooltip="From the heat map to the findings and back"),
        Binding("x", "ignore", "set aside", tooltip="Set this canon finding aside, with the project"),
    ]
    DEFAULT_CSS = """
    CheckScreen { & #head, & #said { margin: 0 1; } & Grid { margin: 1 1 0 1; } }
    """

    def __init__(self, frame: Frame, desk: Desk) -> None:
        super().__init__(frame, desk)
        self._findings: dict[str, Finding] = {}

    def body(self) -> ComposeResult:
        """The mean, the paragraphs, the findings."""
        yield Line(id="head")
        yield Grid(*HEAT, empty="the draft is empty", id="heat")
        yield Grid(*CANON, empty="nothing contradicts the story bible", id="canon")
        yield Line(id="said")

    def on_mount(self) -> None:
        """Judges the draft."""
        self.begin(self._draw())

    def action_ignore(self) -> None:
        """Sets the finding under the cursor aside."""
        found = self._findings.get(self.query_one("#canon", Grid).cursor_key or "")
        if found is not None and self.change(
            lambda project: replace(project, ignored=(*project.ignored, found.key)), "set aside"
        ):
            self.begin(self._draw())

    @on(Grid.Highlighted, "#canon")
    def _highlighted(self, message: Grid.Highlighted) -> None:
        found = self._findings.get(message.key or "")
        if found is not None:
            self.say(f"{found.issue} Either {' or '.join(found.resolutions)}.")

    async def _draw(self) -> None:
        project = replace(self.project, draft=self.desk.text)
        if project.kind is Kind.INCIDENT:
            self._draw_sentences(checked(project.draft, project.incident.items, project.title))
            return
        # A long draft takes longer than a key may wait.
        heat = await asyncio.to_thread(conformity, project.draft, project.bibles)
        findings = await asyncio.to_thread(canon_findings, project)
        self._findings = {f"{place}:{each.key}": each for place, each in enumerate(findings)}
        mean = average(heat)
        shown = "no paragraphs" if mean is None else f"voice {mean:.0f} of 100 over {len(heat)} paragraphs"
        self.query_one("#head", Line).show(
            Part(project.title, Tone.STRONG), f"  {shown}", Part(f"  {len(findings)} canon findings", Tone.MUTED)
        )
        self.query_one("#heat", Grid).show([heat_row(each) for each in heat])
        self.query_one("#canon", Grid).show([finding_row(key, each) for key, each in self._findings.items()])

    def _draw_sentences(self, found: tuple[Sentence, ...]) -> None:
        wrong = sum(bool(each.problems) for each in found)
        self.query_one("#head", Line).show(
            Part(self.project.title, Tone.STRONG),
            f"  {len(found)} sentences",
            Part(f"  {wrong} not covered", Tone.MUTED),
        )
        heat, canon = self.query_one("#heat", Grid), self.query_one("#canon", Grid)
        canon.display = False
        heat.use_columns(*CITED)
        heat.show([sentence_row(number, each) for number, each in enumerate(found, 1)])


def sentence_row(number: int, each: Sentence) -> Row:
    """A sentence's row: what it cites, and what of it no evidence carries."""
    mark = Part("▲ " + "; ".join(each.problems), Tone.WARNING) if each.problems else Part("● covered", Tone.OK)
    cites = " ".join(f"[{number}]" for number in each.cites) or "none"
    return Row(str(number), (str(number), cites, mark, Part(display_text(each.text), Tone.MUTED)))


def heat_row(each: Conformity) -> Row:
    """A paragraph's row: the warmer the lower, by word, bar and tone."""
    tone = Tone.OK if each.score >= 80 else Tone.WARNING if each.score >= 60 else Tone.CRITICAL
    why = ", ".join(f"−{taken.points} {taken.reason}" for taken in each.deductions) or "keeps to the voice"
    filled = round(each.score / 10)
    heat = Part(f"{each.score:3d} {'█' * filled}{'·' * (10 - filled)}", tone)
    return Row(str(each.index), (str(each.index + 1), heat, why, Part(each.snippet, Tone.MUTED)))


def finding_row(key: str, each: Finding) -> Row:
    """A finding's row."""
    error = each.severity is Severity.ERROR
    mark = Part("✖ error" if error else "▲ warning", Tone.CRITICAL if error else Tone.WARNING)
    cells: tuple[Cell, ...] = (
        str(each.paragraph + 1),
        mark,
        f"{each.confidence} %",
        each.issue,
        Part(each.resolutions[0], Tone.MUTED),
    )
    return Row(key, cells)
