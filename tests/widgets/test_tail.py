"""Tables that grow at their end, rows of time, and pages that repaint what changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region

from tests.widgets.harness import Stage, screen_text
from widgets.grid import Column, Row
from widgets.page import Page
from widgets.tail import Tail
from widgets.timeline import Stretch, cells
from widgets.tone import Tone, plain_text


def rows(number: int, first: int = 0) -> list[Row]:
    return [Row(f"key{index}", (f"row{index}",)) for index in range(first, number)]


def text(app: Stage) -> list[str]:
    """The lines without the scrollbar."""
    return [line[:-1].strip() for line in screen_text(app)]


async def test_it_follows_its_end_and_paints_the_new_line_only(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Stage(Tail(Column("name", 10)))
    async with app.run_test(size=(30, 11)) as pilot:
        tail = app.query_one(Tail)
        tail.show(rows(50))
        await pilot.pause()
        assert "row40" in screen_text(app)[1]
        assert "row49" in screen_text(app)[10]
        tail.show(rows(51))
        await pilot.pause()
        assert "row50" in "".join(screen_text(app))
        assert not screen_text(app)[10].strip()  # it moved by half a page
        painted: list[tuple[Region, ...]] = []
        monkeypatch.setattr(tail, "refresh", lambda *regions, **_: painted.append(regions))
        tail.show(rows(52))
        assert tail.cursor_key == "key51"
        assert all(regions and regions[0].height == 1 for regions in painted)


async def test_it_stays_where_a_person_reads() -> None:
    app = Stage(Tail(Column("name", 10)))
    async with app.run_test(size=(30, 11)) as pilot:
        tail = app.query_one(Tail)
        tail.focus()
        tail.show(rows(50))
        await pilot.press("up")
        before = text(app)
        tail.show(rows(70))
        await pilot.pause()
        assert text(app) == before
        tail.show(rows(70, first=30))
        await pilot.pause()
        assert (tail.cursor_key, text(app)) == ("key48", before)
        await pilot.press("end")
        tail.show(rows(71, first=30))
        assert tail.cursor_key == "key70"


async def test_a_page_paints_only_its_changed_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Stage(Page())
    async with app.run_test(size=(30, 10)) as pilot:
        page = app.query_one(Page)
        page.show([(f"line {index}",) for index in range(5)])
        await pilot.pause()
        painted: list[tuple[Region, ...]] = []
        monkeypatch.setattr(page, "refresh", lambda *regions, **_: painted.append(regions))
        page.show([(f"line {index}" if index != 3 else "changed",) for index in range(5)])
        assert painted == [(Region(0, 3, 30, 1),)]


STRETCHES = st.lists(st.builds(Stretch, st.sampled_from("·█="), st.just(Tone.OK), st.floats(0, 1e6)), max_size=30)


@given(STRETCHES, st.integers(0, 60))
def test_a_row_of_time_has_its_width_and_every_stretch_a_cell(stretches: list[Stretch], width: int) -> None:
    parts = cells(stretches, width)
    assert len(parts) == min(len(stretches), width)
    assert all(part.text for part in parts)
    if sum(stretch.seconds for stretch in stretches[-width:] if width) > 0:
        assert len(plain_text(parts)) == width
