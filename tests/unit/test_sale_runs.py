"""A store gathers SALE lines and shows them to some detectors in runs; nobody else may notice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import Event
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.detector import Alert, Detector, DetectorState, Parameters, PosEvent, SaleRun
from tests.support.events import DAY, MINUTE, count, gate, line, quiet_until, refund, sale, shift
from tests.support.runs import engine_of


class Seen(DetectorState):
    """What a detector was shown, in its order."""

    def __init__(self) -> None:
        self.sales: list[tuple[str, int, int]] = []
        self.asked: list[int] = []


class Watching(Detector[Parameters, Seen]):
    """Note the runs of sales, and how many sales were known whenever something else came."""

    name = "watching"
    alert_type = "WATCHING"
    Parameters = Parameters

    def new_state(self) -> Seen:
        return Seen()

    def on_sales(self, run: SaleRun, state: Seen, store: StoreMemory) -> None:
        shown = zip(run.events, run.clocks, run.lines, strict=True)
        state.sales += [(event.transaction_id, clock, number) for event, clock, number in shown]

    def on_refund(self, event: PosEvent, state: Seen, store: StoreMemory) -> list[Alert]:
        state.asked.append(len(state.sales))
        return []

    def on_time(self, time: int, state: Seen, store: StoreMemory) -> list[Alert]:
        state.asked.append(len(state.sales))
        return []


class OfCashiers(Watching):
    """The same, and it passes over the sales of nobody."""

    name = "of_cashiers"
    per_cashier = True


def sales(number: int, **fields: object) -> list[Event]:
    return [sale(n, transaction_id=f"t-{n}", **fields) for n in range(number)]


def seen(events: Sequence[Event], detector: type[Watching] = Watching, nobody: str = "") -> Seen:
    engine = Engine([detector(Parameters(), DAY)], nobody={nobody})
    store = engine.new_store("store-1")
    for event in events:
        engine.process(event, store)
    state = store.detectors[detector.name]
    assert isinstance(state, Seen)
    return state


@pytest.mark.parametrize("number", [1, 15, 16, 17, 300])
def test_each_sale_is_shown_once_and_in_order(number):
    shown = seen(sales(number)).sales
    assert [name for name, _, _ in shown] == [f"t-{n}" for n in range(number)]
    assert all(one < other for (_, _, one), (_, _, other) in pairwise(shown))


def test_a_sale_has_the_clock_of_its_own_moment():
    late = [sale(MINUTE), sale(0), sale(2 * MINUTE)]
    assert [clock - late[1].event_time for _, clock, _ in seen(late).sales] == [MINUTE, MINUTE, 2 * MINUTE]


def test_a_detector_knows_all_sales_before_it_is_shown_anything_else():
    assert seen([*sales(2), refund(MINUTE)]).asked[-2:] == [2, 2]


def test_time_passes_for_a_detector_after_the_sales_before_it():
    assert seen(sales(3)).asked == [1, 2, 3]


def test_a_sale_of_nobody_is_no_sale_for_detectors_per_cashier():
    events = [*sales(3), *sales(2, cashier_id="0"), *sales(1)]
    assert len(seen(events, OfCashiers, nobody="0").sales) == 4
    assert len(seen(events, Watching, nobody="0").sales) == 6


@pytest.mark.parametrize(
    "other",
    [refund(MINUTE), count(MINUTE, 3), gate(MINUTE), line("LINE_VOID", MINUTE), shift(0, DAY)],
    ids=["refund", "count", "gate", "void", "shift"],
)
def test_state_written_between_two_events_is_complete(other):
    engine, before = engine_of(), [*sales(5), other]
    store = engine.load_store("store-1", lambda _name: None)
    for event in [*before, *sales(3)]:
        engine.process(event, store)
    kept = dict(store.records())
    again = engine.load_store("store-1", kept.get)
    assert len(again.lines.of_number("t-0")) == len(again.lines.of_number("t-2")) == 2


def test_a_sweep_forgets_no_sale_that_was_just_gathered():
    engine = engine_of()
    store = engine.new_store("store-1")
    for event in [*quiet_until(0), *sales(3), *quiet_until(DAY), *sales(1)]:
        engine.process(event, store)
    assert store.lines.times() is not None
