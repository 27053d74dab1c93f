"""Values made to fit into their topics, and state in parts."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_anomaly.cases import Case, CaseAlert, CaseSubject
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.invalid import DeadLetter, InvalidEvent
from streamer.detection.record_parts import RecordParts
from streamer.kafka.record_limits import RecordLimits, encoded_within

PLACE = {"topic": "pos-events", "partition": 3, "offset": 17, "timestamp": 5}


def letter(raw: bytes, key: bytes = b"s", reason: str = "value: expected JSON") -> DeadLetter:
    error = InvalidEvent(None, reason)
    return DeadLetter.of(raw, error, topic="pos-events", partition=3, offset=17, timestamp=5, key=key)


def an_alert(ids: list[str]) -> Alert:
    evidence = {"transactionIds": ids, "refundCount": len(ids)}
    return Alert("a", 1, "T", "d", "s", "e", 0.5, "m", 1, 1, evidence, "0")


@pytest.mark.parametrize(
    ("large", "lost"),
    [
        (letter(b"x" * 900), {"value"}),
        (letter(b"x" * 90_000, key=b"\xff" * 9_000), {"key", "value"}),
        (letter(b"x", key=b"k" * 2_000), {"key", "value"}),
    ],
)
def test_a_dead_letter_that_is_too_large_keeps_its_place(large: DeadLetter, lost: set[str]) -> None:
    written = encoded_within(large, 1_000)
    found = json.loads(written)
    assert len(written) <= 1_000
    assert {name for name in ("key", "value") if found[name] is None} == lost
    assert {name: found[name] for name in PLACE} == PLACE
    assert found["reason"] == "value: expected JSON"


def test_a_reason_that_quotes_the_value_is_cut() -> None:
    written = encoded_within(letter(b"x", reason="r" * 90_000), 2_000)
    assert json.loads(written)["reason"] == "r" * 1_000


def test_an_alert_that_is_too_large_keeps_the_first_ids_and_says_so() -> None:
    alert = an_alert([f"t-{n}" for n in range(5_000)])
    evidence = json.loads(encoded_within(alert, 3_000))["evidence"]
    assert evidence == {
        "transactionIds": [f"t-{n}" for n in range(300)],
        "refundCount": 5_000,
        "shortened": True,
    }


def test_a_message_that_is_too_large_is_cut() -> None:
    alert = msgspec.structs.replace(an_alert(["t-1"]), message="m" * 90_000)
    found = json.loads(encoded_within(alert, 3_000))
    assert (found["message"], found["evidence"]["shortened"]) == ("m" * 1_000, True)
    long = CaseAlert("a", 1, "T", "d", "e", 0.5, "m" * 90_000, 1, 1)
    case = Case("c", 1, "s", CaseSubject("employee", "e"), 1, 1, "open", None, (long,), ())
    written = msgspec.json.decode(encoded_within(case, 3_000), type=Case)
    assert [each.message for each in written.alerts] == ["m" * 1_000]
    assert written.shortened


def test_what_fits_is_written_as_it_is() -> None:
    assert b"shortened" not in encoded_within(an_alert(["t-1"]), 1_000)


def test_a_producer_follows_the_largest_and_the_smallest_limit_of_its_topics() -> None:
    limits = RecordLimits({"dead-letters": 5_000_000, "anomaly-alerts": 80_000, "changelog__g--x": 200_000})
    assert limits.producer() == {"message.max.bytes": 5_000_000, "batch.size": 80_000}
    assert limits.internal_bytes < 200_000 < limits.value_bytes("dead-letters") < 5_000_000


class Stored(dict[str, bytes]):
    """A state that keeps its records in memory."""

    def set_bytes(self, name: bytes, content: bytes) -> None:
        assert len(content) <= 10 or name == b"parts"
        self[name.decode()] = content

    def delete(self, name: bytes) -> None:
        self.pop(name.decode(), None)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.none() | st.binary(max_size=60)), max_size=12))
def test_records_of_any_size_are_read_as_they_were_written_and_leave_nothing_behind(
    writes: list[tuple[str, bytes | None]],
) -> None:
    state: Any = Stored()
    wanted: dict[str, bytes] = {}
    for name, content in writes:
        parts = RecordParts(state.get)  # as after a restart
        parts.write(name, content, state, 10)
        parts.write_counts(state)
        if content is None:
            wanted.pop(name, None)
        else:
            wanted[name] = content
    again = RecordParts(state.get)
    assert {name: again.read(name, state.get) for name in wanted} == wanted
    assert sum(len(value) for name, value in state.items() if name != "parts") == sum(
        map(len, wanted.values())
    )


def test_a_case_that_is_too_large_keeps_its_newest_alerts_and_says_so() -> None:
    alerts = [CaseAlert(f"a-{n}", 1, "T", "d", "e", 0.5, "m" * 50, n, n) for n in range(500)]
    case = Case("c", 9, "s", CaseSubject("employee", "e"), 0, 499, "open", None, tuple(alerts), ())
    written = encoded_within(case, 60_000)
    found = msgspec.json.decode(written, type=Case)
    assert len(written) <= 60_000
    assert found.shortened
    assert found.alerts == tuple(alerts[-100:])
