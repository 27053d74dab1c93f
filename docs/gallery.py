"""Run the notebooks with their own parameters and write them as pages that open offline, with an index.

``python -m docs.gallery [NAME...]`` writes to ``out/gallery``; ``make gallery`` does it for all.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import nbformat
import plotly.io as pio
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from plotly.offline import get_plotlyjs

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
_SECONDS = 600
# Plotly's own script stands beside the pages, once for all of them.
_SCRIPT = "plotly.min.js"
_FIGURE = "application/vnd.plotly.v1+json"
_WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(path: Path, parameters: dict[str, Any] | None = None) -> nbformat.NotebookNode:
    """Run a notebook in its folder, with other parameters if they are given; return it with its outputs."""
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    if parameters:
        tagged = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
        tagged[0].source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype"
    NotebookClient(
        notebook,
        timeout=_SECONDS,
        store_widget_state=False,  # a hundred megabytes that nobody reads
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    return notebook


def page(notebook: nbformat.NotebookNode, title: str) -> str:
    """Return an executed notebook as a page that loads only the script beside it."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        shown = output.get("data", {})
        if _FIGURE in shown:
            drawn = pio.from_json(json.dumps(shown[_FIGURE]), skip_invalid=True)
            text = pio.to_html(drawn, full_html=False, include_plotlyjs=False, include_mathjax=False)
            output["data"] = {"text/html": text}
        elif _WIDGET in shown:
            output["data"] = {
                "text/html": "<p><em>This part lives in the notebook: open the notebook.</em></p>"
            }
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", widget_renderer_url="")
    body: str = exporter.from_notebook_node(notebook, {"metadata": {"name": title}})[0]
    return body.replace("</head>", f'<script src="{_SCRIPT}"></script></head>', 1)


def title_of(notebook: nbformat.NotebookNode) -> str:
    """Return the question that a notebook asks."""
    first: str = notebook.cells[0].source.splitlines()[0]
    return first.removeprefix("# ")


def build(out: Path, paths: Iterable[Path]) -> None:
    """Write the pages and the index."""
    out.mkdir(parents=True, exist_ok=True)
    (out / _SCRIPT).write_text(get_plotlyjs(), "utf-8")
    rows = []
    for path in paths:
        began = time.monotonic()
        notebook = execute(path)
        title = title_of(notebook)
        (out / f"{path.stem}.html").write_text(page(notebook, title), "utf-8")
        rows.append(f'<li><a href="{path.stem}.html">{escape(title)}</a> <code>{path.name}</code></li>')
        print(f"{path.name}: {time.monotonic() - began:.0f} s")
    (out / "index.html").write_text(_index(rows), "utf-8")
    print(f"Written: {out / 'index.html'}")


def _index(rows: list[str]) -> str:
    style = (
        "body{font:17px/1.6 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}"
        "li{margin:.4rem 0}"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Notebooks</title>'
        f"<style>{style}</style></head><body><h1>Questions and answers</h1>"
        f"<ol>{''.join(rows)}</ol></body></html>\n"
    )


if __name__ == "__main__":
    asked = sys.argv[1:]
    build(
        ROOT / "out" / "gallery",
        [path for path in sorted(NOTEBOOKS.glob("*.ipynb")) if not asked or path.stem in asked],
    )
