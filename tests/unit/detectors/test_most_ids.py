"""Ids that somebody makes up: those that matter least are forgotten, and no alert is raised for it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from msgspec import structs

from retail_anomaly.contract import RestartingRun, Run
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.detector import Detector
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event, MovementEvent
from retail_anomaly.core.most_ids import MOST_ROLES
from retail_anomaly.detectors import InventoryShrinkage, RefundBurst, StockDiscrepancy
from retail_anomaly.detectors.refund_deviation import RefundDeviation
from retail_anomaly.detectors.sales_deviation import SalesDeviation
from retail_anomaly.models.refunds import StoreRefunds
from tests.support.events import DAY, T0, count, refund, sale, shift

MOST = 20


class FewCashiers(RefundBurst):
    most_cashiers = MOST


class FewSold(InventoryShrinkage):
    most_skus = MOST


class FewCounted(StockDiscrepancy):
    most_skus = MOST


def engine() -> Engine:
    kinds: list[type[Detector[Any, Any]]] = [FewCashiers, FewSold, FewCounted]
    return Engine([kind(kind.Parameters(), max_late=DAY) for kind in kinds])


def run_of(events: Iterable[Event]) -> tuple[Run, list[str]]:
    """Run events; return the run and the types of its alerts."""
    run = Run(engine())
    return run, [alert.type for alert in run.alerts(events)]


def arrival(sku: str, quantity: float, at: int) -> MovementEvent:
    return MovementEvent("store-1", sku, quantity, T0 + at)


def test_cashiers_with_the_oldest_refunds_are_forgotten_first() -> None:
    run, alerts = run_of([refund(n, cashier_id=f"c-{n:03}", transaction_id=f"t-{n}") for n in range(1_000)])

    kept = list(run.stores["store-1"].detectors["refund_burst"].cashiers)  # type: ignore[attr-defined]
    assert len(kept) <= MOST
    assert min(kept) >= "c-980"
    assert alerts == []
    assert run.engine.undecided["refund_burst", "too many ids"] == 1_000 - len(kept)


def test_a_burst_amid_made_up_cashiers_is_still_found() -> None:
    events = chain.from_iterable(
        (
            refund(2 * n, cashier_id=f"made-up-{n}", transaction_id=f"m-{n}"),
            refund(2 * n + 1, cashier_id="c-1", transaction_id=f"t-{n}"),
        )
        for n in range(200)
    )
    assert "REFUND_BURST" in run_of(events)[1]


def test_articles_that_sold_least_are_forgotten_first() -> None:
    sales = [sale(n, sku=f"made-up-{n}", transaction_id=f"t-{n}") for n in range(1_000)]
    events: list[Event] = [sale(0, sku="k", quantity=50), *sales, count(2_000, sku="k", counted=20)]
    run, alerts = run_of(events)

    assert alerts == ["SHRINKAGE"]
    assert len(run.stores["store-1"].detectors["inventory_shrinkage"].sold) <= MOST  # type: ignore[attr-defined]


def test_goods_whose_arrival_was_forgotten_are_not_missed() -> None:
    events: list[Event] = [
        arrival("k", 30, 0),
        sale(1, sku="k", quantity=30),
        *(arrival(f"made-up-{n}", 40, 2 + n) for n in range(1_000)),
        count(2_000, sku="k", counted=0),
    ]
    assert run_of(events)[1] == []


def test_the_count_after_a_forgotten_one_raises_nothing() -> None:
    counts = [count(1 + n, sku=f"made-up-{n}", counted=9) for n in range(1_000)]
    run, alerts = run_of([count(0, sku="k", counted=50), *counts, count(2_000, sku="k", counted=1)])

    assert alerts == []
    assert len(run.stores["store-1"].detectors["stock_discrepancy"].stock) <= MOST  # type: ignore[attr-defined]


def test_the_same_ids_are_forgotten_over_restarts() -> None:
    events: list[Event] = []
    for n in range(500):
        at = 10 * n
        events += [
            sale(at, sku=f"k-{n * 7 % 60}", quantity=1 + n * 17 % 90, transaction_id=f"s-{n}"),
            refund(at + 1, cashier_id=f"c-{n * 11 % 50}", transaction_id=f"r-{n}"),
            arrival(f"k-{n * 3 % 60}", 1 + n % 3, at + 2),
            count(at + 3, sku=f"k-{n * 13 % 60 if n % 2 else n % 10}", counted=n * 29 % 40),
        ]
    once = Run(engine()).alerts(events)
    restarting = RestartingRun(engine())
    again = []
    for number, event in enumerate(events):
        again += restarting.step(event)
        if number % 37 == 0:
            restarting.restart()

    assert again == once
    assert {alert.type for alert in once} >= {"SHRINKAGE", "STOCK_DISCREPANCY"}


class FewHistories(RefundDeviation):
    most_cashiers = MOST


def day_of(day: int, cashiers: Iterable[str], sales: int, refunds: int = 1) -> list[Event]:
    """Return a day's sales and refunds of some cashiers."""
    events: list[Event] = []
    for place, cashier in enumerate(cashiers):
        at = day * DAY + place * 1_000
        numbers = [f"{cashier}-{day}-{n}" for n in range(max(sales, refunds))]
        events += [sale(at, cashier_id=cashier, transaction_id=number) for number in numbers[:sales]]
        events += [refund(at + 1, cashier_id=cashier, transaction_id=number) for number in numbers[:refunds]]
    return events


