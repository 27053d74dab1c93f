"""Figures of alerts: one function, one Plotly figure, from data frames.

Nothing here shows or writes a figure; that is the caller's business. Alerts are a frame as
`retail_anomaly.replay.replay` returns it; of an alert's revisions the last one is drawn. Times on
an axis are in the zone that the axis names, times in a hover text are those of the store.

A new figure is a file with a function, and a line here.

Examples
--------
>>> from retail_anomaly import plots
>>> plots.timeline(plots.example_alerts()).layout.xaxis.title.text
'Thursday 9 October 2025, time in UTC'
"""

from retail_anomaly.frames.alert_tables import alerts_table, evidence_table
from retail_anomaly.frames.alerts import example_alerts, last_revisions
from retail_anomaly.frames.events import count_frame, movement_frame, pos_frame
from retail_anomaly.plots.alert_rate import alert_rate_by_store
from retail_anomaly.plots.by_alerts_read import loss_per_alert, precision_at_k
from retail_anomaly.plots.by_limit import alerts_by_limit
from retail_anomaly.plots.by_scenario import recall_by_scenario, time_to_detect
from retail_anomaly.plots.components import score_components
from retail_anomaly.plots.counts import alert_counts, alert_hours, alert_trend
from retail_anomaly.plots.evidence_figure import evidence_figure
from retail_anomaly.plots.found_by_read import found_by_read
from retail_anomaly.plots.ladder import cashier_ladder
from retail_anomaly.plots.over_time import refunds_over_time
from retail_anomaly.plots.pareto import pareto
from retail_anomaly.plots.precision_recall import precision_recall
from retail_anomaly.plots.profiles import refund_shares, sales_by_day, sales_by_hour
from retail_anomaly.plots.refund_cover import matched_refunds, receipt_ledger, refund_ages
from retail_anomaly.plots.refunds import refund_window
from retail_anomaly.plots.reliability import reliability
from retail_anomaly.plots.scores import score_band
from retail_anomaly.plots.stock import stock_walk
from retail_anomaly.plots.style import COLOURS
from retail_anomaly.plots.timeline import timeline
from retail_anomaly.plots.tuning import parameter_slices, recall_and_alert_rate

__all__ = [
    "COLOURS",
    "alert_counts",
    "alert_hours",
    "alert_rate_by_store",
    "alert_trend",
    "alerts_by_limit",
    "alerts_table",
    "cashier_ladder",
    "count_frame",
    "evidence_figure",
    "evidence_table",
    "example_alerts",
    "found_by_read",
    "last_revisions",
    "loss_per_alert",
    "matched_refunds",
    "movement_frame",
    "parameter_slices",
    "pareto",
    "pos_frame",
    "precision_at_k",
    "precision_recall",
    "recall_and_alert_rate",
    "recall_by_scenario",
    "receipt_ledger",
    "refund_ages",
    "refund_shares",
    "refund_window",
    "refunds_over_time",
    "reliability",
    "sales_by_day",
    "sales_by_hour",
    "score_band",
    "score_components",
    "stock_walk",
    "time_to_detect",
    "timeline",
]
