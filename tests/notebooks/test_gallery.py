"""The gallery's pages open without a network and show the figures."""

from __future__ import annotations

import json

import nbformat

from docs.gallery import build, page
from retail_anomaly.plots import COLOURS, example_alerts, timeline
from tests.notebooks.source import ROOT
from tests.support.browser import Browser, count_colour, pixels


def test_page_of_a_notebook_opens_offline_with_its_figures(tmp_path, browser: Browser):
    build(tmp_path, [ROOT / "notebooks" / "00_quickstart.ipynb"])
    with browser.open((tmp_path / "index.html").as_uri()) as index:
        links = index.value("[...document.links].map(link => link.textContent + ' ' + link.href)")
        assert links == [f"What would we have seen yesterday? {(tmp_path / '00_quickstart.html').as_uri()}"]
    with browser.open((tmp_path / "00_quickstart.html").as_uri(), width=1100) as shown:
        shown.wait_for_figures(2)
        assert shown.errors == []
        assert all(request.startswith("file:") for request in shown.requests), shown.requests
        assert count_colour(pixels(shown.png(whole=True)), COLOURS["REFUND_BURST"]) > 100
        assert "alerts, each about events that are in the data" in shown.value("document.body.innerText")
    assert (tmp_path / "00_quickstart.html").stat().st_size < 3_000_000


def test_what_only_lives_in_a_notebook_is_said_in_words():
    figure = nbformat.v4.new_output(
        "display_data", {"application/vnd.plotly.v1+json": json.loads(timeline(example_alerts()).to_json())}
    )
    widget = nbformat.v4.new_output(
        "display_data",
        {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "VBox()"},
    )
    cell = nbformat.v4.new_code_cell("board", outputs=[figure, widget])
    text = page(nbformat.v4.new_notebook(cells=[cell]), "A board")
    assert "<title>A board</title>" in text
    assert "open the notebook" in text
    assert "html-manager" not in text
    assert "Plotly.newPlot" in text