def model_run(events: Iterable[Event]) -> tuple[Run, list[Alert]]:
    run = Run(Engine([FewHistories(FewHistories.Parameters(learn_days=2), max_late=DAY)]))
    return run, run.alerts(events)


def test_cashiers_without_a_history_are_forgotten_before_those_with_one() -> None:
    desk = [f"c-{n}" for n in range(5)]
    made_up = [sale(3 * DAY + n, cashier_id=f"m-{n}", transaction_id=f"m-{n}") for n in range(200)]
    run, _ = model_run([*chain.from_iterable(day_of(day, desk, 2) for day in range(3)), *made_up])

    state: Any = run.stores["store-1"].detectors["refund_deviation"]
    assert set(state.cashiers) >= set(desk)
    assert len(state.cashiers) <= MOST
    assert run.engine.undecided["refund_deviation", "too many ids"] == 205 - len(state.cashiers)


def test_a_cashier_whose_history_was_forgotten_raises_nothing() -> None:
    desk = [f"c-{n}" for n in range(MOST + 20)]
    growing = chain.from_iterable(day_of(day, desk[: MOST - 2 + day // 2], 4) for day in range(20))
    run, alerts = model_run([*growing, *day_of(20, desk, sales=0, refunds=30)])

    state: Any = run.stores["store-1"].detectors["refund_deviation"]
    assert state.silent_until.get("store")
    known = {name for name, cashier in state.cashiers.items() if not cashier.is_new}
    assert {alert.employee_id for alert in alerts} <= known
    assert alerts


def test_tables_of_the_models_stay_small_whoever_sells_what_in_which_role() -> None:
    events: list[Event] = []
    for n in range(2 * MOST_ROLES):
        at, who = n * DAY // 3, f"c-{n % MOST}"
        events += [
            structs.replace(shift(at, at + 9, employee=who), role=f"role-{n}"),
            sale(at, cashier_id=who, sku=f"k-{n}", transaction_id=f"t-{n}"),
            refund(at + 1, cashier_id=who, sku=f"k-{n}", transaction_id=f"t-{n}"),
        ]
    models: list[Detector[Any, Any]] = [
        FewHistories(FewHistories.Parameters(), max_late=DAY),
        SalesDeviation(SalesDeviation.Parameters(), max_late=DAY),
    ]
    run = Run(Engine(models))
    run.alerts(events)

    store = run.stores["store-1"]
    refunds: Any = store.detectors["refund_deviation"]
    assert len(refunds.level.get("store").roles) <= MOST_ROLES
    tables = {name: size for name, size in store.entries().items() if "deviation" in name}
    assert max(tables.values()) <= MOST


def test_a_role_with_much_work_is_kept_among_made_up_ones() -> None:
    level = StoreRefunds()
    level.sums_of_role("till").exposure = 100.0
    for n in range(1_000):
        level.sums_of_role(f"made-up-{n}").exposure = 1.0
    assert len(level.roles) == MOST_ROLES
    assert "till" in level.roles
