"""The data of the figures of ordinary trade and of tuning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from retail_anomaly import plots


def trade(*rows: tuple[str, str, str, str], event_type: str = "SALE") -> pd.DataFrame:
    """Return POS events: store, cashier, receipt, time."""
    frame = pd.DataFrame(rows, columns=["store_id", "cashier_id", "transaction_id", "event_time"])
    return frame.assign(event_time=pd.to_datetime(frame["event_time"], utc=True), event_type=event_type)


def refunds(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    return trade(*rows, event_type="REFUND")


def receipts(cashier: str, sold: int, refunded: int) -> pd.DataFrame:
    at = "2025-10-09T10:00Z"
    rows = [("s", cashier, f"{cashier}-{n}", at) for n in range(sold + refunded)]
    return pd.concat([trade(*rows[:sold]), refunds(*rows[sold:])])


# --- Ordinary trade ------------------------------------------------------------------------------


def test_hours_are_means_over_the_days_of_each_store_on_its_own_clock():
    events = pd.concat(
        [
            trade(*[("berlin", "c", "1", "2025-10-09T10:30Z")] * 4),
            trade(*[("berlin", "c", "1", "2025-10-16T10:30Z")] * 2),
            trade(("utc", "c", "1", "2025-10-09T12:30Z")),
            refunds(("utc", "c", "2", "2025-10-09T12:30Z")),
        ]
    )
    figure = plots.sales_by_hour(events, zones={"berlin": "Europe/Berlin"})
    (heat,) = figure.data
    assert list(heat.x) == [12]
    # Seven lines on three store-days that were Thursdays, all from 12 to 13 h.
    assert heat.z[3][0] == pytest.approx(7 / 3)
    assert np.isnan(heat.z[0][0])
    assert "3 store-days with sales in 2 stores" in figure.layout.title.subtitle.text


def test_days_without_a_sale_leave_a_gap_and_are_counted():
    events = trade(
        ("store-10", "c", "1", "2025-10-06T10:00Z"),
        ("store-10", "c", "1", "2025-10-08T10:00Z"),
        ("store-10", "c", "1", "2025-10-08T10:00Z"),
        ("store-2", "c", "1", "2025-10-07T23:30Z"),
    )
    (heat,) = plots.sales_by_day(events).data
    assert list(heat.y) == ["store-2", "store-10"]
    assert list(heat.z[1]) == pytest.approx([0.5, np.nan, 1.0], nan_ok=True)
    assert plots.sales_by_day(events).layout.title.text == "3 of 6 store-days are without a sale"
    # On Berlin's clock it was sold a day later.
    (heat,) = plots.sales_by_day(events, zones="Europe/Berlin").data
    assert list(heat.z[0]) == pytest.approx([np.nan, np.nan, 1.0], nan_ok=True)


def test_only_the_stores_that_sell_most_are_drawn_and_that_is_said():
    events = trade(*[(f"s-{n}", "c", "1", "2025-10-06T10:00Z") for n in range(5) for _ in range(n + 1)])
    figure = plots.sales_by_day(events, most=2)
    assert list(figure.data[0].y) == ["s-3", "s-4"]
    assert "the 2 stores that sell most, of 5" in figure.layout.title.subtitle.text


def test_a_cashier_beyond_chance_stands_out_and_a_receipt_counts_once():
    events = pd.concat([receipts(f"c-{n}", 98, 2) for n in range(9)] + [receipts("c-9", 80, 20)])
    figure = plots.refund_shares(pd.concat([events, events]))  # each line twice: the same receipts
    usual, high = (trace for trace in figure.data if trace.mode == "markers+text")
    assert len(usual.x) == 9
    assert (list(high.x), list(high.y), list(high.text)) == ([100], [0.2], ["c-9"])
    assert "20 of 100 receipts are refunds: 20.0%" in high.hovertext[0]
    assert figure.layout.title.text == "1 of 10 cashiers refunds more than chance explains"


def test_limits_are_three_standard_deviations_of_a_share():
    figure = plots.refund_shares(pd.concat([receipts("a", 90, 10), receipts("b", 360, 40)]))
    upper = figure.data[0]
    assert upper.x[0] == pytest.approx(100)
    assert upper.y[0] == pytest.approx(0.1 + 3 * 0.03)
    assert upper.y[-1] == pytest.approx(0.1 + 3 * 0.015)


@pytest.mark.parametrize("draw", [plots.sales_by_hour, plots.sales_by_day, plots.refund_shares])
def test_no_events_make_an_empty_figure_and_a_missing_column_is_named(draw):
    assert draw(trade()).layout.title.text
    with pytest.raises(ValueError, match="event_type"):
        draw(trade().drop(columns="event_type"))


def test_names_cannot_write_into_the_page():
    hostile = "<b>x</b>"
    events = pd.concat([receipts(f"c-{n}", 98, 2) for n in range(9)] + [receipts(hostile, 80, 20)])
    for figure in (plots.refund_shares(events), plots.sales_by_day(events.assign(store_id=hostile))):
        assert hostile not in figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">")


# --- Tuning --------------------------------------------------------------------------------------

TRIALS = pd.DataFrame({"trial": [1, 2, 3], "alert_rate": [0.5, 1.5, 99.0], "worth": [0.2, 0.8, 1.0]})
FRONTIER = pd.DataFrame({"alert_rate": [0.3, 0.9], "worth": [0.1, 0.6]})


def test_trials_far_beyond_the_budget_are_counted_and_not_drawn():
    figure = plots.recall_and_alert_rate(TRIALS, FRONTIER, before=(1.2, 0.4), budget=1.0)
    points = {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data}
    assert points["One trial"] == ([0.5, 1.5], [0.2, 0.8])
    assert points["Chosen"] == ([0.9], [0.6])
    assert points["Before"] == ([1.2], [0.4])
    assert "1 trial with more alerts than shown" in figure.layout.title.subtitle.text
    assert figure.layout.xaxis.range[1] > 3


def test_objective_names_the_axis():
    figure = plots.recall_and_alert_rate(TRIALS, FRONTIER, before=(1, 0), budget=1.0, objective="loss")
    assert figure.layout.yaxis.title.text == "Share of expected loss found"


def candidates(**columns: Any) -> pd.DataFrame:
    usual = {"trial": 1, "alert_rate": 0.5, "worth": 0.2, "value": 2.0, "text": "2"}
    return pd.DataFrame({**usual, **columns})


def test_each_parameter_has_a_panel_and_the_chosen_value_is_marked():
    tried = candidates(
        detector=["refund_burst", "refund_burst", "stock_discrepancy"],
        parameter=["count", "window", "threshold"],
    )
    chosen = {"detectors.refund_burst.count": 2, "detectors.refund_burst.window": 600_000}
    figure = plots.parameter_slices(tried, chosen=chosen, budget=1.0)
    titles = [note.text for note in figure.layout.annotations]
    assert titles == ["Refund burst: count", "Refund burst: window", "Stock discrepancy: threshold"]
    assert [line.x0 for line in figure.layout.shapes] == [2, 600_000]
    assert [trace.name for trace in figure.data if trace.showlegend] == ["Within the budget"]


def test_what_is_over_the_budget_alone_is_told_apart():
    tried = candidates(detector="refund_burst", parameter=["count", "count"], alert_rate=[0.5, 1.5])
    within, over = plots.parameter_slices(tried, budget=1.0).data
    assert (len(within.x), len(over.x)) == (1, 1)
    assert within.showlegend
    assert over.showlegend
