"""DataFrames to events, alerts to DataFrames."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from retail_anomaly.core import codec
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import GateData, PosEvent, SecurityEvent, ShiftEvent, time_of
from retail_anomaly.frames.alerts import alerts_frame, read_alerts
from retail_anomaly.sources.clocks import Clocks
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.frame_tables import PandasBatch
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.row_events import RowEvents


def frame_events(frame, topic, columns, reject, name="row", numbers=None):
    rows = RowEvents(EventMapping.of(columns), topic, Clocks())
    numbers = numbers or range(1, len(frame) + 1)
    return rows.events(PandasBatch(frame, numbers, label=f"{name} "), reject)


TIME = 1_760_000_000_000
MOMENT = pd.Timestamp(TIME, unit="ms")
SALE = {"transactionId": "t", "storeId": "s", "cashierId": "c", "sku": "k", "amount": 1.5,
        "eventType": "SALE", "eventTime": TIME}  # fmt: skip


def refuse(bad):
    raise AssertionError(str(bad))


def events_of(frame, topic="pos-events", columns=None):
    return list(frame_events(frame, topic, columns or Columns(), refuse))


def one(**cells):
    (event,) = events_of(pd.DataFrame([{**SALE, **cells}]))
    return event


@pytest.mark.parametrize(
    "time",
    [
        TIME, float(TIME), np.int64(TIME), str(TIME),
        MOMENT, MOMENT.tz_localize("UTC").tz_convert("Asia/Tokyo"), MOMENT.to_pydatetime(),
        datetime.fromtimestamp(TIME / 1000, UTC), MOMENT.isoformat(), "2025-10-09T10:53:20+02:00",
    ],
)  # fmt: skip
def test_times_of_every_kind_are_epoch_milliseconds(time):
    assert one(eventTime=time).event_time == TIME
    mixed = pd.Series([time, None], dtype="object")  # not converted by pandas
    frame = pd.DataFrame({**{name: [cell] * 2 for name, cell in SALE.items()}, "eventTime": mixed})
    rejected = []
    assert [time_of(e) for e in frame_events(frame, "pos-events", Columns(), rejected.append)] == [TIME]
    assert rejected[0].error.field == "eventTime"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_a_column_of_timestamps(unit, zone):
    times = pd.Series([MOMENT, pd.NaT]).dt.tz_localize("UTC").dt.tz_convert(zone)
    times = times.dt.as_unit(unit)
    frame = pd.DataFrame({**{name: [cell] * 2 for name, cell in SALE.items()}, "eventTime": times})
    rejected = []
    assert [time_of(e) for e in frame_events(frame, "pos-events", Columns(), rejected.append)] == [TIME]
    assert [(bad.number, bad.error.field) for bad in rejected] == [(2, "eventTime")]


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA, pd.NaT, ""])
def test_nothing_in_an_optional_field_counts_as_absent(nothing):
    event = one(quantity=nothing, tender=nothing, originalTransactionId=nothing)
    assert event == one()


@pytest.mark.parametrize(
    "quantity",
    [2, 2.0, np.int8(2), np.float32(2), Decimal(2), "2", pd.array([2], dtype="Int64")[0]],
)
def test_whole_numbers_of_every_kind(quantity):
    assert one(quantity=quantity).quantity == 2


@pytest.mark.parametrize("amount", [3, 3.0, np.float32(3), Decimal("3.0"), "3.0", np.int16(3)])
def test_amounts_of_every_kind(amount):
    assert one(amount=amount).amount == 3.0


def test_numbers_as_ids_are_text_also_beside_missing_ones():
    frame = pd.DataFrame([SALE] * 2).assign(cashierId=[17850.0, 12.0], registerId=[7.0, np.nan], sku=[1, 2])
    events = events_of(frame)
    assert [(e.cashier_id, e.register_id, e.sku) for e in events] == [("17850", "7", "1"), ("12", None, "2")]


@pytest.mark.parametrize("dtype", ["category", "string", "object"])
def test_text_of_every_dtype(dtype):
    frame = pd.DataFrame([SALE] * 2).assign(tender=pd.Series(["CASH", None], dtype=dtype))
    assert [event.tender for event in events_of(frame)] == ["CASH", None]


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({"cashierId": None}, "cashierId"), ({"cashierId": ""}, "cashierId"),
        ({"cashierId": True}, "cashierId"),
        ({"amount": -1}, "amount"), ({"amount": np.inf}, "amount"), ({"amount": "1,120"}, "amount"),
        ({"amount": -(10**400)}, "amount"),
        ({"quantity": -1.5}, "quantity"), ({"quantity": 0}, "quantity"), ({"quantity": "few"}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"eventTime": TIME // 1000}, "eventTime"), ({"eventTime": "yesterday"}, "eventTime"),
        ({"eventTime": None}, "eventTime"),
    ],
)  # fmt: skip
def test_a_bad_row_has_its_number_its_field_and_what_stood_there(cells, field):
    frame = pd.DataFrame([SALE, {**SALE, **cells}, SALE], dtype="object")
    rejected = []
    good = list(
        frame_events(frame, "pos-events", Columns(), rejected.append, name="x row", numbers=range(11, 14))
    )
    assert len(good) == 2
    (bad,) = rejected
    assert (bad.number, bad.topic, bad.error.field) == (12, "pos-events", field)
    assert str(bad).startswith(f"x row 12: {field}: ")
    assert b'"transactionId":"t"' in bad.raw or b"'transactionId': 't'" in bad.raw


def test_rows_of_several_topics_keep_their_order():
    rows = [
        {"topic": "staff-shifts", "employeeId": "c", "storeId": "s",
         "shiftStart": TIME, "shiftEnd": TIME + 1},
        {"topic": "pos-events", **SALE},
        {"topic": "security-events", "eventId": "g", "storeId": "s", "eventTime": TIME, "eventType": "GATE",
         "eventData": {"gateId": "g-1", "alarm": True}},
        {"topic": "refunds"},
        {"topic": "pos-events", **SALE, "sku": "k2"},
    ]  # fmt: skip
    rejected = []
    events = list(frame_events(pd.DataFrame(rows), None, Columns(), rejected.append))
    assert [type(event) for event in events] == [ShiftEvent, PosEvent, SecurityEvent, PosEvent]
    assert [(bad.number, bad.topic) for bad in rejected] == [(4, "refunds")]
    flat = pd.DataFrame(
        [
            {
                "eventId": "g",
                "storeId": "s",
                "eventTime": TIME,
                "eventType": "GATE",
                "gate": "g-1",
                "eventData.alarm": True,
            }
        ]
    )
    (gate,) = events_of(flat, "security-events", Columns({"eventData.gateId": "gate"}))
    assert gate.event_data == GateData("g-1", alarm=True)


def test_the_frame_is_not_changed_and_its_index_does_not_matter():
    frame = pd.DataFrame([SALE, SALE], index=[7, 7])
    before = frame.copy()
    assert len(events_of(frame)) == 2
    pd.testing.assert_frame_equal(frame, before)


def alert(**changes):
    fields = {
        "alert_id": "a", "revision": 1, "type": "SHRINKAGE", "detector": "inventory_shrinkage",
        "store_id": "s", "employee_id": None, "risk_score": 1.0, "message": "m", "event_time": TIME,
        "opened_at": TIME, "evidence": {"difference": 7}, "config_hash": "0", "detected_at": TIME + 1,
    }  # fmt: skip
    return Alert(**{**fields, **changes})


def test_alerts_as_a_frame():
    frame = alerts_frame([alert(), alert(revision=2, detected_at=None)])
    assert frame["event_time"].dtype == frame["detected_at"].dtype == "datetime64[ms, UTC]"
    assert frame["detected_at"].isna().tolist() == [False, True]
    assert frame["evidence"][0]["difference"] == 7
    assert frame["event_time"][0] == MOMENT.tz_localize("UTC")
    empty = alerts_frame([])
    assert (
        empty.dtypes[["event_time", "risk_score", "revision"]]
        == frame.dtypes[["event_time", "risk_score", "revision"]]
    ).all()


def test_alerts_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(codec.encode(alert()) + b"\n\n" + codec.encode(alert(employee_id="c")) + b"\n")
    pd.testing.assert_frame_equal(read_alerts(path), alerts_frame([alert(), alert(employee_id="c")]))
    path.write_bytes(codec.encode(alert()) + b"\n{}\n")
    with pytest.raises(ValueError, match=r"alerts\.jsonl:2: alertId: expected text, the field is missing"):
        read_alerts(path)
