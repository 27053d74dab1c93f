"""An honest world raises nothing, and every incident is there to be found."""

from collections import Counter, defaultdict
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from data_gen import SCENARIOS, Incident, Simulation, recorded_at
from retail_anomaly.events import CountEvent, PosEvent, SecurityEvent, ShiftEvent
from tests.unit.data_gen.oracle import Finding, findings, is_off_shift

# A Sunday with its short hours and a change to summer time are among the days.
WORLDS = [
    {"stores": 1, "days": 1, "seed": 7},
    {"stores": 2, "days": 10, "seed": 1},
    {
        "stores": 2,
        "days": 5,
        "seed": 2,
        "start": date(2025, 3, 28),
        "time_zones": ["Europe/Berlin"],
    },
    {"stores": 1, "days": 40, "seed": 3},
]


@pytest.mark.parametrize("world", WORLDS)
def test_an_honest_world_raises_nothing(world):
    events = list(Simulation(**world, incident_rate=0).events())
    assert findings(events) == []


@pytest.mark.parametrize("world", WORLDS)
def test_every_incident_is_found_and_nothing_else(world):
    simulation = Simulation(**world, incident_rate=0.9)
    unexplained = []
    found = findings(list(simulation.events()))
    open_incidents = {i.incident_id: i for i in simulation.incidents}
    for finding in found:
        reasons = [i for i in simulation.incidents if explains(i, finding)]
        if not reasons:
            unexplained.append(finding)
        for incident in reasons:
            if incident.scenario == finding.scenario:
                open_incidents.pop(incident.incident_id, None)
    assert unexplained == []
    assert open_incidents == {}


def explains(incident: Incident, finding: Finding) -> bool:
    if incident.store_id != finding.store:
        return False
    if incident.sku is not None:
        # A swept shelf is short by both rules on counts.
        names = {"inventory_shrinkage", "stock_discrepancy"}
        return incident.sku == finding.subject and finding.scenario in names
    same_pattern = (incident.scenario, incident.employee_id) == (finding.scenario, finding.subject)
    return same_pattern and finding.cited in incident.transaction_ids


@pytest.mark.parametrize("seed", range(60))
def test_the_first_day_has_every_scenario(seed):
    simulation = Simulation(stores=1, days=1, seed=seed)
    events = list(simulation.events())
    assert {i.scenario for i in simulation.incidents} == set(SCENARIOS)
    found = {(f.scenario, f.subject) for f in findings(events)}
    assert {(i.scenario, i.sku or i.employee_id) for i in simulation.incidents} <= found


def test_bursts_happen_on_and_off_shift():
    simulation = Simulation(stores=2, days=15, seed=5)
    found = findings(list(simulation.events()))
    assert {f.off_shift for f in found if f.scenario == "refund_burst"} == {True, False}


def test_an_incident_lies_within_its_day_and_is_about_real_events():
    simulation = Simulation(stores=2, days=7, seed=4, time_zones=["UTC", "Australia/Sydney"])
    zones = {"store-1": ZoneInfo("UTC"), "store-2": ZoneInfo("Australia/Sydney")}
    receipts = defaultdict(list)
    events = list(simulation.events())
    for event in events:
        if isinstance(event, PosEvent):
            receipts[event.transaction_id].append(event)
    assert len({i.incident_id for i in simulation.incidents}) == len(simulation.incidents)
    for incident in simulation.incidents:
        assert incident.start <= incident.end
        assert incident.expected_loss > 0
        day = incident.incident_id.split("-")[2]
        for moment in (incident.start, incident.end):
            local = datetime.fromtimestamp(moment / 1000, zones[incident.store_id])
            assert local.strftime("%Y%m%d") == day
        for transaction in incident.transaction_ids:
            for line in receipts[transaction]:
                assert line.cashier_id == incident.employee_id
                assert incident.start <= line.event_time <= incident.end
            assert receipts[transaction]
        assert incident.transaction_ids or incident.sku


def test_honest_people_work_on_their_shift_and_in_opening_hours():
    events = list(Simulation(stores=2, days=8, seed=6, incident_rate=0).events())
    shifts = [e for e in events if isinstance(e, ShiftEvent)]
    for store in ("store-1", "store-2"):
        own = [s for s in shifts if s.store_id == store]
        known = {s.employee_id for s in own}
        for event in (e for e in events if e.store_id == store and isinstance(e, PosEvent)):
            assert event.cashier_id in known
            assert not is_off_shift(own, event.cashier_id, event.event_time)


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
    assert set(lines.values()) == {1, 2, 3, 4, 5, 6}


def test_a_day_has_the_usual_size():
    for seed in range(5):
        per_day: Counter[tuple[str, int]] = Counter()
        cashiers = defaultdict(set)
        for e in Simulation(stores=2, days=6, seed=seed).events():
            if isinstance(e, PosEvent):
                day = (e.store_id, e.event_time // 86_400_000)
                per_day[day] += 1
                cashiers[day].add(e.cashier_id)
        assert all(700 <= lines <= 3000 for lines in per_day.values())
        assert all(5 <= len(people) <= 8 for people in cashiers.values())


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


def test_incidents_do_not_disturb_honest_trade():
    with_incidents = set(Simulation(stores=1, days=1, seed=7).events())
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
        ({"start": date(1999, 1, 1)}, "start"),
        ({"time_zones": ["Mars/Base"]}, "time_zones"),
        ({"time_zones": []}, "time_zones"),
    ],
)
def test_an_impossible_argument_is_named(wrong, named):
    with pytest.raises(ValueError, match=named):
        Simulation(**wrong)
