"""Records to points: revisions share a point, and a line holds the record's content, whatever its texts."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.codec import decode, encode
from retail_anomaly.core.events import ALERTS
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.core.score import Score
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine
from streamer.kafka.topic_plan import SCORES
from streamer.kafka.topics import STORE_METRICS
from streamer.sinks.alert_columns import ALERT_COLUMNS, alert_of, alert_values
from streamer.sinks.points import alert_point, alert_time, line
from tests.golden.cases import NAMES, records
from tests.support.alerts import an_alert


def _head_and_time(written: str) -> tuple[str, str]:
    return written.split(" alertId=", maxsplit=1)[0], written.rpartition(" ")[2]


def test_a_revision_is_the_point_of_the_alert_it_revises():
    first = an_alert(evidence={"refundCount": 3})
    second = msgspec.structs.replace(
        first, revision=2, risk_score=1.0, event_time=first.event_time + 60_000, message="worse",
        evidence={"refundCount": 4}, detected_at=first.event_time + 60_005,
    )  # fmt: skip
    one, two = (line(ALERTS, encode(alert)) for alert in (first, second))
    assert one != two
    assert _head_and_time(one) == _head_and_time(two)


def test_alerts_of_one_moment_are_points_of_their_own():
    # All skus of a store counted at once: as many alerts with one store, type and time.
    times = {alert_time(an_alert(alert_id=f"{n:032x}")) for n in range(10_000)}
    assert len(times) >= 9_998  # two of a billion places meet once in twenty such moments


def test_the_golden_cases_alerts_show_their_evidence_and_hide_nothing():
    alerts: list[Alert] = []
    for name in NAMES:
        events = []
        for topic, value in records(name):
            with contextlib.suppress(InvalidEvent):
                events.append(decode(topic, value))
        alerts += replay_events(events, build_engine(Settings()))
    assert {alert.detector for alert in alerts} == set(build_engine(Settings()).config_hashes)
    for alert in alerts:
        fields = alert_point(encode(alert))._fields
        assert msgspec.json.decode(fields["evidence"]) == alert.evidence
        for name in ("transactionId", "sku", "amount", "missing", "difference", "saleAmount"):
            if name in alert.evidence:
                assert fields[name] == alert.evidence[name]
        # What the contract names is never hidden by evidence of the same name.
        assert fields["alertId"] == alert.alert_id
        assert fields["riskScore"] == alert.risk_score


@given(st.text(), st.integers(-(2**63), 2**63 - 1))
def test_evidence_never_changes_what_the_contract_names(text: str, number: int):
    evidence = {"store": text, "time": number, "revision": text, "message": number, text: text}
    fields = alert_point(encode(an_alert(evidence=evidence)))._fields
    assert fields["revision"] == 1
    assert fields["message"] == an_alert().message
    assert not {"store", "time"} & set(fields)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (None, None),
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b"\xff", None),
        (encode(an_alert()).replace(b'"revision":1', b'"revision":"one"'), "revision"),
        (encode(an_alert()).replace(b'"alertId"', b'"id"'), None),
    ],
)
def test_what_is_no_alert_is_told_by_its_field(raw: bytes | None, field: str | None):
    with pytest.raises(InvalidEvent) as caught:
        line(ALERTS, raw)
    assert caught.value.field == field
    assert caught.value.reason


def test_an_alert_of_another_version_with_more_fields_is_written():
    raw = encode(an_alert()).replace(b'{"alertId"', b'{"new":1,"alertId"')
    assert line(ALERTS, raw) == line(ALERTS, encode(an_alert()))


def test_store_metrics_are_points_of_their_window():
    raw = (
        b'{"storeId":"s","windowStart":1,"windowEnd":2,'
        b'"salesLines":3,"salesAmount":4,"refundLines":0,"refundAmount":0.5}'
    )
    assert line(STORE_METRICS, raw).endswith(" 1000000")
    assert "salesAmount=4," in line(STORE_METRICS, raw)


def _score(**fields: object) -> bytes:
    given = Score("refund_deviation", "s", "c-1", 1_000, 2_000, 3, 1.0, 0, 4, "day", 0.5)
    return encode(msgspec.structs.replace(given, **fields))


def test_a_score_is_the_point_of_its_subject_and_moment():
    written = line(SCORES, _score())
    assert written == line(SCORES, _score())
    assert _ns(written) // 1_000_000 == 2_000
    tags, fields, _ = written.split(" ")
    assert tags == "scores,detector=refund_deviation,store=s"
    assert fields == (
        'component="day",employee="c-1",expected=1,lower=0i,observed=3i,score=0.5,silent="",start=1000i,upper=4i'
    )
    # A receipt's next line is judged at the same moment, and its score replaces the first one's.
    assert _ns(line(SCORES, _score(observed=4, score=0.9))) == _ns(written)


def test_scores_of_two_cashiers_at_one_moment_are_two_points():
    places = {_ns(line(SCORES, _score(subject=f"c-{n}"))) for n in range(200)}
    assert len(places) == 200


def test_a_store_has_no_employee_and_silence_no_score():
    written = line(SCORES, _score(subject="s", score=None, silent="learned 1 of 14 days"))
    assert 'employee="",' in written
    assert " score=" not in written.replace(",", " ")
    assert 'silent="learned 1 of 14 days"' in written


def _ns(written: str) -> int:
    return int(written.rpartition(" ")[2])


def test_alert_without_employee_or_detection_time():
    written = line(ALERTS, encode(an_alert(employee_id=None, detected_at=None)))
    assert 'employee=""' in written
    assert "detectedAt" not in written


def test_every_field_of_an_alert_has_its_column_and_comes_back_from_it():
    alert = an_alert(employee_id="c-7", evidence={"amount": 2.5, "transactionIds": ["a"]})
    assert {column.name for column in ALERT_COLUMNS} == {f.encode_name for f in msgspec.structs.fields(Alert)}
    assert alert_of({column.column: value for column, value in alert_values(alert)}) == alert


HUGE = [b"1" + b"0" * 400, b"-1" + b"0" * 400, b"9" * 4_000, b"9" * 4_300, b"9" * 5_000, b"1e400"]


@pytest.mark.parametrize("number", HUGE, ids=lambda number: f"{len(number)} characters")
@pytest.mark.parametrize("place", [b"%b", b"[%b]", b'{"y": [%b]}'])
def test_a_number_beyond_every_limit_in_the_evidence_is_written_or_refused_and_ends_nothing(
    number: bytes, place: bytes
) -> None:
    alert = msgspec.json.encode(an_alert()).replace(
        b'"evidence":{', b'"evidence":{"x":' + place % number + b",", 1
    )
    try:
        written = line(ALERTS, alert)
    except InvalidEvent:
        return
    assert written.startswith("alerts,")
