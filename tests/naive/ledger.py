"""REFUND_MISMATCH: a refund against the receipt that it takes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.naive.builtin import Found, Rule, elsewhere, token_of
from tests.naive.store import DAY, TINY, Line, Receipt, Store, agrees

WEIGHTS = {
    "OTHER_ARTICLE": 0.9,
    "OVER_QUANTITY": 0.9,
    "OVER_PRICE": 0.7,
    "TENDER": 0.6,
    "TOO_OLD": 0.4,
    "QUICK": 0.4,
}


@dataclass(eq=False)
class Case:
    """The alert of a refund receipt so far."""

    cashier: str
    revision: int = 0
    reasons: set[str] = field(default_factory=set)
    loss: float = 0.0


class RefundMismatch(Rule):
    name, type = "refund_match", "REFUND_MISMATCH"
    defaults = {  # noqa: RUF012
        "sale_memory": 90 * DAY,
        "price_tolerance": 0.01,
        "price_floor": 0.05,
        "return_window": 0,
        "quick": 0,
        "tender_switch": False,
        "exempt_skus": [],
    }

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._booked: list[tuple[Receipt, Line, float]] = []  # receipt, refund line, booked with its whole
        self._cases: dict[Receipt, Case] = {}

    def on_line(self, line: Line) -> Iterator[Found]:
        event = line.event
        if line.kind != "REFUND" or line.sku in self.p["exempt_skus"] or elsewhere(event, self.store):
            return
        by_receipt: dict[Receipt, list[Line]] = {}
        for sale in self.store.sales_seen_by(event):
            by_receipt.setdefault(sale.receipt, []).append(sale)
        candidates = self._candidates(line, by_receipt)
        if not candidates:
            return
        reasons = self._judge(line, candidates, by_receipt)
        if not reasons:
            return
        case = self._cases.setdefault(line.receipt, Case(event["cashierId"]))
        case.revision += 1
        case.reasons |= reasons.keys()
        case.loss += min(event["amount"], sum(reasons.values()))
        ordered = ",".join(name for name in WEIGHTS if name in case.reasons)
        risk = max(WEIGHTS[name] for name in case.reasons)
        yield self.found(case.cashier, line.time, risk, case.revision, f"{ordered}:{round(case.loss, 6):.2f}")

    def _candidates(self, line: Line, by_receipt: dict[Receipt, list[Line]]) -> list[Receipt]:
        event, store = line.event, self.store

        def newest(receipt: Receipt) -> tuple[int, int]:
            return max((sale.time, store.lines.index(sale)) for sale in by_receipt[receipt])

        fresh = [r for r in by_receipt if line.time - newest(r)[0] <= self.p["sale_memory"]]
        named = store.named_by(event)
        own = [r for r in fresh if agrees(store.identity(event), r.identity)]
        if named is not None:
            chosen = [r for r in fresh if agrees(named, r.identity)]
        elif token := token_of(event):
            chosen = [
                r
                for r in fresh
                if any(sale.event.get(token) == event[token] for sale in by_receipt[r])
                and any(sale.sku == line.sku for sale in by_receipt[r])
            ] or own
        else:
            chosen = own
        return sorted(chosen, key=newest)[-50:]

    def _remaining(self, receipt: Receipt, sku: str, sales: list[Line]) -> float:
        sold = sum(sale.left for sale in sales if sale.sku == sku)
        refunded = sum(
            booked * refund.share
            for other, refund, booked in self._booked
            if other is receipt and refund.sku == sku
        )
        return round(sold - refunded, 6)

    def _judge(
        self, line: Line, candidates: list[Receipt], by_receipt: dict[Receipt, list[Line]]
    ) -> dict[str, float]:
        """Return each reason with its loss, and book what the receipt covers."""
        event, sku, amount, p = line.event, line.sku, float(line.event["amount"]), self.p
        holding = [r for r in candidates if any(sale.sku == sku for sale in by_receipt[r])]
        covered = [r for r in holding if self._remaining(r, sku, by_receipt[r]) > TINY]
        if not holding:
            return {"OTHER_ARTICLE": amount} if len(candidates) == 1 else {}
        receipt = (covered or holding)[-1]
        of_sku = [sale for sale in by_receipt[receipt] if sale.sku == sku]
        newest = max(of_sku, key=lambda sale: (sale.time, self.store.lines.index(sale)))
        unit = sum(sale.amount for sale in of_sku) / sum(sale.left for sale in of_sku)
        remaining = max(0.0, self._remaining(receipt, sku, by_receipt[receipt]))
        quantity = self._quantity(line, unit)
        reasons: dict[str, float] = {}
        if quantity > remaining + TINY:
            loss = amount * (quantity - remaining) / quantity
            if loss > p["price_floor"] + TINY:
                reasons["OVER_QUANTITY"] = loss
        excess = amount - quantity * unit
        if excess > max(p["price_floor"], p["price_tolerance"] * quantity * unit) + TINY:
            reasons["OVER_PRICE"] = excess
        paid = str(newest.event.get("tender") or "").lower()
        if p["tender_switch"] and paid not in {"", "cash"} and str(event.get("tender")).lower() == "cash":
            reasons["TENDER"] = amount
        age = line.time - newest.time
        if p["return_window"] and age > p["return_window"]:
            reasons["TOO_OLD"] = amount
        same = newest.event["cashierId"] == event["cashierId"]
        if p["quick"] and 0 <= age <= p["quick"] and same:
            reasons["QUICK"] = amount
        self._booked.append((receipt, line, min(quantity, remaining)))
        return reasons

    def _quantity(self, line: Line, unit: float) -> float:
        amount = float(line.event["amount"])
        if line.event.get("quantity") is not None:
            return round(line.quantity, 6)
        if unit == 0:
            return 1.0
        whole = max(1, round(amount / unit))
        if (
            abs(amount - whole * unit)
            <= max(self.p["price_floor"], self.p["price_tolerance"] * whole * unit) + TINY
        ):
            return float(whole)
        return round(amount / unit, 6)
