"""What goes wrong with the data is what was asked for, and is written down."""

from collections import Counter
from itertools import pairwise

import msgspec
import pytest

from data_gen import Faults, Simulation
from data_gen.records import SimulatedRecord
from retail_anomaly.core.codec import decode
from retail_anomaly.core.events import PosEvent, TillEvent
from retail_anomaly.core.invalid import InvalidEvent

HOUR = 3_600_000


def simulate(**faults) -> tuple[list[SimulatedRecord], Simulation]:
    simulation = Simulation(stores=2, days=2, seed=5, faults=Faults(**faults))
    return list(simulation.records()), simulation


CLEAN, _ = simulate()


def test_nothing_goes_wrong_unless_it_is_asked_for():
    assert [record.value for record in CLEAN] == list(Simulation(stores=2, days=2, seed=5).events())
    assert all(record.arrival == record.timestamp for record in CLEAN)


def test_what_is_late_arrives_in_order_of_arrival_with_its_own_time():
    records, simulation = simulate(late=0.05)
    late = [record for record in records if record.arrival > record.timestamp]
    assert len(late) == len(simulation.faults_made) == pytest.approx(0.05 * len(CLEAN), rel=0.2)
    assert all(a.arrival <= b.arrival for a, b in pairwise(records))
    assert {record.value for record in records} == {record.value for record in CLEAN}
    delays = sorted(record.arrival - record.timestamp for record in late)
    assert 20_000 < delays[len(delays) // 2] < 180_000
    assert HOUR < delays[-1] <= 12 * HOUR
    # Out of order for whoever reads them.
    times = [r.value.event_time for r in records if isinstance(r.value, PosEvent)]
    assert times != sorted(times)


def test_a_duplicate_is_the_same_event_again_later():
    records, simulation = simulate(duplicates=0.02)
    twice = {e: n for e, n in Counter(record.value for record in records).items() if n > 1}
    assert set(twice.values()) == {2}
    assert {getattr(event, "event_id", None) for event in twice} == {
        fault.event_id for fault in simulation.faults_made
    }
    assert len(records) - len(CLEAN) == len(simulation.faults_made) > 50
    assert {fault.fault for fault in simulation.faults_made} == {"duplicate"}


def test_a_skewed_clock_is_one_tills_and_the_order_of_arrival_stays():
    records, simulation = simulate(skew=1.0)
    assert len(records) == len(CLEAN)
    shifts = {}
    for record, clean in zip(records, CLEAN, strict=True):
        if record.value == clean.value:
            continue
        event, before = record.value, clean.value
        assert isinstance(event, PosEvent | TillEvent)
        assert isinstance(before, PosEvent | TillEvent)
        assert msgspec.structs.replace(event, event_time=before.event_time) == before
        assert record.arrival == clean.arrival
        assert record.timestamp == event.event_time
        key = event.store_id, event.register_id
        assert shifts.setdefault(key, event.event_time - before.event_time) % 60_000 == 0
    assert len(shifts) == 2
    assert {store for store, _ in shifts} == {"store-1", "store-2"}
    assert sorted(fault.store_id for fault in simulation.faults_made) == ["store-1", "store-2"]


def test_what_is_malformed_is_no_event_and_the_rest_is_untouched():
    records, simulation = simulate(malformed=0.1)
    assert len(records) == len(CLEAN)
    broken = 0
    for record, clean in zip(records, CLEAN, strict=True):
        if isinstance(record.value, dict):
            broken += 1
            with pytest.raises(InvalidEvent):
                decode(record.topic, record.encoded)
            assert record.value["storeId"] == record.store_id
        else:
            assert record.value == clean.value
    assert broken == len(simulation.faults_made) == pytest.approx(0.1 * len(CLEAN), rel=0.2)
    assert len({fault.detail for fault in simulation.faults_made}) == 4
    valid = list(Simulation(stores=2, days=2, seed=5, faults=Faults(malformed=0.1)).events())
    assert len(valid) == len(CLEAN) - broken


def test_another_store_changes_none_of_the_first_ones_faults():
    def of_first(stores: int) -> list[object]:
        simulation = Simulation(
            stores=stores, seed=5, faults=Faults(late=0.02, duplicates=0.02, malformed=0.02, skew=0.5)
        )
        for _ in simulation.records():
            pass
        return [fault for fault in simulation.faults_made if fault.store_id == "store-1"]

    assert of_first(1) == of_first(3)


@pytest.mark.parametrize("name", ["late", "duplicates", "malformed", "skew"])
@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_an_impossible_share_is_named(name, share):
    with pytest.raises(ValueError, match=f"{name}: expected 0 to 1"):
        Faults(**{name: share})
