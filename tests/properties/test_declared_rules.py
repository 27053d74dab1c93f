"""Random rules over random logs raise the alerts of an evaluator that was written apart."""

from __future__ import annotations

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from retail_anomaly.contract import Run
from retail_anomaly.core.codec import from_mapping
from retail_anomaly.core.engine import Engine
from retail_anomaly.rules import load_rules, rule_detectors
from tests.naive.run import naive_alerts
from tests.support.events import DAY, HOUR, MINUTE, T0

POS = "pos-events"
TYPES = ("SALE", "REFUND", "NO_SALE", "no_sale", "CASH_COUNT")
NUMBERS = (0, 1, 2.5, 5, 10)
TEXTS = ("a", "ab", "b")


@st.composite
def pos_events(draw: st.DrawFn) -> dict[str, Any]:
    event = {
        "storeId": "s",
        "cashierId": draw(st.sampled_from(["c-1", "c-2"])),
        "eventType": draw(st.sampled_from(TYPES)),
        # Whole minutes fall on the ends of windows; hours reach the next local day.
        "eventTime": T0 + draw(st.integers(0, 12)) * MINUTE + draw(st.sampled_from([0, 0, 0, 1, 13 * HOUR])),
    }
    for name, values in (
        ("transactionId", TEXTS),
        ("sku", TEXTS),
        ("amount", NUMBERS),
        ("listPrice", NUMBERS),
        ("quantity", (1, 2.5)),
        ("approverId", ("c-1", "m-1")),
        ("registerId", TEXTS),
        ("training", (True, False)),
        ("employeeDiscount", (True, False)),
        ("tender", ("cash", "card")),
    ):
        needed = event["eventType"] in ("SALE", "REFUND") and name in ("transactionId", "sku", "amount")
        if needed or draw(st.booleans()):
            event[name] = draw(st.sampled_from(values))
    return event


gates = st.builds(
    lambda minute, number, alarm: {
        "storeId": "s",
        "eventId": f"g-{number}",
        "eventType": "GATE",
        "eventTime": T0 + minute * MINUTE,
        "eventData": {"gateId": "gate-1", "alarm": alarm},
    },
    st.integers(0, 12),
    st.integers(0, 9_999),
    st.booleans(),
)
shifts = st.builds(
    lambda start, length: {
        "storeId": "s",
        "employeeId": "c-1",
        "shiftStart": T0 + start * MINUTE,
        "shiftEnd": T0 + (start + length) * MINUTE,
    },
    st.integers(0, 12),
    st.integers(1, 6),
)
counts = st.builds(
    lambda minute, sku, counted: {
        "storeId": "s",
        "sku": sku,
        "countedQty": counted,
        "eventTime": T0 + minute * MINUTE,
        "managerId": "m-1",
    },
    st.integers(0, 12),
    st.sampled_from(TEXTS),
    st.sampled_from(NUMBERS),
)
movements = st.builds(
    lambda minute, sku, quantity, reason: {
        "storeId": "s",
        "sku": sku,
        "quantity": quantity,
        "eventTime": T0 + minute * MINUTE,
        "reason": reason,
    },
    st.integers(0, 12),
    st.sampled_from(TEXTS),
    st.sampled_from([-5, -1, 2.5, 5]),
    st.sampled_from(["DELIVERY", "WRITE_OFF"]),
)
logs = st.lists(
    st.one_of(
        *[st.tuples(st.just(POS), pos_events())] * 6,
        st.tuples(st.just("inventory-counts"), counts),
        st.tuples(st.just("stock-movements"), movements),
        st.tuples(st.just("security-events"), gates),
        st.tuples(st.just("staff-shifts"), shifts),
    ),
    max_size=30,
)

