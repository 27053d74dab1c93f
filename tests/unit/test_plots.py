"""The data of the figures: what is drawn where, and what a reader is told."""

from typing import Any

import pandas as pd
import pytest

from retail_anomaly import plots
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.frames.evidence import evidence_items

HOSTILE = "<script>alert(1)</script>"


def alerts(**changes: Any) -> pd.DataFrame:
    return plots.example_alerts().assign(**changes)


def sale(
    store: str,
    time: Any,
    amount: float = 10.0,
    event_type: str = "SALE",
    number: str = "t",
    cashier: str = "c-1",
) -> dict[str, Any]:
    return {
        "store_id": store,
        "cashier_id": cashier,
        "transaction_id": number,
        "event_time": pd.Timestamp(time),
        "event_type": event_type,
        "amount": amount,
    }


def markers(figure: Any) -> list[Any]:
    return [trace for trace in figure.data if trace.mode == "markers"]


def test_timeline_draws_each_alert_at_its_time_in_its_store():
    figure = plots.timeline(alerts(store_id=["store-10", "store-2"]))
    burst, shrinkage = markers(figure)
    assert list(figure.layout.yaxis.ticktext) == ["store-2", "store-10"]
    assert pd.Timestamp(burst.x[0]) == pd.Timestamp("2025-10-09 08:53:20")
    assert round(shrinkage.y[0]) == figure.layout.yaxis.tickvals[0]
    assert round(burst.y[0]) == figure.layout.yaxis.tickvals[1]


def test_an_alert_is_drawn_once_as_its_last_revision_has_it():
    first = alerts().head(1)
    figure = plots.timeline(pd.concat([first.assign(revision=2, risk_score=1.0), first, first]))
    (burst,) = markers(figure)
    assert len(burst.x) == 1
    assert "risk 1.00" in burst.hovertext[0]
    assert "Revision 2" in burst.hovertext[0]


def test_hover_says_who_what_why_money_and_the_stores_own_time():
    figure = plots.timeline(alerts(), zones={"store-1": "Europe/Berlin"})
    text = markers(figure)[0].hovertext[0]
    for part in ("Refund burst", "store-1, c-1", "2 high refunds", "At stake: 240.00", "10:53:20 CEST"):
        assert part in text
    assert figure.layout.xaxis.title.text.endswith("time in Europe/Berlin")


def test_axis_is_in_utc_where_stores_differ_while_the_hover_stays_local():
    two = alerts(store_id=["store-1", "store-2"])
    figure = plots.timeline(two, zones={"store-1": "Europe/Berlin", "store-2": "America/New_York"})
    assert figure.layout.xaxis.title.text.endswith("time in UTC")
    assert "EDT" in markers(figure)[1].hovertext[0]


def test_an_alert_about_nobody_names_only_the_store():
    # None and NaN: pandas 2 and 3 disagree on what a missing name is.
    for nobody in (None, float("nan")):
        figure = plots.timeline(alerts(employee_id=[nobody, nobody]))
        assert "<br>store-1<br>" in markers(figure)[0].hovertext[0]


def test_colours_are_the_same_in_every_figure_and_cover_the_registry():
    by_type = {trace.name.split(" (")[0]: trace.marker.color for trace in markers(plots.timeline(alerts()))}
    assert by_type == {bar.name: bar.marker.color for bar in plots.alert_counts(alerts()).data}
    assert {detector.alert_type for detector in REGISTRY.values()} <= plots.COLOURS.keys()
    assert len(set(plots.COLOURS.values())) == len(plots.COLOURS)


