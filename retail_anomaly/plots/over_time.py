"""A cashier's refunds over time, beside those of the store's other cashiers."""

from html import escape

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.events import AnyEvents, pos_frame, receipts_by
from retail_anomaly.frames.shown_times import Zones, zone_of
from retail_anomaly.frames.store_calendar import days_on_clock
from retail_anomaly.frames.words import percent
from retail_anomaly.plots.clock import day_ticks
from retail_anomaly.plots.style import PERCENT, QUIET, colour_of, styled

_MOST_DAYS = 70  # a longer history is drawn by week


def refunds_over_time(
    events: AnyEvents, *, store_id: str, employee_id: str, zones: Zones = "UTC"
) -> go.Figure:
    """Draw the share of receipts that a cashier refunds by day or week, beside the peers.

    Parameters
    ----------
    events
        Any source of events, or POS events with ``store_id``, ``cashier_id``, ``transaction_id``,
        ``event_time`` and ``event_type``.
    store_id, employee_id
        The store, and the cashier.
    zones
        Time zone of the stores, which decides their days.

    Examples
    --------
    >>> events = pd.DataFrame({"store_id": "s", "cashier_id": ["a", "b"], "transaction_id": ["1", "2"],
    ...     "event_time": pd.Timestamp("2025-10-09T10:30Z"), "event_type": ["SALE", "REFUND"]})
    >>> refunds_over_time(events, store_id="s", employee_id="b").layout.title.text
    'b refunds 100.0 % of 1 receipt, all others of the store 0.0 %'
    """
    own_store = pos_frame(events, zones=zones)
    expect_columns(own_store, ("store_id", "cashier_id", "event_time"), "events")
    own_store = own_store[own_store["store_id"] == store_id].reset_index(drop=True)
    days = days_on_clock(own_store["event_time"], zone_of(store_id, zones))
    weekly = len(days) > 0 and (days.max() - days.min()).days > _MOST_DAYS
    starts = days - pd.to_timedelta(days.dt.day_of_week, unit="D") if weekly else days
    whose = (own_store["cashier_id"] == employee_id).map({True: "own", False: "others"})
    counted = receipts_by(own_store.assign(start=starts, whose=whose), ["whose", "start"])
    figure = go.Figure()
    for name, label, colour in (
        ("others", "All others of the store", QUIET),
        ("own", escape(employee_id), colour_of("REFUND_BURST")),
    ):
        part = counted[counted["whose"] == name]
        figure.add_scatter(
            x=part["start"],
            y=part["refunds"] / part["receipts"],
            customdata=part[["refunds", "receipts"]].to_numpy(),
            mode="lines+markers",
            name=label,
            line={"color": colour, "width": 2},
            marker={"size": 8 if name == "own" else 6},
            hovertemplate=f"{label}, %{{x|%A %-d %B %Y}}: %{{customdata[0]:,}} of %{{customdata[1]:,}} "
            "receipts are refunds, %{y:.1%}<extra></extra>",
        )
    figure.update_yaxes(title_text="Share that are refunds", tickformat=PERCENT, rangemode="tozero")
    figure.update_xaxes(
        title_text="Week from" if weekly else "Day, on the store's clock",
        tickformat="%-d %b %Y",
        **day_ticks(pd.DatetimeIndex(counted["start"].drop_duplicates().sort_values())),
    )
    mine = counted[counted["whose"] == "own"]
    others = _share(counted[counted["whose"] == "others"])
    of_all = plural(int(mine["receipts"].sum()), "receipt")
    title = f"{escape(employee_id)} refunds {_share(mine)} of {of_all}, all others of the store {others}"
    return styled(figure, title, "A receipt counts once; a gap is a day without receipts", height=240)


def _share(counted: pd.DataFrame) -> str:
    receipts = int(counted["receipts"].sum())
    return percent(int(counted["refunds"].sum()) / receipts, 1) if receipts else "none"
