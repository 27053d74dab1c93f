"""Ids that somebody makes up: those that matter least are forgotten, and no alert is raised for it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from retail_anomaly.contract import RestartingRun, Run
from retail_anomaly.core.detector import Detector
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event, MovementEvent
from retail_anomaly.detectors import InventoryShrinkage, RefundBurst, StockDiscrepancy
from tests.support.events import DAY, T0, count, refund, sale

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
