"""Made-up logs of one store, in which everything that tills send meets: few numbers, registers, articles.

An event is never older than `max_late`, so that the contract specifies everything about it.
"""

from __future__ import annotations

from random import Random
from typing import Any

from tests.naive.store import Store
from tests.support.events import DAY, HOUR, MINUTE, SECOND, T0

Record = tuple[str, dict[str, Any]]

_LAST = 4_102_444_799_999
_LINES = {"SALE", "REFUND", "LINE_VOID"}
_TYPES = ["SALE"] * 5 + ["REFUND"] * 5 + ["VOID", "POST_VOID", "LINE_VOID", "LINE_VOID", "NO_SALE", "void"]
_DATES = ["2025-10-09", "2025-10-10"]


def config(rng: Random) -> dict[str, Any]:
    """Draw a configuration."""
    without_sale = {"sale_memory": rng.choice(["90d", "1h", "3d"])} | _some(
        rng,
        match_grace=(0.4, ["10m", "1h", "2d"]),
        warm_up=(0.2, ["10m", "1d"]),
        exempt_skus=(0.2, [["a"]]),
    )
    burst = {"count": rng.choice([1, 2, 3]), "window": rng.choice(["10m", "2h", "30h"])}
    detectors = {
        "refund_burst": burst | {"revise_by": rng.choice([0.05, 0.01])},
        "refund_without_sale": without_sale,
        "security_correlation": {"window": rng.choice(["2m", "5h"]), "amount": rng.choice([100.0, 200.0])},
        "inventory_shrinkage": {"threshold": rng.choice([1, 5])},
        "stock_discrepancy": {"threshold": rng.choice([1, 5])},
    }
    zones = [{"s": {"time_zone": zone}} for zone in ("Asia/Tokyo", "America/New_York")]
    numbered_by = rng.choice(["store", "register", "register_day"])
    return {"numbered_by": numbered_by, "detectors": detectors} | _some(
        rng,
        void_memory=(0.5, ["1h", "2d", "10m", "24h"]),
        dedupe_memory=(0.3, ["1h", "2d"]),
        stores=(0.3, zones),
    )


def log(rng: Random, settings: dict[str, Any]) -> list[Record]:
    """Draw a log of up to 60 events; those are left out that come too late under these settings."""
    step = rng.choice([SECOND, MINUTE, 30 * MINUTE, 3 * HOUR])
    tills = _Tills(rng, step)
    store, records, now = Store("s", settings), [], T0
    for number in range(rng.choice([5, 15, 40, 60])):
        now += rng.choice([0, 0, 1, step, rng.randrange(step + 1)])
        topic, event = tills.record(number, min(tills.time(now), _LAST))
        if "eventTime" in event:
            if store.clock is not None and event["eventTime"] < store.clock - DAY:
                continue
            store.advance(topic, event)
        records.append((topic, {"storeId": "s", **event}))
    return records


class _Tills:
    """A store's devices; `step` is the usual time between two events."""

    def __init__(self, rng: Random, step: int) -> None:
        self._rng, self._step = rng, step
        self._numbers = [str(n) for n in range(rng.choice([2, 4, 8]))]
        self._registers: list[str | None] = rng.choice([[None], [None, "r1"], ["r1", "r2"]])
        self._skus = ["a", "b", "c"][: rng.choice([1, 2, 3])]
        self._is_wild = rng.random() < 0.3

    def time(self, now: int) -> int:
        """Draw the time of an event: now, or a little late, or by a wrong clock."""
        rng = self._rng
        if self._is_wild and rng.random() < 0.05:
            return now + rng.choice([2 * DAY, 365 * DAY, 75 * 365 * DAY, 25 * HOUR])
        return now - rng.randrange(3 * self._step) if rng.random() < 0.15 else now

    def record(self, number: int, at: int) -> Record:
        rng, kind = self._rng, self._rng.random()
        if kind < 0.1:
            counted = rng.choice([0, 1, 3, 0.5])
            return "inventory-counts", self._of_sku(at) | {"countedQty": counted, "managerId": "m"}
        if kind < 0.16:
            event_id = f"g{number if rng.random() < 0.9 else 0}"
            data = {"gateId": "g", "alarm": rng.random() < 0.8}
            event = {"eventId": event_id, "eventTime": at, "eventType": "GATE", "eventData": data}
            return "security-events", event
        if kind < 0.2:
            reasons, ids = ["DELIVERY", "sale", "Return"], ["m1", "m2"]
            some = _some(rng, reason=(0.5, reasons), movementId=(0.3, ids))
            return "stock-movements", self._of_sku(at) | {"quantity": rng.choice([1, 5, -2, 0.25])} | some
        if kind < 0.24:
            start = min(max(T0, at - rng.randrange(3 * self._step)), _LAST - 1)
            shift = {"employeeId": rng.choice(["c1", "c2"]), "shiftStart": start}
            return "staff-shifts", shift | {"shiftEnd": min(start + self._step, _LAST)}
        return "pos-events", self._pos(at)

    def _of_sku(self, at: int) -> dict[str, Any]:
        return {"sku": self._rng.choice(self._skus), "eventTime": at}

    def _pos(self, at: int) -> dict[str, Any]:
        rng = self._rng
        event: dict[str, Any] = {
            "cashierId": rng.choice(["c1", "c2"]),
            "eventTime": at,
            "transactionId": rng.choice(self._numbers),
            "eventType": rng.choice(_TYPES),
        }
        register = rng.choice(self._registers)
        if register:
            event["registerId"] = register
        if event["eventType"] in _LINES:
            event["sku"] = rng.choice(self._skus)
            event["amount"] = rng.choice([0, 50, 100, 100.004, 199.99, 250.5, 33.33, 1e9])
            event |= _some(rng, quantity=(0.6, [1, 2, 3, 0.42, 1.5, 0.3333, 3e6]))
        if rng.random() < 0.3:
            event["originalTransactionId"] = rng.choice(self._numbers)
            event |= _some(rng, originalRegisterId=(0.4, ["r1", "r2"]), originalBusinessDate=(0.3, _DATES))
        return event | _some(
            rng,
            businessDate=(0.2, _DATES),
            lineNumber=(0.2, [0, 1, 2]),
            customerToken=(0.2, ["x", "y"]),
            cardToken=(0.2, ["x", "y"]),
            training=(0.05, [True]),
            originalStoreId=(0.05, ["s", "z"]),
            eventId=(0.2, [f"e{n}" for n in range(6)]),
        )


def _some(rng: Random, **fields: tuple[float, list[Any]]) -> dict[str, Any]:
    """Draw each field with its chance."""
    return {name: rng.choice(values) for name, (chance, values) in fields.items() if rng.random() < chance}
