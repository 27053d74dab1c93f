"""What holds of every scorecard."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_anomaly.evaluate import Activity, incidents_frame, match_incidents, scorecard
from retail_anomaly.evaluate.measures import Resampling
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.frames.confidence import with_confidence
from tests.unit.evaluate.world import EVENTS, MINUTE, NOON, alert, incident

pytestmark = pytest.mark.long

# A scorecard takes a tenth of a second, nearly all of it in pandas.
few = settings(max_examples=12)
STORES = st.sampled_from(["a", "b", "c"])
RECEIPTS = st.sampled_from(["t1", "t2", "t3", "t4"])
PEOPLE = st.sampled_from(["c1", "c2", None])
MOMENTS = st.integers(0, 600).map(lambda minute: NOON + minute * MINUTE)
EVIDENCE = st.one_of(
    st.just({}),
    st.builds(lambda ids: {"transactionIds": ids}, st.lists(RECEIPTS, max_size=3)),
    st.builds(lambda sku: {"sku": sku}, st.sampled_from(["k1", "k2"])),
)


@st.composite
def incidents(draw, fewest=0):
    rows = []
    for number in range(draw(st.integers(fewest, 5))):
        start = draw(MOMENTS)
        row = incident(
            f"i{number}",
            draw(STORES),
            start,
            end=start + draw(st.integers(0, 300)) * MINUTE,
            transactionIds=draw(st.lists(RECEIPTS, max_size=3, unique=True)),
            employeeId=draw(PEOPLE),
            scenario=draw(st.sampled_from(["one", "two"])),
            expectedLoss=draw(st.floats(0, 1_000)),
            sku=draw(st.sampled_from(["k1", "k2", None])),
            distractor=draw(st.booleans()) if number else False,
        )
        rows.append(row)
    return incidents_frame(rows)


@st.composite
def raised(draw, fewest=0):
    rows = []
    for number in range(draw(st.integers(fewest, 8))):
        at = draw(MOMENTS)
        risk = draw(st.integers(1, 10)) / 10
        found = alert(f"x{number}", draw(STORES), at, risk, draw(EVIDENCE), employee_id=draw(PEOPLE))
        rows.append(found)
    return alerts_frame(rows)


def card_of(alerts, truth, **options):
    options = {"activity": Activity.of(EVENTS), "resamples": 0, "runs": 0, "ks": (1, 3), **options}
    return scorecard(alerts, truth, **options)


@few
@given(raised(), incidents(fewest=1))
def test_perfect_finds_all_and_null_nothing(alerts, truth):
    card = card_of(alerts, truth)
    for measure in ("recall", "precision"):
        assert card.value(measure, "Perfect") == 1
    assert card.value("recall", "Null") == 0
    assert 0 <= card.value("recall") <= 1


@few
@given(raised(), incidents())
def test_a_false_alert_never_raises_precision_and_changes_no_recall(alerts, truth):
    false = alerts_frame([alert("false", "a", NOON, 0.95, {"transactionId": "no receipt"})])
    # The incidents that time alone decides would take it for one of theirs.
    truth = truth[np.array([bool(ids) for ids in truth["transaction_ids"]], dtype=bool)]
    before, after = (card_of(frame, truth) for frame in (alerts, pd.concat([alerts, false])))
    assert after.value("recall") == pytest.approx(before.value("recall"), nan_ok=True)
    for measure in ("precision", "precision_at_1", "precision_at_3", "loss_per_alert"):
        if measure in ("precision", "loss_per_alert") and not np.isnan(before.value(measure)):
            assert after.value(measure) <= before.value(measure)
    assert after.value("alert_rate") >= before.value("alert_rate")


@few
@given(raised(fewest=1), incidents(fewest=1))
def test_more_reading_never_finds_less_and_reading_all_is_the_whole(alerts, truth):
    ks = (1, 2, 3, len(alerts))
    card = card_of(alerts, truth, ks=ks)
    found = [card.value(f"recall_at_{k}") for k in card.ks]
    assert found == sorted(found)
    for measure in ("recall", "precision", "loss_per_alert"):
        assert card.value(f"{measure}_at_{len(alerts)}") == pytest.approx(card.value(measure))


@few
@given(raised(fewest=1), incidents(fewest=1))
def test_the_curve_starts_with_all_alerts_and_only_loses(alerts, truth):
    card = card_of(alerts, truth)
    first = card.curve.iloc[0]
    assert first["alerts"] == len(alerts)
    for measure in ("recall", "precision"):
        assert first[measure] == pytest.approx(card.value(measure))
    for column in ("alerts", "recall", "loss_found"):
        assert (np.diff(card.curve[column]) <= 1e-9).all()
    # Each point is the scorecard of the alerts that reach it.
    confidence = with_confidence(alerts)["confidence"].to_numpy()
    for point in card.curve.to_dict("records"):
        kept = card_of(alerts[confidence >= point["threshold"]], truth)
        assert kept.value("recall") == pytest.approx(point["recall"])
        assert kept.value("precision") == pytest.approx(point["precision"])


@given(raised(), incidents())
def test_matching_agrees_with_the_rule_told_one_pair_at_a_time(alerts, truth):
    for row in match_incidents(alerts, truth).to_dict("records"):
        expected = {a["alert_id"] for a in alerts.to_dict("records") if counts(a, row)}
        assert set(row["alert_ids"]) == expected
        assert row["found"] == (bool(expected) and not row["distractor"])


def counts(raised, row):
    """Tell whether an alert counts for an incident, in the words of the contract."""
    cited, skus = set(raised["evidence"].get("transactionIds", ())), {raised["evidence"].get("sku")} - {None}
    if raised["store_id"] != row["store_id"]:
        return False
    named = [one for one in (raised["employee_id"], row["employee_id"]) if isinstance(one, str)]
    if len(set(named)) == 2:
        return False
    if row["transaction_ids"]:
        return bool(cited & set(row["transaction_ids"]))
    in_time = row["start"] <= raised["event_time"] <= row["end"]
    if not (cited or skus):
        return in_time
    if isinstance(row["sku"], str):
        return in_time and row["sku"] in skus
    # Else a refund would count for an outage; none of these alerts cites an interval.
    return in_time and isinstance(row["employee_id"], str)


@few
@given(raised(fewest=1), incidents(fewest=1), st.integers(0, 9))
def test_intervals_hold_the_estimate_and_stay_in_range(alerts, truth, seed):
    card = card_of(alerts, truth, resamples=400, seed=seed, runs=2)
    known = card.overall.dropna()
    assert (known["low"] <= known["estimate"] + 1e-9).all()
    assert (known["estimate"] <= known["high"] + 1e-9).all()
    figures = known[[name.startswith(("recall", "precision")) for _, name in known.index]].to_numpy()
    assert ((figures >= 0) & (figures <= 1)).all()


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.floats(0.05, 0.95))
def test_quantiles_are_those_of_numpy(values, level):
    found = Resampling.draw(["a"], resamples=0, seed=0)
    one = found.quantiles(np.array(values), np.array(["a"] * len(values)), {"q": level})
    assert one["estimate"]["q"] == np.quantile(values, level, method="inverted_cdf")


@given(st.lists(st.tuples(st.floats(0, 100), st.sampled_from("abc")), min_size=1, max_size=20))
@settings(max_examples=30)
def test_a_drawn_quantile_is_that_of_the_drawn_stores_values(pairs):
    """Against the plain way: repeat each value as often as its store was drawn."""
    drawn = Resampling.draw(["a", "b", "c"], resamples=60, seed=1)
    values, stores = np.array([v for v, _ in pairs]), np.array([s for _, s in pairs])
    plain = []
    for weights in drawn.weights:
        repeated = np.repeat(values, [weights["abc".index(store)] for store in stores])
        plain.append(np.quantile(repeated, 0.5, method="inverted_cdf") if len(repeated) else np.nan)
    found = drawn.quantiles(values, stores, {"median": 0.5}).loc["median"]
    assert [found["low"], found["high"]] == pytest.approx(np.nanquantile(plain, [0.025, 0.975]).tolist())
