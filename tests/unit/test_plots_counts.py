"""How many alerts, of whom and when: trend, hours, money."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from retail_anomaly import plots


def alerts(*rows: dict[str, Any]) -> pd.DataFrame:
    """Return alerts that differ from the example as said, each with an id of its own."""
    usual = plots.example_alerts().iloc[0].to_dict()
    frame = pd.DataFrame([{**usual, "alert_id": f"a{n}", **row} for n, row in enumerate(rows)])
    frame["event_time"] = pd.to_datetime(frame["event_time"], utc=True)
    return frame


def at(time: str, **changes: Any) -> dict[str, Any]:
    return {"event_time": pd.Timestamp(time), **changes}


# --- By day --------------------------------------------------------------------------------------


def test_trend_counts_by_the_stores_own_day_and_keeps_days_without_alerts():
    shown = alerts(
        at("2025-10-06T23:30Z"), at("2025-10-09T10:00Z", type="SHRINKAGE"), at("2025-10-09T11:00Z")
    )
    figure = plots.alert_trend(shown, zones="Europe/Berlin")
    burst, shrinkage = figure.data
    assert [f"{day:%d}" for day in pd.to_datetime(burst.x)] == ["07", "08", "09"]
    assert (list(burst.y), list(shrinkage.y)) == ([1, 0, 1], [0, 0, 1])
    assert figure.layout.title.text == "1.0 alerts a day, most on Thursday 9 October 2025 (2)"
    assert len(plots.alert_trend(shown).data[0].x) == 4  # in UTC the first was a day earlier


def test_a_long_history_is_drawn_by_week_from_monday():
    shown = alerts(at("2025-01-01T10:00Z"), at("2025-01-05T10:00Z"), at("2025-06-30T10:00Z"))
    figure = plots.alert_trend(shown)
    (bars,) = figure.data
    assert {day.day_of_week for day in pd.to_datetime(bars.x)} == {0}
    assert (bars.y[0], bars.y[-1], sum(bars.y)) == (2, 1, 3)
    assert figure.layout.yaxis.title.text == "Alerts a week"


# --- By hour -------------------------------------------------------------------------------------


def test_hours_are_those_of_the_stores_own_clock_and_types_are_told():
    shown = alerts(
        at("2025-10-06T10:10Z", store_id="store-10"),
        at("2025-10-08T10:50Z", store_id="store-10", type="SHRINKAGE"),
        at("2025-10-08T14:00Z", store_id="store-2"),
    )
    (heat,) = plots.alert_hours(shown, zones={"store-10": "Europe/Berlin"}).data
    assert list(heat.x) == [12, 13, 14]
    assert list(heat.y) == ["store-2", "store-10"]
    assert heat.z.tolist() == [
        pytest.approx([np.nan, np.nan, 1], nan_ok=True),
        pytest.approx([2, np.nan, np.nan], nan_ok=True),
    ]
    assert tuple(heat.customdata[1][0]) == ("2 alerts", "refund burst 1, shrinkage 1")


def test_only_the_stores_with_the_most_alerts_are_drawn_and_that_is_said():
    shown = alerts(*[at("2025-10-06T10:00Z", store_id=f"s{n}") for n in range(4) for _ in range(n + 1)])
    figure = plots.alert_hours(shown, most=2)
    assert list(figure.data[0].y) == ["s2", "s3"]
    assert "the 2 stores with the most, of 4" in figure.layout.title.subtitle.text


# --- Money ---------------------------------------------------------------------------------------


def money(amount: float, **changes: Any) -> dict[str, Any]:
    return {"type": "REFUND_WITHOUT_SALE", "evidence": {"amount": amount}, **changes}


def test_pareto_sums_the_money_of_each_employee_and_says_how_few_make_most_of_it():
    shown = alerts(
        money(500, employee_id="c-1"),
        money(300, employee_id="c-1", type="SECURITY_CORRELATION"),
        money(150, employee_id="c-2"),
        money(50, employee_id="c-2", store_id="store-2"),
        money(0, employee_id=None),
        {"evidence": {"missing": 7}, "type": "STOCK_DISCREPANCY"},
    )
    figure = plots.pareto(shown)
    unmatched, gate, share = figure.data
    assert list(unmatched.x) == [
        "c-1, store-1",
        "c-2, store-1",
        "c-2, store-2",
        "nobody named, store-1",
    ]
    assert (list(unmatched.y), list(gate.y)) == ([500, 150, 50, 0], [300, 0, 0, 0])
    assert list(share.y) == pytest.approx([0.8, 0.95, 1, 1])
    assert figure.layout.title.text == "Alerts about 1 of 3 employees make 80 % of the 1,000.00 in question"
    assert "1 alert about pieces left out" in figure.layout.title.subtitle.text


def test_pareto_by_store_draws_the_first_and_counts_all():
    shown = alerts(*[money(10.0 * n, store_id=f"s{n}") for n in range(1, 5)])
    figure = plots.pareto(shown, by="store_id", most=2)
    bars, share = figure.data
    assert (list(bars.x), list(bars.y)) == (["s4", "s3"], [40, 30])
    assert list(share.y) == pytest.approx([0.4, 0.7])
    assert "the first 2 of 4" in figure.layout.title.subtitle.text


def test_pareto_refuses_what_it_cannot_sum_by():
    with pytest.raises(ValueError, match="by: expected one of employee_id, store_id, not 'sku'"):
        plots.pareto(alerts({}), by="sku")


@pytest.mark.parametrize(
    ("draw", "title"),
    [
        (plots.alert_trend, "0 alerts on 0 days"),
        (plots.alert_hours, "No alerts"),
        (plots.pareto, "No alert is about money"),
    ],
)
def test_no_alerts_is_a_figure_that_says_so(draw, title):
    assert draw(alerts({}).head(0)).layout.title.text == title
