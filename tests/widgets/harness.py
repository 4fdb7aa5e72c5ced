"""Widgets in an application of their own, looked at as the terminal would get them."""

from __future__ import annotations

from typing import Any

from textual.app import App
from textual.widget import Widget


class Stage(App[None]):
    """An application with the given widgets."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, *widgets: Widget) -> None:
        super().__init__()
        self._widgets = widgets

    def compose(self) -> Any:
        """The widgets."""
        yield from self._widgets


def screen_text(app: App[Any]) -> list[str]:
    """The lines that are on the screen now."""
    lines = app.screen._compositor.render_strips(app.size)
    return ["".join(segment.text for segment in strip) for strip in lines]
