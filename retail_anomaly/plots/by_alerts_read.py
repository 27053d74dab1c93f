"""Figures of a scorecard by the number of alerts read on a store-day."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.frames.card_rows import row_of
from retail_anomaly.plots.card_style import ROW_COLOURS, ROW_SYMBOLS, error_bars, interval_texts
from retail_anomaly.plots.style import PERCENT, styled


def precision_at_k(overall: pd.DataFrame, ks: Sequence[int]) -> go.Figure:
    """Draw how many of the k riskiest alerts of a store-day are right.

    Parameters
    ----------
    overall, ks
        As a `Scorecard` has them.
    """
    figure = _by_k(overall, ks, "precision", "%{y:.1%} right")
    figure.update_yaxes(title_text="Alerts about an incident", tickformat=PERCENT, range=[-0.03, 1.06])
    return styled(
        figure,
        "Share of the alerts read that are right",
        "Precision at k: only the k alerts of the highest risk of each store-day are read",
        height=330,
    )


def loss_per_alert(overall: pd.DataFrame, ks: Sequence[int]) -> go.Figure:
    """Draw the expected loss that each alert read finds, by how many are read.

    Parameters
    ----------
    overall, ks
        As a `Scorecard` has them.
    """
    figure = _by_k(overall, ks, "loss_per_alert", "%{y:,.2f} found for each alert read")
    figure.update_yaxes(title_text="Expected loss found, per alert", rangemode="tozero", tickformat=",")
    return styled(
        figure,
        "Loss found per alert read",
        "Expected loss of the incidents found, in the store's currency, for each alert read",
        height=330,
    )


def _by_k(overall: pd.DataFrame, ks: Sequence[int], measure: str, hover: str) -> go.Figure:
    """Draw a measure at each k and with all alerts read, for the alerts and the references."""
    names = [*(f"{measure}_at_{k}" for k in ks), measure]
    ticks = [*map(str, ks), "all"]
    figure = go.Figure()
    for row in ("Perfect", "Alerts", "Random"):
        if row not in overall.index.get_level_values("row"):
            continue
        found = row_of(overall, row).loc[names]
        arms = error_bars(found["estimate"], found["low"], found["high"]) if row == "Alerts" else None
        figure.add_scatter(
            x=ticks,
            y=found["estimate"],
            mode="lines+markers",
            name="Alerts, 95 % interval" if arms else row,
            line={"color": ROW_COLOURS[row], "width": 2, "dash": "solid" if arms else "dot"},
            marker={"symbol": ROW_SYMBOLS[row], "size": 10},
            error_y=arms,
            cliponaxis=False,
            customdata=interval_texts(found, ".1%" if measure == "precision" else ",.2f"),
            hovertemplate=f"{row}, %{{x}} read: {hover}%{{customdata}}<extra></extra>",
        )
    figure.update_xaxes(title_text="Alerts read on a store-day", type="category")
    return figure
