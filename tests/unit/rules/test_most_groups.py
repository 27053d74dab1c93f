"""Groups of rules that somebody makes up: those that matter least are forgotten, which raises no alert."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from retail_anomaly.contract import RestartingRun, Run
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event
from retail_anomaly.rules import Rule, detector_class
from retail_anomaly.rules.rule_detector import NoParameters
from tests.support.events import DAY, HOUR, MINUTE, refund, sale

MOST = 20
KINDS: dict[str, dict[str, Any]] = {
    "count": {"window": "1h", "when": {"count": "sold", "gte": 3}},
    "distinct in a day": {"window": "day", "when": {"distinct": "sold.sku", "gte": 2}},
    "share": {"window": "1h", "when": {"ratio": ["refunded", "sold"], "gte": 0.5}},
    "share of a day": {"window": "day", "when": {"ratio": ["refunded", "sold"], "gte": 0.5}},
    "sequence": {"window": "10m", "when": {"sequence": ["refunded", "sold"]}},
    "absence": {"window": "10m", "when": {"absent": "sold", "after": "refunded"}},
}


def engine(kind: str, most: int) -> Engine:
    rule = {
        "id": "made",
        "status": "live",
        "events": {"sold": {"eventType": "SALE"}, "refunded": {"eventType": "REFUND"}},
        "by": ["cashierId"],
        "subject": "cashierId",
    }
    detector = detector_class(Rule.load(rule | KINDS[kind]), flood=10_000)
    few = type(detector.__name__, (detector,), {"most_groups": most, "__module__": __name__})
    return Engine([few(NoParameters(), DAY)])


def random_events(seed: int, count: int = 1_500) -> list[Event]:
    random = Random(seed)
    events: list[Event] = []
    at = 0
    for n in range(count):
        at += random.randrange(3 * MINUTE)
        ring = sale if random.random() < 0.6 else refund
        late = random.randrange(HOUR) if random.random() < 0.1 else 0
        who, sku = f"c-{random.randrange(60)}", f"k-{random.randrange(3)}"
        events.append(ring(at - late, cashier_id=who, sku=sku, transaction_id=f"t-{n}"))
    return events


def groups(run: Run) -> Any:
    return run.stores["store-1"].indexed.groups


def employees(alerts: Iterable[Alert]) -> set[str | None]:
    return {alert.employee_id for alert in alerts}


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_alerts_with_few_groups_alerts_with_all(kind: str) -> None:
    lost = 0
    for seed in range(6):
        events = random_events(seed)
        few, all_ = Run(engine(kind, MOST)), Run(engine(kind, 10_000))
        found = few.alerts(events)
        told = all_.alerts(events)
        assert employees(found) <= employees(told)
        assert len(groups(few)) <= MOST + 1
        lost += few.engine.undecided["rule:made", "too many ids"]
    assert lost > 0


@pytest.mark.parametrize("kind", ["share", "absence"])
def test_what_only_a_forgotten_group_could_refute_raises_nothing(kind: str) -> None:
    honest: list[Event] = [sale(n, cashier_id="c-1", transaction_id=f"t-{n}") for n in range(1, 4)]
    made_up = [
        ring(MINUTE + n, cashier_id=f"m-{n // 10}", transaction_id=f"m-{n}")
        for n in range(10 * 60)
        for ring in (sale, refund)
    ]
    late: list[Event] = [
        refund(MINUTE * 2, cashier_id="c-1", transaction_id="t-8"),
        refund(MINUTE * 2, cashier_id="c-1", transaction_id="t-9"),
        sale(MINUTE * 2, cashier_id="c-1", transaction_id="t-9"),
    ]
    assert "c-1" not in employees(Run(engine(kind, MOST)).alerts([*honest, *made_up, *late]))


def test_a_group_with_an_open_alert_stays() -> None:
    burst: list[Event] = [sale(n, cashier_id="c-1", transaction_id=f"t-{n}") for n in range(3)]
    made_up = [sale(10 + n, cashier_id=f"m-{n // 2}", transaction_id=f"m-{n}") for n in range(400)]
    run = Run(engine("count", MOST))
    run.alerts([*burst, *made_up])
    assert any(key.endswith("c-1") for key in groups(run))


def test_the_same_groups_are_forgotten_over_restarts() -> None:
    events = random_events(9, 600)
    for kind in KINDS:
        once = Run(engine(kind, MOST)).alerts(events)
        restarting, again = RestartingRun(engine(kind, MOST)), []
        for number, event in enumerate(events):
            again += restarting.step(event)
            if number % 37 == 0:
                restarting.restart()
        assert again == once
