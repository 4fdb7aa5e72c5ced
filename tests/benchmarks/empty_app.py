"""The baseline: an empty Textual application with header and footer."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Footer, Header


class Empty(App[None]):
    """Nothing but its frame."""

    TITLE = "Empty"
    BINDINGS = [("q", "quit", "Quit")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        yield Header()
        yield Footer()


if __name__ == "__main__":
    Empty().run(mouse=False)
