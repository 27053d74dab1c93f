"""An honest world raises nothing, and every incident is there to be found."""

from collections import Counter, defaultdict
from datetime import date

import pytest

from data_gen import SCENARIOS, Simulation, recorded_at
from retail_anomaly.events import CountEvent, PosEvent, SecurityEvent, ShiftEvent
from tests.unit.data_gen.oracle import is_off_shift


def test_honest_people_work_in_opening_hours_and_mostly_on_their_shift():
    events = list(Simulation(stores=3, days=8, seed=6, incident_rate=0).events())
    shifts = [e for e in events if isinstance(e, ShiftEvent)]
    for store in ("store-1", "store-2", "store-3"):
        own = [s for s in shifts if s.store_id == store]
        known = {s.employee_id for s in own}
        off = [
            is_off_shift(own, event.cashier_id, event.event_time)
            for event in events
            if event.store_id == store and isinstance(event, PosEvent) and event.cashier_id in known
        ]
        # Swaps that nobody reported, and overtime.
        assert 0 < sum(off) < 0.1 * len(off)


def test_ids_are_unique_and_a_receipt_is_of_one_till():
    events = list(Simulation(stores=3, days=3, seed=8).events())
    pos = [e for e in events if isinstance(e, PosEvent)]
    ids = [e.event_id for e in events if isinstance(e, PosEvent | SecurityEvent)]
    assert None not in ids
    assert len(set(ids)) == len(ids)
    receipts = defaultdict(set)
    lines: Counter[str] = Counter()
    for e in pos:
        assert e.register_id
        assert e.tender
        if e.event_type == "SALE":
            receipts[e.transaction_id].add((e.store_id, e.cashier_id, e.register_id, e.event_time))
            lines[e.transaction_id] += 1
    assert all(len(parts) == 1 for parts in receipts.values())
    assert {1, 2, 3, 4, 5, 6} < set(lines.values())


@pytest.mark.parametrize(
    ("volume", "fewest", "most", "people"),
    [("small", 70, 800, 5), ("medium", 500, 2500, 11), ("large", 1200, 6000, 22)],
)
def test_a_day_has_the_size_of_its_store(volume, fewest, most, people):
    for seed in range(3):
        per_day: Counter[tuple[str, int]] = Counter()
        cashiers = defaultdict(set)
        for e in Simulation(stores=2, days=6, seed=seed, volumes=[volume]).events():
            if isinstance(e, PosEvent):
                day = (e.store_id, e.event_time // 86_400_000)
                per_day[day] += 1
                cashiers[day].add(e.cashier_id)
        assert all(fewest <= lines <= most for lines in per_day.values())
        assert all(2 <= len(at_work) <= people for at_work in cashiers.values())


def test_every_sku_is_counted_before_it_is_sold_and_each_week():
    events = list(Simulation(stores=1, days=6, seed=9).events())
    first_sale = min(e.event_time for e in events if isinstance(e, PosEvent))
    counts = [e for e in events if isinstance(e, CountEvent)]
    assert len({e.sku for e in counts if e.event_time < first_sale}) == 200
    assert len({e.sku for e in counts if e.event_time > first_sale}) == 200


def test_the_log_is_in_order_of_arrival_and_shifts_are_known_before_they_begin():
    events = list(Simulation(stores=3, days=3, seed=2, time_zones=["UTC", "Asia/Tokyo"]).events())
    times = [recorded_at(e) for e in events]
    assert times == sorted(times)
    assert all(recorded_at(e) < e.shift_start for e in events if isinstance(e, ShiftEvent))


def test_another_store_or_day_changes_nothing_in_the_first():
    alone = list(Simulation(stores=1, days=1, seed=7).events())
    among = Simulation(stores=3, days=2, seed=7).events()
    first = [e for e in among if e.store_id == "store-1" and recorded_at(e) <= recorded_at(alone[-1])]
    assert first == alone


def test_a_fraud_does_not_disturb_honest_trade():
    fraud = [SCENARIOS[name] for name in ("refund_burst", "refund_without_sale", "structuring")]
    with_incidents = set(Simulation(stores=1, days=1, seed=7, scenarios=fraud).events())
    clean = Simulation(stores=1, days=1, seed=7, incident_rate=0).events()
    pos = [e for e in clean if isinstance(e, PosEvent)]
    assert set(pos) <= with_incidents


def test_memory_is_bounded_by_a_day():
    simulation = Simulation(stores=1, days=400, seed=1)
    for number, _ in enumerate(simulation.events()):
        if number == 100:
            break
    assert simulation.store_days == 1


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"stores": 0}, "stores"),
        ({"days": 0}, "days"),
        ({"incident_rate": 1.1}, "incident_rate"),
        ({"distractor_rate": -0.1}, "distractor_rate"),
        ({"volumes": ["huge"]}, "volumes"),
        ({"volumes": []}, "volumes"),
        ({"start": date(1999, 1, 1)}, "start"),
        ({"time_zones": ["Mars/Base"]}, "time_zones"),
        ({"time_zones": []}, "time_zones"),
    ],
)
def test_an_impossible_argument_is_named(wrong, named):
    with pytest.raises(ValueError, match=named):
        Simulation(**wrong)
