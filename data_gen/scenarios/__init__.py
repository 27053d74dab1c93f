"""The patterns that can be put into honest days, one a file.

A new scenario is a file with a frozen dataclass, its parameters as fields, a `name`, the `detector`
meant to see it and `act`; and a line in `SCENARIOS`.

Examples
--------
>>> from data_gen.scenarios import SCENARIOS
>>> [name for name, scenario in SCENARIOS.items() if scenario.distractor]
['promotion', 'new_cashier', 'role_change']
"""

from typing import Final

from data_gen.scenarios.base import Course, Incident, Scenario
from data_gen.scenarios.collusion import Collusion
from data_gen.scenarios.gate_theft import GateTheft
from data_gen.scenarios.inflated_refunds import InflatedRefunds
from data_gen.scenarios.new_cashier import NewCashier
from data_gen.scenarios.off_shift_refunds import OffShiftRefunds
from data_gen.scenarios.one_sku_refunds import OneSkuRefunds
from data_gen.scenarios.oversold_sku import OversoldSku
from data_gen.scenarios.price_error import PriceError
from data_gen.scenarios.promotion import Promotion
from data_gen.scenarios.refund_burst import RefundBurst
from data_gen.scenarios.refund_without_sale import RefundWithoutSale
from data_gen.scenarios.role_change import RoleChange
from data_gen.scenarios.shelf_theft import ShelfTheft
from data_gen.scenarios.slow_skimming import SlowSkimming
from data_gen.scenarios.structuring import Structuring
from data_gen.scenarios.till_outage import TillOutage

_ALL: Final[tuple[Scenario, ...]] = (
    RefundBurst(),
    OffShiftRefunds(),
    RefundWithoutSale(),
    GateTheft(),
    OversoldSku(),
    ShelfTheft(),
    SlowSkimming(),
    Structuring(),
    OneSkuRefunds(),
    InflatedRefunds(),
    Collusion(),
    TillOutage(),
    PriceError(),
    Promotion(),
    NewCashier(),
    RoleChange(),
)
SCENARIOS: Final[dict[str, Scenario]] = {scenario.name: scenario for scenario in _ALL}

__all__ = ["SCENARIOS", "Course", "Incident", "Scenario"]
