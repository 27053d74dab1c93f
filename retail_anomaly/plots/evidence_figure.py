"""The figure that shows the evidence of an alert."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from retail_anomaly.core.events import REFUND
from retail_anomaly.frames.events import AnyEvents, is_pos_frame
from retail_anomaly.frames.shown_times import Zones
from retail_anomaly.plots.components import score_components
from retail_anomaly.plots.refunds import refund_window
from retail_anomaly.plots.stock import stock_walk
from retail_anomaly.sources.loaded import load


def evidence_figure(
    alert: Mapping[Hashable, Any],
    events: AnyEvents,
    *,
    alerts: pd.DataFrame | None = None,
    zones: Zones = "UTC",
) -> go.Figure | None:
    """Draw the figure that fits the evidence of an alert.

    Parameters
    ----------
    alert
        One alert: a row of an alert frame, as a dictionary.
    events
        Any source of events, with the stock counts and movements; or a frame as `pos_frame` returns it,
        which shows refunds only.
    alerts
        Alerts to mark beside it on the figure of an article's stock.
    zones
        Time zone of the stores.

    Returns
    -------
    plotly.graph_objects.Figure or None
        `score_components` for a model's alert, `stock_walk` for an alert about counted stock,
        `refund_window` for one about refunds; None for any other.

    Examples
    --------
    >>> from retail_anomaly.core.events import PosEvent
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> alert = example_alerts().iloc[0].to_dict()
    >>> refund = PosEvent("t-2", "store-1", "c-1", "k", 9.5, "REFUND", 1_760_000_000_000)
    >>> evidence_figure(alert, [refund]).layout.title.text
    '1 of 1 refund of c-1 is evidence'
    >>> evidence_figure({**alert, "type": "SECURITY_CORRELATION"}, []) is None
    True
    """
    evidence = alert["evidence"]
    if evidence.get("pValues"):
        return score_components(alert, zones=zones)
    if isinstance(evidence.get("sku"), str) and "counted" in evidence and not is_pos_frame(events):
        read = load(events, zones=zones)  # an iterator too can then be read by topic
        return stock_walk(
            read,
            read,
            store_id=alert["store_id"],
            sku=evidence["sku"],
            movements=read,
            alerts=alerts,
            zones=zones,
        )
    return refund_window(alert, events, zones=zones) if REFUND in alert["type"] else None
