"""The cost of declarative rules an event: ``python -m benchmarks.rule_costs``.

The same events pass an engine without rules and engines with them; the figure is the difference of the CPU
times, the least of several rounds. The machine decides the figures: compare them with each other.
"""

from __future__ import annotations

import gc
from time import process_time
from typing import Any, Final

from msgspec import msgpack

from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import PosEvent
from retail_anomaly.rules import load_rules, rule_detectors

EVENTS: Final = 60_000
ROUNDS: Final = 7
DAY: Final = 86_400_000
T0: Final = 1_760_000_000_000
Rule = dict[str, Any]


def events() -> list[PosEvent]:
    """Return sales of 20 cashiers, a line every two seconds, nine in ten of them SALE."""
    return [
        PosEvent(
            transaction_id=f"t-{n // 3}",
            store_id="s",
            cashier_id=f"c-{n % 20}",
            sku=f"k-{n % 500}",
            amount=float(n % 90),
            event_type="REFUND" if n % 10 == 0 else "SALE",
            event_time=T0 + 2_000 * n,
            list_price=float(n % 90),
        )
        for n in range(EVENTS)
    ]


def rare(number: int) -> Rule:
    return {
        "id": f"rare_{number}",
        "events": {"e": {"eventType": f"RARE_{number}"}},
        "by": ["cashierId"],
        "window": "8h",
        "when": {"count": "e", "gte": 5},
    }


ON_SALE: Final[list[Rule]] = [
    {
        "id": f"{name}_on_sale",
        "events": {"e": {"eventType": "SALE", **tests}},
        "by": ["cashierId"],
        "window": "8h",
        "when": {"count": "e", "gte": 5},
    }
    for name, tests in dict[str, Rule](
        {
            "discount": {"discountAmount|share": ["listPrice", 0.5]},
            "keyed": {"entryMethod": "keyed"},
            "own_card": {"employeeDiscount": True},
            "approved": {"approverId|field": "cashierId"},
            "large": {"amount|gte": 10_000},
        }
    ).items()
]
COUNTING: Final[Rule] = {
    "id": "rate",
    "events": {"void": {"eventType": "LINE_VOID"}, "sale": {"eventType": "SALE"}},
    "by": ["cashierId"],
    "window": "day",
    "when": {"ratio": ["void", "sale"], "gte": 0.1, "min": 10},
}


def seconds(rules: list[Rule], pack: tuple[str, ...] = ()) -> float:
    """Return the CPU time of a pass."""
    engine = Engine(rule_detectors(load_rules(own=rules, packs=pack), DAY))
    store, log = engine.new_store("s"), events()
    gc.disable()
    began = process_time()
    for event in log:
        engine.process(event, store)
    took = process_time() - began
    gc.enable()
    return took


def state_bytes(pack: tuple[str, ...]) -> float:
    """Return the bytes that a group's state takes in the records."""
    engine = Engine(rule_detectors(load_rules(packs=pack, own=ON_SALE), DAY))
    store = engine.load_store("s", lambda name: None)
    for event in events()[:20_000]:
        engine.process(event, store)
    groups = store.indexed.groups
    return sum(len(msgpack.encode(entry)) for _, entry in groups.items()) / max(1, len(groups))


CASES: Final[dict[str, tuple[list[Rule], tuple[str, ...]]]] = {
    "20 rules on rare types": ([rare(n) for n in range(20)], ()),
    "5 rules on SALE": (ON_SALE, ()),
    "a rate over SALE": ([COUNTING], ()),
    "the pack pos": ([], ("pos",)),
    "37 rules": ([*(rare(n) for n in range(31)), *ON_SALE, COUNTING], ()),
}


def main() -> None:
    base = min(seconds([]) for _ in range(ROUNDS))
    print(f"{'no rules':<24} {base / EVENTS * 1e6:6.2f} us an event in all")
    for name, (rules, pack) in CASES.items():
        took = min(seconds(rules, pack) for _ in range(ROUNDS)) - base
        print(f"{name:<24} {took / EVENTS * 1e6:+6.2f} us an event")
    print(f"{'state of a group':<24} {state_bytes(('pos',)):6.0f} bytes")


if __name__ == "__main__":
    main()
