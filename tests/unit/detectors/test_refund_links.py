"""How refunds stand to their sales, as `refund_match` finds them, makes a cashier's day of refunds rare."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from retail_anomaly.contract import RestartingRun, Run
from retail_anomaly.core.events import PosEvent
from tests.support.events import DAY, HOUR, MINUTE
from tests.support.runs import alerts_of, engine_of
from tests.support.usual import MONDAY

STORE = "store-1"
STRANGE = 30
LINKS = {"same_cashier", "tender_switch", "not_covered"}
BOTH = "refund_match", "refund_deviation"


def line(receipt: str, kind: str, cashier: str, at: int, **fields: Any) -> PosEvent:
    values: dict[str, Any] = {"sku": "sku-1", "amount": 20.0, "quantity": 1, "tender": "card"} | fields
    return PosEvent(
        transaction_id=receipt, store_id=STORE, cashier_id=cashier, event_type=kind, event_time=at, **values
    )


def weeks(**strange: Any) -> Iterator[PosEvent]:
    """Yield weeks in which others take back what was sold the day before, and two refunds of c-1 that differ.

    These are of sales of c-2 half a day before, unless `strange` says otherwise: whose, how long before, and
    fields of the refund.
    """
    rng = random.Random(3)
    cashier, age = strange.pop("sold_by", "c-2"), strange.pop("age", 4 * HOUR)
    for day in range(STRANGE + 1):
        opens = MONDAY + day * DAY + 8 * HOUR
        lines = [line(f"s-{day}-{n}", "SALE", f"c-{n % 3 + 1}", opens + n * 3 * MINUTE) for n in range(180)]
        for number in rng.sample(range(180), rng.randint(3, 6)) if day else ():
            by, sale = f"c-{rng.randint(1, 3)}", f"s-{day - 1}-{number}"
            at = opens + rng.randrange(9 * HOUR)
            lines.append(line(f"r-{day}-{number}", "REFUND", by, at, original_transaction_id=sale))
        if day == STRANGE:
            for number in range(2):
                at = opens + (5 + number) * HOUR
                lines.append(line(f"x-{number}", "SALE", cashier, at - age))
                back = {"original_transaction_id": f"x-{number}"} | strange
                lines.append(line(f"y-{number}", "REFUND", "c-1", at, **back))
        yield from sorted(lines, key=lambda each: each.event_time)


def last_of_the_strange_day(*names: str, **strange: Any) -> Any:
    alerts = alerts_of(engine_of(*names), *weeks(**strange))
    found = [
        a for a in alerts if a.detector == "refund_deviation" and (a.event_time - MONDAY) // DAY == STRANGE
    ]
    return found[-1] if found else None


@pytest.mark.parametrize(
    ("component", "strange"),
    [
        ("same_cashier", {"sold_by": "c-1", "age": 10 * MINUTE}),
        ("tender_switch", {"tender": "cash"}),
        ("not_covered", {"quantity": 2}),
        ("not_covered", {"sku": "sku-2"}),
    ],
)
def test_two_refunds_that_stand_to_their_sales_as_none_did_before_are_rare(component, strange):
    alert = last_of_the_strange_day(*BOTH, **strange)
    assert {f"y-{n}" for n in range(2)} <= set(alert.evidence["transactionIds"])
    assert alert.evidence["pValues"][component] < 0.001
    ordinary = last_of_the_strange_day(*BOTH)
    assert ordinary is None or alert.evidence["chance"] < ordinary.evidence["chance"]


def test_without_the_rule_that_finds_the_sales_nothing_is_known_of_them():
    run = Run(engine_of("refund_deviation", false_alarms=0.5))
    alerts = [alert for event in weeks(sold_by="c-1", age=MINUTE) for alert in run.step(event)]
    assert alerts
    assert not LINKS & {name for alert in alerts for name in alert.evidence["pValues"]}


def test_refund_half_an_hour_after_the_sale_is_soon_and_a_minute_later_it_is_not():
    def chance(age: int) -> float:
        run = Run(engine_of(*BOTH, refund_deviation={"false_alarms": 0.5}))
        alerts = [alert for event in weeks(sold_by="c-1", age=age) for alert in run.step(event)]
        of_day = [a for a in alerts if a.employee_id == "c-1" and (a.event_time - MONDAY) // DAY == STRANGE]
        return of_day[-1].evidence["pValues"].get("same_cashier", 1.0) if of_day else 1.0

    assert chance(30 * MINUTE) < 0.001
    assert chance(31 * MINUTE) == 1.0


def test_day_that_is_too_rare_is_not_learned():
    run = Run(engine_of(*BOTH))
    for event in weeks(sold_by="c-1", age=MINUTE):
        run.step(event)
    run.step(line("s-next", "SALE", "c-1", MONDAY + (STRANGE + 1) * DAY + 9 * HOUR))
    state: Any = run.store(STORE).detectors["refund_deviation"]
    past = state.usual_links.get("store")
    assert past.known > 50
    assert past.same_cashier == 0


def test_counts_go_on_after_a_restart():
    events = list(weeks(sold_by="c-1", age=MINUTE))
    rng = random.Random(5)
    whole, parts = Run(engine_of(*BOTH)), RestartingRun(engine_of(*BOTH))
    for event in events:
        assert parts.step(event) == whole.step(event)
        if rng.random() < 0.01:
            parts.restart()
