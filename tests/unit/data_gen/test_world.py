"""An honest world raises nothing, and every incident is there to be found."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest

from data_gen import SCENARIOS, Simulation, recorded_at
from data_gen.demand import expected_receipts, has_short_hours, holidays
from data_gen.honest.refunds import lag
from data_gen.till_rates import TillRates
from data_gen.world import make_store
from retail_anomaly.core.codec import topic_of
from retail_anomaly.core.events import CountEvent, PosEvent, SecurityEvent, ShiftEvent
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
        ({"scenarios": [SCENARIOS["refund_burst"]] * 2}, "scenarios: expected each scenario once"),
    ],
)
def test_an_impossible_argument_is_named(wrong, named):
    with pytest.raises(ValueError, match=named):
        Simulation(**wrong)


def test_no_two_topics_have_an_event_at_the_same_moment_in_a_store():
    topics = defaultdict(set)
    for e in Simulation(stores=3, days=10, seed=4).events():
        topics[e.store_id, recorded_at(e)].add(topic_of(e))
    assert all(len(names) == 1 for names in topics.values())


def test_no_alarm_comes_on_the_limit_of_a_dear_sales_two_minutes():
    events = list(Simulation(stores=3, days=20, seed=4).events())
    found = 0
    for store in ("store-1", "store-2", "store-3"):
        own = [e for e in events if e.store_id == store]
        dear = [
            e.event_time
            for e in own
            if isinstance(e, PosEvent) and e.event_type == "SALE" and e.amount >= 200
        ]
        for alarm in (e for e in own if isinstance(e, SecurityEvent) and e.event_data.alarm):
            after = [alarm.event_time - at for at in dear if abs(alarm.event_time - at) < 180_000]
            assert all(abs(lag) >= 9_990 and abs(lag - 120_000) >= 9_990 for lag in after)
            found += any(0 < lag < 120_000 for lag in after)
    assert found > 5  # Some are false alarms after an honest sale.


def test_honest_returns_come_as_late_as_in_the_real_data():
    rng = Random(1)
    lags = sorted(lag(rng) for _ in range(20_000))
    # Online Retail: median 9.4 days, 90 % within 66 days, 7.3 % within an hour and 10 % within a day.
    assert lags[10_000] in (9, 10)
    assert 60 <= lags[18_000] <= 72
    assert 0.07 < lags.count(0) / 20_000 < 0.1


def refund_lags(**arguments) -> list[float | None]:
    """Return days from sale to refund; None where the sale is not in the data."""
    sold: dict[str, int] = {}
    found: list[float | None] = []
    rates = TillRates(tokens=0)  # a token is no number of a sale
    world = Simulation(volumes=["small"], incident_rate=0, distractor_rate=0, rates=rates, **arguments)
    for e in world.events():
        if isinstance(e, PosEvent):
            if e.event_type == "SALE":
                sold[e.transaction_id] = e.event_time
            elif e.event_type == "REFUND":
                at = sold.get(e.original_transaction_id or e.transaction_id)
                found.append(None if at is None else (e.event_time - at) / 86_400_000)
    return found


def test_some_refunds_are_of_sales_that_a_rule_has_forgotten():
    lags = refund_lags(stores=2, days=100, seed=2)
    known = [days for days in lags if days is not None]
    assert 0.05 < sum(days > 30 for days in known) / len(known) < 0.3
    assert all(days >= 0 for days in known)
    # Bought elsewhere, or the receipt is lost.
    assert 0 < lags.count(None) < 0.05 * len(lags)


def test_a_log_that_begins_later_has_refunds_of_what_was_sold_before():
    lags = refund_lags(stores=3, days=10, seed=2, earlier=True)
    assert lags.count(None) > 0.5 * len(lags)
    assert len(lags) > 1.5 * len(refund_lags(stores=3, days=10, seed=2))


def test_the_service_desk_takes_most_refunds():
    taken = Counter(
        e.cashier_id[0]
        for e in Simulation(stores=1, days=14, seed=2, volumes=["large"], incident_rate=0).events()
        if isinstance(e, PosEvent) and e.event_type == "REFUND"
    )
    assert taken["d"] > taken["c"] > 0


def test_a_closed_day_has_no_events_and_sunday_is_short():
    events = list(Simulation(stores=1, days=5, seed=2, start=date(2025, 12, 24)).events())
    hours = defaultdict(list)
    for e in events:
        if isinstance(e, PosEvent):
            at = datetime.fromtimestamp(e.event_time / 1000, UTC)
            hours[at.date()].append(at.hour)
    assert sorted(day.day for day in hours) == [24, 26, 27, 28]
    saturday, sunday = hours[date(2025, 12, 27)], hours[date(2025, 12, 28)]
    assert min(sunday) > min(saturday)
    assert max(sunday) < max(saturday)


def test_the_first_open_day_has_its_incidents():
    simulation = Simulation(stores=1, days=2, seed=2, start=date(2026, 1, 1))
    for _ in simulation.events():
        pass
    assert {i.incident_id.split("-")[2] for i in simulation.incidents} == {"20260102"}
    assert len(simulation.incidents) >= 6


def test_demand_has_weekdays_holidays_and_growth():
    store = make_store(7, 1)
    monday = date(2025, 3, 3)
    week = [expected_receipts(7, store, monday, monday + timedelta(days=n)) for n in range(7)]
    assert max(week) == week[5]
    assert min(week) == week[6]
    later = date(2027, 3, 1)
    growth = expected_receipts(7, store, monday, later) / expected_receipts(7, store, later, later)
    assert growth == pytest.approx((1 + store.growth) ** (728 / 365))
    ordinary = next(
        day
        for day in (monday + timedelta(days=n) for n in range(7, 300, 7))
        if not holidays(7, 2025) & {day, day + timedelta(days=1)}
    )
    holiday = next(iter(holidays(7, 2025)))
    assert has_short_hours(7, holiday)
    assert not has_short_hours(7, ordinary)
    before_christmas = expected_receipts(7, store, monday, date(2025, 12, 22))
    assert before_christmas > 1.2 * expected_receipts(7, store, monday, ordinary)


def test_few_articles_make_most_of_the_sales():
    lines = Counter(
        e.sku
        for e in Simulation(stores=1, days=7, seed=3, incident_rate=0).events()
        if isinstance(e, PosEvent)
    )
    counts = [count for _, count in lines.most_common()]
    assert sum(counts[:40]) > 0.5 * sum(counts)
