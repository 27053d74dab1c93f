"""The alert rate of each store, as a figure."""

from html import escape
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.frames.words import natural_order
from retail_anomaly.plots.card_style import ROW_COLOURS
from retail_anomaly.plots.style import INK, styled

_FALSE: Final = "#c3cad3"
_MOST_STORES: Final = 30


def alert_rate_by_store(by_store: pd.DataFrame) -> go.Figure:
    """Draw how many alerts a store has on a day, those about an incident apart from the others.

    Parameters
    ----------
    by_store
        As a `Scorecard` has it.
    """
    stores = natural_order(by_store.index)
    shown = by_store.loc[stores]
    if len(shown) > _MOST_STORES:
        kept = shown["alert_rate"].nlargest(_MOST_STORES).index
        shown = shown.loc[natural_order(kept)]
    names = [escape(str(store)) for store in shown.index]
    days = shown["store_days"].where(shown["store_days"] > 0)
    figure = go.Figure()
    false = shown["alerts"] - shown["true"]
    for values, name, colour in (
        (shown["true"], "About an incident", ROW_COLOURS["Alerts"]),
        (false, "About none", _FALSE),
    ):
        figure.add_bar(
            x=values / days,
            y=names,
            orientation="h",
            name=name,
            marker_color=colour,
            customdata=np.stack([values, shown["store_days"]], axis=-1),
            hovertemplate=f"%{{y}}, {name.lower()}: %{{x:.2f}} a day (%{{customdata[0]:,.0f}} alerts on "
            "%{customdata[1]:,.0f} days)<extra></extra>",
        )
    mean = by_store["alerts"].sum() / max(1e-9, by_store["store_days"].sum())
    figure.add_vline(x=mean, line={"color": INK, "width": 1.5, "dash": "dot"})
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(title_text="Alerts per store-day", rangemode="tozero")
    figure.update_yaxes(type="category", autorange="reversed")
    of = (
        f"The {_MOST_STORES} stores with the most of {len(by_store):,}; the"
        if len(by_store) > len(shown)
        else "The"
    )
    return styled(
        figure,
        f"{mean:.2f} alerts per store-day",
        f"{of} dotted line is the mean of all stores; a day is the store's own",
        height=90 + 26 * max(3, len(shown)),
    )
