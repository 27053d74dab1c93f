"""When and where alerts were raised, over the sales of the stores."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.core.events import SALE
from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.alerts import last_revisions
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.events import AnyEvents, pos_frame
from retail_anomaly.frames.shown_times import Zones, common_zone
from retail_anomaly.frames.store_calendar import on_clock
from retail_anomaly.frames.words import label_of, natural_order
from retail_anomaly.plots.clock import name_time_axis
from retail_anomaly.plots.hover import alert_hover
from retail_anomaly.plots.style import AREA, colour_of, styled, symbol_of, types_in_order

# Steps of sales over the whole width: fewer hide the day's shape, more show noise.
_STEPS: Final = 60
_STEP_SIZES: Final = ("5min", "15min", "30min", "1h", "3h", "6h", "1D", "7D", "30D")
_MARKERS: Final = 70  # that fit beside each other over the whole width
_STEPS_ASIDE: Final = (0.0, 0.24, -0.24, 0.4, -0.4)
_LANE: Final = 0.84  # of the distance between two stores is used, the rest is air


def timeline(alerts: pd.DataFrame, events: AnyEvents | None = None, *, zones: Zones = "UTC") -> go.Figure:
    """Draw alerts over time, one lane a store, over the store's sales where these are given.

    Parameters
    ----------
    alerts
        Alerts, as `replay` returns them.
    events
        Any source of events, or POS events with ``store_id``, ``event_time``, ``event_type`` and ``amount``;
        other events and columns are ignored.
    zones
        Time zone of the stores. The axis is in UTC where they differ.

    Returns
    -------
    plotly.graph_objects.Figure
        One marker an alert: its colour and shape say the type, its size the risk.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> figure = timeline(example_alerts())
    >>> figure.layout.title.text
    '2 alerts in 1 store'
    >>> [trace.name for trace in figure.data]
    ['Refund burst (1)', 'Shrinkage (1)']
    """
    shown = last_revisions(alerts)
    sales = None if events is None else _sales(pos_frame(events, zones=zones))
    counts = shown["store_id"].value_counts()
    stores = natural_order({*shown["store_id"], *(() if sales is None else sales["store_id"])})
    stores.sort(key=lambda store: -int(counts.get(store, 0)))
    zone = common_zone(stores, zones)
    lanes = {store: -index for index, store in enumerate(stores)}
    figure = go.Figure()
    subtitle = "Marker size: risk"
    if sales is not None and not sales.empty:
        subtitle += (
            f" · grey: sales per {_add_sales(figure, sales, lanes, zone)}, each store to its own scale"
        )
    types = types_in_order(set(shown["type"]))
    times = shown["event_time"] if sales is None else pd.concat([shown["event_time"], sales["event_time"]])
    span = times.max() - times.min() if len(times) else pd.Timedelta(0)
    for index, alert_type in enumerate(types):
        own = shown[shown["type"] == alert_type]
        # Each type has a row of its own in the lane, so that alerts of one moment do not hide each other.
        row = _LANE * (0.5 - (index + 0.5) / len(types))
        aside = _asides(own, span) * _LANE / len(types)
        figure.add_scatter(
            x=on_clock(own["event_time"], zone),
            y=[lanes[store] + row for store in own["store_id"]] + aside,
            mode="markers",
            name=f"{escape(label_of(alert_type))} ({len(own):,})",
            marker={
                "color": colour_of(alert_type),
                "symbol": symbol_of(alert_type),
                "size": [7 + 8 * risk for risk in own["risk_score"]],
                "line": {"color": "white", "width": 1},
                "opacity": 0.85,
            },
            hovertext=[alert_hover(alert, zones) for alert in own.to_dict("records")],
            hoverinfo="text",
        )
    name_time_axis(figure, times, zone)
    figure.update_yaxes(
        tickvals=list(lanes.values()),
        ticktext=[escape(store) for store in stores],
        range=[0.5 - max(1, len(stores)), 0.5],
        showgrid=False,
    )
    height = 75 + max(90, min(95 * len(stores), 30 * len(stores) + 400))
    return styled(figure, _title(shown, stores), subtitle, height=height)


def _asides(alerts: pd.DataFrame, span: pd.Timedelta) -> "np.ndarray[Any, Any]":
    """Return how far each marker stands off the middle of its row, so that it covers no neighbour.

    Parameters
    ----------
    alerts
        Those of one type, in order of time.
    span
        The time that the figure covers.

    Returns
    -------
    numpy.ndarray
        Shares of the row's height.
    """
    near = span / _MARKERS
    last: dict[str, tuple[pd.Timestamp, int]] = {}
    asides = []
    for store, time in zip(alerts["store_id"], alerts["event_time"], strict=True):
        before, step = last.get(store, (None, -1))
        step = step + 1 if before is not None and time - before <= near else 0
        last[store] = time, step
        asides.append(_STEPS_ASIDE[step % len(_STEPS_ASIDE)])
    return np.array(asides)


def _title(shown: pd.DataFrame, stores: list[str]) -> str:
    counts = shown["store_id"].value_counts()
    of_all = f"{len(counts):,} of " if len(counts) < len(stores) else ""
    title = f"{plural(len(shown), 'alert')} in {of_all}{plural(len(stores), 'store')}"
    most = [store for store in stores if counts.get(store) == counts.max()]
    if len(stores) < 2 or len(most) != 1:
        return title
    return f"{title}, most in {escape(most[0])} ({counts.max():,})"


def _sales(events: pd.DataFrame) -> pd.DataFrame:
    expect_columns(events, ("store_id", "event_time", "event_type", "amount"), "events")
    return events[events["event_type"].str.upper() == SALE]


def _add_sales(figure: go.Figure, sales: pd.DataFrame, lanes: Mapping[str, int], zone: str) -> str:
    """Draw each store's sales as an area in its lane, to a scale of its own; return the step."""
    local = sales.assign(time=on_clock(sales["event_time"], zone))
    span = local["time"].max() - local["time"].min()
    step = next((size for size in _STEP_SIZES if span / pd.Timedelta(size) <= _STEPS), _STEP_SIZES[-1])
    steps = local.groupby(["store_id", pd.Grouper(key="time", freq=step)])["amount"].agg(["sum", "size"])
    index = pd.date_range(local["time"].min().floor(step), local["time"].max(), freq=step)
    half = pd.Timedelta(step) / 2
    for store, lane in lanes.items():
        if store not in steps.index.get_level_values(0):
            continue
        own = steps.xs(store).reindex(index, fill_value=0)
        floor, top = lane - _LANE / 2, float(own["sum"].max()) or 1.0
        area: dict[str, Any] = {"x": index + half, "mode": "lines", "showlegend": False}
        figure.add_scatter(**area, y=[floor] * len(own), line_width=0, hoverinfo="skip")
        figure.add_scatter(
            **area,
            y=floor + _LANE * own["sum"] / top,
            line={"width": 1, "color": AREA},
            fill="tonexty",
            fillcolor=AREA,
            hovertext=[
                f"{escape(str(store))}, {start:%H:%M} to {start + 2 * half:%H:%M}<br>"
                f"{plural(lines, 'line')} sold for {amount:,.2f}"
                for start, amount, lines in zip(index, own["sum"], own["size"], strict=True)
            ],
            hoverinfo="text",
        )
    return step.replace("min", " minutes").replace("1h", "hour").replace("1D", "day").replace("D", " days")
