"""Lines, pages, panels and gauges draw what they are told, literally."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.containers import Vertical
from textual.geometry import Region

from backends.safety.text import display_block, display_text
from backends.sampling.reading import Problem, Reading
from tests.nasty import NASTY
from tests.widgets.harness import Stage, screen_text
from widgets.gauge import bar
from widgets.grid import Column, Grid, Row
from widgets.line import Line, changed_span, fitted
from widgets.page import Page, wrap
from widgets.panel import Panel
from widgets.tone import Part, Tone, plain_text

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
safe_text = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=60).map(display_text)


async def test_a_line_paints_only_the_cells_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line("in use ", Part("12", Tone.OK), " of 50")
    app = Stage(line)
    async with app.run_test(size=(40, 4)) as pilot:
        painted: list[tuple[Region, ...]] = []
        refresh = line.refresh

        def record(*regions: Region) -> None:
            painted.append(regions)
            refresh(*regions)

        monkeypatch.setattr(line, "refresh", record)
        line.show("in use ", Part("13", Tone.OK), " of 50")
        line.show("in use ", Part("13", Tone.OK), " of 50")
        assert painted == [(Region(8, 0, 1, 1),)]
        await pilot.pause()
        assert screen_text(app)[0].startswith("in use 13 of 50")


async def test_what_changed_while_it_was_hidden_is_seen_afterwards() -> None:
    line, grid = Line("before"), Grid(Column("a", 9))
    part = Vertical(line, grid)
    app = Stage(part)
    async with app.run_test(size=(40, 6)) as pilot:
        grid.show([Row("k", ("before",))])
        await pilot.pause()
        for shown in (False, True):
            part.display = shown
            await pilot.pause()
            if not shown:
                line.show("after")
                grid.show([Row("k", ("after",))])
        assert [text.split() for text in screen_text(app)[:3]] == [["after"], ["a"], ["after"]]


@pytest.mark.parametrize("name", NASTY)
async def test_nasty_text_is_literal_everywhere(name: str) -> None:
    text = display_text(NASTY[name], limit=30)
    app = Stage(Line(text), Page(), Panel("panel"))
    async with app.run_test(size=(80, 20), notifications=True) as pilot:
        app.query_one(Page).show([(text,), (Part(display_block(NASTY[name], 200)),)])
        panel = app.query_one(Panel)
        empty: Reading[int] = Reading(2.0)
        panel.show(empty.failed(Problem("cannot connect", text, text, text), NOW, 0.1), NOW)
        app.notify(text or "empty", markup=False)
        await pilot.pause()
        drawn = screen_text(app)
    assert text.replace("\n", "") in drawn[0] or cell_len(text) > 80
    assert not any("\x1b" in line for line in drawn)


@given(safe_text, safe_text)
def test_the_changed_span_covers_every_difference(old: str, new: str) -> None:
    start, end = changed_span([Part(old)], [Part(new)])
    assert old[: min(start, len(old))].startswith(new[:0])
    if old == new:
        assert (start, end) == (0, 0)
    else:
        assert 0 <= start < end <= max(cell_len(old), cell_len(new))


@given(safe_text, st.integers(1, 40), st.booleans())
def test_fitted_text_has_exactly_its_width(text: str, width: int, right: bool) -> None:
    assert cell_len(fitted(text, width, right)) == width


@given(st.lists(safe_text, max_size=4), st.integers(2, 50))
def test_wrapping_loses_nothing_and_fits(texts: list[str], width: int) -> None:
    lines = wrap(tuple(map(Part, texts)), width)
    assert "".join(plain_text(line) for line in lines) == "".join(texts)
    assert all(cell_len(plain_text(line)) <= width for line in lines)


@given(st.floats(0, 200), st.floats(0, 200), st.one_of(st.none(), st.floats(1, 100)), st.integers(4, 60))
def test_a_bar_has_its_width_and_shows_a_little_as_something(
    active: float, idle: float, limit: float | None, width: int
) -> None:
    parts = bar(active, idle, limit, width)
    text = plain_text(parts)
    assert len(text) == width
    if limit is not None and active > 0:
        assert "█" in text
    if limit is not None and active < limit and idle == 0:
        assert "░" in text


async def test_a_panel_keeps_old_values_and_says_how_old_they_are() -> None:
    panel = Panel("servers", Line("12 connections"))
    app = Stage(panel)
    async with app.run_test(size=(100, 10)) as pilot:
        loading: Reading[int] = Reading(2.0)
        good = loading.succeeded(12, NOW, 0.1)
        panel.show(good, NOW)
        assert "live" in plain_text(panel.heading)
        panel.tick(NOW + timedelta(seconds=7))
        assert "stale 7s old" in plain_text(panel.heading)
        assert panel.has_class("-old")
        failed = good.failed(Problem("cannot connect", "refused", "db:1", "start it"), NOW + timedelta(seconds=9), 0.1)
        panel.show(failed, NOW + timedelta(seconds=8))
        await pilot.pause()
        text = "\n".join(screen_text(app))
        assert "disconnected 8s old, next try in 1s" in text
        assert "cannot connect: refused" in text
        assert "do: start it" in text
        assert "12 connections" in text
        panel.show(failed.succeeded(13, NOW + timedelta(seconds=10), 0.1), NOW + timedelta(seconds=10))
        await pilot.pause()
        assert "refused" not in "\n".join(screen_text(app))
