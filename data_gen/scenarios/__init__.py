"""The patterns that can be put into a day, one a file.

A new scenario is a file with a frozen dataclass, its parameters as fields, a `name` and `inject`;
and a line in `SCENARIOS`.

Examples
--------
>>> from data_gen.scenarios import SCENARIOS
>>> list(SCENARIOS)[:2]
['refund_burst', 'refund_without_sale']
"""

from typing import Final

from data_gen.scenarios.base import Incident, Injection, Scenario
from data_gen.scenarios.refund_burst import RefundBurst
from data_gen.scenarios.refund_without_sale import RefundWithoutSale
from data_gen.scenarios.security import GateTheft
from data_gen.scenarios.shrinkage import ShelfSweep
from data_gen.scenarios.stock_discrepancy import MissingStock

_ALL: Final[tuple[Scenario, ...]] = (
    RefundBurst(),
    RefundWithoutSale(),
    GateTheft(),
    ShelfSweep(),
    MissingStock(),
)
SCENARIOS: Final[dict[str, Scenario]] = {scenario.name: scenario for scenario in _ALL}

__all__ = ["SCENARIOS", "Incident", "Injection", "Scenario"]
