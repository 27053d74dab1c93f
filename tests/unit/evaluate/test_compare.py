"""Two configurations beside each other: what appears, moves and vanishes, and what is the same."""

from __future__ import annotations

import pandas as pd
import pytest

from retail_anomaly.core.events import Event
from retail_anomaly.evaluate import alerts_by_value, compare_alerts, differing_alerts, near_misses
from retail_anomaly.plots import example_alerts
from retail_anomaly.replay import replay
from retail_anomaly.settings import SettingsError
from tests.support.events import HOUR, MINUTE, count, gate, refund, sale
from tests.support.tuning import only

# Three high refunds, two high ones, and three of which one is not high.
BURST = [refund(n * MINUTE, transaction_id=f"b-{n}") for n in range(3)]
PAIR = [refund(HOUR + n * MINUTE, transaction_id=f"p-{n}", cashier_id="c-2") for n in range(2)]
LOW = [
    refund(2 * HOUR + n * MINUTE, transaction_id=f"l-{n}", cashier_id="c-3", amount=amount)
    for n, amount in enumerate([120.0, 120.0, 90.0])
]
EVENTS = [*BURST, *PAIR, *LOW]


def alerts_with(**burst: object) -> pd.DataFrame:
    return replay(EVENTS, settings=only("refund_burst", refund_burst=burst)).alerts


def changes(before: pd.DataFrame, after: pd.DataFrame) -> list[tuple[str, str]]:
    found = compare_alerts(before, after)
    return list(zip(found["change"], found["employee_id"], strict=True))


def test_equal_alerts_are_kept():
    assert changes(alerts_with(), alerts_with()) == [("kept", "c-1")]


def test_an_alert_that_an_earlier_event_raises_has_moved():
    """With two refunds enough, the burst is told at its second one: another id, the same burst."""
    loose = alerts_with(count=2)
    assert changes(alerts_with(), loose) == [("moved", "c-1"), ("appeared", "c-2"), ("appeared", "c-3")]
    assert changes(loose, alerts_with()) == [("moved", "c-1"), ("vanished", "c-2"), ("vanished", "c-3")]


def test_risk_before_is_that_of_the_alert_as_it_was():
    found = compare_alerts(alerts_with(), alerts_with(amount=90.0))
    assert found["risk_before"].iloc[0] == pytest.approx(0.7 + 0.3 * 120 / 200)
    assert found["risk_score"].iloc[0] == pytest.approx(0.7 + 0.3 * 120 / 180)
    assert found["risk_before"].isna().tolist() == [False, True]


def test_of_a_revised_alert_the_last_revision_is_compared():
    more = replay(
        [*BURST, refund(4 * MINUTE, transaction_id="b-4", amount=900.0)], detectors=["refund_burst"]
    )
    assert len(more.alerts) == 2
    assert compare_alerts(more.alerts, more.alerts)["revision"].tolist() == [2]


def test_stock_is_the_same_article_at_the_same_count():
    counts = [count(0, 20), count(HOUR, 12), count(2 * HOUR, 2)]
    strict, loose = (
        replay(counts, settings=only("stock_discrepancy", stock_discrepancy={"threshold": limit})).alerts
        for limit in (9, 5)
    )
    assert compare_alerts(strict, loose)["change"].tolist() == ["appeared", "kept"]


@pytest.mark.parametrize("empty", ["before", "after"])
def test_one_side_may_be_empty(empty):
    alerts, none = example_alerts(), example_alerts().head(0)
    found = compare_alerts(none, alerts) if empty == "before" else compare_alerts(alerts, none)
    assert found["change"].tolist() == ["appeared" if empty == "before" else "vanished"] * 2
    assert compare_alerts(none, none).empty


# --- Near misses ---------------------------------------------------------------------------------


def test_near_miss_of_a_burst_is_what_one_refund_more_would_have_made_one():
    assert near_misses(EVENTS, "refund_burst", count=2)["employee_id"].tolist() == ["c-2", "c-3"]
    assert near_misses(EVENTS, "refund_burst", amount=90.0)["employee_id"].tolist() == ["c-3"]


def test_near_miss_of_an_alarm_is_about_a_cheaper_sale_and_not_about_one_that_alerts():
    events: list[Event] = [
        sale(0, transaction_id="dear", amount=250.0),
        sale(MINUTE, transaction_id="cheap", cashier_id="c-2", amount=150.0),
        gate(MINUTE + 1_000),
        sale(HOUR, transaction_id="alone", amount=150.0),
        gate(HOUR + 1_000),
    ]
    found = near_misses(events, "security_correlation", amount=150.0)
    assert [evidence["transactionId"] for evidence in found["evidence"]] == ["alone"]


def test_near_misses_begin_with_the_settings_that_are_given():
    strict = only("refund_burst", refund_burst={"count": 4})
    assert near_misses(EVENTS, "refund_burst", settings=strict, count=3)["employee_id"].tolist() == ["c-1"]


def test_unknown_detector_is_named():
    with pytest.raises(SettingsError, match="unknown detector 'refund_bursts'"):
        near_misses(EVENTS, "refund_bursts")


# --- The same ------------------------------------------------------------------------------------


def test_order_repetition_and_time_of_detection_do_not_matter():
    alerts = example_alerts()
    later = alerts.assign(detected_at=alerts["detected_at"] + pd.Timedelta("1h"))
    assert differing_alerts(alerts, pd.concat([later.iloc[::-1], later])).empty


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("message", "Something else."),
        ("revision", 2),
        ("config_hash", "1"),
        ("evidence", {"sku": "sku-2"}),
        ("employee_id", "c-9"),
        ("opened_at", pd.Timestamp("2025-10-09", tz="UTC")),
    ],
)
def test_any_other_content_is_a_difference(column, value):
    alerts = example_alerts()
    other = alerts.copy()
    other[column] = [value, other[column][1]]
    found = differing_alerts(alerts, other)
    assert sorted(found["only_in"]) == ["one", "other"]
    assert set(found["alert_id"]) == {"a1"}


def test_an_alert_that_one_side_lacks_is_a_difference():
    alerts = example_alerts()
    assert differing_alerts(alerts, alerts.head(1))["only_in"].tolist() == ["one"]
    assert differing_alerts(alerts.head(0), alerts)["only_in"].tolist() == ["other", "other"]


# --- Another value -------------------------------------------------------------------------------


def test_what_other_values_do_to_the_alerts():
    found = alerts_by_value(EVENTS, "refund_burst", "count", [2, 3, 4])
    assert found["alerts"].to_dict() == {2: 3, 3: 1, 4: 0}
    changes = found[["kept", "moved", "appeared", "vanished"]].to_numpy().tolist()
    assert changes == [[0, 1, 2, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
