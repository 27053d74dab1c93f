"""The built-in rules, one class each, over a `Store` that has already taken the event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.naive.store import DAY, TINY, Event, Line, Receipt, Store, agrees, duration

Found = dict[str, Any]


def reaches(value: float, limit: float) -> bool:
    return value >= limit - TINY


class Rule:
    """What all rules have: a store, parameters, and nothing to do."""

    name = ""
    type = ""
    defaults: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, store: Store) -> None:
        self.store = store
        everywhere = store.config.get("detectors", {}).get(self.name, {})
        here = store.config.get("stores", {}).get(store.store_id, {}).get("detectors", {}).get(self.name, {})
        chosen = {**everywhere, **here}
        self.enabled = chosen.get("enabled", True)
        self.p = {
            key: type(default)(duration(chosen[key]) if isinstance(chosen[key], str) else chosen[key])
            if key in chosen
            else default
            for key, default in self.defaults.items()
        }

    def found(self, employee: str | None, time: int, risk: float, revision: int, detail: Any) -> Found:
        return {
            "type": self.type,
            "storeId": self.store.store_id,
            "employeeId": employee,
            "eventTime": time,
            "riskScore": round(risk, 6),
            "revision": revision,
            "detail": detail,
        }

    def on_line(self, line: Line) -> Iterator[Found]:
        return iter(())

    def on_taken(self, line: Line, quantity: float) -> None:
        pass

    def on_gate(self, event: Event) -> Iterator[Found]:
        return iter(())

    def on_count(self, event: Event) -> Iterator[Found]:
        return iter(())

    def on_movement(self, event: Event) -> None:
        pass

    def on_time(self, time: int) -> Iterator[Found]:
        return iter(())


@dataclass(eq=False)
class Burst:
    """A cashier's refunds of late."""

    newest: int
    refunds: dict[Receipt, list[Line]] = field(default_factory=dict)
    opened: int | None = None
    revision: int = 0
    last: float = 0.0


class RefundBurst(Rule):
    name, type = "refund_burst", "REFUND_BURST"
    defaults = {"window": 600_000, "count": 3, "amount": 100.0, "off_shift_bump": 0.2, "revise_by": 0.05}  # noqa: RUF012

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._of: dict[str, Burst] = {}

    def on_line(self, line: Line) -> Iterator[Found]:
        if line.kind != "REFUND":
            return
        p, cashier = self.p, line.event["cashierId"]
        burst = self._of.setdefault(cashier, Burst(line.time))
        burst.newest = max(burst.newest, line.time)
        for receipt, lines in list(burst.refunds.items()):
            if lines[0].time < burst.newest - p["window"]:
                del burst.refunds[receipt]
        joined = line.time >= burst.newest - p["window"]
        if joined:
            burst.refunds.setdefault(line.receipt, []).append(line)
        amounts = [sum(x.amount for x in lines) for lines in burst.refunds.values()]
        high = sum(reaches(amount, p["amount"]) for amount in amounts)
        if burst.opened is not None and (high < p["count"] or burst.newest > burst.opened + p["window"]):
            burst.opened = None
        if not joined or high < p["count"]:
            return
        mean = sum(amounts) / len(amounts)
        off = any(x.off_shift for lines in burst.refunds.values() for x in lines)
        risk = min(1.0, high / p["count"] * 0.7 + min(1.0, mean / (2 * p["amount"])) * 0.3)
        risk = round(min(1.0, risk + (p["off_shift_bump"] if off else 0.0)), 6)
        if burst.opened is None:
            burst.opened, burst.revision = line.time, 1
        elif reaches(risk, burst.last + p["revise_by"]) or (reaches(risk, 1) and not reaches(burst.last, 1)):
            burst.revision += 1
        else:
            return
        burst.last = risk
        yield self.found(cashier, line.time, risk, burst.revision, high)

    def on_taken(self, line: Line, quantity: float) -> None:
        burst = self._of.get(line.event["cashierId"])
        if line.kind != "REFUND" or burst is None or line not in burst.refunds.get(line.receipt, []):
            return
        lines = burst.refunds[line.receipt] = [x for x in burst.refunds[line.receipt] if x.is_left]
        if sum(x.amount for x in lines) <= TINY:
            del burst.refunds[line.receipt]


