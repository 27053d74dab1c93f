"""Event logs: what is an event, and what becomes of the lines that are none."""

from __future__ import annotations

import base64
import io
import json

import pytest

from retail_anomaly.core.events import CountEvent, PosEvent
from retail_anomaly.sources import SourceError, open_input
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLines, read_log, read_values

TIME = 1_760_000_000_000
COUNT = {"storeId": "s", "sku": "k", "countedQty": 3, "eventTime": TIME}
SALE = {"transactionId": "t", "storeId": "s", "cashierId": "c", "sku": "k", "amount": 1.0,
        "eventType": "SALE", "eventTime": TIME}  # fmt: skip


def refuse(bad):
    raise AssertionError(str(bad))


def line(topic: str, value: object) -> bytes:
    return json.dumps({"topic": topic, "value": value}).encode() + b"\n"


def test_events_come_in_the_order_of_the_lines_and_empty_lines_are_skipped():
    lines = [line("pos-events", SALE), b"\n", b"  \r\n", line("inventory-counts", COUNT), b""]
    events = list(read_log(lines, "a", refuse))
    assert [type(event) for event in events] == [PosEvent, CountEvent]


def test_the_fields_may_stand_in_any_order_and_optional_ones_may_be_empty():
    empty = {**SALE, "tender": "", "originalTransactionId": None, "unknown": [1]}
    value_first = json.dumps({"value": empty, "partition": 3, "topic": "pos-events"}).encode()
    (event,) = read_log([value_first], "a", refuse)
    assert isinstance(event, PosEvent)
    assert (event.tender, event.original_transaction_id) == (None, None)


@pytest.mark.parametrize(
    ("text", "topic", "field", "reason"),
    [
        (b"{", "", None, "line: expected JSON in UTF-8"),
        (b"\xff", "", None, "line: expected JSON in UTF-8"),
        (b"[" * 100_000, "", None, "line: expected JSON in UTF-8"),
        (b"[]", "", "topic", 'topic: expected a line of the form {"topic": ..., "value": ...}'),
        (json.dumps(SALE).encode(), "", "topic", "topic: expected a line of the form"),
        (b'{"topic": "pos-events"}', "", "value", "value: expected a line of the form"),
        (b'{"topic": "sales", "value": {}}', "sales", "topic", "topic: expected one of pos-events, "),
        (
            line("pos-events", {**SALE, "amount": -1}),
            "pos-events",
            "amount",
            "amount: expected a number >= 0",
        ),
        (line("pos-events", 7), "pos-events", None, "value: expected a JSON object, got a number"),
    ],
)
def test_a_bad_line_is_named_counted_and_kept(text, topic, field, reason):
    file, shown = io.BytesIO(), []
    bad = BadLines(file, show=shown.append)
    assert (
        len(list(read_log([line("pos-events", SALE), text, line("pos-events", SALE)], "a.jsonl", bad))) == 2
    )
    letter = json.loads(file.getvalue())
    assert str(shown[0]).startswith(f"a.jsonl:2: {reason}")
    assert letter["reason"].startswith(reason)
    assert (letter["topic"], letter["field"]) == (topic, field)
    assert (letter["partition"], letter["offset"], letter["timestamp"]) == (None, 2, None)
    kept = base64.b64decode(letter["value"])
    assert kept in text
    assert bad.count == bad.reasons.total() == 1


def test_a_dead_letter_has_the_event_as_a_broker_would_have_it():
    raw = json.dumps({**COUNT, "countedQty": -1}).encode()
    file = io.BytesIO()
    assert (
        list(read_log([b'{"topic": "inventory-counts", "value": ' + raw + b"}"], "a", BadLines(file))) == []
    )
    assert list(read_values([raw], "inventory-counts", "a", BadLines(file))) == []
    letters = [json.loads(text) for text in file.getvalue().splitlines()]
    assert letters[0] == letters[1]
    assert base64.b64decode(letters[0]["value"]) == raw


def test_only_the_first_bad_lines_are_shown_and_reasons_are_bounded():
    shown = []
    bad = BadLines(show=shown.append, shown=3)
    lines = (line(f"topic-{n}", {}) for n in range(3_000))
    assert list(read_log(lines, "a", bad)) == []
    assert (len(shown), bad.count, bad.reasons.total()) == (3, 3_000, 3_000)
    assert len(bad.reasons) <= 1_001


def test_foreign_names(tmp_path):
    foreign = {**SALE, "till": 4}
    del foreign["storeId"]
    columns = Columns({"registerId": "desk"}, {"storeId": "web", "registerId": "none"})
    (tmp_path / "log.jsonl").write_bytes(line("pos-events", foreign))
    (tmp_path / "pos-events.jsonl").write_text(json.dumps(foreign))
    (logged,) = open_input(tmp_path / "log.jsonl", columns=columns).events(refuse)
    (bare,) = open_input(tmp_path / "pos-events.jsonl", columns=columns).events(refuse)
    assert logged == bare
    assert isinstance(logged, PosEvent)
    assert (logged.store_id, logged.register_id) == ("web", "none")
    bad = BadLines()
    (tmp_path / "log.jsonl").write_bytes(b"{\n" + line("pos-events", 1) + b"\n" + line("x", {}))
    with pytest.raises(SourceError, match="all 3 lines are unreadable"):
        list(open_input(tmp_path / "log.jsonl", columns=columns).events(bad))
    assert bad.count == 3
