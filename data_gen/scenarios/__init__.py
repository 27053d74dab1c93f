"""The patterns that can be put into honest days, one a file.

A new scenario is a file with a frozen dataclass, its parameters as fields, a `name`, the `detector`
meant to see it and `act`; and a line in `SCENARIOS`.

Examples
--------
>>> from data_gen.scenarios import SCENARIOS
>>> [name for name, scenario in SCENARIOS.items() if scenario.distractor][:4]
['promotion', 'new_cashier', 'role_change', 'change_rush']
"""

from dataclasses import fields, replace
from typing import Any, Final

from data_gen.scenarios.base import Course, Scenario
from data_gen.scenarios.change_rush import ChangeRush
from data_gen.scenarios.collusion import Collusion
from data_gen.scenarios.gate_theft import GateTheft
from data_gen.scenarios.gift_card_drain import GiftCardDrain
from data_gen.scenarios.gift_card_order import GiftCardOrder
from data_gen.scenarios.inflated_refunds import InflatedRefunds
from data_gen.scenarios.new_cashier import NewCashier
from data_gen.scenarios.no_sale_skimming import NoSaleSkimming
from data_gen.scenarios.off_shift_refunds import OffShiftRefunds
from data_gen.scenarios.one_sku_refunds import OneSkuRefunds
from data_gen.scenarios.over_refund import OverRefund
from data_gen.scenarios.oversold_sku import OversoldSku
from data_gen.scenarios.own_sale_reversal import OwnSaleReversal
from data_gen.scenarios.post_void_theft import PostVoidTheft
from data_gen.scenarios.price_error import PriceError
from data_gen.scenarios.price_match_week import PriceMatchWeek
from data_gen.scenarios.promotion import Promotion
from data_gen.scenarios.refund_burst import RefundBurstScenario
from data_gen.scenarios.refund_without_sale import RefundWithoutSaleScenario
from data_gen.scenarios.return_desk import ReturnDesk
from data_gen.scenarios.role_change import RoleChange
from data_gen.scenarios.shelf_theft import ShelfTheft
from data_gen.scenarios.slow_skimming import SlowSkimming
from data_gen.scenarios.structuring import Structuring
from data_gen.scenarios.supervisor_voids import SupervisorVoids
from data_gen.scenarios.sweetheart_discount import SweetheartDiscount
from data_gen.scenarios.till_outage import TillOutage
from data_gen.scenarios.till_tricks import TILL_TRICKS

_ALL: Final[tuple[Scenario, ...]] = (
    RefundBurstScenario(),
    OffShiftRefunds(),
    RefundWithoutSaleScenario(),
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
    NoSaleSkimming(),
    PostVoidTheft(),
    SweetheartDiscount(),
    GiftCardDrain(),
    OverRefund(),
    OwnSaleReversal(),
    ChangeRush(),
    SupervisorVoids(),
    PriceMatchWeek(),
    GiftCardOrder(),
    ReturnDesk(),
)
SCENARIOS: Final[dict[str, Scenario]] = {scenario.name: scenario for scenario in _ALL}


def scenario_from(text: str) -> Scenario:
    """Read a scenario with its strength.

    Parameters
    ----------
    text
        Its name, and after a colon the parameters that differ, ``name=value`` separated by commas.

    Raises
    ------
    ValueError
        There is no such scenario or parameter, or the value is not of its kind.

    Examples
    --------
    >>> scenario_from("refund_burst:most=8,rate=2")
    RefundBurstScenario(rate=2.0, days=1, first_day=0, fewest=3, most=8, minimum=100.0)
    >>> scenario_from("refund_burst:speed=2")
    Traceback (most recent call last):
    ValueError: refund_burst: expected one of rate, days, first_day, fewest, most, minimum, got 'speed=2'
    """
    name, _, parameters = text.partition(":")
    everything = {**SCENARIOS, **TILL_TRICKS}
    if name not in everything:
        raise ValueError(f"expected a scenario, one of {', '.join(everything)}, got {name!r}")
    scenario = everything[name]
    known = {field.name: type(getattr(scenario, field.name)) for field in fields(scenario)}
    changed: dict[str, Any] = {}
    for pair in parameters.split(",") if parameters else []:
        key, _, value = pair.partition("=")
        if key not in known:
            raise ValueError(f"{name}: expected one of {', '.join(known)}, got {pair!r}")
        try:
            changed[key] = known[key](value)
        except ValueError:
            kind = "a whole number" if known[key] is int else "a number"
            raise ValueError(f"{name}: {key}: expected {kind}, got {value!r}") from None
    return replace(scenario, **changed)


__all__ = ["SCENARIOS", "TILL_TRICKS", "Course", "Scenario", "scenario_from"]
