"""The grid: the cursor follows its row, only what changed is painted, and any number of rows is quick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region

from tests.nasty import NASTY
from tests.widgets.harness import Stage, screen_text
from widgets.grid import Column, Grid, Row, layout

COLUMNS = (Column("name", 10), Column("text", 10, flexible=True), Column("n", 6, align="right", drop=1))


def rows(count: int, text: str = "x") -> list[Row]:
    return [Row(f"key{n}", (f"name{n}", text, str(n))) for n in range(count)]


class Many(Sequence[Row]):
    """A million rows that are made when they are asked for."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.asked = 0

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.size))]
        self.asked += 1
        if not -self.size <= index < self.size:
            raise IndexError(index)
        return Row(f"key{index}", (f"name{index}", "", str(index)))


async def test_rows_and_header_are_drawn() -> None:
    app = Stage(Grid(*COLUMNS))
    async with app.run_test(size=(40, 6)) as pilot:
        app.query_one(Grid).show(rows(3))
        await pilot.pause()
        text = screen_text(app)
    assert text[0].split() == ["name", "text", "n"]
    assert text[2].split() == ["name1", "x", "1"]


async def test_no_rows_say_why() -> None:
    app = Stage(Grid(*COLUMNS, empty="no orphans were found"))
    async with app.run_test(size=(40, 6)) as pilot:
        await pilot.pause()
        assert "no orphans were found" in screen_text(app)[1]
        app.query_one(Grid).show([], empty="no scan yet")
        await pilot.pause()
        assert "no scan yet" in screen_text(app)[1]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(["down", "j"], "key2"), (["end"], "key49"), (["pagedown"], "key8"), (["end", "k", "up", "g"], "key0")],
)
async def test_keys_move_the_cursor(keys: list[str], expected: str) -> None:
    app = Stage(Grid(*COLUMNS))
    async with app.run_test(size=(40, 10)) as pilot:
        grid = app.query_one(Grid)
        grid.show(rows(50))
        await pilot.press(*keys)
        assert grid.cursor_key == expected
        assert any(expected.replace("key", "name") in line for line in screen_text(app))


async def test_the_cursor_stays_on_its_row_when_rows_come_and_go() -> None:
    app = Stage(Grid(*COLUMNS))
    async with app.run_test(size=(40, 10)) as pilot:
        grid = app.query_one(Grid)
        grid.show(rows(30))
        await pilot.press("end", "up")
        grid.show(list(reversed(rows(30))))
        assert grid.cursor_key == "key28"
        grid.show(rows(30)[20:])
        assert grid.cursor_key == "key28"
        await pilot.pause()
        assert any("name28" in line for line in screen_text(app))
        grid.show(rows(5))
        assert grid.cursor_key == "key4"
        grid.show([])
        assert grid.cursor_key is None


async def test_what_arrives_at_the_top_is_seen() -> None:
    """A cursor that nobody moved stays on the first row; one that was moved stays on its own, without scrolling."""
    app = Stage(Grid(*COLUMNS))
    async with app.run_test(size=(40, 11)) as pilot:
        grid = app.query_one(Grid)
        grid.show(rows(30)[1:])
        grid.show(rows(30))
        assert grid.cursor_key == "key0"
        await pilot.press("down")
        grid.show([Row("new", ("first", "", "")), *rows(30)])
        await pilot.pause()
        assert (grid.cursor_key, grid.scroll_offset.y) == ("key1", 0)
        assert any("first" in line for line in screen_text(app))


async def test_only_changed_columns_of_changed_lines_are_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Stage(Grid(*COLUMNS))
    async with app.run_test(size=(40, 10)) as pilot:
        grid = app.query_one(Grid)
        grid.show(rows(8))
        await pilot.pause()
        painted: list[tuple[Region, ...]] = []
        monkeypatch.setattr(grid, "refresh", lambda *regions, **_: painted.append(regions))
        changed = rows(8)
        changed[3] = Row("key3", ("name3", "new", "3"))
        grid.show(changed)
        assert painted == [(Region(11, 4, 21, 1),)]
        painted.clear()
        grid.show([*changed[:3], Row("another", changed[3].cells), *changed[4:]])
        assert painted == [(Region(0, 4, grid.size.width, 1),)]
        grid.show(changed)
        painted.clear()
        grid.action_move(1)
        assert painted == [(Region(0, 1, grid.size.width, 1),), (Region(0, 2, grid.size.width, 1),)]
        painted.clear()
        grid.show(list(changed))
        assert painted == []


async def test_a_million_rows_are_only_asked_for_what_is_seen() -> None:
    many = Many(1_000_000)
    app = Stage(Grid(*COLUMNS))
    async with app.run_test(size=(40, 10)) as pilot:
        grid = app.query_one(Grid)
        grid.show(many)
        await pilot.press("end")
        assert grid.cursor_key == "key999999"
        await pilot.pause()
        assert any("999999" in line for line in screen_text(app))
    assert many.asked < 500


@pytest.mark.parametrize("name", NASTY)
async def test_nasty_text_is_drawn_in_its_column_only(name: str) -> None:
    from backends.safety.text import display_text

    text = display_text(NASTY[name])
    app = Stage(Grid(*COLUMNS))
    async with app.run_test(size=(60, 4)) as pilot:
        app.query_one(Grid).show([Row("one", (text, text, "7"))])
        await pilot.pause()
        line = screen_text(app)[1]
    assert line.rstrip().endswith("7")
    assert "\x1b" not in line


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 200), st.data())
def test_columns_never_need_more_than_there_is_unless_none_may_go(
    widths: list[int], width: int, data: st.DataObject
) -> None:
    columns = [Column("c", w, drop=data.draw(st.integers(0, 3)), flexible=data.draw(st.booleans())) for w in widths]
    laid = layout(columns, width)
    kept = {index for index, _ in laid}
    assert all(index in kept for index, column in enumerate(columns) if column.drop == 0)
    if any(columns[index].drop for index in kept):
        assert sum(w + 1 for _, w in laid) <= width
