"""A cashier's refunds around an alert."""

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.core.events import REFUND
from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.events import AnyEvents, pos_frame
from retail_anomaly.frames.shown_times import Zones, day_text, local_text, zone_of
from retail_anomaly.frames.store_calendar import on_clock
from retail_anomaly.frames.words import label_of
from retail_anomaly.plots.clock import OF_A_DAY
from retail_anomaly.plots.hover import alert_hover
from retail_anomaly.plots.style import AREA, QUIET, colour_of, styled

_COLUMNS: Final = ("store_id", "cashier_id", "transaction_id", "event_time", "event_type", "amount")
_EARLIEST: Final = pd.Timedelta("1D")  # before the alert, evidence may be


def refund_window(
    alert: Mapping[Hashable, Any],
    events: AnyEvents,
    *,
    around: str = "30min",
    zones: Zones = "UTC",
) -> go.Figure:
    """Draw the refunds that an alert's cashier made around it; those in its evidence stand out.

    If the alert names no cashier, all refunds of its store are drawn.

    Parameters
    ----------
    alert
        One alert: a row of an alert frame, as a dictionary.
    events
        Any source of events, or POS events with ``store_id``, ``cashier_id``, ``transaction_id``,
        ``event_time``, ``event_type`` and ``amount``; other events and columns are ignored.
    around
        How much time to show before and after, for example ``30min``.
    zones
        Time zone of the stores; the axis is in that of the alert's store.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> alert = example_alerts().iloc[0].to_dict()
    >>> refund = {"store_id": "store-1", "cashier_id": "c-1", "transaction_id": "t-1",
    ...     "event_time": alert["event_time"], "event_type": "REFUND", "amount": 120.0}
    >>> refund_window(alert, pd.DataFrame([refund])).layout.title.text
    '1 of 1 refund of c-1 is evidence'
    """
    events = pos_frame(events, zones=zones)
    expect_columns(events, _COLUMNS, "events")
    zone = zone_of(alert["store_id"], zones)
    own = events[(events["event_type"].str.upper() == REFUND) & (events["store_id"] == alert["store_id"])]
    has_cashier = isinstance(alert["employee_id"], str)
    if has_cashier:
        own = own[own["cashier_id"] == alert["employee_id"]]
    # A receipt's lines are one refund.
    refunds = own.groupby(["event_time", "transaction_id"], as_index=False)["amount"].sum()
    cited = [*alert["evidence"].get("transactionIds", ()), alert["evidence"].get("transactionId")]
    opened, last = alert["opened_at"], alert["event_time"]
    # A model cites the refunds of a day; a till may have used an id on an earlier day.
    refunds["named"] = refunds["transaction_id"].isin(cited) & refunds["event_time"].between(
        opened - _EARLIEST, last
    )
    first = min([opened, *refunds.loc[refunds["named"], "event_time"]])
    start, end = first - pd.Timedelta(around), last + pd.Timedelta(around)
    refunds = refunds[refunds["event_time"].between(start, end)]
    evidence = refunds[refunds["named"]]
    figure = go.Figure()
    if len(evidence) > 1:
        span = on_clock(evidence["event_time"], zone)
        figure.add_vrect(
            x0=span.iloc[0], x1=span.iloc[-1], fillcolor=AREA, opacity=0.5, line_width=0, layer="below"
        )
    for part, name, colour, about in (
        (refunds[~refunds["named"]], "Other refunds", QUIET, ""),
        (evidence, "Evidence", colour_of(alert["type"]), f"<br><br>{alert_hover(alert, zones)}"),
    ):
        _add_stems(figure, part, name, colour, about, zone)
    local = pd.Series([start, end]).dt.tz_convert(zone)
    one_day = local[0].date() == local[1].date()
    figure.update_xaxes(
        tickformatstops=OF_A_DAY if one_day else None,
        tickformat=None if one_day else "%H:%M<br>%a %-d %b",
        title_text=f"{day_text(local[0])}, time in {zone}" if one_day else f"Time in {zone}",
        range=list(on_clock(local, zone)),
    )
    figure.update_yaxes(title_text="Refunded (store's currency)", rangemode="tozero", tickformat=",")
    whose = str(alert["employee_id"] if has_cashier else alert["store_id"])
    title = (
        f"{len(evidence)} of {plural(len(refunds), 'refund')} of {escape(whose)} "
        f"{'is' if len(evidence) == 1 else 'are'} evidence"
    )
    subtitle = (
        f"{escape(label_of(alert['type']))} in {escape(alert['store_id'])}, risk {alert['risk_score']:.2f}"
    )
    if len(evidence) > 1:
        minutes = (evidence["event_time"].iloc[-1] - evidence["event_time"].iloc[0]) / pd.Timedelta("1min")
        subtitle += f" · {evidence['amount'].sum():,.2f} refunded in {minutes:,.0f} minutes"
    return styled(figure, title, subtitle, height=290)


def _add_stems(
    figure: go.Figure, refunds: pd.DataFrame, name: str, colour: str, about: str, zone: str
) -> None:
    """Draw each refund as a point on a stem."""
    figure.add_scatter(
        x=on_clock(refunds["event_time"], zone),
        y=refunds["amount"],
        error_y={
            "type": "percent",
            "symmetric": False,
            "value": 0,
            "valueminus": 100,
            "width": 0,
            "thickness": 2,
            "color": colour,
        },
        mode="markers",
        name=name,
        showlegend=not refunds.empty,
        marker={"color": colour, "size": 12},
        hovertext=[
            f"{escape(str(row['transaction_id']))}: {row['amount']:,.2f} refunded<br>"
            f"{local_text(row['event_time'], zone)}{about}"
            for row in refunds.to_dict("records")
        ],
        hoverinfo="text",
    )
