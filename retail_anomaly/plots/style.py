"""The look of every figure: colour and symbol of each alert type, fonts, titles and margins."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import plotly.graph_objects as go

from retail_anomaly.core.registry import look_of, looks
from retail_anomaly.frames.words import label_of

COLOURS: Final[Mapping[str, str]] = {alert_type: look.colour for alert_type, look in looks().items()}
"""Colours of the shipped detectors by alert type; `colour_of` knows those of your own detectors too."""

INK: Final = "#1f2933"
MUTED: Final = "#5b6470"
QUIET: Final = "#a9b2bd"
GRID: Final = "#e6e9ed"
AREA: Final = "#dde3ea"
BLUES: Final = ((0.0, "#f4f6f8"), (0.5, "#7fb3da"), (1.0, "#00487f"))
"""The scale of heat maps."""
# Fonts of the system: a page that opens offline cannot fetch one.
FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"


_HEAD: Final = 66  # pixels for title and subtitle
_ROW: Final = 22  # pixels for each row of the legend


def colour_of(alert_type: str) -> str:
    """Return the colour of an alert type.

    Examples
    --------
    >>> colour_of("REFUND_BURST")
    '#d1495b'
    """
    return look_of(alert_type).colour


def symbol_of(alert_type: str) -> str:
    """Return the marker of an alert type, as Plotly names it.

    Examples
    --------
    >>> symbol_of("REFUND_BURST")
    'circle'
    """
    return look_of(alert_type).symbol


PERCENT: Final = ".3~p"
"""The labels of an axis of shares: as many digits as it takes to tell them apart."""


def types_in_order(types: Iterable[str]) -> list[str]:
    """Return alert types in the order of their detectors; unknown types come last, by name.

    Examples
    --------
    >>> types_in_order({"MY_OWN", "SHRINKAGE", "REFUND_BURST"})
    ['REFUND_BURST', 'SHRINKAGE', 'MY_OWN']
    """
    known = list(looks())
    return sorted(types, key=lambda name: (known.index(name) if name in known else len(known), name))


def type_counts_text(types: Iterable[str]) -> str:
    """Return in words how often each alert type comes.

    Examples
    --------
    >>> type_counts_text(["SHRINKAGE", "REFUND_BURST", "SHRINKAGE"])
    'refund burst 1, shrinkage 2'
    """
    counts = Counter(types)
    return ", ".join(f"{label_of(name).lower()} {counts[name]}" for name in types_in_order(counts))


def styled(figure: go.Figure, title: str, subtitle: str, *, height: int) -> go.Figure:
    """Give a figure its title and the common style; return the same figure.

    Parameters
    ----------
    figure
        With all its traces.
    title, subtitle
        The subject of the figure, and how to read it.
    height
        In pixels, without title and legend.

    Examples
    --------
    >>> styled(go.Figure(), "Two alerts", "Made up", height=300).layout.title.text
    'Two alerts'
    """
    # On a narrow page the legend breaks into rows of three entries.
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
        margin={"l": 10, "r": 40, "t": top, "b": 10},
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
        # Upright at the right edge, clear of the title and of what is drawn.
        modebar={"orientation": "v", "bgcolor": "rgba(255,255,255,0)"},
        paper_bgcolor="white",
        plot_bgcolor="white",
    )
    # Without a standoff Plotly draws the axis title outside of the margin that it keeps for it.
    figure.update_xaxes(**axis, automargin=True, title_standoff=8)
    figure.update_yaxes(**axis, automargin=True)
    return figure