@pytest.mark.parametrize("colour", plots.COLOURS.values())
def test_colours_have_contrast_on_white(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 3


def test_unknown_types_are_drawn_too():
    figure = plots.timeline(alerts(type=["MY_OWN", "SHRINKAGE"]))
    assert [trace.name for trace in markers(figure)] == ["Shrinkage (1)", "My own (1)"]


def test_sales_are_drawn_to_a_scale_of_each_store_and_without_refunds():
    events = pd.DataFrame(
        [
            sale("store-1", "2025-10-09T08:00Z", 100.0),
            sale("store-2", "2025-10-09T09:30Z", 50.0, "sale"),
            sale("store-2", "2025-10-09T09:30Z", 999.0, "REFUND"),
        ]
    )
    figure = plots.timeline(alerts(), events)
    areas = [trace for trace in figure.data if trace.fill == "tonexty"]
    heights = [max(area.y) - min(area.y) for area in areas]
    assert heights[0] == pytest.approx(heights[1])
    assert list(figure.layout.yaxis.ticktext) == ["store-1", "store-2"]
    assert "sales per 5 minutes" in figure.layout.title.subtitle.text


def test_stores_are_in_the_order_of_their_alerts():
    three = pd.concat([alerts(store_id=["s-9", "s-1"]), alerts(store_id=["s-9", "s-9"], alert_id=["x", "y"])])
    assert list(plots.timeline(three).layout.yaxis.ticktext) == ["s-9", "s-1"]
    assert list(plots.alert_counts(three).data[0].y) == ["s-9", "s-1"]


@pytest.mark.parametrize("apart", [0, 1, 60])
def test_alerts_of_nearly_one_moment_do_not_cover_each_other(apart):
    start = pd.Timestamp("2025-10-09T08:00Z")
    times = pd.Series(
        [start + pd.Timedelta(seconds=n * apart) for n in range(5)] + [start + pd.Timedelta("8h")]
    )
    many = pd.concat([alerts().head(1)] * 6, ignore_index=True)
    many = many.assign(alert_id=[f"a{n}" for n in range(6)], event_time=times, opened_at=times)
    heights = list(markers(plots.timeline(many))[0].y)
    assert len(set(heights[:5])) == 5
    assert heights[5] == heights[0]
    assert max(heights) - min(heights) < 0.84


@pytest.mark.parametrize("days", [1, 8, 40, 400, 4000])
def test_a_long_history_has_a_bounded_number_of_steps(days):
    times = pd.date_range("2024-01-01", periods=days + 1, freq="D", tz="UTC")
    figure = plots.timeline(alerts(), pd.DataFrame([sale("store-1", time) for time in times]))
    assert len(figure.data[1].x) <= 150


def test_no_alerts_is_a_figure_that_says_so():
    assert plots.timeline(alerts().head(0)).layout.title.text == "0 alerts in 0 stores"
    assert plots.alert_counts(alerts().head(0)).layout.title.text == "0 alerts by store and type"


def test_names_from_outside_are_escaped():
    bad = alerts(store_id=HOSTILE, employee_id=HOSTILE, message=HOSTILE, type=[HOSTILE, HOSTILE])
    alert = bad.iloc[0].to_dict()
    refund = sale(HOSTILE, alert["event_time"], event_type="REFUND", number=HOSTILE, cashier=HOSTILE)
    other = {**refund, "event_type": "SALE", "cashier_id": "c-2"}
    events = pd.DataFrame([refund, other]).assign(sku=HOSTILE, quantity=1)
    counts = events.rename(columns={"quantity": "counted_qty", "cashier_id": "manager_id"})
    rare = {**alert, "evidence": {"pValues": {HOSTILE: 0.1}, "component": HOSTILE}}
    about = bad.assign(evidence=pd.Series([{"sku": HOSTILE, "amount": 1.0}] * 2))
    scores = pd.DataFrame(
        {
            "detector": HOSTILE.lower(), "store_id": HOSTILE, "subject": HOSTILE, "component": HOSTILE,
            "start": bad["event_time"], "end": bad["event_time"], "observed": 1, "expected": 1.0,
            "lower": 0, "upper": 2, "score": 0.999,
        }
    )  # fmt: skip
    for figure in (
        plots.timeline(bad, events),
        plots.alert_counts(bad),
        plots.alert_hours(bad),
        plots.alert_trend(bad),
        plots.cashier_ladder(events, bad),
        plots.pareto(about),
        plots.refund_window(alert, events),
        plots.score_band(scores, HOSTILE, alerts=bad.assign(type=HOSTILE.upper())),
        plots.score_components(rare),
        plots.stock_walk(events, counts, store_id=HOSTILE, sku=HOSTILE, alerts=about),
    ):
        assert "<script" not in str(figure.to_dict()).lower()


def test_counts_add_up():
    figure = plots.alert_counts(pd.concat([alerts(), alerts(alert_id=["a3", "a4"], store_id="store-2")]))
    assert sum(sum(bar.x) for bar in figure.data) == 4
    assert list(figure.data[0].y) == ["store-1", "store-2"]


def test_refund_window_sums_receipts_and_shows_only_this_cashier_near_the_alert():
    alert = alerts().iloc[0].to_dict()
    time = alert["event_time"]
    events = pd.DataFrame(
        [
            sale("store-1", time, 70.0, "REFUND", "t-1"),
            sale("store-1", time, 50.0, "Refund", "t-1"),
            sale("store-1", time - pd.Timedelta("5min"), 20.0, "REFUND", "t-0"),
            sale("store-1", time, 10.0, "REFUND", "t-9", cashier="c-2"),
            sale("store-2", time, 10.0, "REFUND", "t-9"),
            sale("store-1", time, 10.0, "SALE", "t-9"),
            sale("store-1", time + pd.Timedelta("5h"), 10.0, "REFUND", "t-9"),
        ]
    )
    other, evidence = plots.refund_window(alert, events, zones="Europe/Berlin").data
    assert (list(other.y), list(evidence.y)) == ([20.0], [120.0])
    assert pd.Timestamp(evidence.x[0]) == pd.Timestamp("2025-10-09 10:53:20")


def test_refund_window_reaches_back_to_the_first_refund_that_a_model_cites():
    alert = {**alerts().iloc[0].to_dict(), "type": "REFUND_DEVIATION"}
    time = alert["event_time"]
    events = pd.DataFrame(
        [
            sale("store-1", time - pd.Timedelta("3h"), 10.0, "REFUND", "t-1"),
            sale("store-1", time, 30.0, "REFUND", "t-2"),
            sale("store-1", time - pd.Timedelta("9D"), 99.0, "REFUND", "t-2"),  # an id used before
        ]
    )
    figure = plots.refund_window(alert, events, around="10min")
    assert list(figure.data[1].y) == [10.0, 30.0]
    assert [f"{end:%H:%M}" for end in figure.layout.xaxis.range] == ["05:43", "09:03"]
    assert "40.00 refunded in 180 minutes" in figure.layout.title.subtitle.text
    assert "t-1: 10.00 refunded" in figure.data[1].hovertext[0]
    assert "Cashier c-1 made 2 high refunds." in figure.data[1].hovertext[0]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.timeline(pd.DataFrame({"alert_id": []})), "alerts: columns are missing: revision, "),
        (lambda: plots.timeline(alerts(), pd.DataFrame({"store_id": []})), "events: columns are missing: "),
        (lambda: plots.refund_window({}, pd.DataFrame({"amount": []})), "events: columns are missing: "),
    ],
)
def test_a_frame_without_its_columns_is_refused_by_name(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_evidence_of_any_detector_becomes_words():
    evidence = {
        "secondsAfterSale": 94.0,
        "otherTransactionIds": [],
        "ratio": 0.125,
        "shift": {"shiftStart": 1_760_000_000_000, "role": None},
        "someNewThingIds": ["a"],
        "windowEnd": 7,
    }
    assert evidence_items(evidence) == [
        ("Seconds from sale to alarm", "94"),
        ("Other sales just before", "none"),
        ("Ratio", "0.125"),
        ("Shift start", "2025-10-09 08:53:20 UTC"),
        ("Role", "not known"),
        ("Some new things", "a"),
        ("Window end", "7"),
    ]
