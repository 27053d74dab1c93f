from __future__ import annotations

import random
import time
from typing import Any

import msgspec

from retail_anomaly.contract import Run
from retail_anomaly.core.codec import decode
from retail_anomaly.core.events import PosEvent, ShiftEvent
from retail_anomaly.replay import replay
from tests.support.events import DAY, HOUR
from tests.support.runs import alerts_of, engine_of
from tests.support.usual import BURST, MONDAY, STORE, weeks

CASHIERS = [f"c-{n}" for n in range(6)]


def trade(days, refunds=lambda day, cashier: 1, role=lambda day, cashier: None, seed=5):
    """Yield days of six cashiers; `refunds` gives the mean of each, and counts are nearly Poisson."""
    rng = random.Random(seed)
    for day in range(days):
        start = MONDAY + day * DAY
        for cashier in CASHIERS:
            named = role(day, cashier)
            if named:
                yield ShiftEvent(cashier, STORE, start + 8 * HOUR, start + 18 * HOUR, named)
        lines = []
        for cashier in CASHIERS:
            count = [rng.random() < refunds(day, cashier) / 10 for _ in range(10)].count(True)
            for n in range(60 + count):
                kind = "REFUND" if n < count else "SALE"
                at = start + 9 * HOUR + rng.randrange(8 * HOUR)
                sku = rng.randrange(40)
                lines.append(
                    PosEvent(
                        f"{kind}-{day}-{cashier}-{n}",
                        STORE,
                        cashier,
                        f"sku-{sku}",
                        5.0 + sku,
                        kind,
                        at,
                        original_transaction_id=f"o-{day}-{cashier}-{n}" if kind == "REFUND" else None,
                    )
                )
        yield from sorted(lines, key=lambda line: line.event_time)


