"""Other formats than plain JSON are named in the reason; good events are never taken for one."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from retail_anomaly.core.codec import decode
from retail_anomaly.core.events import INVENTORY_COUNTS
from retail_anomaly.core.foreign_formats import foreign_key
from retail_anomaly.core.invalid import InvalidEvent

COUNT: dict[str, Any] = {"storeId": "s", "sku": "k", "countedQty": 3, "eventTime": 1_760_000_000_000}
PLAIN = json.dumps(COUNT).encode()
CHANGE = {"before": None, "after": COUNT, "source": {"table": "counts"}, "op": "c", "ts_ms": 1}


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (b"\x00\x00\x00\x00\x07" + PLAIN, "schema registry's frame (schema 7)"),
        (b"\x00\x00\x01\x00\x00\x02s\x06", "schema registry's frame (schema 65536)"),
        (json.dumps({"schema": {"type": "struct"}, "payload": COUNT}).encode(), "Kafka Connect's envelope"),
        (json.dumps(CHANGE).encode(), "Debezium's envelope"),
        (json.dumps({"schema": {}, "payload": CHANGE}).encode(), "Debezium's envelope"),
        (json.dumps({"payload": CHANGE}).encode(), "Debezium's envelope"),
        (json.dumps(PLAIN.decode()).encode(), "JSON within a JSON text"),
        (gzip.compress(PLAIN, mtime=0), "gzip"),
        (PLAIN.decode().encode("utf-16"), "UTF-16"),
        (b"Obj\x01" + b"x" * 9, "an Avro file"),
        (
            json.dumps({"specversion": "1.0", "type": "t", "source": "/s", "data": COUNT}).encode(),
            "a CloudEvents envelope",
        ),
    ],
)
def test_the_reason_names_the_format(raw: bytes, named: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        decode(INVENTORY_COUNTS, raw)
    assert named in caught.value.reason
    assert caught.value.reason.startswith("value: expected ")


@pytest.mark.parametrize(
    "more", [{"op": "c", "before": 1}, {"schema": 1, "payload": 2}, {"specversion": "1"}]
)
def test_an_event_with_such_fields_is_an_event(more: dict[str, Any]) -> None:
    assert decode(INVENTORY_COUNTS, json.dumps(COUNT | more).encode()) == decode(INVENTORY_COUNTS, PLAIN)


def test_a_field_that_is_wrong_is_named_as_before() -> None:
    with pytest.raises(InvalidEvent, match="countedQty"):
        decode(INVENTORY_COUNTS, json.dumps(COUNT | {"countedQty": -1}).encode())


@pytest.mark.parametrize(
    ("key", "named"),
    [
        (b'"s"', "JSON text"),
        (b'{"storeId":"s"}', "JSON object"),
        (b'{"schema":{"type":"string"},"payload":"s"}', "JSON object"),
        (b"\x00\x00\x00\x00\x07\x02s", "schema registry's frame"),
    ],
)
def test_the_format_of_a_key_is_named(key: bytes, named: str) -> None:
    assert named in (foreign_key(key, "s") or "")


@pytest.mark.parametrize("key", [None, b"", b"till-7", b"\xff", b"7"])
def test_another_key_has_no_format(key: bytes | None) -> None:
    assert foreign_key(key, "s") is None
