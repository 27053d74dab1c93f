"""Precision and recall by threshold of confidence, as a figure."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.plots.card_style import ROW_COLOURS, ROW_SYMBOLS
from retail_anomaly.plots.style import PERCENT, styled


def precision_recall(curve: pd.DataFrame, overall: pd.DataFrame) -> go.Figure:
    """Draw precision and recall by threshold of confidence.

    Parameters
    ----------
    curve, overall
        As a `Scorecard` has them.

    Returns
    -------
    plotly.graph_objects.Figure
        One point a threshold, from all alerts (right) to the surest only (left).
    """
    figure = go.Figure()
    figure.add_scatter(
        x=curve["recall"],
        y=curve["precision"],
        mode="lines+markers",
        name="Alerts from a confidence on",
        line={"color": ROW_COLOURS["Alerts"], "shape": "hv", "width": 2},
        marker={"size": 8},
        customdata=np.stack([curve["threshold"], curve["alerts"], curve["alert_rate"]], axis=-1),
        hovertemplate="Confidence %{customdata[0]:.3f} and more: %{y:.1%} right, %{x:.1%} found, "
        "%{customdata[1]:,} alerts, %{customdata[2]:.2f} a store-day<extra></extra>",
    )
    for row in ("Random", "Perfect"):
        if row in overall.index.get_level_values("row"):
            found = overall["estimate"][row]
            figure.add_scatter(
                x=[found["recall"]],
                y=[found["precision"]],
                mode="markers",
                name=row,
                marker={"color": ROW_COLOURS[row], "symbol": ROW_SYMBOLS[row], "size": 13},
                hovertemplate=f"{row}: %{{y:.1%}} right, %{{x:.1%}} found<extra></extra>",
            )
    figure.update_xaxes(title_text="Incidents found (recall)", range=[-0.03, 1.06], tickformat=PERCENT)
    figure.update_yaxes(
        title_text="Alerts that are right (precision)", range=[-0.03, 1.06], tickformat=PERCENT
    )
    return styled(
        figure,
        "Precision and recall by threshold of confidence",
        "Each point leaves out the alerts below a confidence; further left, fewer incidents are found",
        height=360,
    )
