"""Every figure and every page as a reader sees them, drawn by a real browser that is offline."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from retail_anomaly.report.html import figure as as_section
from retail_anomaly.report.html import write_page
from tests.support.browser import count_colour, pixels, share_of_ink
from tests.support.figures import FIGURES, Month

WIDTH = 1120


@pytest.fixture(scope="module")
def drawn():
    month = Month()
    return {name: draw(month) for name, draw in FIGURES.items()}


@pytest.fixture(scope="module")
def pictures(drawn, browser, tmp_path_factory):
    """Draw all figures on one page; return the picture of each, and the page's complaints."""
    path = tmp_path_factory.mktemp("figures") / "all.html"
    sections = [f'<div id="{name}">{as_section(figure)}</div>' for name, figure in drawn.items()]
    write_page(path, title="All", summary="", facts={}, sections=sections, footer="")
    with browser.open(path.as_uri(), width=WIDTH) as page:
        page.wait_for_figures(len(drawn))
        boxes = page.value(
            "Object.fromEntries([...document.querySelectorAll('main > div[id]')].map(part => {"
            "const box = part.querySelector('.js-plotly-plot').getBoundingClientRect();"
            "return [part.id, [box.top + scrollY, box.left, box.height, box.width].map(Math.round)]}))"
        )
        whole = pixels(page.png(whole=True))
        assert page.errors == []
        assert page.requests == [path.as_uri()]
    return {
        name: whole[top : top + height, left : left + width]
        for name, (top, left, height, width) in boxes.items()
    }


def colours_of(figure: go.Figure) -> set[str]:
    """Return the full colours of marks that are there and that nothing makes paler."""
    found = set()
    for trace in figure.data:
        marker = trace.marker if "marker" in trace else None
        shown = trace.x is not None and pd.notna(pd.Series(trace.x)).any()
        if marker and shown and marker.opacity in (None, 1) and isinstance(marker.color, str):
            found.add(marker.color)
    return found


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_with_its_marks_title_and_axes(name, pictures, drawn):
    picture, figure = pictures[name], drawn[name]
    height, width, _ = picture.shape
    assert height == figure.layout.height
    assert width > 0.9 * WIDTH
    assert share_of_ink(picture) > 0.01
    # Title and subtitle stand over the plot, ticks and their title beneath it.
    assert share_of_ink(picture[: figure.layout.margin.t]) > 0.005
    assert share_of_ink(picture[-40:]) > 0.002
    for colour in colours_of(figure):
        assert count_colour(picture, colour) >= 20, colour


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_off_at_the_edge(name, pictures):
    # Words that reach over the edge leave ink in the last pixels.
    picture = pictures[name]
    for edge in (picture[:, :2], picture[:, -2:], picture[:2], picture[-2:]):
        assert np.ptp(edge) == 0


def test_a_mouse_over_an_alert_says_who_what_why_and_when(browser, tmp_path):
    figure = FIGURES["timeline"](Month())
    path = write_page(
        tmp_path / "page.html", title="", summary="", facts={}, sections=[as_section(figure)], footer=""
    )
    with browser.open(path.as_uri(), width=WIDTH, height=900) as page:
        page.wait_for_figures(1)
        x, y = page.value(
            "(box => [box.left + box.width / 2, box.top + box.height / 2])"
            "(document.querySelector('.scatterlayer .point').getBoundingClientRect())"
        )
        page.hover(x, y)
        page.wait_until("document.querySelector('.hoverlayer .hovertext')")
        text = page.value("document.querySelector('.hoverlayer .hovertext').textContent")
        assert page.errors == []
    for part in ("risk ", "Cashier c-", "At stake: "):
        assert part in text
    assert re.search(r" CES?T in the store", text)
