"""The rules once more, written from the contract and as naively as possible.

Nothing is remembered between events: at each step everything is worked out again from the whole history of
the store. That is slow and has no state to get wrong. A finding has the fields of an alert that the contract
specifies, without ids and sentences.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, NamedTuple

from retail_anomaly.contract import Step, TimePasses
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import CountEvent, PosEvent, SecurityEvent, ShiftEvent

TOLERANCE = Fraction(1, 10**9)


class Finding(NamedTuple):
    """An alert's content."""

    store: str
    employee: str | None
    time: int
    opened_at: int
    revision: int
    risk: float
    evidence: dict[str, Any]


class Line(NamedTuple):
    """A line of a receipt that counts, and when it was processed."""

    step: int
    event: PosEvent


def finding_of(alert: Alert, evidence: Iterable[str]) -> Finding:
    """Reduce an alert to the fields of an oracle's finding; of the evidence, take the named fields."""
    return Finding(
        alert.store_id,
        alert.employee_id,
        alert.event_time,
        alert.opened_at,
        alert.revision,
        alert.risk_score,
        {name: alert.evidence[name] for name in evidence},
    )


class History:
    """The events that are processed, of one store."""

    def __init__(self, steps: list[Step], store: str, dedupe_memory: int) -> None:
        self.store = store
        self.steps = [(i, step) for i, step in enumerate(steps) if step.store_id == store]
        self._memory = dedupe_memory
        self._new: list[tuple[int, PosEvent | SecurityEvent]] = []
        for i, step in self.steps:
            if isinstance(step, PosEvent | SecurityEvent) and not self._is_repeated(i, step):
                self._new.append((i, step))

    def clock(self, index: int) -> int:
        """Return C when step `index` is processed."""
        return max(
            step.event_time
            for i, step in self.steps
            if i <= index and isinstance(step, PosEvent | SecurityEvent | CountEvent)
        )

    def lines(self, kind: str, upto: int) -> list[Line]:
        """Return the SALE or REFUND lines up to and with step `upto`, in processing order."""
        return [
            Line(i, e)
            for i, e in self._new
            if i <= upto and isinstance(e, PosEvent) and e.event_type.upper() == kind
        ]

    def alarms(self) -> list[tuple[int, SecurityEvent]]:
        return [(i, e) for i, e in self._new if isinstance(e, SecurityEvent) and e.event_data.alarm]

    def counts(self) -> list[tuple[int, CountEvent]]:
        return [(i, step) for i, step in self.steps if isinstance(step, CountEvent)]

    def off_shift(self, line: Line) -> bool | None:
        """Tell whether a line was rung off shift, as known when it was processed."""
        shifts: dict[int, ShiftEvent] = {}
        for i, step in self.steps:
            if i < line.step and isinstance(step, ShiftEvent) and step.employee_id == line.event.cashier_id:
                shifts[step.shift_start] = step
        if not shifts:
            return None
        return not any(s.shift_start <= line.event.event_time <= s.shift_end for s in shifts.values())

    def _is_repeated(self, index: int, event: PosEvent | SecurityEvent) -> bool:
        return event.event_id is not None and any(
            type(earlier) is type(event)
            and earlier.event_id == event.event_id
            and self.clock(index) <= earlier.event_time + self._memory
            for _, earlier in self._new
        )


def reaches(value: Fraction | float, limit: Fraction | float) -> bool:
    return Fraction(value) >= Fraction(limit) - TOLERANCE


def refund_bursts(
    history: History, *, window: int, count: int, amount: float, off_shift_bump: float, revise_by: float
) -> dict[int, list[Finding]]:
    """Return the findings by step."""
    found: dict[int, list[Finding]] = {}
    everything = history.lines("REFUND", upto=10**9)
    for cashier in {line.event.cashier_id for line in everything}:
        lines = [line for line in everything if line.event.cashier_id == cashier]
        newest = [max(e.event_time for _, e in lines[: n + 1]) for n in range(len(lines))]
        joined = [line.event.event_time >= newest[n] - window for n, line in enumerate(lines)]
        opened: int | None = None
        risks: list[float] = []  # emitted in this episode
        for n, line in enumerate(lines):
            receipts: dict[tuple[str, int], list[Line]] = {}
            for m in range(n + 1):
                event = lines[m].event
                if joined[m] and event.event_time >= newest[n] - window:
                    receipts.setdefault((event.transaction_id, event.event_time), []).append(lines[m])
            amounts = {key: sum(Fraction(p.event.amount) for p in parts) for key, parts in receipts.items()}
            high = [key for key, total in amounts.items() if reaches(total, amount)]
            if opened is not None and (len(high) < count or newest[n] > opened + window):
                opened, risks = None, []
            if not joined[n] or len(high) < count:
                continue
            off = {history.off_shift(part) for parts in receipts.values() for part in parts}
            mean = Fraction(sum(amounts.values()), len(amounts))
            risk = min(
                Fraction(1),
                min(
                    Fraction(1),
                    Fraction(len(high), count) * Fraction("0.7")
                    + min(Fraction(1), mean / (2 * Fraction(amount))) * Fraction("0.3"),
                )
                + (Fraction(off_shift_bump) if True in off else 0),
            )
            score = float(round(risk, 6))
            if opened is not None and not (
                reaches(score, Fraction(risks[-1]) + Fraction(revise_by))
                or (reaches(score, 1) and not any(reaches(earlier, 1) for earlier in risks))
            ):
                continue
            if opened is None:
                opened = line.event.event_time
            risks.append(score)
            evidence = {
                "transactionIds": sorted(transaction for transaction, _ in high),
                "refundCount": len(high),
                "totalRefunds": len(receipts),
                "averageAmount": float(mean),
                "offShift": True if True in off else (False if False in off else None),
            }
            finding = Finding(
                history.store, cashier, line.event.event_time, opened, len(risks), score, evidence
            )
            found.setdefault(line.step, []).append(finding)
    return found


