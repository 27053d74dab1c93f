"""The page `docs/fields.md`: every field of every event from the structs, with an example of every type.

A field without a meaning here, or a meaning without a field, raises an error: the page cannot lag behind.
"""

import json
from typing import Final

import msgspec

from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import (
    EVENT_TYPES,
    POS_EVENTS,
    CountEvent,
    Event,
    GateData,
    MovementEvent,
    PosEvent,
    SecurityEvent,
    ShiftEvent,
    TillEvent,
)
from retail_anomaly.sources.columns import FIELDS, TIMES

_HEAD: Final = """\
# Fields of the events

A column of a table, or a key of a JSON line, has one of these names. If yours differ, map them:
`--columns sku=article`. `retail-anomaly replay --topic TOPIC` names the kind of events in a file; the default
is `pos-events`.

- A text is never empty and has at most 1,024 characters. In tables an id such as `0012` stays text.
- A number may have decimal places: goods are weighed. A whole number written as `3.0` is 3.
- A time is in epoch milliseconds, or in ISO 8601 in tables: `2025-10-09 10:02`, `2025-10-09T10:02:00+02:00`.
  In a table a time without a zone is the local time of the store, which `stores:` gives; UTC is the default.
- A field that is not required may be missing, null or empty. Unknown fields are ignored.
- A token stands for a customer or a card. One that is a card number makes the event a dead letter, whose
  `value` is null: the number is written nowhere.
"""

# By topic: what stands above its table, then the meaning of each field.
_TOPICS: Final = {
    "pos-events": """\
One event is a line of a receipt, or anything else that a till tells. `eventType` decides which fields are
required: each type needs the four that say yes, `SALE`, `REFUND` and `LINE_VOID` also those of a line, `VOID`
and `POST_VOID` also `transactionId`. The packaged detectors know these five types; rules of your own see any
other.
""",
    "staff-shifts": """\
A planned shift. A shift of the same employee and start, or with the same `shiftId`, replaces it.
""",
    "security-events": "What the gates at the doors tell.\n",
    "inventory-counts": "How much of an article was counted.\n",
    "stock-movements": """\
Goods that come or go without a sale. Movements with the `reason` `SALE` or `RETURN` are passed over: the
tills tell of those.
""",
}
_MEANINGS: Final = {
    "pos-events": {
        "transactionId": "number of the receipt, unique in its store",
        "storeId": "the store",
        "cashierId": "the cashier",
        "sku": "the article",
        "amount": "total of the line in the store's currency: 0 or more, for refunds too",
        "eventType": "`SALE`, `REFUND`, `LINE_VOID`, `VOID`, `POST_VOID` or any other type, in any case",
        "eventTime": "when the line was rung up",
        "quantity": "pieces or weight, above 0; a line without it counts as 1",
        "originalTransactionId": "of a refund or a void: `transactionId` of the receipt that it takes back",
        "eventId": "id of the message; a second event with the same id within `dedupe_memory` is dropped",
        "registerId": "the till",
        "tender": "the means of payment",
        "businessDate": "the day that the till books the receipt on, as `2025-10-09`",
        "lineNumber": "place of the line on its receipt, 0 or more",
        "originalRegisterId": "the till of the receipt that is taken back",
        "originalBusinessDate": "the business date of the receipt that is taken back",
        "originalStoreId": "the store of the receipt that is taken back, if it is another one",
        "unitPrice": "price of one piece, 0 or more",
        "listPrice": "price of one piece in the price list, 0 or more",
        "discountAmount": "what was taken off the line, 0 or more",
        "expectedAmount": "for example the cash that should be in the drawer, 0 or more",
        "entryMethod": "how the article was entered, such as `SCAN` or `KEYED`",
        "approverId": "the employee who approved it",
        "reasonCode": "the reason that the cashier chose",
        "customerToken": "stands for the customer",
        "cardToken": "stands for the payment card",
        "giftCardToken": "stands for the gift card",
        "employeeDiscount": "whether the discount for employees was given; false if missing",
        "training": "whether the till was in training mode; such an event changes nothing; false if missing",
    },
    "staff-shifts": {
        "employeeId": "the employee; for a cashier the same as `cashierId`",
        "storeId": "the store",
        "shiftStart": "start of the planned shift",
        "shiftEnd": "its end, after its start",
        "role": "the employee's role in this shift",
        "shiftId": "id of the shift: a later one with the same id replaces it, also for another employee",
        "cancelled": "true takes the shift out of the plan; false if missing",
    },
    "security-events": {
        "eventId": "id of the event; a second one within `dedupe_memory` is dropped",
        "storeId": "the store",
        "eventTime": "when it happened",
        "eventType": "kind of the event, such as `GATE`",
        "eventData.gateId": "the gate",
        "eventData.alarm": "whether the gate gave an alarm",
    },
    "inventory-counts": {
        "storeId": "the store",
        "sku": "the article that was counted",
        "countedQty": "pieces or weight in the store, 0 or more",
        "eventTime": "when it was counted",
        "managerId": "who counted",
    },
    "stock-movements": {
        "storeId": "the store",
        "sku": "the article",
        "quantity": "pieces or weight: above 0 they come in, below 0 they leave; not 0",
        "eventTime": "when they were booked",
        "reason": "`DELIVERY`, `TRANSFER`, `WRITE_OFF` or any other text",
        "movementId": "id of the message; a second one within `dedupe_memory` is dropped",
        "employeeId": "who booked it",
    },
}
_KINDS: Final = {
    "text": "text",
    "integer": "whole number",
    "number": "number",
    "decimal": "number",
    "flag": "true or false",
}

