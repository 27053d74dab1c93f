"""A seeded simulator of shops: honest events, injected patterns and the ground truth.

Examples
--------
>>> from data_gen import Simulation
>>> simulation = Simulation(stores=1, days=1, seed=7)
>>> events = list(simulation.events())
>>> sorted({type(event).__name__ for event in events})
['CountEvent', 'MovementEvent', 'PosEvent', 'SecurityEvent', 'ShiftEvent', 'TillEvent']
>>> [incident.scenario for incident in simulation.incidents][:2]
['refund_burst', 'off_shift_refunds']
"""

from data_gen.faults import Fault, Faults
from data_gen.scenarios import SCENARIOS, Scenario
from data_gen.simulate import Simulation
from data_gen.world import recorded_at
from retail_anomaly.core.incidents import Incident

__all__ = ["SCENARIOS", "Fault", "Faults", "Incident", "Scenario", "Simulation", "recorded_at"]
