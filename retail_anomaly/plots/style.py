"""What all figures have in common: a colour and a shape for each type, fonts, a frame."""

from collections.abc import Iterable, Mapping
from typing import Final

import plotly.graph_objects as go

COLOURS: Final[Mapping[str, str]] = {
    "REFUND_BURST": "#d1495b",
    "REFUND_WITHOUT_SALE": "#c77700",
    "SECURITY_CORRELATION": "#0068b5",
    "SHRINKAGE": "#00846b",
    "STOCK_DISCREPANCY": "#8e5bb5",
    "REFUND_DEVIATION": "#7a4a1e",
    "SALES_DEVIATION": "#1b7f9c",
}
"""Colour by alert type: each at least 3:1 on white; a shape of its own says the same once more."""

_SYMBOLS: Final[Mapping[str, str]] = dict(
    zip(
        COLOURS,
        ("circle", "diamond", "square", "triangle-up", "triangle-down", "pentagon", "hexagon"),
        strict=True,
    )
)
INK: Final = "#1f2933"
MUTED: Final = "#5b6470"
QUIET: Final = "#a9b2bd"
GRID: Final = "#e6e9ed"
AREA: Final = "#dde3ea"
BLUES: Final = ((0.0, "#f4f6f8"), (0.5, "#7fb3da"), (1.0, "#00487f"))
"""The scale of heat maps."""
# What the system has: a page that opens offline can't fetch a font.
FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"


_HEAD: Final = 66  # pixels for title and subtitle
_ROW: Final = 22  # and for a row of the legend


def colour_of(alert_type: str) -> str:
    """Return the colour of an alert type, the same in every figure.

    Examples
    --------
    >>> colour_of("REFUND_BURST"), colour_of("MY_OWN")
    ('#d1495b', '#5b6470')
    """
    return COLOURS.get(alert_type, MUTED)


def symbol_of(alert_type: str) -> str:
    """Return the marker of an alert type.

    Examples
    --------
    >>> symbol_of("REFUND_BURST"), symbol_of("MY_OWN")
    ('circle', 'star')
    """
    return _SYMBOLS.get(alert_type, "star")


def types_in_order(types: Iterable[str]) -> list[str]:
    """Return alert types in the order of the palette, unknown ones last.

    Examples
    --------
    >>> types_in_order({"MY_OWN", "SHRINKAGE", "REFUND_BURST"})
    ['REFUND_BURST', 'SHRINKAGE', 'MY_OWN']
    """
    known = list(COLOURS)
    return sorted(types, key=lambda name: (known.index(name) if name in COLOURS else 99, name))


def styled(figure: go.Figure, title: str, subtitle: str, *, height: int) -> go.Figure:
    """Give a figure its title and the common look; returns the same figure.

    Parameters
    ----------
    figure
        With all its traces.
    title, subtitle
        What is seen, and how to read it.
    height
        In pixels, without title and legend.

    Examples
    --------
    >>> styled(go.Figure(), "Two alerts", "Made up", height=300).layout.title.text
    'Two alerts'
    """
    # Entries of a legend break into rows on a narrow page: there is room for three in each.
    named = sum(bool(trace.name) and trace.showlegend is not False for trace in figure.data)
    top = _HEAD + _ROW * max(1, -(-named // 3))
    height += top
    axis = {
        "gridcolor": GRID,
        "linecolor": GRID,
        "zeroline": False,
        "layer": "below traces",
        "title": {"font": {"color": MUTED, "size": 13}},
    }
    figure.update_layout(
        template="none",
        title={
            "text": title,
            "font": {"size": 18},
            "subtitle": {"text": subtitle, "font": {"size": 13, "color": MUTED}},
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 14},
        },
        font={"family": FONT, "size": 13, "color": INK},
        height=height,
        margin={"l": 10, "r": 20, "t": top, "b": 10},
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "yref": "container",
            "y": 1 - _HEAD / height,
            "yanchor": "top",
            "traceorder": "normal",
        },
        hoverlabel={
            "bgcolor": "white",
            "bordercolor": QUIET,
            "align": "left",
            "font": {"color": INK, "family": FONT},
        },
        hovermode="closest",
        paper_bgcolor="white",
        plot_bgcolor="white",
    )
    # Without a standoff of its own a title is drawn deeper than the margin that is kept for it.
    figure.update_xaxes(**axis, automargin=True, title_standoff=8)
    figure.update_yaxes(**axis, automargin=True)
    return figure