_TEN: Final = 1_760_004_000_000  # 2025-10-09 10:00:00 UTC
_MINUTE: Final = 60_000


def _line(kind: str, minute: int, **more: object) -> PosEvent:
    plain = {
        "transaction_id": "4711",
        "sku": "4006381333931",
        "amount": 12.9,
        "register_id": "3",
        "line_number": 1,
    }
    fields = plain | {"event_time": _TEN + minute * _MINUTE} | more
    return PosEvent(store_id="berlin-1", cashier_id="c-17", event_type=kind, **fields)  # type: ignore[arg-type]


def _till(kind: str, minute: int, **more: object) -> TillEvent:
    time = _TEN + minute * _MINUTE
    return TillEvent("berlin-1", "c-17", kind, time, register_id="3", **more)  # type: ignore[arg-type]


_EXAMPLES: Final[dict[str, Event]] = {
    "A sale of two pieces, with the customer's token": _line(
        "SALE", 0, amount=25.8, quantity=2, unit_price=12.9, tender="CARD", customer_token="k-20417"  # noqa: S106
    ),
    "A sale of 0.42 kg": _line("SALE", 0, sku="banana", amount=0.84, quantity=0.42, line_number=2),
    "A refund that names its sale, at another till, on another day": _line(
        "REFUND", 1, transaction_id="4800", original_transaction_id="4711", original_register_id="2",
        original_business_date="2025-10-07", business_date="2025-10-09", tender="CASH", reason_code="DEFECT",
    ),
    "One piece of a line is taken back before the receipt is paid": _line("LINE_VOID", 2, quantity=1),
    "A receipt is taken back before it is paid": _till("VOID", 3, transaction_id="4712"),
    "A receipt of another number is taken back after it was paid": _till(
        "POST_VOID", 4, transaction_id="4713", original_transaction_id="4711", approver_id="m-2"
    ),
    "The drawer is opened without a sale": _till("NO_SALE", 5, reason_code="CHANGE"),
    "Cash is counted": _till("CASH_COUNT", 6, amount=412.5, expected_amount=415.0),
    "A sale in training mode": _line("SALE", 7, transaction_id="T1", training=True),
    "A shift": ShiftEvent("c-17", "berlin-1", _TEN, _TEN + 480 * _MINUTE, "CASHIER", "2025-10-09/early/3"),
    "The same shift is cancelled": ShiftEvent(
        "c-17", "berlin-1", _TEN, _TEN + 480 * _MINUTE, "CASHIER", "2025-10-09/early/3", cancelled=True
    ),
    "An alarm at a gate": SecurityEvent("g-88", "berlin-1", _TEN, "GATE", GateData("exit-1", alarm=True)),
    "A count": CountEvent("berlin-1", "4006381333931", 24, _TEN, "m-2"),
    "A delivery": MovementEvent("berlin-1", "4006381333931", 48, _TEN, "DELIVERY", "lfs-9917", "m-2"),
    "Spoiled goods are written off": MovementEvent("berlin-1", "banana", -3.5, _TEN, "WRITE_OFF"),
}  # fmt: skip


def fields_page(notice: str) -> str:
    """Return the page, after a notice that it is written by a program."""
    parts = [notice + _HEAD]
    for topic, event_type in EVENT_TYPES.items():
        meanings = _MEANINGS[topic]
        if list(meanings) != list(FIELDS[topic]):
            raise ValueError(
                f"{topic}: the fields are {list(FIELDS[topic])}, the page tells of {list(meanings)}"
            )
        rows = ["| field | required | kind | meaning |", "| --- | --- | --- | --- |"]
        for name, meaning in meanings.items():
            kind = "time" if name in TIMES else _KINDS[FIELDS[topic][name]]
            rows.append(f"| `{name}` | {_required(event_type, name)} | {kind} | {meaning} |")
        examples = [
            f"{title}:\n\n```json\n{json.dumps(json.loads(encode(event)))}\n```\n"
            for title, event in _EXAMPLES.items()
            if topic_of(event) == topic
        ]
        parts += [f"## `{topic}`\n", _TOPICS[topic], "\n".join(rows) + "\n", *examples]
    return "\n".join(parts)


def _required(event_type: type[Event], name: str) -> str:
    types = [event_type, TillEvent] if event_type is EVENT_TYPES[POS_EVENTS] else [event_type]
    need = [_needs(kind, name.partition(".")[0]) for kind in types]
    return "yes" if all(need) else "of a line" if any(need) else ""


def _needs(event_type: type[Event], name: str) -> bool:
    return any(field.encode_name == name and field.required for field in msgspec.structs.fields(event_type))
