"""Bad input goes to the dead letters, whole, and later records are processed."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest

from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import (
    INVENTORY_COUNTS,
    POS_EVENTS,
    SECURITY_EVENTS,
    STAFF_SHIFTS,
    GateData,
    PosEvent,
    SecurityEvent,
)
from streamer.kafka.connection import Connection
from tests.kafka import Record, create_topics
from tests.support.streaming import StreamerInTest

NOW = 1_760_000_000_000
GOOD: dict[str, Any] = {
    "transactionId": "t",
    "storeId": "s",
    "cashierId": "c",
    "sku": "k",
    "amount": 5.0,
    "eventType": "SALE",
    "eventTime": NOW,
}


def pos(**fields: Any) -> bytes:
    return json.dumps({k: v for k, v in (GOOD | fields).items() if v is not ...}).encode()


POISONS: list[tuple[str, bytes | None, str | None]] = [
    (POS_EVENTS, b"", None),
    (POS_EVENTS, b"no json", None),
    (POS_EVENTS, pos()[:-9], None),
    (POS_EVENTS, b"\xff\xfe\x00", None),
    (POS_EVENTS, b"[1]", None),
    (POS_EVENTS, b'{"a":' + b"[" * 50_000, None),
    (POS_EVENTS, None, None),
    (POS_EVENTS, pos(amount=float("nan")), None),
    (POS_EVENTS, pos(amount=-0.01), "amount"),
    (POS_EVENTS, pos(amount="5"), "amount"),
    (POS_EVENTS, pos(sku=...), "sku"),
    (POS_EVENTS, pos(cashierId=""), "cashierId"),
    (POS_EVENTS, pos(eventTime=NOW // 1000), "eventTime"),
    (POS_EVENTS, pos(quantity=0), "quantity"),
    (
        STAFF_SHIFTS,
        b'{"employeeId":"e","storeId":"s","shiftStart":1760000000000,"shiftEnd":1760000000000}',
        "shiftEnd",
    ),
    (
        SECURITY_EVENTS,
        b'{"eventId":"g","storeId":"s","eventTime":1760000000000,"eventType":"G","eventData":{"gateId":"1"}}',
        "eventData.alarm",
    ),
    (
        INVENTORY_COUNTS,
        b'{"storeId":"s","sku":"k","countedQty":-1.5,"eventTime":1760000000000}',
        "countedQty",
    ),
]


def refund(store: str) -> bytes:
    """Return an event that raises an alert at once."""
    return encode(PosEvent("never-sold", store, "c", "k", 5.0, "REFUND", NOW))


def test_poison_of_every_kind_is_kept_and_processing_goes_on(clean_kafka: Connection, tmp_path: Path) -> None:
    with StreamerInTest(clean_kafka, tmp_path) as streamer:
        for topic, value, _ in POISONS:
            streamer.send_in_step([Record(topic, value, b"s", timestamp=NOW)])
        streamer.send_in_step([Record(POS_EVENTS, refund("s"), b"s", timestamp=NOW)])
        letters, alerts = streamer.dead_letters(), streamer.alerts()

    assert [alert.type for alert in alerts] == ["REFUND_WITHOUT_SALE"]
    found = {
        (letter.topic, letter.offset): (
            None if letter.value is None else base64.b64decode(letter.value),
            letter.field,
        )
        for letter in letters
    }
    places = iter(range(len(POISONS)))
    offsets: dict[str, Any] = {}
    wanted = {}
    for topic, value, field in POISONS:
        offset = offsets.setdefault(topic, 0)
        offsets[topic] += 1
        wanted[topic, offset] = (value, field)
        next(places)
    assert found == wanted
    assert {(letter.partition is not None, letter.timestamp, letter.key) for letter in letters} == {
        (True, NOW, "s")
    }
    assert all(letter.field is None or letter.reason.startswith(letter.field) for letter in letters)


@pytest.mark.parametrize("key", [b"another", None, b"\xff"])
def test_a_key_that_is_not_the_store_is_a_dead_letter(
    clean_kafka: Connection, tmp_path: Path, key: bytes | None
) -> None:
    with StreamerInTest(clean_kafka, tmp_path) as streamer:
        streamer.send_in_step([Record(POS_EVENTS, refund("s"), key, timestamp=NOW)])
        (letter,) = streamer.dead_letters()

        assert (letter.reason, letter.field) == ("key_mismatch", "key")
        assert base64.b64decode(letter.value or "") == refund("s")
        assert not streamer.alerts()


@pytest.mark.parametrize("partitions", [1, 4])
def test_rekey_brings_a_stores_events_together(
    clean_kafka: Connection, tmp_path: Path, partitions: int
) -> None:
    sale = encode(PosEvent("t", "s", "c", "tv", 500.0, "SALE", NOW))
    gate = encode(SecurityEvent("g", "s", NOW + 60_000, "GATE", GateData("1", alarm=True)))
    flags: dict[str, Any] = {"rekey": True, "topics.partitions": partitions}
    with StreamerInTest(clean_kafka, tmp_path, **flags) as streamer:
        streamer.send_in_step([Record(POS_EVENTS, sale, b"till-1", timestamp=NOW)])
        # With more than one partition each record is taken twice: as it came, and repartitioned.
        times = 1 if partitions == 1 else 2
        streamer.progress.wait_for(times)
        streamer.send_in_step([Record(SECURITY_EVENTS, gate, None, timestamp=NOW + 60_000)])
        streamer.progress.wait_for(2 * times)
        streamer.send_in_step([Record(POS_EVENTS, b"poison", b"x", timestamp=NOW)])
        streamer.progress.wait_for(2 * times + 1)

        assert [alert.evidence["transactionId"] for alert in streamer.alerts()] == ["t"]
        assert [letter.topic for letter in streamer.dead_letters()] == [POS_EVENTS]


def test_where_the_broker_stamps_records_an_event_from_the_future_is_a_dead_letter(
    clean_kafka: Connection, tmp_path: Path
) -> None:
    address = clean_kafka.properties()["bootstrap.servers"]
    create_topics(address, [POS_EVENTS], 4, {"message.timestamp.type": "LogAppendTime"})
    now = time.time_ns() // 1_000_000
    hour = 3_600_000
    ahead, on_time = (
        encode(PosEvent(f"t{at}", "s", "c", "k", 5.0, "REFUND", at)) for at in (now + 2 * hour, now)
    )
    with StreamerInTest(clean_kafka, tmp_path) as streamer:
        streamer.send_in_step([Record(POS_EVENTS, value, b"s", timestamp=now) for value in (ahead, on_time)])
        (letter,) = streamer.dead_letters()

        assert letter.field == "eventTime"
        assert base64.b64decode(letter.value or "") == ahead
        assert [alert.event_time for alert in streamer.alerts()] == [now]
