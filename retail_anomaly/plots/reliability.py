"""The share of alerts that were right by their confidence, as a figure."""

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.plots.card_style import ROW_COLOURS
from retail_anomaly.plots.style import AREA, PERCENT, QUIET, styled

_NEAR = 0.1


def reliability(bins: pd.DataFrame) -> go.Figure:
    """Draw the share of alerts that were right against their mean confidence.

    Parameters
    ----------
    bins
        As `retail_anomaly.evaluate.calibration.reliability` or a `Scorecard` has them.

    Returns
    -------
    plotly.graph_objects.Figure
        One point a bin. On the diagonal the confidence says how many alerts are right.

    Examples
    --------
    >>> bins = pd.DataFrame({"low": [0.0], "high": [0.5], "alerts": [7], "confidence": [0.3], "right": [0.2]})
    >>> reliability(bins).data[-1].y.tolist()
    [0.2]
    """
    expect_columns(bins, ("low", "high", "alerts", "confidence", "right"), "bins")
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1, 1, 0],
        y=[-_NEAR, 1 - _NEAR, 1 + _NEAR, _NEAR],
        fill="toself",
        fillcolor=AREA,
        mode="none",
        name=f"Within {_NEAR:g}",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": QUIET, "width": 1.5, "dash": "dot"},
        name="As many as the confidence says",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=bins["confidence"],
        y=bins["right"],
        mode="lines+markers+text",
        text=[f"{count:,}" for count in bins["alerts"]],
        textposition="top left",
        name="Alerts, with their number",
        line={"color": ROW_COLOURS["Alerts"], "width": 2},
        marker={"size": 9},
        cliponaxis=False,
        customdata=bins[["alerts", "low", "high"]].to_numpy(),
        hovertemplate="%{customdata[0]:,} alerts of confidence %{customdata[1]:.2f} to %{customdata[2]:.2f}: "
        "%{y:.1%} right, %{x:.1%} expected<extra></extra>",
    )
    figure.update_xaxes(title_text="Mean confidence", range=[-0.03, 1.06], tickformat=PERCENT)
    figure.update_yaxes(title_text="Alerts that are right", range=[-0.03, 1.1], tickformat=PERCENT)
    return styled(
        figure,
        "Alerts that are right, by confidence",
        "Each point is the alerts of like confidence; near the dotted line the confidence is true",
        height=360,
    )
