"""Records of any size that Kafka takes: the results of none of them are too large to be written."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import (
    ALERTS,
    DEAD_LETTERS,
    INVENTORY_COUNTS,
    POS_EVENTS,
    CountEvent,
    Event,
    PosEvent,
)
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import build_engine, load
from streamer.kafka.connection import Connection
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.influx import ScriptedServer
from tests.kafka import Record, consume, create_topics, fresh_name, produce
from tests.support.faults import set_topic
from tests.support.processes import StreamerProcess
from tests.support.simulated import alerts_in, by_key
from tests.support.sink import SinkProcess
from tests.support.waiting import PATIENCE_S

T = 1_760_000_000_000
MOST = 1_048_588  # Kafka's default for a record with everything around it
BOTH = ["--at-least-once", "--exactly-once"]
MODELS = """
detectors:
  refund_burst: {count: 300}
  refund_deviation: {enabled: true}
  sales_deviation: {enabled: true}
"""


@pytest.fixture
def address(clean_kafka: Connection) -> str:
    ensure_topics(clean_kafka, TopicPlan(4, 1, 3650 * 86_400_000), create=True)
    address: str = clean_kafka.properties()["bootstrap.servers"]
    return address


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(MODELS)
    return file


def send(address: str, records: Sequence[Record]) -> None:
    produce(address, records, **{"message.max.bytes": 20_000_000})


def refund(transaction: str, store: str = "s", at: int = T) -> PosEvent:
    return PosEvent(transaction, store, "c", "k", 5.0, "REFUND", at)


def record_of(event: Event, **fields: Any) -> Record:
    at = event.event_time if not hasattr(event, "shift_start") else event.shift_start
    return Record(topic_of(event), encode(event), event.store_id.encode(), timestamp=at, **fields)


def letters(address: str, at_least: int) -> list[dict[str, Any]]:
    found = consume(address, DEAD_LETTERS, at_least=at_least, timeout=PATIENCE_S)
    return [json.loads(record.value or b"") for record in found]


# Each with whether its dead letter can carry the value.
LARGE: list[tuple[Record, bool]] = [
    (Record(POS_EVENTS, b"x" * 780_000, b"s", timestamp=T), True),  # more than 1 MB, and less than MOST
    (Record(POS_EVENTS, b"w" * 800_000, b"s", timestamp=T), False),
    (Record(POS_EVENTS, b"y" * (MOST - 200), b"s", timestamp=T), False),
    (Record(POS_EVENTS, b" " * 900_000 + encode(refund("t")), b"another", timestamp=T), False),
    (Record(POS_EVENTS, b"z", b"\xff" * 900_000, timestamp=T), False),
    (Record(POS_EVENTS, b"x" * 400_000, b"k" * 600_000, timestamp=T), False),
    (Record(POS_EVENTS, b"v" * 400_000, b"s", timestamp=T, headers=(("h", b"y" * 600_000),)), True),
]


@pytest.mark.parametrize("guarantee", BOTH)
def test_a_record_that_grows_in_its_dead_letter_stops_nothing(
    clean_kafka: Connection, address: str, config: Path, tmp_path: Path, guarantee: str
) -> None:
    send(address, [record for record, _ in LARGE])
    # An alert takes no headers along, however many its event had.
    send(address, [record_of(refund("never-sold"), headers=(("h", b"y" * 1_000_000),))])
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path, guarantee, "--config", str(config))

    found = letters(address, len(LARGE))
    alerts = alerts_in(address, at_least=1)

    assert streamer.stop() == 0, streamer.tail()
    assert [alert["evidence"]["transactionId"] for alert in alerts.values()] == ["never-sold"]
    places = {(r.partition, r.offset): r.value for r in consume(address, POS_EVENTS)}
    buried = {places[letter["partition"], letter["offset"]]: letter["value"] for letter in found}
    assert buried == {
        record.value: base64.b64encode(record.value or b"").decode() if carried else None
        for record, carried in LARGE
    }


@pytest.mark.parametrize("partitions", [1, 4])
def test_rekey_takes_records_of_any_size(
    clean_kafka: Connection, config: Path, tmp_path: Path, partitions: int
) -> None:
    ensure_topics(clean_kafka, TopicPlan(partitions, 1, 3650 * 86_400_000), create=True)
    address: str = clean_kafka.properties()["bootstrap.servers"]
    padded = b" " * (MOST - 2_000) + encode(refund("padded"))
    store = "s" * 1_000
    send(
        address,
        [
            Record(POS_EVENTS, padded, None, timestamp=T),
            Record(POS_EVENTS, b"x" * 780_000, None, timestamp=T),
            Record(POS_EVENTS, encode(refund("t", store)), None, T, headers=(("h", b"y" * 1_000_000),)),
        ],
    )
    streamer = StreamerProcess(
        clean_kafka, fresh_name("group"), tmp_path, "--rekey", "--config", str(config),
        environment={"RETAIL__STREAMER__TOPICS__PARTITIONS": str(partitions)},
    )  # fmt: skip

    alerts = alerts_in(address, at_least=1)
    found = letters(address, 2)

    assert streamer.stop() == 0, streamer.tail()
    assert {alert["storeId"] for alert in alerts.values()} == {store}
    assert {letter["reason"].partition(" bytes")[0] for letter in found} >= {"value: expected at most 991808"}
    assert len(found) == 2


def long(kind: str, number: int) -> str:
    """Return an id of 1,000 characters of four bytes each."""
    return f"{kind}-{number:04}-".ljust(1_000, "\N{SMILING FACE WITH OPEN MOUTH}")


@pytest.mark.parametrize("guarantee", BOTH)
def test_state_and_alerts_of_long_ids_are_written_and_read_back(
    clean_kafka: Connection, address: str, config: Path, tmp_path: Path, guarantee: str
) -> None:
    # One page of counts, one cashier's refunds and one sale's hour: each is more than a record may have.
    counts = [CountEvent("s", long("k", n), 20, T + n) for n in range(400)]
    refunds = [
        PosEvent(long("t", n), "s", long("c", 0), long("k", n), 100.0, "REFUND", T + 1_000 + n)
        for n in range(400)
    ]
    later: list[Event] = [
        PosEvent(long("t", 900), "s", long("c", 0), "k", 900.0, "REFUND", T + 2_000),
        *[CountEvent("s", long("k", n), 5, T + 3_000 + n) for n in range(400)],
    ]
    group = fresh_name("group")
    before: list[Event] = [*counts, *refunds]
    send(address, [record_of(event) for event in before])
    options = (guarantee, "--config", str(config))
    # These megabytes are one transaction, which may take longer than the tests' short sessions.
    patient = {"RETAIL__STREAMER__SESSION_TIMEOUT": "15s"}
    first = StreamerProcess(clean_kafka, group, tmp_path, *options, environment=patient)
    first.wait_until_processed()
    first.kill()
    send(address, [record_of(event) for event in later])
    (tmp_path / "new").mkdir()  # the state comes from the changelog
    second = StreamerProcess(clean_kafka, group, tmp_path / "new", *options, environment=patient)
    second.wait_until_processed()
    assert second.stop() == 0, second.tail()

    found = alerts_in(address)
    engine = build_engine(load(config, environ={}).settings)
    wanted = by_key(json.loads(encode(alert)) for alert in replay_events([*before, *later], engine))
    assert found.keys() == wanted.keys()
    for key, alert in found.items():
        if alert["evidence"].pop("shortened", False):
            ids = wanted[key]["evidence"]["transactionIds"]
            assert alert["evidence"]["transactionIds"] == ids[: len(alert["evidence"]["transactionIds"])]
            alert["evidence"]["transactionIds"] = ids
            assert wanted[key]["message"].startswith(alert["message"])
            alert["message"] = wanted[key]["message"]
        assert alert == wanted[key]
    assert any(len(json.dumps(alert, ensure_ascii=False).encode()) > MOST for alert in wanted.values())


def test_a_topic_with_a_higher_limit_gets_whole_dead_letters(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    set_topic(address, POS_EVENTS, {"max.message.bytes": "9000000"})
    set_topic(address, DEAD_LETTERS, {"max.message.bytes": "5000000"})
    values = [b"x" * 3_000_000, b"x" * 8_000_000]
    send(address, [Record(POS_EVENTS, value, b"s", timestamp=T) for value in values])
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path)

    found = letters(address, 2)

    assert streamer.stop() == 0, streamer.tail()
    assert [letter["value"] and len(base64.b64decode(letter["value"])) for letter in found] == [
        3_000_000,
        None,
    ]


def test_many_small_results_fit_into_topics_with_a_low_limit(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    for topic in (ALERTS, DEAD_LETTERS):
        set_topic(address, topic, {"max.message.bytes": "70000"})
    send(address, [record_of(refund(f"t-{n}", at=T + n)) for n in range(3_000)])
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path)

    alerts = alerts_in(address, at_least=3_000)

    assert streamer.stop() == 0, streamer.tail()
    kinds = Counter(alert["type"] for alert in alerts.values())
    assert kinds["REFUND_WITHOUT_SALE"] == 3_000


def test_a_topic_that_takes_too_little_is_named_at_the_start(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    set_topic(address, ALERTS, {"max.message.bytes": "2000"})
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path)

    assert streamer.wait_until_ended() == 1
    assert streamer.last_word()["event"] == (
        "topic anomaly-alerts takes records of at most 2000 bytes: set its max.message.bytes to 65536 or more"
    )


def test_the_sink_buries_a_record_that_is_too_large_for_its_dead_letter(
    clean_kafka: Connection, address: str, tmp_path: Path
) -> None:
    send(
        address,
        [Record(ALERTS, b"x" * 800_000, b"s", T), Record(ALERTS, b"x", b"k" * 900_000, T)],
    )
    with ScriptedServer() as influx:
        environ = {"INFLUXDB_URL": influx.url, "INFLUXDB_TOKEN": "t", "INFLUXDB_BUCKET": "retail"}
        sink = SinkProcess(clean_kafka, fresh_name("group"), tmp_path, environ)
        found = letters(address, 2)
        sink.wait_until_processed()
        assert sink.stop() == 0, sink.tail()
    assert sorted(letter["value"] is None for letter in found) == [False, True]
    assert {letter["topic"] for letter in found} == {ALERTS}


def test_names_of_unused_topics_do_not_matter(clean_kafka: Connection, address: str, tmp_path: Path) -> None:
    create_topics(address, ["changelog__other--x"], 1, {"max.message.bytes": "2000"})
    send(address, [record_of(CountEvent("s", "k", 3, T)), Record(INVENTORY_COUNTS, b"{", b"s", timestamp=T)])
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path)

    assert len(letters(address, 1)) == 1
    assert streamer.stop() == 0, streamer.tail()
