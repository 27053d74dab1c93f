"""Till events that are no receipt line; quantities, days and tokens; numbers and texts that are too large."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal
from typing import Any

import pytest

from retail_anomaly.core.codec import decode, encode
from retail_anomaly.core.event_mapping import from_mapping
from retail_anomaly.core.events import (
    CountEvent,
    PosEvent,
    TillEvent,
)
from retail_anomaly.core.invalid import DeadLetter, InvalidEvent, InvalidKind
from tests.support.event_values import GOOD, OPTIONAL, raw, refusal

# --- Events of version 2 --------------------------------------------------------------------------

CARD = "4111 1111-1111 1111"
TOKEN_FIELDS = ("customerToken", "cardToken", "giftCardToken")
TILL = {"storeId": "s", "cashierId": "c", "eventType": "NO_SALE", "eventTime": 1_760_000_000_000}


def till(**changed: Any) -> bytes:
    return json.dumps({**TILL, **changed}).encode()


@pytest.mark.parametrize("kind", ["NO_SALE", "paid_out", "CASH_COUNT", "Anything"])
@pytest.mark.parametrize("more", [{}, {"sku": ""}, {"amount": None}, {"amount": 3}, {"training": True}])
def test_an_event_that_is_no_receipt_line_needs_only_four_fields(kind, more):
    event = decode("pos-events", till(eventType=kind, **more))
    assert isinstance(event, TillEvent)
    assert (event.event_type, event.sku, event.quantity) == (kind, None, None)
    assert event == from_mapping("pos-events", {**TILL, "eventType": kind, **more})
    assert decode("pos-events", encode(event)) == event


@pytest.mark.parametrize("kind", ["VOID", "post_void", "Void"])
@pytest.mark.parametrize("number", [{}, {"transactionId": None}, {"transactionId": ""}])
def test_a_void_names_its_receipt(kind, number):
    assert refusal("pos-events", till(eventType=kind, **number)).field == "transactionId"
    assert isinstance(decode("pos-events", till(eventType=kind, transactionId="t")), TillEvent)


@pytest.mark.parametrize("kind", ["SALE", "refund", "Line_Void"])
@pytest.mark.parametrize("field", ["transactionId", "sku", "amount"])
@pytest.mark.parametrize("nothing", ["absent", None, ""])
def test_a_receipt_line_has_its_three_fields(kind, field, nothing):
    value = {**GOOD["pos-events"], "eventType": kind, field: nothing}
    if nothing == "absent":
        del value[field]
    assert refusal("pos-events", json.dumps(value).encode()).field == field


def test_an_event_of_any_type_with_the_fields_of_a_line_is_one():
    assert isinstance(decode("pos-events", raw("pos-events", eventType="NO_SALE")), PosEvent)


@pytest.mark.parametrize(
    ("written", "read"), [("0.42", 0.42), ("3.0", 3), ("3", 3), ("1e0", 1), ("1e-9", 1e-9), ("1e12", 10**12)]
)
def test_quantities_are_numbers_and_whole_ones_are_integers(written, read):
    for topic, field in (
        ("pos-events", "quantity"),
        ("inventory-counts", "countedQty"),
        ("stock-movements", "quantity"),
    ):
        value = {**GOOD[topic], field: 0}
        event = decode(topic, json.dumps(value).replace(f'"{field}": 0', f'"{field}": {written}').encode())
        number = event.counted_qty if isinstance(event, CountEvent) else event.quantity  # type: ignore[union-attr]
        assert (number, type(number)) == (read, type(read))
        for same in (Decimal(written), json.loads(written)):
            assert from_mapping(topic, {**GOOD[topic], field: same}) == event


def test_a_line_knows_whether_it_bears_a_quantity():
    lines = [decode("pos-events", raw("pos-events", **more)) for more in ({}, {"quantity": 1})]
    absent, given = (line for line in lines if isinstance(line, PosEvent))
    assert absent == given
    assert (absent.has_quantity, given.has_quantity) == (False, True)
    for line in (absent, given):
        for again in (decode("pos-events", encode(line)), pickle.loads(pickle.dumps(line))):  # noqa: S301
            assert isinstance(again, PosEvent)
            assert again.has_quantity == line.has_quantity


@pytest.mark.parametrize("day", ["2025-02-30", "20251009", "2025-W41-4", "2025-10-9", "09.10.2025", "today"])
@pytest.mark.parametrize("field", ["businessDate", "originalBusinessDate"])
def test_a_business_date_is_a_day_of_the_calendar(field, day):
    decode("pos-events", raw("pos-events", **{field: "2024-02-29"}))
    error = refusal("pos-events", raw("pos-events", **{field: day}))
    assert (error.field, error.reason) == (field, f"{field}: expected a date as YYYY-MM-DD")


@pytest.mark.parametrize(
    "number",
    [
        CARD,
        "4111111111111111",
        4111111111111111,
        "378282246310005",
        "4222222222222",
        "4111\u20131111\u00a01111\u20111111",
    ],
)
@pytest.mark.parametrize("field", TOKEN_FIELDS)
def test_a_card_number_is_carried_no_further(field, number):
    for value in (raw("pos-events", **{field: number}), raw("pos-events", **{field: number, "amount": -1})):
        error = refusal("pos-events", value)
        assert (error.field, error.kind) == (field, InvalidKind.CARD_NUMBER)
        letter = encode(DeadLetter.of(value, error, topic="pos-events", offset=3))
        assert json.loads(letter)["value"] is None
        assert str(number).encode() not in letter


@pytest.mark.parametrize("field", TOKEN_FIELDS)
def test_what_is_no_json_and_bears_a_card_number_is_carried_no_further(field):
    value = raw("pos-events", **{field: CARD})[:-2]
    assert DeadLetter.of(value, refusal("pos-events", value), topic="pos-events").value is None


@pytest.mark.parametrize(
    "token", ["4111 1111 1111 1112", "tok_4111111111111111", "411111111111", "1" * 20, "c-17"]
)
def test_other_tokens_are_tokens(token):
    event = decode("pos-events", raw("pos-events", cardToken=token))
    assert isinstance(event, PosEvent)
    assert event.card_token == token


HUGE = ["1e400", "1" + "0" * 400, "1" + "0" * 5_000, "-1e400"]


@pytest.mark.parametrize("number", HUGE, ids=len)
@pytest.mark.parametrize("topic", GOOD)
def test_a_huge_number_raises_nothing_else(topic, number):
    for field in [*GOOD[topic], *OPTIONAL[topic]]:
        value = raw(topic, **{field: 0}).decode().replace(f'"{field}": 0', f'"{field}": {number}')
        assert refusal(topic, value.encode()).field == field
    foreign = raw(topic, foreign=0).decode().replace('"foreign": 0', f'"foreign": {number}')
    assert decode(topic, foreign.encode()) == decode(topic, raw(topic))
    if topic != "security-events":
        second_look = foreign.replace('"storeId"', f'"{OPTIONAL[topic][0]}": null, "storeId"')
        assert decode(topic, second_look.encode()) == decode(topic, raw(topic))


@pytest.mark.parametrize("number", [10**400, 10**5_000, -(10**400)], ids=["400", "5000", "negative"])
@pytest.mark.parametrize("topic", GOOD)
def test_a_mapping_with_a_huge_number_raises_nothing_else(topic, number):
    for field in [*GOOD[topic], *OPTIONAL[topic]]:
        with pytest.raises(InvalidEvent, match=f"^{field}: "):
            from_mapping(topic, {**GOOD[topic], field: number})
    assert from_mapping(topic, {**GOOD[topic], "foreign": number}) == decode(topic, raw(topic))


@pytest.mark.parametrize("field", ["sku", "tender", "reasonCode"])
def test_a_text_of_more_than_1024_characters_names_its_field(field):
    decode("pos-events", raw("pos-events", **{field: "\U0001f9c0" * 1_024}))
    error = refusal("pos-events", raw("pos-events", **{field: "x" * 1_025}))
    assert (error.field, "length <= 1024" in error.reason) == (field, True)
