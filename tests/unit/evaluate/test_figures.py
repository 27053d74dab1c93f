"""The figures of a scorecard draw the small world that was worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from retail_anomaly import plots
from retail_anomaly.evaluate import Activity, scorecard
from tests.unit.evaluate.world import EVENTS, INCIDENTS, alerts


@pytest.fixture(scope="module")
def card():
    return scorecard(alerts(), INCIDENTS, activity=Activity.of(EVENTS), ks=(1, 2))


def by_name(figure):
    return {trace.name: trace for trace in figure.data}


def test_recall_by_scenario(card):
    figure = plots.recall_by_scenario(card.by_scenario)
    drawn = by_name(figure)
    bars = drawn["Alerts, 95 % interval"]
    assert dict(zip(bars.y, bars.x, strict=True)) == {"Skimming": 1.0, "Sweeping": 0.0}
    assert set(drawn["Null: no alerts"].x) == {0.0}
    assert set(drawn["Perfect"].x) == {1.0}
    assert figure.layout.title.text == "2 of 3 incidents found"
    # All stores found all of it: an interval without length.
    assert bars.error_x.array[list(bars.y).index("Skimming")] == 0


def test_arms_reach_to_the_ends_of_the_interval(card):
    frame = card.by_scenario.copy()
    frame.loc[("Alerts", "skimming"), ["recall", "low", "high"]] = [0.5, 0.2, 0.9]
    bars = plots.recall_by_scenario(frame).data[0]
    place = list(bars.y).index("Skimming")
    assert bars.error_x.array[place] == pytest.approx(0.4)
    assert bars.error_x.arrayminus[place] == pytest.approx(0.3)
    assert bars.customdata[place][0] == ", 95 % interval 20% to 90%"


def test_precision_at_k(card):
    drawn = by_name(plots.precision_at_k(card.overall, card.ks))
    assert list(drawn["Alerts, 95 % interval"].x) == ["1", "2", "all"]
    assert list(drawn["Alerts, 95 % interval"].y) == pytest.approx([1.0, 2 / 4, 3 / 5])
    assert list(drawn["Perfect"].y) == [1.0, 1.0, 1.0]


def test_loss_per_alert(card):
    drawn = by_name(plots.loss_per_alert(card.overall, card.ks))
    assert list(drawn["Alerts, 95 % interval"].y) == pytest.approx([160 / 2, 160 / 4, 160 / 5])


def test_time_to_detect(card):
    figure = plots.time_to_detect(card.by_scenario)
    drawn = by_name(figure)
    # i1 after 4 minutes, i3 after 30; nothing of the other scenario was found.
    assert (list(drawn["Median"].y), list(drawn["Median"].x)) == (["Skimming"], [4.0])
    assert list(drawn["90 % take no longer"].x) == [30.0]
    assert "30.0 min" in drawn["90 % take no longer"].customdata[0][0]
    assert figure.layout.xaxis.type == "log"


def test_what_is_found_at_once_stays_on_a_log_axis(card):
    frame = card.by_scenario.copy()
    frame["minutes_median"] = frame["minutes_median"].where(frame["minutes_median"].isna(), 0.0)
    median = by_name(plots.time_to_detect(frame))["Median"]
    assert list(median.x) == [0.1]
    assert median.customdata[0][0] == "at once"


def test_alert_rate_by_store(card):
    true, false = plots.alert_rate_by_store(card.by_store).data
    # Store a: three alerts on one day, two of them right; store b: two on two days, one right.
    assert list(true.y) == ["a", "b"]
    assert list(true.x) == pytest.approx([2.0, 0.5])
    assert list(false.x) == pytest.approx([1.0, 0.5])


def test_precision_and_recall_by_threshold(card):
    drawn = by_name(plots.precision_recall(card.curve, card.overall))
    curve = drawn["Alerts from a confidence on"]
    found = list(zip(curve.y, curve.x, strict=True))
    # The riskiest three are x1, x4 and x5, of which two are right and find i1 and i3 of three.
    assert found[-2] == pytest.approx((2 / 3, 2 / 3))
    assert found[-1] == pytest.approx((1.0, 1 / 3))
    assert not np.isnan(drawn["Random"].y[0])


def test_recall_of_two_configurations_is_one_chart(card):
    worse = card.by_scenario.copy()
    worse[["recall", "found"]] = 0.0
    figure = plots.recall_by_scenario({"old": worse, "new": card.by_scenario})
    old, new = figure.data[:2]
    assert (old.name, new.name) == ("old, 95 % interval", "new, 95 % interval")
    assert list(old.y) == list(new.y)
    assert set(old.x) == {0.0}
    assert old.marker.color != new.marker.color
    assert "found with new, 0 with old" in figure.layout.title.text
    assert [trace.name for trace in figure.data[2:]] == [
        trace.name for trace in plots.recall_by_scenario(card.by_scenario).data[1:]
    ]
    with pytest.raises(ValueError, match="by_scenario: expected"):
        plots.recall_by_scenario({})
