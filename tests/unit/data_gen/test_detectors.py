"""The real detectors say of the simulated world what the oracle says."""

import pytest

from data_gen import Simulation
from data_gen.till_rates import TillRates
from tests.unit.data_gen.oracle import findings
from tests.unit.data_gen.test_scenarios import alerts_of


@pytest.mark.parametrize("rate", [0, 0.4])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_rules_find_what_a_second_implementation_finds(seed, rate):
    # The second implementation reads sales, refunds, alarms and counts alone.
    simulation = Simulation(stores=2, days=9, seed=seed, incident_rate=rate, rates=TillRates.none())
    events = list(simulation.events())
    found = {(f.scenario, f.store, f.subject) for f in findings(events)}
    subjects = {
        (a.detector, a.store_id, a.evidence["sku"] if a.employee_id.startswith("m-") else a.employee_id)
        for a in alerts_of(events)
        if a.employee_id is not None
    }
    assert subjects == found
