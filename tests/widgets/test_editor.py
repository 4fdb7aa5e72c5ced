"""The editor keeps what scripts need and draws nothing that has no width."""

from __future__ import annotations

import pytest
from textual import events
from textual.document._wrapped_document import WrappedDocument
from textual.widgets import TextArea

from tests.widgets.harness import Stage, screen_text
from widgets.editor import Editor

JOINED = "نمی‌خواهم 👩‍🚀 ❤️ and\xa0more"
"""A non-joiner, a joiner, a variation selector and a space that does not break."""


async def test_joiners_survive_and_are_drawn_as_marks() -> None:
    editor = Editor()
    app = Stage(editor)
    async with app.run_test(size=(60, 5)) as pilot:
        editor.show(JOINED)
        editor.append(" 👩‍🚀")
        await pilot.pause()
        assert editor.text == JOINED + " 👩‍🚀"
        drawn = "".join(screen_text(app))
        assert not any(char in drawn for char in "\u200c\u200d\ufe0f\xa0")
        assert "👩�🚀" in drawn


async def test_a_joiner_is_deleted_like_any_other_character() -> None:
    editor = Editor()
    async with Stage(editor).run_test(size=(60, 5)) as pilot:
        editor.show("a\u200db")
        editor.focus()
        await pilot.press("left", "backspace")
        assert editor.text == "ab"
        await pilot.press("ctrl+z")
        assert editor.text == "a\u200db"


async def test_what_is_pasted_loses_escapes_and_keeps_joiners() -> None:
    editor = Editor()
    app = Stage(editor)
    async with app.run_test(size=(60, 5)) as pilot:
        editor.focus()
        app.post_message(events.Paste("\x1b[2J👩‍🚀\u202e"))
        await pilot.pause()
        assert editor.text == "␛[2J👩‍🚀\ufffd"


async def test_copies_and_cuts_give_the_real_characters() -> None:
    editor = Editor()
    app = Stage(editor)
    async with app.run_test(size=(60, 5)):
        editor.show("👩‍🚀")
        editor.focus()
        editor.select_all()
        editor.action_copy()
        assert app.clipboard == "👩‍🚀"
        editor.action_cut()
        assert editor.text == ""


async def test_put_is_one_change() -> None:
    editor = Editor()
    async with Stage(editor).run_test(size=(60, 5)):
        editor.show("before")
        editor.put("after\nall")
        assert editor.text == "after\nall"
        editor.undo()
        assert editor.text == "before"


@pytest.mark.parametrize("name", ["get_line", "edit", "load_text", "_refresh_size"])
def test_the_frameworks_own_methods_are_still_there(name: str) -> None:
    assert hasattr(TextArea, name)


async def test_the_height_is_the_frameworks_own_after_every_change() -> None:
    editor = Editor()
    async with Stage(editor).run_test(size=(20, 5)) as pilot:
        editor.show("a line that is wrapped at twenty cells\n\nmore")
        editor.focus()
        for key in ("enter", "x", "backspace", "backspace", "ctrl+home", "delete", "ctrl+shift+k"):
            await pilot.press(key)
            wrapped = editor.wrapped_document
            assert wrapped.height == WrappedDocument.height.fget(wrapped)  # type: ignore[attr-defined]
        editor.append("\none more line that is long enough")
        assert editor.wrapped_document.height == WrappedDocument.height.fget(editor.wrapped_document)  # type: ignore[attr-defined]


async def test_what_is_marked_is_copied_and_cut_with_the_mark_and_pasted_without() -> None:
    editor = Editor()
    app = Stage(editor)
    async with app.run_test(size=(60, 5)) as pilot:
        editor.mark = lambda: "[MARK]"
        editor.show("All is lost.")
        editor.focus()
        await pilot.press("f7", "ctrl+c")
        assert app.clipboard == "[MARK]\n\nAll is lost."
        await pilot.press("f7", "ctrl+x")
        assert (app.clipboard, editor.text) == ("[MARK]\n\nAll is lost.", "")
        await pilot.press("ctrl+v")
        assert editor.text == "All is lost."
        app.post_message(events.Paste("[MARK]\r\n\r\nReally."))
        await pilot.pause()
        assert editor.text == "All is lost.Really."
