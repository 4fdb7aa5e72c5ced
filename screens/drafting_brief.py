"""The brief before it is sent: every message exactly as the endpoint will get it, and where its exemplars came from."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from backends.clients.errors import BackendError
from backends.clients.model import ModelTarget
from backends.drafting.brief import Brief
from backends.drafting.retrieval import origins
from backends.safety.text import display_whole
from screens.drafting_sheet import Sheet
from screens.frame import Frame
from widgets.tone import Cell, Part, Tone


class BriefScreen(Sheet[bool]):
    """Enter sends it (w does as well, for who has seen it often), escape does not."""

    KEYS: ClassVar = [("enter", "send"), ("j/k", "scroll")]
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,w", "send", "send", tooltip="Send this brief")]

    def __init__(self, frame: Frame, brief: Brief, model: ModelTarget | BackendError) -> None:
        super().__init__(frame, brief_head(brief, model), brief_lines(brief))

    def action_send(self) -> None:
        """Sends it."""
        self.dismiss(True)


def brief_head(brief: Brief, model: ModelTarget | BackendError) -> list[tuple[Cell, ...]]:
    """Action, about how many tokens, lane, temperature and model."""
    name = model.where if isinstance(model, ModelTarget) else f"{model.message} {model.hint}"
    facts = f"  about {brief.tokens:,} tokens · {brief.lane.value} · temperature {brief.temperature:g} · "
    return [(Part(f"Brief: {brief.action.value}", Tone.STRONG), facts, Part(name, Tone.MUTED))]


def brief_lines(brief: Brief) -> list[tuple[Cell, ...]]:
    """Each exemplar's origin; then the messages, role first."""
    lines: list[tuple[Cell, ...]] = [(Part("exemplar ", Tone.MUTED), each) for each in origins(brief.exemplars)]
    if not lines:
        lines = [(Part("no exemplars: no samples match, or style and trained voice are off", Tone.MUTED),)]
    for role, text in brief.messages:
        lines.append((Part(f"── {role} · {len(text):,} characters ──", Tone.ACCENT),))
        lines += [(line,) for line in display_whole(text).split("\n")]
    return lines
