"""The real detectors say of the simulated world what the oracle says."""

import pytest

from data_gen import Simulation
from retail_anomaly.alerts import Alert
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.engine import Engine
from retail_anomaly.store import StoreState

DAY = 86_400_000
RULES = (
    "refund_burst",
    "refund_without_sale",
    "security_correlation",
    "inventory_shrinkage",
    "stock_discrepancy",
)


def alerts_of(simulation: Simulation) -> list[Alert]:
    engine = Engine([REGISTRY[name](REGISTRY[name].Parameters(), max_late=DAY) for name in RULES])
    stores: dict[str, StoreState] = {}
    alerts: list[Alert] = []
    for event in simulation.events():
        if event.store_id not in stores:
            stores[event.store_id] = engine.new_store(event.store_id)
        alerts += engine.process(event, stores[event.store_id])
    return alerts


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_honest_world_raises_no_alert(seed):
    assert alerts_of(Simulation(stores=2, days=9, seed=seed, incident_rate=0)) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_incident_raises_its_alert_and_every_alert_has_its_incident(seed):
    simulation = Simulation(stores=2, days=9, seed=seed)
    alerts = alerts_of(simulation)
    explained = set()
    for incident in simulation.incidents:
        about = [
            a
            for a in alerts
            if a.store_id == incident.store_id
            and incident.start <= a.event_time <= incident.end
            and (
                a.evidence.get("sku") == incident.sku
                if incident.sku
                else a.employee_id == incident.employee_id
                and any(t in str(a.evidence) for t in incident.transaction_ids)
            )
        ]
        assert incident.scenario in {a.detector for a in about}
        explained |= {a.alert_id for a in about}
    assert {a.alert_id for a in alerts} == explained
