"""Commands of the drafting screen in the palette: the original's `/create:`, `/promote` and `/find:`, and files."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.command import DiscoveryHit, Hit, Hits, Provider

from backends.safety.text import display_text

if TYPE_CHECKING:
    from screens.drafting import DraftingScreen

COMMANDS: Final = (
    ("/create: ", "TITLE", "make a project of that title"),
    ("/promote", "", "promote the project to the next bay"),
    ("/find: ", "TERM", "find a text in the draft and the story bible"),
    ("/import: ", "FILE", "put a .txt, .md or .docx file into the project, or add a bundle's projects"),
    (
        "/export: ",
        "docx",
        "write the draft as txt, md, docx, all of the project as bundle, or every project as library",
    ),
    ("/incident: ", "TITLE", "make an incident project, told from evidence"),
)
_COMMAND: Final = re.compile(r"^\s*/?(create|promote|find|import|export|incident)\s*(?::\s*(.*))?$", re.IGNORECASE)


class DraftingCommands(Provider):
    """What is typed after the colon is the command's text."""

    async def discover(self) -> Hits:
        """The commands, for who types nothing yet."""
        for name, argument, told in COMMANDS:
            run = self._run("promote", "") if name == "/promote" else self._explain(name, argument)
            yield DiscoveryHit(f"{name}{argument}", run, help=told)

    async def search(self, query: str) -> Hits:
        """The command that the query is, or those that begin as it does."""
        match = _COMMAND.match(query)
        name, text = (match[1].lower(), (match[2] or "").strip()) if match else ("", "")
        for command, argument, told in COMMANDS:
            plain = command.strip("/: ")
            if plain == name and (text or not argument):
                shown = display_text(f"/{name}: {text}" if argument else f"/{name}")
                yield Hit(1.0, shown, self._run(name, text), help=told)
            elif query.strip() and command.startswith(f"/{query.strip().lstrip('/').lower()}"):
                yield Hit(0.9, f"{command}{argument}", self._explain(command, argument), help=told)

    def _run(self, name: str, text: str) -> Callable[[], None]:
        screen: DraftingScreen = self.screen  # type: ignore[assignment]
        return partial(screen.run_command, name, text)

    def _explain(self, command: str, argument: str) -> Callable[[], None]:
        told = f"Type {command}{argument} whole: what follows the colon is taken as it is."
        return partial(self.app.notify, told, markup=False)
