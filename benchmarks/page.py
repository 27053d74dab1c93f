"""The figures as a page to look at."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import plotly.graph_objects as go

from benchmarks.figures import Figure, short

_MEASURED, _FLOOR = "#1f5fa8", "#b9c3cf"


def write_page(figures: Iterable[Figure], path: Path) -> None:
    """Write one self-contained page: lines for figures that have an axis, bars for the others."""
    charts: dict[tuple[str, str, str], list[Figure]] = {}
    for figure in figures:
        charts.setdefault((figure.part, figure.unit, figure.x_name), []).append(figure)
    shown_charts = [
        _chart(*title, shown).to_html(
            full_html=False, include_plotlyjs=number == 0, config={"displayModeBar": False}
        )
        for number, (title, shown) in enumerate(charts.items())
    ]
    page = (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Benchmarks</title>"
        "<body style='font-family:sans-serif;max-width:60rem;margin:2rem auto'><h1>Benchmarks</h1>"
        "<p>Grey is the floor: the least that could do the same job, measured in the same run.</p>"
        f"{''.join(shown_charts)}</body></html>\n"
    )
    path.write_text(page)


def _chart(part: str, unit: str, x_name: str, figures: list[Figure]) -> go.Figure:
    chart = go.Figure()
    if x_name:
        _add_lines(chart, figures, x_name)
    else:
        _add_bars(chart, figures)
    chart.update_layout(
        title=f"{part}: {unit}" + (f" by {x_name}" if x_name else ""),
        template="plotly_white",
        height=440 if x_name else 170 + 60 * len(figures),
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        margin={"l": 20, "r": 60, "t": 110 if x_name else 90},
    )
    return chart


def _add_lines(chart: go.Figure, figures: list[Figure], x_name: str) -> None:
    for what, group in groupby(sorted(figures, key=lambda f: (f.what, f.x)), key=lambda f: f.what):
        line = list(group)
        places = [figure.x for figure in line]
        chart.add_scatter(x=places, y=[figure.value for figure in line], name=what, mode="lines+markers")
        if line[0].floor is not None:
            floors = [figure.floor for figure in line]
            dash = {"dash": "dot", "color": _FLOOR}
            chart.add_scatter(x=places, y=floors, name=f"floor of {what}", line=dash, showlegend=False)
    if x_name == "seconds":
        chart.update_xaxes(title=x_name)
    else:
        chart.update_xaxes(title=x_name, type="log", dtick=1)
    chart.update_yaxes(title=figures[0].unit, type="log" if figures[0].part == "memory" else "linear")
    if figures[0].part != "memory":
        chart.update_yaxes(rangemode="tozero")


def _add_bars(chart: go.Figure, figures: list[Figure]) -> None:
    names = [figure.what.replace("; ", "<br>") for figure in figures]
    floors = [figure.floor for figure in figures]
    values = [figure.value for figure in figures]
    text = list(map(short, values))
    chart.add_bar(y=names, x=values, name="measured", orientation="h", marker_color=_MEASURED, text=text)
    if any(floor is not None for floor in floors):
        chart.add_bar(y=names, x=floors, name="floor", orientation="h", marker_color=_FLOOR)
    chart.update_xaxes(title=figures[0].unit)
    chart.update_yaxes(autorange="reversed", automargin=True)
