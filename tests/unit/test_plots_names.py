"""The public names of the figures: other people's notebooks call them."""

from __future__ import annotations

import inspect

import plotly.graph_objects as go

from retail_anomaly import plots
from tests.support.figures import FIGURES

DRAWN = {
    "alert_counts": "(alerts)",
    "alert_hours": "(alerts, *, zones, most)",
    "alert_rate_by_store": "(by_store)",
    "alert_trend": "(alerts, *, zones)",
    "alerts_by_limit": "(by_limit, *, limit)",
    "cashier_ladder": "(events, alerts, *, most)",
    "found_by_read": "(days, *, own)",
    "loss_per_alert": "(overall, ks)",
    "matched_refunds": "(by_memory)",
    "parameter_slices": "(candidates, *, chosen, budget)",
    "pareto": "(alerts, *, by, most)",
    "precision_at_k": "(overall, ks)",
    "precision_recall": "(curve, overall)",
    "recall_and_alert_rate": "(trials, frontier, *, before, budget, objective)",
    "recall_by_scenario": "(by_scenario)",
    "receipt_ledger": "(sales, cover, *, store_id, receipt)",
    "refund_ages": "(cover, *, return_window)",
    "refund_shares": "(events, *, by, noun)",
    "refund_window": "(alert, events, *, around, zones)",
    "refunds_over_time": "(events, *, store_id, employee_id, zones)",
    "reliability": "(bins)",
    "sales_by_day": "(events, *, zones, most)",
    "sales_by_hour": "(events, *, zones)",
    "score_band": "(scores, subject, *, alerts, zones, limit)",
    "score_components": "(alert, *, zones)",
    "stock_walk": "(events, counts, *, store_id, sku, movements, alerts, zones)",
    "time_to_detect": "(by_scenario)",
    "timeline": "(alerts, events, *, zones)",
}
OTHERS = {
    "COLOURS",
    "alerts_table",
    "count_frame",
    "evidence_figure",
    "evidence_table",
    "example_alerts",
    "last_revisions",
    "movement_frame",
    "pos_frame",
}


def short(function):
    """Return a signature without types and defaults."""
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty, default=inspect.Parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
    ]
    return str(inspect.Signature(bare))


def test_the_names_and_their_parameters_are_these():
    assert {name: short(getattr(plots, name)) for name in plots.__all__ if name in DRAWN} == DRAWN
    assert set(plots.__all__) == DRAWN.keys() | OTHERS


def test_every_figure_is_among_those_that_are_rendered():
    drawing = {
        name
        for name in plots.__all__
        if callable(getattr(plots, name))
        and inspect.signature(getattr(plots, name)).return_annotation is go.Figure
    }
    assert drawing == FIGURES.keys() == DRAWN.keys()