def days_of(alerts, cashier):
    return {(alert.event_time - MONDAY) // DAY for alert in alerts if alert.employee_id == cashier}


def test_many_refunds_of_a_day_are_one_alert_that_gets_worse():
    alerts = [a for a in alerts_of(engine_of("refund_deviation"), *weeks()) if a.employee_id == "c-1"]
    burst = [a for a in alerts if (a.event_time - MONDAY) // DAY == BURST]
    assert len({a.alert_id for a in burst}) == 1
    assert [a.revision for a in burst] == list(range(1, len(burst) + 1))
    last = burst[-1].evidence
    assert last["observed"] > last["upper"] >= last["expected"]
    assert {f"x-{n}" for n in range(3)} & set(last["transactionIds"])
    assert min(last["pValues"], key=last["pValues"].get) == last["component"]
    assert burst[-1].risk_score == round(1 - last["chance"], 6) or burst[-1].risk_score > 0.999


def test_honest_weeks_alert_about_as_often_as_promised():
    alerts = alerts_of(engine_of("refund_deviation", false_alarms=0.02), *trade(90))
    counted = {(alert.employee_id, (alert.event_time - MONDAY) // DAY) for alert in alerts}
    nominal = 0.02 * len(CASHIERS) * (90 - 14)
    assert len(counted) <= 2 * nominal


def test_what_is_learned_hangs_not_on_what_alerts():
    """Otherwise a stricter limit could alert earlier, because it would have learned other days."""
    states = []
    for share in (0.5, 0.0001):
        run = Run(engine_of("refund_deviation", false_alarms=share))
        for event in weeks():
            run.step(event)
        state = run.store(STORE).detectors["refund_deviation"]
        states.append(
            {
                name: {key: msgspec.msgpack.encode(entry) for key, entry in table.items()}  # type: ignore[attr-defined]
                for name, table in state.collections().items()
                if name != "episodes"
            }
        )
    assert states[0] == states[1]


def test_sustained_refunds_are_still_flagged_after_two_weeks_and_are_learned_in_the_end():
    events = list(trade(95, lambda day, cashier: 6 if cashier == "c-2" and day >= 40 else 1))
    flagged = days_of(alerts_of(engine_of("refund_deviation"), *events), "c-2")
    assert len(flagged & set(range(40, 47))) >= 4
    assert not flagged & set(range(85, 95))  # nothing locks


def test_a_level_that_no_other_has_is_flagged_for_weeks_and_one_that_others_have_is_learned_within_days():
    def flagged(usual):
        """Return the days on which c-2 is flagged, counted from day 40, its first with six refunds."""
        events = trade(70, lambda day, cashier: 6 if cashier == "c-2" and day >= 40 else usual(cashier))
        return {day - 40 for day in days_of(alerts_of(engine_of("refund_deviation"), *events), "c-2")}

    alone = flagged(lambda cashier: 1)
    assert len(alone & set(range(17, 20))) == 3
    assert not alone & set(range(21, 30))
    # Half of the others refund six a day too, as at a service desk without a rota.
    assert not flagged(lambda cashier: 6 if cashier in ("c-3", "c-4", "c-5") else 1) & set(range(10, 30))


def test_a_published_change_of_role_is_learned_within_ten_days():
    desk = "c-5"

    def refunds(day, cashier):
        return 6 if cashier == desk or (cashier == "c-3" and day >= 40) else 1

    def role(day, cashier):
        return "service-desk" if refunds(day, cashier) == 6 else "cashier"

    flagged = days_of(alerts_of(engine_of("refund_deviation"), *trade(70, refunds, role)), "c-3")
    assert not flagged & set(range(50, 70))


def test_entries_keep_to_their_budget():
    run = Run(engine_of("refund_deviation"))
    for event in trade(30, lambda day, cashier: 8):
        run.step(event)
    state: Any = run.store(STORE).detectors["refund_deviation"]
    assert max(len(msgspec.msgpack.encode(entry)) for _, entry in state.cashiers.items()) <= 1024
    tables = state.level, state.prices
    assert sum([len(msgspec.msgpack.encode(table.get("store"))) for table in tables]) <= 6144


def test_both_models_keep_to_a_multiple_of_what_decoding_takes():
    """Both are processor time of one process; on a quiet machine the ratio is about thirty."""
    lines = [event for event in trade(30, lambda day, cashier: 2) if isinstance(event, PosEvent)]
    raw = [msgspec.json.encode(event) for event in lines]
    run = Run(engine_of("refund_deviation", "sales_deviation"))
    spent = []
    for work in (lambda n: decode("pos-events", raw[n]), lambda n: run.step(lines[n])):
        began = time.process_time()
        for number in range(len(lines)):
            work(number)
        spent.append(time.process_time() - began)
    assert spent[1] <= 90 * spent[0]


def test_every_judgement_is_a_score_and_says_why_there_is_none_yet():
    result = replay(list(weeks()), detectors=["refund_deviation", "sales_deviation"], scores=True)
    scores = result.scores
    assert scores is not None
    assert set(scores["detector"]) == {"refund_deviation", "sales_deviation"}
    silent = scores[scores["score"].isna()]
    assert silent["silent"].str.fullmatch(r"learned \d+ of \d+ days").all()
    judged = scores[scores["score"].notna()]
    assert judged["score"].between(0, 1).all()
    assert (judged["lower"] <= judged["upper"]).all()
    refunds = judged[judged["detector"] == "refund_deviation"]
    alerts = result.alerts[result.alerts["detector"] == "refund_deviation"]
    assert set(alerts["risk_score"]) <= set(refunds["score"])


def test_lines_days_too_late_count_nothing_and_a_wrong_future_day_is_left_again():
    run = Run(engine_of("refund_deviation"))
    events = list(trade(30))
    for event in events:
        run.step(event)
    far = msgspec.structs.replace(events[-1], event_time=MONDAY + 4000 * DAY)
    run.step(far)
    alerts = []
    later = list(trade(60, lambda day, cashier: 9 if cashier == "c-1" and day >= 50 else 1))
    for event in later[len(events) :]:
        alerts += run.step(event)
    assert days_of(alerts, "c-1") & set(range(50, 60))
