"""Figures of the number of alerts by store, by day and by hour."""

from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.alerts import last_revisions
from retail_anomaly.frames.shown_times import Zones, day_text
from retail_anomaly.frames.words import label_of, natural_order
from retail_anomaly.plots.clock import day_ticks, on_store_clocks
from retail_anomaly.plots.style import BLUES, colour_of, styled, type_counts_text, types_in_order

_MOST_DAYS = 70  # bars that can be told apart; a longer history is drawn by week
_MOST_STORES = 30


def alert_counts(alerts: pd.DataFrame) -> go.Figure:
    """Draw how many alerts of each type each store has, one bar a store, the most first.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> figure = alert_counts(example_alerts())
    >>> [(bar.name, list(bar.x), list(bar.y)) for bar in figure.data]
    [('Refund burst', [1], ['store-1']), ('Shrinkage', [1], ['store-1'])]
    """
    shown = last_revisions(alerts)
    of_store = shown["store_id"].value_counts()
    stores = sorted(natural_order(of_store.index), key=lambda store: -int(of_store[store]))
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
    # Without categories Plotly would draw stores named by a number on a scale.
    figure.update_yaxes(type="category", autorange="reversed")
    title = f"{plural(len(shown), 'alert')} by store and type"
    return styled(
        figure, title, "Each alert once, however often it was revised", height=75 + 40 * max(2, len(stores))
    )


def alert_trend(alerts: pd.DataFrame, *, zones: Zones = "UTC") -> go.Figure:
    """Draw how many alerts of each type there were on each day, or in each week of a long history.

    Parameters
    ----------
    alerts
        Alerts, as `replay` returns them.
    zones
        Time zone of the stores, which decides their days.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> figure = alert_trend(example_alerts(), zones="Pacific/Auckland")
    >>> figure.layout.title.text
    '2 alerts on 1 day'
    """
    shown = last_revisions(alerts)
    shown = shown.assign(local=on_store_clocks(shown, zones))
    days = shown["local"].dt.normalize()
    span = (days.max() - days.min()).days + 1 if len(shown) else 0
    weekly = span > _MOST_DAYS
    starts = days - pd.to_timedelta(days.dt.day_of_week, unit="D") if weekly else days
    step = pd.Timedelta(days=7 if weekly else 1)
    # Every day or week from the first to the last alert: one without alerts is a fact too.
    index = pd.date_range(starts.min(), starts.max(), freq=step) if len(shown) else pd.DatetimeIndex([])
    figure = go.Figure()
    when = "week from %{x|%A %-d %B %Y}" if weekly else "%{x|%A %-d %B %Y}"
    for alert_type in types_in_order(set(shown["type"])):
        counts = starts[shown["type"] == alert_type].value_counts()
        figure.add_bar(
            x=index,
            y=counts.reindex(index, fill_value=0),
            name=escape(label_of(alert_type)),
            marker_color=colour_of(alert_type),
            hovertemplate=f"{when}<br>{escape(label_of(alert_type))}: %{{y:,}}<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.25)
    most = int(starts.value_counts().max()) if len(shown) else 0
    per_bar = "Alerts a week" if weekly else "Alerts a day"
    figure.update_yaxes(title_text=per_bar, rangemode="tozero", dtick=1 if most <= 8 else None)
    figure.update_xaxes(
        title_text="Week from Monday, on the store's clock" if weekly else "Day, on the store's clock",
        tickformat="%-d %b %Y" if weekly else "%a %-d %b",
        showgrid=False,
        **day_ticks(index),
    )
    title = f"{plural(len(shown), 'alert')} on {plural(span, 'day')}"
    if len(index) > 1:
        counts = starts.value_counts()
        busiest = [day for day in index if counts.get(day, 0) == most]
        title = f"{len(shown) / span:,.1f} alerts a day"
        if len(busiest) == 1:
            title += f", most {'in the week from' if weekly else 'on'} {day_text(busiest[0])} ({most:,})"
    return styled(figure, title, "Each alert once, on the day of its last revision", height=270)


def alert_hours(alerts: pd.DataFrame, *, zones: Zones = "UTC", most: int = _MOST_STORES) -> go.Figure:
    """Draw the number of alerts of each store by hour of the day.

    Parameters
    ----------
    alerts
        Alerts, as `replay` returns them.
    zones
        Time zone of the stores, whose own clocks count.
    most
        How many stores to draw, those with the most alerts.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> figure = alert_hours(example_alerts(), zones="Europe/Berlin")
    >>> list(figure.data[0].x), figure.data[0].z.tolist()
    ([10, 11, 12], [[1.0, nan, 1.0]])
    """
    shown = last_revisions(alerts)
    shown = shown.assign(local=on_store_clocks(shown, zones))
    hour = shown["local"].dt.hour
    hours = list(range(int(hour.min()), int(hour.max()) + 1)) if len(shown) else []
    kept = shown["store_id"].value_counts().index[:most]
    stores = natural_order(map(str, kept))
    counts = shown.groupby(["store_id", hour])["type"].agg(list)
    cells = [[counts.get((store, at), []) for at in hours] for store in stores]
    numbers = np.array([[len(cell) or np.nan for cell in row] for row in cells], dtype="float64")
    most_alerts = max([1, *(len(cell) for row in cells for cell in row)])
    figure = go.Figure(
        go.Heatmap(
            x=hours,
            y=[escape(store) for store in stores],
            z=numbers,
            customdata=[
                [(plural(len(cell), "alert"), escape(type_counts_text(cell))) for cell in row]
                for row in cells
            ],
            colorscale=BLUES,
            zmin=0,
            zmax=most_alerts,
            xgap=2,
            ygap=2,
            texttemplate="%{z}",
            colorbar={
                "title": {"text": "Alerts", "side": "top"},
                "outlinewidth": 0,
                "tickformat": ",d",
                "dtick": max(1, round(most_alerts / 4)),
            },
            hovertemplate="%{y}, %{x} h: %{customdata[0]}<br>%{customdata[1]}<extra></extra>",
            hoverongaps=False,
        )
    )
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_xaxes(title_text="Hour of the day, on the store's clock", dtick=1, showgrid=False)
    title = "No alerts"
    if len(shown):
        row, column = np.unravel_index(np.nanargmax(numbers), numbers.shape)
        at = hours[int(column)]
        count = int(numbers[row, column])
        title = (
            f"Most alerts in an hour of the day: {escape(stores[int(row)])}, {at} to {at + 1} h ({count:,})"
        )
    subtitle = "All days together; white: none"
    if shown["store_id"].nunique() > len(stores):
        subtitle += f" · the {len(stores)} stores with the most, of {shown['store_id'].nunique():,}"
    return styled(figure, title, subtitle, height=80 + 28 * max(3, len(stores)))
