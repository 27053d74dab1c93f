"""Cashiers beside their peers, the stock of a sku, and what the models saw."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp
from typing import Any

import pandas as pd
import pytest

from retail_anomaly import plots
from retail_anomaly.core.events import CountEvent, MovementEvent, PosEvent
from retail_anomaly.detectors import SalesDeviation, looks, register, unregister
from tests.support.events import DAY, HOUR, MINUTE

T0 = 1_760_000_000_000  # 2025-10-09, 08:53:20 in UTC


def line(time: int, kind: str = "SALE", **changes: Any) -> PosEvent:
    usual: dict[str, Any] = {"store_id": "s", "cashier_id": "c", "sku": "k", "amount": 5.0}
    usual |= {"transaction_id": f"t-{time}"} | changes
    return PosEvent(event_type=kind, event_time=T0 + time, **usual)


def pos(*events: PosEvent) -> pd.DataFrame:
    return plots.pos_frame(events)


# --- The ladder ----------------------------------------------------------------------------------


def cashier(name: str, receipts: int, refunds: int, store: str = "s") -> list[PosEvent]:
    return [
        line(
            n,
            "REFUND" if n < refunds else "SALE",
            store_id=store,
            cashier_id=name,
            transaction_id=f"{name}-{n}",
        )
        for n in range(receipts)
    ]


def test_a_rung_is_the_multiple_of_the_stores_other_cashiers():
    events = pos(
        *cashier("a", 100, 20), *cashier("b", 100, 4), *cashier("c", 100, 5), *cashier("x", 50, 40, "other")
    )
    figure = plots.cashier_ladder(events)
    _, rungs = figure.data
    ratios = dict(zip(rungs.y, rungs.x, strict=True))
    # The others made 9 of 200 receipts, and half a refund is added.
    assert ratios["a"] == pytest.approx(20 / (100 * 9.5 / 200))
    assert ratios["b"] == pytest.approx(4 / (100 * 25.5 / 200))
    # The only cashier of a store has no peers.
    assert "1 cashier without peers left out" in figure.layout.title.subtitle.text
    assert rungs.y[-1] == "a"  # the top
    assert figure.layout.title.text.startswith("1 of 3 cashiers refunds more often than the peers, most a")


def test_the_interval_is_that_of_a_count_and_who_refunds_nothing_has_no_rung():
    figure = plots.cashier_ladder(pos(*cashier("a", 100, 1), *cashier("b", 100, 10), *cashier("c", 100, 0)))
    rungs = figure.data[1]
    one = list(rungs.y).index("a")
    assert set(rungs.y) == {"a", "b"}
    expected = 100 * 10.5 / 200
    # With a mean of 0.00135, one comes once in 741; with a mean of 8.9, no more than one does: three standard
    # deviations.
    low, high = rungs.x[one] - rungs.error_x.arrayminus[one], rungs.x[one] + rungs.error_x.array[one]
    assert low * expected == pytest.approx(0.00135, rel=1e-3)
    assert (1 + high * expected) * exp(-high * expected) == pytest.approx(0.00135, rel=1e-3)


def test_only_alerts_about_refunds_mark_a_cashier_of_that_store():
    events = pos(
        *cashier("a", 50, 5), *cashier("b", 50, 2), *cashier("a", 50, 2, "s2"), *cashier("b", 50, 2, "s2")
    )
    example = plots.example_alerts().assign(store_id="s")
    about = pd.concat(
        [
            example.head(1).assign(employee_id="a"),
            example.head(1).assign(alert_id="a9", employee_id="b", type="SECURITY_CORRELATION"),
        ]
    )
    named, others = plots.cashier_ladder(events, about).data
    assert list(named.y) == ["a (s)"]
    assert set(others.y) == {"b (s)", "a (s2)", "b (s2)"}
    assert "Alerts: refund burst 1" in named.hovertext[0]
    assert "5 of 50 receipts are refunds: 10.0%" in named.hovertext[0]
    assert "Refunded: 25.00" in named.hovertext[0]


def test_the_ladder_has_so_many_rungs_and_says_of_how_many():
    events = pos(*(event for n in range(6) for event in cashier(f"c-{n}", 20, n)))
    figure = plots.cashier_ladder(events, most=2)
    assert list(figure.data[1].y) == ["c-4", "c-5"]
    assert "the 2 most conspicuous of 6" in figure.layout.title.subtitle.text


# --- The stock -----------------------------------------------------------------------------------

COUNTS = plots.count_frame(
    [
        CountEvent("s", "k", 20, T0, "m-1"),
        CountEvent("s", "k", 12, T0 + DAY),
        CountEvent("s", "k", 30, T0 + 2 * DAY),
        CountEvent("s", "other", 1, T0 + DAY),
        CountEvent("s2", "k", 1, T0 + DAY),
    ]
)
LINES = pos(
    line(-HOUR, quantity=9),  # before the first count nothing is known
    line(HOUR, quantity=3),
    line(2 * HOUR, "refund", quantity=1),
    line(3 * HOUR, "VOID", quantity=9),
    line(4 * HOUR, quantity=9, sku="other"),
    line(DAY, quantity=2),  # at the time of a count: it is sold before
    line(DAY + HOUR, quantity=1),
)


def test_the_stock_steps_with_sales_and_refunds_and_starts_anew_at_each_count():
    figure = plots.stock_walk(LINES, COUNTS, store_id="s", sku="k", zones="Europe/Berlin")
    walk, gaps, counted = figure.data
    assert walk.y.tolist() == [20, 20, 17, 18, 16, 16, 12, 11, 11, 30]
    assert list(counted.y) == [20, 12, 30]
    assert list(gaps.y) == [16, 12, None]
    assert pd.Timestamp(counted.x[0]) == pd.Timestamp("2025-10-09 10:53:20")
    assert counted.hovertext[1].startswith("Counted 12, expected 16: 4 missing")
    assert counted.hovertext[2].startswith("Counted 30, expected 11: 19 too many")
    assert "Counted 20 by m-1" in counted.hovertext[0]
    assert figure.layout.title.text == "k in s: 4 pieces missing at 1 of 3 counts"
    assert "6 sold and 1 refunded" in figure.layout.title.subtitle.text


def test_the_stock_of_weighed_goods_steps_with_deliveries_and_write_offs():
    lines = pos(line(HOUR, quantity=0.1), line(2 * HOUR, quantity=0.2))
    counts = plots.count_frame([CountEvent("s", "k", 2.5, T0), CountEvent("s", "k", 3.9, T0 + DAY)])
    moved = plots.movement_frame(
        [
            MovementEvent("s", "k", 2.75, T0 + 3 * HOUR, "DELIVERY"),
            MovementEvent("s", "k", -0.25, T0 + 4 * HOUR),
            MovementEvent("s", "k", -0.3, T0 + 5 * HOUR, "Sale"),  # the tills tell of it
            MovementEvent("s", "other", 9, T0 + 5 * HOUR),
        ]
    )
    figure = plots.stock_walk(lines, counts, store_id="s", sku="k", movements=moved)
    assert figure.data[0].y.tolist() == [2.5, 2.5, 2.4, 2.2, 4.95, 4.7, 4.7, 3.9]
    assert figure.data[0].hovertext[4].startswith("2.75 pieces in, DELIVERY<br>4.95 left")
    assert figure.layout.title.text == "k in s: 0.8 pieces missing at 1 of 2 counts"
    assert "0.3 sold and 0 refunded, +2.5 moved" in figure.layout.title.subtitle.text


def test_alerts_about_the_sku_stand_at_their_count():
    shown = plots.example_alerts().assign(
        store_id="s", type="STOCK_DISCREPANCY", evidence=pd.Series([{"sku": "k"}, {"sku": "other"}])
    )
    shown["event_time"] = pd.to_datetime(T0 + DAY, unit="ms", utc=True)
    alert = plots.stock_walk(LINES, COUNTS, store_id="s", sku="k", alerts=shown).data[-1]
    assert (alert.name, list(alert.y)) == ("Stock discrepancy", [12])


def test_a_sku_that_was_never_counted_is_an_empty_figure():
    figure = plots.stock_walk(LINES, COUNTS, store_id="s", sku="nothing")
    assert figure.layout.title.text == "nothing in s: nothing missing at 0 counts"


# --- What the models saw -------------------------------------------------------------------------


def scores(*rows: tuple[int, float, float | None]) -> pd.DataFrame:
    """Return scores of store s: end in minutes after T0, what was counted, the score."""
    ends = pd.to_datetime([T0 + minute * MINUTE for minute, _, _ in rows], unit="ms", utc=True)
    return pd.DataFrame(
        {
            "detector": "sales_deviation",
            "store_id": "s",
            "subject": "s",
            "start": ends - pd.Timedelta("15min"),
            "end": ends,
            "observed": [counted for _, counted, _ in rows],
            "expected": 4.0,
            "lower": 1,
            "upper": 8,
            "component": "quarter",
            "score": [score for _, _, score in rows],
        }
    )


@pytest.fixture
def renamed() -> Iterator[type[SalesDeviation]]:
    """Give a registered detector whose alert type is not its name in capitals."""

    class Renamed(SalesDeviation):
        name = "till_pace"
        alert_type = "SLOW_TILL"

    yield register(Renamed)
    unregister(Renamed.name)


def test_the_band_closes_over_the_night_and_opens_with_the_first_interval():
    figure = plots.score_band(scores((0, 4, 0.1), (15, 5, 0.2), (800, 0, 0.999)), "s", zones="Europe/Berlin")
    drawn = {trace.name: trace for trace in figure.data}
    assert list(drawn["usually at most"].y) == [8, 8, 0, 0, 8]
    times = [f"{time:%H:%M}" for time in pd.to_datetime(drawn["Usual"].x)]
    assert times == ["10:53", "11:08", "11:08", "23:58", "00:13"]
    assert [number for number in drawn["Counted"].y if pd.notna(number)] == [4, 5, 0]
    assert list(drawn["Score over the limit"].y) == [0.999]
    assert figure.layout.yaxis.title.text == "Receipts in a quarter of an hour"


def test_an_alert_stands_at_what_was_counted_and_says_why():
    shown = plots.example_alerts().assign(
        type=["SALES_DEVIATION", "SHRINKAGE"], store_id="s", employee_id=None, message="Nothing sold."
    )
    shown["opened_at"] = pd.to_datetime(T0 + 15 * MINUTE, unit="ms", utc=True)
    shown["event_time"] = shown["opened_at"] + pd.Timedelta("15min")  # it became worse
    figure = plots.score_band(scores((0, 4, 0.1), (15, 7, 0.999), (30, 0, 0.9999)), "s", alerts=shown)
    (alert,) = [trace for trace in figure.data if trace.name == "Alert"]
    assert list(alert.y) == [7]
    assert "Nothing sold." in alert.hovertext[0]
    assert figure.layout.title.text == "Sales of s beside what is usual, 1 alert"


def test_alerts_about_scores_are_those_of_the_type_that_the_detector_names(renamed):
    shown = plots.example_alerts().assign(
        type=[renamed.alert_type, "SHRINKAGE"], store_id="s", employee_id=None
    )
    shown["opened_at"] = pd.to_datetime(T0, unit="ms", utc=True)
    figure = plots.score_band(scores((0, 4, 0.1)).assign(detector=renamed.name), "s", alerts=shown)
    (alert,) = [trace for trace in figure.data if trace.name == "Alert"]
    assert list(alert.y) == [4]
    assert alert.marker.color == looks()[renamed.alert_type].colour


def test_a_model_that_still_learns_says_so():
    figure = plots.score_band(scores((0, 4, None)), "s")
    counted = next(trace for trace in figure.data if trace.name == "Counted")
    assert "still learning" in counted.hovertext[0]


def deviation(**chances: float) -> dict[Any, Any]:
    evidence = {"pValues": chances, "component": "cash"}
    return {**plots.example_alerts().iloc[0].to_dict(), "type": "REFUND_DEVIATION", "evidence": evidence}


def test_components_are_drawn_by_how_rare_they_are_and_the_deciding_one_stands_out():
    figure = plots.score_components(deviation(day=0.1, cash=0.001, amount=1.0, my_own=0.0))
    (bars,) = figure.data
    drawn = dict(zip(bars.y, bars.x, strict=True))
    assert list(drawn) == ["Amounts of the refunds", "Count of the day so far", "Refunds in cash", "My own"]
    assert list(drawn.values()) == pytest.approx([0, 1, 3, 12])
    assert [colour == plots.COLOURS["REFUND_DEVIATION"] for colour in bars.marker.color] == [
        False,
        False,
        True,
        False,
    ]
    assert figure.layout.title.text == "What stood out: refunds in cash, 1 in 1,000"
    assert "store-1, c-1" in bars.hovertext[0]


def test_a_rules_alert_has_no_components():
    with pytest.raises(ValueError, match="REFUND_BURST is a rule's alert"):
        plots.score_components(plots.example_alerts().iloc[0].to_dict())