def refunds_without_sale(
    history: History, *, sale_memory: int, match_grace: int, warm_up: int
) -> dict[int, list[Finding]]:
    """Return the findings by step."""
    found: dict[int, list[Finding]] = {}
    first_pos = next((step.event_time for _, step in history.steps if isinstance(step, PosEvent)), 0)
    raised: set[tuple[str, int]] = set()

    def unmatched(event: PosEvent, upto: int) -> bool:
        named = event.original_transaction_id or event.transaction_id
        times = [e.event_time for _, e in history.lines("SALE", upto) if e.transaction_id == named]
        return not times or event.event_time - max(times) > sale_memory

    def receipt(line: Line) -> tuple[str, int]:
        return line.event.transaction_id, line.event.event_time

    def is_warm_up(event: PosEvent) -> bool:
        return warm_up > 0 and event.event_time - first_pos <= warm_up

    def say(index: int, line: Line) -> None:
        event = line.event
        raised.add(receipt(line))
        evidence = {
            "transactionId": event.transaction_id,
            "amount": event.amount,
            "sku": event.sku,
            "offShift": history.off_shift(line),
        }
        found.setdefault(index, []).append(
            Finding(history.store, event.cashier_id, event.event_time, event.event_time, 1, 1.0, evidence)
        )

    held: list[Line] = []
    for i, step in history.steps:
        for line in history.lines("REFUND", upto=i)[-1:]:
            if line.step == i and unmatched(line.event, i) and not is_warm_up(line.event):
                if receipt(line) in raised:
                    continue
                if match_grace:
                    held.append(line)
                else:
                    say(i, line)
        if isinstance(step, ShiftEvent):
            continue
        time = step.time if isinstance(step, TimePasses) else step.event_time
        for line in [line for line in held if time >= line.event.event_time + match_grace]:
            held.remove(line)
            if unmatched(line.event, i) and receipt(line) not in raised:
                say(i, line)
    return found


def security_correlations(
    history: History, *, window: int, amount: float, risk: float
) -> dict[int, list[Finding]]:
    """Return the findings by step."""
    found: dict[int, list[Finding]] = {}
    matched: set[int] = set()
    for i, trigger in history.alarms():
        sales = [
            line
            for line in history.lines("SALE", upto=i)
            if reaches(line.event.amount, amount)
            and 0 <= trigger.event_time - line.event.event_time <= window
            and line.step not in matched
        ]
        if not sales:
            continue
        newest = max(sales, key=lambda line: (line.event.event_time, line.step))
        matched.add(newest.step)
        evidence = {
            "transactionId": newest.event.transaction_id,
            "saleAmount": newest.event.amount,
            "gateId": trigger.event_data.gate_id,
            "securityEventId": trigger.event_id,
            "secondsAfterSale": (trigger.event_time - newest.event.event_time) / 1000,
            "otherTransactionIds": sorted(e.transaction_id for k, e in sales if k != newest.step),
        }
        time = trigger.event_time
        found[i] = [Finding(history.store, newest.event.cashier_id, time, time, 1, risk, evidence)]
    return found


def shrinkages(history: History, *, threshold: int) -> dict[int, list[Finding]]:
    """Return the findings by step."""
    found: dict[int, list[Finding]] = {}
    counts = history.counts()
    for i, event in counts:
        since = max((k for k, other in counts if k < i and other.sku == event.sku), default=-1)
        sold = _pieces(history, "SALE", event.sku, since, i)
        difference = sold - event.counted_qty
        if difference >= threshold:
            evidence = {
                "sku": event.sku,
                "sold": sold,
                "counted": event.counted_qty,
                "difference": difference,
            }
            found[i] = [_of_count(event, difference, threshold, evidence)]
    return found


def stock_discrepancies(history: History, *, threshold: int) -> dict[int, list[Finding]]:
    """Return the findings by step."""
    found: dict[int, list[Finding]] = {}
    counts = history.counts()
    for i, event in counts:
        earlier = [(k, other) for k, other in counts if k < i and other.sku == event.sku]
        if not earlier:
            continue
        since, previous = earlier[-1]
        sold = _pieces(history, "SALE", event.sku, since, i)
        refunded = _pieces(history, "REFUND", event.sku, since, i)
        expected = previous.counted_qty - sold + refunded
        missing = expected - event.counted_qty
        if missing >= threshold:
            evidence = {
                "sku": event.sku,
                "previousCount": previous.counted_qty,
                "sold": sold,
                "refunded": refunded,
                "expected": expected,
                "counted": event.counted_qty,
                "missing": missing,
            }
            found[i] = [_of_count(event, missing, threshold, evidence)]
    return found


def _pieces(history: History, kind: str, sku: str, after: int, upto: int) -> int | float:
    return sum(e.quantity for i, e in history.lines(kind, upto) if i > after and e.sku == sku)


def _of_count(event: CountEvent, pieces: int | float, threshold: int, evidence: dict[str, Any]) -> Finding:
    risk = min(1.0, float(round(Fraction(pieces) / (2 * threshold), 6)))
    return Finding(event.store_id, event.manager_id, event.event_time, event.event_time, 1, risk, evidence)
