"""A whole log through the plainly written rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.naive.builtin import (
    Found,
    RefundBurst,
    RefundWithoutSale,
    Rule,
    SecurityCorrelation,
    Shrinkage,
    StockDiscrepancy,
)
from tests.naive.declared import Declared
from tests.naive.ledger import RefundMismatch
from tests.naive.store import Event, Store

RULES: tuple[type[Rule], ...] = (
    RefundBurst,
    RefundWithoutSale,
    RefundMismatch,
    SecurityCorrelation,
    Shrinkage,
    StockDiscrepancy,
)
TAKING_BACK = {"VOID", "POST_VOID", "LINE_VOID"}
FIRST, LAST = 946_684_800_000, 4_102_444_799_999  # 2000-01-01 and the end of 2099
REQUIRED = {
    "pos-events": ("storeId", "cashierId", "eventType", "eventTime"),
    "staff-shifts": ("employeeId", "storeId", "shiftStart", "shiftEnd"),
    "security-events": ("eventId", "storeId", "eventTime", "eventType", "eventData"),
    "inventory-counts": ("storeId", "sku", "countedQty", "eventTime"),
    "stock-movements": ("storeId", "sku", "quantity", "eventTime"),
}
OF_A_LINE = ("transactionId", "sku", "amount")


def is_event(topic: str, event: Event) -> bool:
    """Tell whether a value has its required fields, a time that can be, and no card number for a token."""
    kind = str(event.get("eventType")).upper()
    required = REQUIRED[topic]
    if topic == "pos-events" and kind in {"SALE", "REFUND", "LINE_VOID"}:
        required += OF_A_LINE
    elif topic == "pos-events" and kind in {"VOID", "POST_VOID"}:
        required += OF_A_LINE[:1]
    if any(event.get(name) in (None, "") for name in required):
        return False
    times = [event[name] for name in ("eventTime", "shiftStart", "shiftEnd") if name in event]
    if not all(FIRST <= time <= LAST for time in times):
        return False
    tokens = (event.get(name) for name in ("customerToken", "cardToken", "giftCardToken"))
    return not any(token and is_card_number(token) for token in tokens)


def is_card_number(text: str) -> bool:
    """Tell whether 13 to 19 digits, blanks and dashes apart, pass the Luhn check.

    Examples
    --------
    >>> is_card_number("4111 1111 1111 1111"), is_card_number("4111 1111 1111 1112")
    (True, False)
    """
    digits = text.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdigit() and 13 <= len(digits) <= 19):
        return False
    doubled = (int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(digits)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def naive_alerts(
    log: Iterable[tuple[str, Event]],
    config: dict[str, Any] | None = None,
    rules: Iterable[dict[str, Any]] = (),
) -> list[Found]:
    """Return the alerts of a log, in the order in which they are raised; what is no event is passed over.

    An alert is what the golden cases say of one: type, store, employee, time, risk, revision and detail.
    """
    config, declared = config or {}, list(rules)
    stores: dict[str, _Running] = {}
    found: list[Found] = []
    for topic, event in log:
        if not is_event(topic, event):
            continue
        store_id = event["storeId"]
        if store_id not in stores:
            stores[store_id] = _Running(Store(store_id, config), declared)
        found += stores[store_id].process(topic, event)
    return found


class _Running:
    def __init__(self, store: Store, declared: list[dict[str, Any]]) -> None:
        self.store = store
        self.rules = [rule for rule in (kind(store) for kind in RULES) if rule.enabled]
        self.declared = [Declared(rule, store) for rule in declared]

    def process(self, topic: str, event: Event) -> list[Found]:
        store = self.store
        if topic == "staff-shifts":
            store.keep_shift(event)
            return []
        found: list[Found] = []
        training = bool(event.get("training"))
        if topic == "pos-events" and not training and store.first_pos is None:
            store.first_pos = event["eventTime"]
        store.advance(topic, event)
        if not store.is_repeated(topic, event):
            if not training:
                found += self._take(topic, event)
            for rule in self.declared:
                found += [alert for alert in rule.on_event(topic, event) if rule.live]
        for builtin in self.rules:
            found += builtin.on_time(event["eventTime"])
        for rule in self.declared:
            found += [alert for alert in rule.on_time(event["eventTime"]) if rule.live]
        return found

    def _take(self, topic: str, event: Event) -> list[Found]:
        found: list[Found] = []
        if topic == "pos-events":
            kind = event["eventType"].upper()
            if kind in {"SALE", "REFUND"}:
                line = self.store.sell_or_refund(kind, event)
                for rule in self.rules:
                    found += rule.on_line(line)
            elif kind in TAKING_BACK:
                for line, quantity in self.store.take_back(kind, event):
                    for rule in self.rules:
                        rule.on_taken(line, quantity)
        for rule in self.rules:
            if topic == "security-events":
                found += rule.on_gate(event)
            elif topic == "inventory-counts":
                found += rule.on_count(event)
            elif topic == "stock-movements":
                rule.on_movement(event)
        return found
