"""How many alerts of each type each store has."""

from html import escape

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.plots.style import colour_of, styled, types_in_order
from retail_anomaly.plots.table import in_order, last_revisions
from retail_anomaly.plots.words import label_of, plural


def alert_counts(alerts: pd.DataFrame) -> go.Figure:
    """Draw how many alerts of each type each store has, one bar a store.

    Examples
    --------
    >>> from retail_anomaly.plots.table import example_alerts
    >>> figure = alert_counts(example_alerts())
    >>> [(bar.name, list(bar.x), list(bar.y)) for bar in figure.data]
    [('Refund burst', [1], ['store-1']), ('Shrinkage', [1], ['store-1'])]
    """
    shown = last_revisions(alerts)
    stores = in_order(set(shown["store_id"]))
    figure = go.Figure()
    for alert_type in types_in_order(set(shown["type"])):
        counts = shown.loc[shown["type"] == alert_type, "store_id"].value_counts()
        figure.add_bar(
            x=[int(counts.get(store, 0)) for store in stores],
            y=[escape(store) for store in stores],
            orientation="h",
            name=escape(label_of(alert_type)),
            marker_color=colour_of(alert_type),
            hovertemplate=f"%{{y}}, {escape(label_of(alert_type))}: %{{x}}<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.35, legend_traceorder="normal")
    most = int(shown["store_id"].value_counts().max()) if len(shown) else 0
    figure.update_xaxes(title_text="Alerts", rangemode="tozero", dtick=1 if most <= 12 else None)
    # Categories, or stores that have a number for a name would be drawn to scale.
    figure.update_yaxes(type="category", autorange="reversed")
    title = f"{plural(len(shown), 'alert')} by store and type"
    return styled(
        figure, title, "Each alert once, however often it was revised", height=75 + 40 * max(2, len(stores))
    )
