"""Builders of events: times are offsets from `T0`, and a test names only the fields it is about."""

from __future__ import annotations

from typing import Any

from retail_anomaly.core.events import CountEvent, GateData, PosEvent, SecurityEvent, ShiftEvent

T0 = 1_760_000_000_000
SECOND = 1_000
MINUTE = 60_000
HOUR = 3_600_000
DAY = 86_400_000


def line(event_type: str, at: int = 0, **fields: Any) -> PosEvent:
    """Make a line of a receipt at `T0 + at`."""
    return PosEvent(
        **{
            "transaction_id": "t-1",
            "store_id": "store-1",
            "cashier_id": "c-1",
            "sku": "sku-1",
            "amount": 120.0,
            "event_type": event_type,
            "event_time": T0 + at,
            **fields,
        }
    )


def sale(at: int = 0, **fields: Any) -> PosEvent:
    return line("SALE", at, **fields)


def refund(at: int = 0, **fields: Any) -> PosEvent:
    return line("REFUND", at, **fields)


def quiet_until(at: int) -> list[PosEvent]:
    """Make two events without effect, of two tills: the store's clock follows them over any silence."""
    return [line("NO_SALE", at, transaction_id="quiet", register_id=till) for till in ("till-1", "till-2")]


def shift(start: int, end: int, employee: str = "c-1", store: str = "store-1") -> ShiftEvent:
    return ShiftEvent(employee, store, T0 + start, T0 + end)


def gate(
    at: int = 0, event_id: str | None = None, *, alarm: bool = True, store: str = "store-1"
) -> SecurityEvent:
    return SecurityEvent(event_id or f"g-{at}", store, T0 + at, "GATE", GateData("gate-1", alarm))


def count(
    at: int, counted: int, sku: str = "sku-1", store: str = "store-1", manager: str | None = "m-1"
) -> CountEvent:
    return CountEvent(store, sku, counted, T0 + at, manager)
