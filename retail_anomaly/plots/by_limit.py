"""The alerts of a rule by its limit, as a figure."""

from html import escape
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.plots.card_style import ROW_COLOURS
from retail_anomaly.plots.style import INK, QUIET, styled

_ABOUT: Final = {"About an incident": ROW_COLOURS["Alerts"], "About none": QUIET}


def alerts_by_limit(by_limit: pd.DataFrame, *, limit: float | None = None) -> go.Figure:
    """Draw how many alerts a store has on a day by the limit of a rule, those about an incident apart.

    Parameters
    ----------
    by_limit
        The table of `retail_anomaly.rules.by_limit`. Without incidents it has no ``precision``, and all
        alerts look the same.
    limit
        The limit of the rule, to be marked.

    Examples
    --------
    >>> table = pd.DataFrame({"limit": [4, 5], "rule": "a", "a_store_day": [0.75, 0.5],
    ...     "precision": [0.0, 1.0]})
    >>> [(bar.name, list(bar.y)) for bar in alerts_by_limit(table, limit=5).data]
    [('About an incident', [0.0, 0.5]), ('About none', [0.75, 0.0])]
    """
    expect_columns(by_limit, ("limit", "rule", "a_store_day"), "by_limit")
    rate = by_limit["a_store_day"].astype("float64")
    parts = {"Alerts": (rate, ROW_COLOURS["Alerts"])}
    if "precision" in by_limit:
        right = rate * by_limit["precision"].astype("float64").fillna(0.0)
        shares = (right, rate - right)
        parts = {name: (share, _ABOUT[name]) for name, share in zip(_ABOUT, shares, strict=True)}
    figure = go.Figure()
    for name, (values, colour) in parts.items():
        figure.add_bar(
            x=by_limit["limit"],
            y=values.tolist(),
            name=name,
            marker_color=colour,
            hovertemplate=f"From %{{x}} on, {name.lower()}: %{{y:.3f}} a store-day<extra></extra>",
        )
    if limit is not None:
        figure.add_vline(x=limit, line={"color": INK, "width": 1.5, "dash": "dot"})
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(title_text="Limit of the rule")
    figure.update_yaxes(title_text="Alerts per store-day", rangemode="tozero")
    name = escape(str(by_limit["rule"].iloc[0])) if len(by_limit) else "No rule"
    subtitle = "Over the whole history" + ("; dotted: the limit of the rule" if limit is not None else "")
    return styled(figure, f"{name}: alerts by limit", subtitle, height=300)
