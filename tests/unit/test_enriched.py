"""POS events with what their store knows: as a frame, and as the topic of the streamer."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import Event, PosEvent, ShiftEvent, TillEvent
from retail_anomaly.settings import load_settings
from streamer.quix.application import JsonValue
from tests.support.brokerless import BrokerlessPipeline, send_all, topic_of_bytes
from tests.support.runs import engine_of

NINE = 1_759_993_200_000  # 2025-10-09 09:00 in Berlin, 07:00 UTC
HOUR = 3_600_000
TOPIC = "enriched-pos-events"


def sale(hours: float, cashier: str = "c-1", **more: object) -> PosEvent:
    return PosEvent("42", "s", cashier, "k", 9.5, "SALE", NINE + int(hours * HOUR), **more)  # type: ignore[arg-type]


EVENTS: list[Event] = [
    sale(-9.5),  # before a shift is known, the day before in UTC alone
    ShiftEvent("c-1", "s", NINE, NINE + 4 * HOUR, "CASHIER"),
    sale(1, quantity=0.42, register_id="till-1"),
    sale(5),
    TillEvent("s", "c-2", "NO_SALE", NINE),
    ShiftEvent("c-2", "s", NINE - HOUR, NINE + HOUR, "MANAGER"),  # comes too late for it
]


@pytest.fixture
def berlin(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("numbered_by: register_day\nstores: {s: {time_zone: Europe/Berlin}}\n")
    return load_settings(path)


def test_each_pos_event_has_its_shift_receipt_and_local_time(berlin):
    frame = ra.enrich(EVENTS, settings=berlin)
    assert frame["local_date"].tolist() == ["2025-10-08", "2025-10-09", "2025-10-09", "2025-10-09"]
    assert frame["local_hour"].tolist() == [23, 10, 14, 9]
    assert frame["off_shift"].tolist() == [None, False, True, None]
    assert frame["shift_role"].fillna("").tolist() == ["", "CASHIER", "CASHIER", ""]
    assert frame["shift_start"][1] == pd.Timestamp(NINE, unit="ms", tz="UTC")
    assert frame["shift_start"].isna().tolist() == [True, False, False, True]
    receipts = frame["receipt"].fillna("").tolist()
    assert receipts == ["42//2025-10-08", "42/till-1/2025-10-09", "42//2025-10-09", ""]
    assert frame["quantity"].fillna(0).tolist() == [1, 0.42, 1, 0]


def test_an_empty_log_is_an_empty_frame_and_an_unreadable_one_an_error(tmp_path):
    assert ra.enrich([]).empty
    (tmp_path / "pos-events.jsonl").write_text("{}\n")
    with pytest.raises(ra.SourceError, match="no event can be read"):
        ra.enrich(tmp_path / "pos-events.jsonl")


def test_the_topic_has_what_the_frame_has(tmp_path):
    topic = topic_of_bytes(TOPIC, value_serializer=JsonValue())
    pipeline = BrokerlessPipeline(engine_of(), tmp_path, enriched=topic)
    send_all(pipeline, [(topic_of(event), encode(event)) for event in EVENTS])
    pipeline.close()
    sent = [json.loads(value) for name, value in pipeline.producer.rows if name == TOPIC]
    rows = ra.enrich(EVENTS)
    assert [each["receipt"] for each in sent if "receipt" in each] == rows["receipt"].dropna().tolist()
    assert [each.get("offShift") for each in sent] == rows["off_shift"].tolist()
    assert sent[1] == {
        **json.loads(encode(EVENTS[2])),
        "localDate": "2025-10-09",
        "localHour": 8,
        "receipt": "42",
        "offShift": False,
        "shiftStart": NINE,
        "shiftEnd": NINE + 4 * HOUR,
        "shiftRole": "CASHIER",
    }
    assert set(pipeline.producer.keys) == {b"s"}


def test_nothing_is_sent_unless_it_is_asked_for(tmp_path):
    pipeline = BrokerlessPipeline(engine_of(), tmp_path)
    send_all(pipeline, [(topic_of(event), encode(event)) for event in EVENTS])
    pipeline.close()
    assert TOPIC not in {name for name, _ in pipeline.producer.rows}
