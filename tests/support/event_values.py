"""A good value of each input topic, and the reason for which a value is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from retail_anomaly.core.codec import decode
from retail_anomaly.core.invalid import InvalidEvent

GOOD: dict[str, dict[str, Any]] = {
    "pos-events": {
        "transactionId": "t-1",
        "storeId": "store-1",
        "cashierId": "c-1",
        "sku": "sku-1",
        "amount": 9.5,
        "eventType": "SALE",
        "eventTime": 1_760_000_000_000,
    },
    "staff-shifts": {
        "employeeId": "c-1",
        "storeId": "store-1",
        "shiftStart": 1_760_000_000_000,
        "shiftEnd": 1_760_028_800_000,
    },
    "security-events": {
        "eventId": "g-1",
        "storeId": "store-1",
        "eventTime": 1_760_000_000_000,
        "eventType": "GATE",
        "eventData": {"gateId": "gate-1", "alarm": True},
    },
    "inventory-counts": {
        "storeId": "store-1",
        "sku": "sku-1",
        "countedQty": 20,
        "eventTime": 1_760_000_000_000,
    },
    "stock-movements": {
        "storeId": "store-1",
        "sku": "sku-1",
        "quantity": -3,
        "eventTime": 1_760_000_000_000,
    },
}
OPTIONAL = {
    "pos-events": [
        *(
            "quantity",
            "originalTransactionId",
            "eventId",
            "registerId",
            "tender",
            "businessDate",
            "lineNumber",
        ),
        *("originalRegisterId", "originalBusinessDate", "originalStoreId", "unitPrice"),
        *("listPrice", "discountAmount", "expectedAmount", "entryMethod", "approverId", "reasonCode"),
        *("customerToken", "cardToken", "giftCardToken", "employeeDiscount", "training"),
    ],
    "staff-shifts": ["role", "shiftId", "cancelled"],
    "security-events": [],
    "inventory-counts": ["managerId"],
    "stock-movements": ["reason", "movementId", "employeeId"],
}
REQUIRED = [(topic, field) for topic, value in GOOD.items() for field in value]


def raw(topic: str, **changed: Any) -> bytes:
    return json.dumps({**GOOD[topic], **changed}).encode()


def refusal(topic: str, value: bytes | None) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        decode(topic, value)
    return caught.value