class RefundWithoutSale(Rule):
    name, type = "refund_without_sale", "REFUND_WITHOUT_SALE"
    defaults = {"sale_memory": 90 * DAY, "match_grace": 0, "warm_up": 0, "exempt_skus": []}  # noqa: RUF012

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._raised: list[tuple[tuple[str, ...], int]] = []
        self._held: list[Line] = []

    def on_line(self, line: Line) -> Iterator[Found]:
        event = line.event
        if line.kind != "REFUND" or line.sku in self.p["exempt_skus"] or elsewhere(event, self.store):
            return
        first = self.store.first_pos
        assert first is not None
        if self.p["warm_up"] and line.time - first <= self.p["warm_up"]:
            return
        if self._is_matched(line):
            return
        if self.p["match_grace"]:
            self._held.append(line)
        else:
            yield from self._say(line)

    def on_time(self, time: int) -> Iterator[Found]:
        due = [line for line in self._held if time >= line.time + self.p["match_grace"]]
        self._held = [line for line in self._held if line not in due]
        for line in due:
            if line.is_left and not self._is_matched(line):
                yield from self._say(line)

    def _is_matched(self, line: Line) -> bool:
        event, store = line.event, self.store
        named = store.named_by(event)
        own = store.identity(event)
        token = token_of(event) if named is None else None
        times = [
            sale.time
            for sale in store.sales_seen_by(event)
            if agrees(named or own, sale.receipt.identity)
            or (token is not None and sale.event.get(token) == event[token] and sale.sku == line.sku)
        ]
        return bool(times) and line.time - max(times) <= self.p["sale_memory"]

    def _say(self, line: Line) -> Iterator[Found]:
        identity = line.receipt.identity
        if any(identity == other and abs(line.time - time) <= DAY for other, time in self._raised):
            return
        self._raised.append((identity, line.time))
        assert self.store.first_pos is not None
        history = line.time - self.store.first_pos
        memory = self.p["sale_memory"]
        risk = 1.0 if history >= memory else max(0.2, history / memory)
        yield self.found(line.event["cashierId"], line.time, risk, 1, line.event["transactionId"])


class SecurityCorrelation(Rule):
    name, type = "security_correlation", "SECURITY_CORRELATION"
    defaults = {"window": 120_000, "amount": 200.0, "risk": 0.85}  # noqa: RUF012

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._remembered: list[Line] = []

    def on_line(self, line: Line) -> Iterator[Found]:
        if line.kind == "SALE" and reaches(line.amount, self.p["amount"]):
            self._remembered.append(line)
        return iter(())

    def on_taken(self, line: Line, quantity: float) -> None:
        if line in self._remembered and not reaches(line.amount, self.p["amount"]):
            self._remembered.remove(line)

    def on_gate(self, event: Event) -> Iterator[Found]:
        if not event["eventData"]["alarm"]:
            return
        time = event["eventTime"]
        near = [x for x in self._remembered if 0 <= time - x.time <= self.p["window"]]
        if not near:
            return
        newest = max(near, key=lambda x: (x.time, self._remembered.index(x)))
        self._remembered = [x for x in self._remembered if x.receipt is not newest.receipt]
        yield self.found(newest.event["cashierId"], time, self.p["risk"], 1, newest.event["transactionId"])


class _Stock(Rule):
    """Both stock rules: sums by sku since its last count."""

    defaults = {"threshold": 5}  # noqa: RUF012

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._lines: dict[str, list[tuple[Line, list[float]]]] = {}
        self._moved: dict[str, list[float]] = {}
        self._counted: dict[str, float] = {}

    def on_line(self, line: Line) -> Iterator[Found]:
        self._lines.setdefault(line.sku, []).append((line, [line.quantity]))
        return iter(())

    def on_taken(self, line: Line, quantity: float) -> None:
        for known, pieces in self._lines.get(line.sku, []):
            if known is line:
                pieces[0] -= quantity

    def on_movement(self, event: Event) -> None:
        if str(event.get("reason") or "").upper() not in {"SALE", "RETURN"}:
            self._moved.setdefault(event["sku"], []).append(event["quantity"])

    def pieces(self, sku: str, kind: str) -> float:
        return round(sum(left for line, [left] in self._lines.get(sku, []) if line.kind == kind), 6)

    def moved(self, sku: str, *, only_in: bool) -> float:
        return round(sum(q for q in self._moved.get(sku, []) if q > 0 or not only_in), 6)

    def missing(self, event: Event) -> float | None:
        raise NotImplementedError

    def on_count(self, event: Event) -> Iterator[Found]:
        sku, threshold = event["sku"], self.p["threshold"]
        missing = self.missing(event)
        if missing is not None and reaches(missing, threshold):
            risk = min(1.0, missing / (2 * threshold))
            detail = int(missing) if float(missing).is_integer() else missing
            yield self.found(event.get("managerId"), event["eventTime"], risk, 1, detail)
        self._counted[sku] = event["countedQty"]
        self._lines.pop(sku, None)
        self._moved.pop(sku, None)


class Shrinkage(_Stock):
    name, type = "inventory_shrinkage", "SHRINKAGE"

    def missing(self, event: Event) -> float | None:
        sku = event["sku"]
        return round(self.pieces(sku, "SALE") - self.moved(sku, only_in=True) - event["countedQty"], 6)


class StockDiscrepancy(_Stock):
    name, type = "stock_discrepancy", "STOCK_DISCREPANCY"

    def missing(self, event: Event) -> float | None:
        sku = event["sku"]
        if sku not in self._counted:
            return None
        expected = (
            self._counted[sku]
            - self.pieces(sku, "SALE")
            + self.pieces(sku, "REFUND")
            + self.moved(sku, only_in=False)
        )
        return round(expected - event["countedQty"], 6)


def token_of(event: Event) -> str | None:
    return next((name for name in ("customerToken", "cardToken") if event.get(name)), None)


def elsewhere(event: Event, store: Store) -> bool:
    return bool(event.get("originalStoreId")) and event["originalStoreId"] != store.store_id