number = st.sampled_from(NUMBERS)
tests = st.one_of(
    st.builds(lambda v: ("eventType", v), st.sampled_from(TYPES)),
    st.builds(lambda v: ("eventType", v), st.lists(st.sampled_from(TYPES), min_size=1, max_size=3)),
    st.builds(lambda v: ("eventType|not", v), st.lists(st.sampled_from(TYPES), min_size=1, max_size=2)),
    st.just(("eventType|startswith", "no")),
    st.builds(lambda m, v: (f"amount|{m}", v), st.sampled_from(["gt", "gte", "lt", "lte"]), number),
    st.builds(lambda v: ("amount", v), st.lists(number, min_size=1, max_size=2)),
    st.builds(lambda v: ("amount|not", v), number),
    st.builds(lambda m, v: (f"quantity|{m}", v), st.sampled_from(["gt", "lte"]), number),
    st.builds(
        lambda f, v: (f"{f}|exists", v),
        st.sampled_from(["sku", "quantity", "approverId", "offShift", "receipt", "employeeDiscount"]),
        st.booleans(),
    ),
    st.builds(lambda v: ("sku|startswith", v), st.sampled_from(TEXTS)),
    st.builds(lambda v: ("sku|not", v), st.sampled_from(TEXTS)),
    st.just(("sku", "$risky")),
    st.just(("sku|not", "$risky")),
    st.builds(lambda v: ("receipt|startswith", v), st.sampled_from(TEXTS)),
    st.just(("approverId|field", "cashierId")),
    st.just(("sku|field", "transactionId")),
    st.just(("amount|field", "listPrice")),
    st.builds(lambda x: ("amount|share", ["listPrice", x]), st.sampled_from([0.5, 1.0, 2.5])),
    st.builds(lambda v: ("training", v), st.booleans()),
    st.builds(lambda v: ("offShift", v), st.booleans()),
    st.builds(
        lambda m, v: (f"localHour|{m}", v), st.sampled_from(["lt", "gte"]), st.sampled_from([9, 12, 23])
    ),
    st.builds(lambda v: ("weekday", v), st.sampled_from([["mon", "thu"], ["fri"], ["sat", "sun"]])),
    st.just(("employeeDiscount", True)),
    st.just(("tender|not", ["card"])),
)
pos_filters = st.lists(tests, max_size=3).map(dict)
filters = st.one_of(
    pos_filters,
    st.lists(pos_filters, min_size=1, max_size=2),
    st.booleans().map(lambda alarm: {"topic": "security-events", "alarm": alarm}),
    st.just({"topic": "security-events", "gateId|startswith": "gate", "localHour|lt": 12}),
    number.map(lambda least: {"topic": "inventory-counts", "countedQty|gte": least}),
    st.just({"topic": "stock-movements", "quantity|lt": 0, "reason|not": "DELIVERY"}),
)


DISTINCT = ("sku", "transactionId", "amount", "receipt", "localHour")
GROUPS = ("cashierId", "registerId", "sku", "receipt", "weekday", "tender", "quantity")


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["count", "sum", "distinct", "ratio", "sequence", "absent"]))
    a = draw(st.sampled_from(["a", "b"]))
    b = draw(st.sampled_from(["a", "b"]))
    gte = draw(st.sampled_from([0, 0.5, 1, 2, 3]))
    kinds: dict[str, dict[str, Any]] = {
        "count": {"count": a, "gte": gte},
        "sum": {"sum": f"{a}.{draw(st.sampled_from(['amount', 'quantity', 'listPrice']))}", "gte": gte * 2},
        "distinct": {"distinct": f"{a}.{draw(st.sampled_from(DISTINCT))}", "gte": gte},
        "ratio": {"ratio": [a, b], "gte": gte / 2, "min": draw(st.integers(1, 3))},
        "sequence": {"sequence": [a, b]},
        "absent": {"absent": a, "after": b},
    }
    windows = ["3m", "10m"] if kind in ("sequence", "absent") else ["3m", "10m", "14h", "day", "receipt"]
    events = {"a": draw(filters), "b": draw(filters)}
    return {
        "id": "r",
        "status": "live",
        "lists": {"risky": ["ab", "b"]},
        "events": events | ({"c": draw(pos_filters)} if draw(st.booleans()) else {}),
        "by": draw(st.lists(st.sampled_from(GROUPS), unique=True, max_size=2)),
        "window": draw(st.sampled_from(windows)),
        "when": kinds[kind],
        "subject": "cashierId",
        "risk": draw(st.sampled_from([0.5, [[1, 0.2], [2, 0.24], [3, 0.9]], [[2, 0.9], [3, 0.1]]])),
    }


CONFIG = {"stores": {"s": {"time_zone": "Europe/Berlin"}}}


def alerts(rule: dict[str, Any], log: list[tuple[str, dict[str, Any]]]) -> Counter[tuple[Any, ...]]:
    engine = Engine(rule_detectors(load_rules(own=[rule]), DAY), zone=lambda store: ZoneInfo("Europe/Berlin"))
    raised = Run(engine).alerts([from_mapping(topic, dict(value)) for topic, value in log])
    return Counter(
        (a.employee_id, a.event_time, a.risk_score, a.revision, str(a.evidence["value"])) for a in raised
    )


@settings(max_examples=300)
@given(rules(), logs)
def test_rules_raise_what_a_plain_reading_of_the_contract_raises(
    rule: dict[str, Any], log: list[tuple[str, dict[str, Any]]]
) -> None:
    expected = Counter(
        (a["employeeId"], a["eventTime"], a["riskScore"], a["revision"], a["detail"])
        for a in naive_alerts(log, CONFIG, [rule])
        if a["type"] == "R"
    )

    assert alerts(rule, log) == expected
