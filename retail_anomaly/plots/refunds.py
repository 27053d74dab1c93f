"""A cashier's refunds around an alert."""

from collections.abc import Hashable, Mapping
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.events import REFUND
from retail_anomaly.plots.style import QUIET, colour_of, styled
from retail_anomaly.plots.table import expect
from retail_anomaly.plots.words import Zones, day_text, label_of, plural, zone_of

_COLUMNS = ("store_id", "cashier_id", "transaction_id", "event_time", "event_type", "amount")


def refund_window(
    alert: Mapping[Hashable, Any],
    events: pd.DataFrame,
    *,
    around: str = "30min",
    zones: Zones = "UTC",
) -> go.Figure:
    """Draw the refunds that an alert's cashier made around it; those in its evidence stand out.

    Parameters
    ----------
    alert
        One alert: a row of an alert frame, as a dictionary.
    events
        POS events with ``store_id``, ``cashier_id``, ``transaction_id``, ``event_time``,
        ``event_type`` and ``amount``; other events and columns are ignored.
    around
        How much time to show before and after, for example ``30min``.
    zones
        Time zone of the stores; the axis is in that of the alert's store.

    Examples
    --------
    >>> from retail_anomaly.plots.table import example_alerts
    >>> alert = example_alerts().iloc[0].to_dict()
    >>> refund = {"store_id": "store-1", "cashier_id": "c-1", "transaction_id": "t-1",
    ...     "event_time": alert["event_time"], "event_type": "REFUND", "amount": 120.0}
    >>> refund_window(alert, pd.DataFrame([refund])).layout.title.text
    '1 of 1 refund of c-1 is evidence'
    """
    expect(events, _COLUMNS, "events")
    zone = zone_of(alert["store_id"], zones)
    margin = pd.Timedelta(around)
    start, end = alert["opened_at"] - margin, alert["event_time"] + margin
    found = events[
        (events["event_type"].str.upper() == REFUND)
        & (events["store_id"] == alert["store_id"])
        & (events["cashier_id"] == alert["employee_id"])
        & events["event_time"].between(start, end)
    ]
    # A receipt's lines are one refund.
    refunds = found.groupby(["event_time", "transaction_id"], as_index=False)["amount"].sum()
    evidence = alert["evidence"]
    ids = [*evidence.get("transactionIds", ()), evidence.get("transactionId")]
    named = refunds["transaction_id"].isin(ids)
    figure = go.Figure()
    for part, name, colour in (
        (refunds[~named], "Other refunds", QUIET),
        (refunds[named], "Evidence", colour_of(alert["type"])),
    ):
        _add_stems(figure, part, name, colour, zone)
    local = start.tz_convert(zone)
    figure.update_xaxes(
        tickformat="%H:%M",
        title_text=f"{day_text(local)}, time in {zone}",
        range=[time.tz_convert(zone).tz_localize(None) for time in (start, end)],
    )
    figure.update_yaxes(title_text="Refunded (store's currency)", rangemode="tozero")
    evident = int(named.sum())
    title = (
        f"{evident} of {plural(len(refunds), 'refund')} of {escape(str(alert['employee_id']))} "
        f"{'is' if evident == 1 else 'are'} evidence"
    )
    subtitle = (
        f"{escape(label_of(alert['type']))} in {escape(alert['store_id'])}, risk {alert['risk_score']:.2f}"
    )
    return styled(figure, title, subtitle, height=290)


def _add_stems(figure: go.Figure, refunds: pd.DataFrame, name: str, colour: str, zone: str) -> None:
    """Draw each refund as a point on a stem."""
    figure.add_scatter(
        x=refunds["event_time"].dt.tz_convert(zone).dt.tz_localize(None),
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
            f"{escape(str(number))}<br>{amount:,.2f} refunded"
            for number, amount in zip(refunds["transaction_id"], refunds["amount"], strict=True)
        ],
        hoverinfo="text+x",
    )
