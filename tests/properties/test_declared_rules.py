"""Random rules over random logs raise the alerts of an evaluator that was written apart."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from retail_anomaly.contract import Run
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.event_mapping import from_mapping
from retail_anomaly.rules import load_rules, rule_detectors
from retail_anomaly.rules.vocabulary import FIELDS, MODIFIERS, WHEN_KEYS
from tests.naive.run import naive_alerts
from tests.support.events import DAY, HOUR, MINUTE, T0

CONFIG = {"stores": {"s": {"time_zone": "Europe/Berlin"}}}
TYPES = ("SALE", "SALE", "REFUND", "NO_SALE", "no_sale", "CASH_COUNT")
NUMBERS = (0, 1, 2.5, 5, 10)
TEXTS = ("a", "ab", "b")
OPTIONAL: dict[str, tuple[Any, ...]] = {
    "transactionId": TEXTS,
    "sku": TEXTS,
    "amount": NUMBERS,
    "listPrice": NUMBERS,
    "quantity": (1, 2.5),
    "approverId": ("c-1", "m-1"),
    "registerId": TEXTS,
    "training": (True, False, False, False),
    "employeeDiscount": (True, False),
    "tender": ("cash", "card"),
}
OF_A_LINE = ("transactionId", "sku", "amount")
TESTS: tuple[tuple[str, Any], ...] = (
    ("eventType", "SALE"),
    ("eventType", "no_sale"),
    ("eventType", ["Refund", "SALE", "CASH_COUNT"]),
    ("eventType|not", ["SALE", "no_sale"]),
    ("eventType|startswith", "no"),
    ("amount|gt", 1),
    ("amount|gte", 2.5),
    ("amount|lt", 10),
    ("amount|lte", 5),
    ("amount", [0, 5, 10]),
    ("amount|not", 1),
    ("quantity|lte", 1),
    ("sku|exists", True),
    ("quantity|exists", True),
    ("approverId|exists", False),
    ("offShift|exists", False),
    ("receipt|exists", True),
    ("sku|startswith", "a"),
    ("sku|not", "b"),
    ("sku", "$risky"),
    ("sku|not", "$risky"),
    ("sku", ["$risky", "a"]),
    ("sku|not", ["a", "$risky"]),
    ("receipt|startswith", "a"),
    ("approverId|field", "cashierId"),
    ("sku|field", "transactionId"),
    ("amount|field", "listPrice"),
    ("amount|share", ["listPrice", 0.5]),
    ("amount|share", ["listPrice", 2.5]),
    ("training", True),
    ("training", False),
    ("employeeDiscount", True),
    ("offShift", True),
    ("offShift", False),
    ("localHour|lt", 12),
    ("localHour|gte", 12),
    ("weekday", ["mon", "thu"]),
    ("weekday|not", "mon"),
    ("tender|not", ["card"]),
)
OTHER_TOPICS: tuple[dict[str, Any], ...] = (
    {"topic": "security-events", "alarm": True},
    {"topic": "security-events", "gateId|startswith": "gate", "localHour|lt": 23},
    {"topic": "inventory-counts", "countedQty|gte": 1},
    {"topic": "stock-movements", "quantity|lt": 0, "reason|not": "DELIVERY"},
)
GROUPS = ("cashierId", "registerId", "sku", "receipt", "weekday", "tender", "quantity", "localHour")
SUMS, DISTINCT = ("amount", "quantity", "listPrice"), ("sku", "transactionId", "amount", "receipt")
WINDOWS = ("3m", "10m", "14h", "day", "receipt")
SEEDS = range(150)


def log_of(rng: Random) -> list[tuple[str, dict[str, Any]]]:
    makers = [_pos] * 8 + [_gate, _count, _movement, _shift]
    return [rng.choice(makers)(rng, number) for number in range(rng.randint(1, 40))]


def _time(rng: Random) -> int:
    # Whole minutes fall on the ends of windows; hours reach the next local day.
    return T0 + rng.randint(0, 12) * MINUTE + rng.choice([0, 0, 0, 0, 0, 0, 1, 13 * HOUR])


def _pos(rng: Random, _: int) -> tuple[str, dict[str, Any]]:
    kind = rng.choice(TYPES)
    event = {"storeId": "s", "cashierId": rng.choice(["c-1", "c-2"]), "eventType": kind}
    needed = OF_A_LINE if kind in ("SALE", "REFUND") else ()
    chosen = {
        name: rng.choice(values)
        for name, values in OPTIONAL.items()
        if name in needed or rng.random() < (0.3 if name == "training" else 0.6)
    }
    return "pos-events", {**event, "eventTime": _time(rng), **chosen}


def _gate(rng: Random, number: int) -> tuple[str, dict[str, Any]]:
    data = {"gateId": "gate-1", "alarm": rng.random() < 0.7}
    return "security-events", {
        "storeId": "s",
        "eventId": f"g-{number}",
        "eventType": "GATE",
        "eventTime": _time(rng),
        "eventData": data,
    }


def _count(rng: Random, _: int) -> tuple[str, dict[str, Any]]:
    event = {"storeId": "s", "sku": rng.choice(TEXTS), "countedQty": rng.choice(NUMBERS)}
    return "inventory-counts", {**event, "eventTime": _time(rng), "managerId": "m-1"}


def _movement(rng: Random, _: int) -> tuple[str, dict[str, Any]]:
    event = {"storeId": "s", "sku": rng.choice(TEXTS), "quantity": rng.choice([-5, -1, 2.5, 5])}
    return "stock-movements", {
        **event,
        "eventTime": _time(rng),
        "reason": rng.choice(["DELIVERY", "WRITE_OFF"]),
    }


def _shift(rng: Random, _: int) -> tuple[str, dict[str, Any]]:
    start = T0 + rng.randint(0, 12) * MINUTE
    end = start + rng.randint(1, 6) * MINUTE
    return "staff-shifts", {"storeId": "s", "employeeId": "c-1", "shiftStart": start, "shiftEnd": end}


def rule_of(rng: Random, kind: str) -> dict[str, Any]:
    names = ["a", "b"]
    a, b = rng.sample(names, 2) if rng.random() < 0.8 else rng.choices(names, k=2)
    gte = rng.choice([0, 1, 1, 2, 2, 3])
    kinds: dict[str, dict[str, Any]] = {
        "count": {"count": a, "gte": gte},
        "sum": {"sum": f"{a}.{rng.choice(SUMS)}", "gte": gte * 2},
        "distinct": {"distinct": f"{a}.{rng.choice(DISTINCT)}", "gte": gte},
        "ratio": {"ratio": [a, b], "gte": gte / 2, "min": rng.randint(1, 3)},
        "sequence": {"sequence": [a, b]},
        "absent": {"absent": a, "after": b},
    }
    groups = rng.choice([[], [], ["cashierId"], ["cashierId"], rng.sample(GROUPS, rng.randint(1, 2))])
    return {
        "id": "r",
        "status": "live",
        "lists": {"risky": ["ab", "b"]},
        # A third event is counted nowhere, but moves the window.
        "events": {name: _event(rng) for name in (*names, *(["c"] if rng.random() < 0.3 else []))},
        "by": groups,
        "window": rng.choice(WINDOWS[:2] if kind in ("sequence", "absent") else WINDOWS),
        "when": kinds[kind],
        "subject": rng.choice(["cashierId", "approverId"]),
        "risk": rng.choice([0.5, [[1, 0.2], [2, 0.24], [3, 0.9]], [[2, 0.9], [3, 0.1]]]),
    }


def _event(rng: Random) -> Any:
    if rng.random() < 0.15:
        return rng.choice(OTHER_TOPICS)
    options = [dict(rng.sample(TESTS, rng.choice([0, 1, 1, 1, 2]))) for _ in range(rng.choice([1, 1, 1, 2]))]
    return options[0] if len(options) == 1 else options


def alerts(rule: dict[str, Any], log: list[tuple[str, dict[str, Any]]]) -> Counter[tuple[Any, ...]]:
    engine = Engine(rule_detectors(load_rules(own=[rule]), DAY), zone=lambda store: ZoneInfo("Europe/Berlin"))
    raised = Run(engine).alerts([from_mapping(topic, dict(value)) for topic, value in log])
    return Counter(
        (a.employee_id, a.event_time, a.risk_score, a.revision, str(a.evidence["value"])) for a in raised
    )


def plainly_read(rule: dict[str, Any], log: list[tuple[str, dict[str, Any]]]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (a["employeeId"], a["eventTime"], a["riskScore"], a["revision"], a["detail"])
        for a in naive_alerts(log, CONFIG, [rule])
        if a["type"] == "R"
    )


@pytest.mark.parametrize("kind", WHEN_KEYS)
@settings(max_examples=60, phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink))
@given(rng=st.randoms(use_true_random=False))
def test_rules_raise_what_a_plain_reading_of_the_contract_raises(kind: str, rng: Random) -> None:
    rule, log = rule_of(rng, kind), log_of(rng)

    assert alerts(rule, log) == plainly_read(rule, log)


def test_the_random_rules_use_all_words_and_raise_alerts() -> None:
    """Rules that raise nothing would agree about nothing."""
    raising: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for kind in WHEN_KEYS:
        for seed in SEEDS:
            rng = Random(f"{kind} {seed}")
            rule, log = rule_of(rng, kind), log_of(rng)
            found = alerts(rule, log)
            assert found == plainly_read(rule, log)
            if found:
                raising[kind] += 1
                words.update(_words(rule))

    assert min(raising[kind] for kind in WHEN_KEYS) >= len(SEEDS) // 5
    assert set(WINDOWS) | set(MODIFIERS) | FIELDS.keys() | {"$risky"} <= words.keys()


def _words(rule: dict[str, Any]) -> set[str]:
    """Return the modifiers, topics, windows and lists of a rule."""
    found = {rule["window"]}
    for filters in rule["events"].values():
        for each in filters if isinstance(filters, list) else [filters]:
            found.add(each.get("topic", "pos-events"))
            found |= {key.partition("|")[2] for key in each}
            found |= {value for value in each.values() if value == "$risky"}
    return found
