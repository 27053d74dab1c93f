"""Time passes in a silent store, and never ahead of events that were there before."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from retail_anomaly.core.codec import encode, topic_of
from retail_anomaly.core.events import POS_EVENTS, PosEvent
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import build_engine, load
from streamer.detection.ticks import LIVE, Tick, tick_time
from streamer.kafka.connection import Connection
from streamer.kafka.topic_plan import TICKS
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.kafka import Record, consume, fresh_name, produce
from tests.support.faults import set_topic
from tests.support.processes import StreamerProcess
from tests.support.simulated import Content, alerts_in, by_key

MINUTE = 60_000
T = 1_760_000_000_000
PARTITIONS = 3
CONFIG = """
streamer:
  tick_interval: 200ms
  wrong_partition: warn
detectors:
  refund_without_sale:
    match_grace: 10m
"""
SILENT, BUSY, BUSIER = STORES = "store-1", "store-2", "store-3"


def line(store: str, kind: str, at: int, transaction: str) -> PosEvent:
    return PosEvent(transaction, store, f"{store}-c", "k", 20.0, kind, at, event_id=f"{store}-{at}")


# The other stores are beyond the grace when the silent one has not sent for eleven minutes.
REFUND = line(SILENT, "REFUND", T, "t-1")
OTHERS = [
    line(store, "SALE", T + n * MINUTE + more, f"b-{n}-{more}")
    for n in (1, 5, 9, 11)
    for store in (BUSY, BUSIER)
    for more in (0, 1)
]


def records(events: Iterable[PosEvent], partition: int | None = None) -> list[Record]:
    # A partition a store: no record of a busy one comes to where the silent one is.
    return [
        Record(
            topic_of(event),
            encode(event),
            event.store_id.encode(),
            timestamp=event.event_time,
            partition=STORES.index(event.store_id) if partition is None else partition,
        )
        for event in events
    ]


def replayed(events: list[PosEvent], config: Path) -> Content:
    engine = build_engine(load(config, environ={}).settings)
    return by_key(json.loads(encode(alert)) for alert in replay_events(events, engine))


@pytest.fixture
def address(clean_kafka: Connection) -> str:
    ensure_topics(clean_kafka, TopicPlan(PARTITIONS, 1, 3650 * 86_400_000), create=True)
    address: str = clean_kafka.properties()["bootstrap.servers"]
    return address


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    return file


def test_other_stores_events_release_what_a_silent_store_holds(
    clean_kafka: Connection, address: str, config: Path, tmp_path: Path
) -> None:
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path, "--config", str(config))
    produce(address, records([REFUND, *OTHERS]))

    found = alerts_in(address, at_least=1)

    assert streamer.stop() == 0
    assert found == replayed([REFUND, *OTHERS], config)
    assert [alert["storeId"] for alert in found.values()] == [SILENT]
    assert all(record.key == SILENT.encode() for record in consume(address, "anomaly-alerts"))


@pytest.mark.parametrize("state", ["kept", "lost"])
def test_what_a_store_held_before_a_crash_is_released_although_the_store_stays_silent(
    clean_kafka: Connection, address: str, config: Path, tmp_path: Path, state: str
) -> None:
    group = fresh_name("group")
    produce(address, records([REFUND, *OTHERS[:8]]))
    first = StreamerProcess(clean_kafka, group, tmp_path, "--config", str(config))
    first.wait_until_processed()
    first.kill()

    produce(address, records(OTHERS[8:]))
    folder = tmp_path if state == "kept" else tmp_path / "new"
    folder.mkdir(exist_ok=True)
    second = StreamerProcess(clean_kafka, group, folder, "--config", str(config))
    found = alerts_in(address, at_least=1)

    assert second.stop() == 0
    assert found == replayed([REFUND, *OTHERS], config)


def test_a_tick_does_not_overtake_the_backlog(
    clean_kafka: Connection, address: str, config: Path, tmp_path: Path
) -> None:
    # While no streamer was there, ticks came from another, and the sale after its refund, within the grace.
    late_sale = line(SILENT, "SALE", T + 9 * MINUTE, "t-1")
    now = T + 60 * MINUTE
    ticks = [
        Record(TICKS, encode(Tick(now)), partition=number, timestamp=now) for number in range(PARTITIONS)
    ]
    produce(address, [*ticks, *records([REFUND, *OTHERS, late_sale])])
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path, "--config", str(config))
    streamer.wait_until_processed()
    # The first refund would raise an alert if the tick came before its sale. This one does so in any case.
    later = [line(store, "SALE", now + 11 * MINUTE, "b") for store in (BUSY, BUSIER)]
    produce(address, records([line(SILENT, "REFUND", now, "t-2"), *later]))

    found = alerts_in(address, at_least=1)

    assert streamer.stop() == 0
    assert [alert["evidence"]["transactionId"] for alert in found.values()] == ["t-2"]


def test_ticks_follow_the_newest_event_and_are_not_repeated(
    clean_kafka: Connection, address: str, config: Path, tmp_path: Path
) -> None:
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path, "--config", str(config))
    produce(address, records(OTHERS[:2]))
    streamer.wait_until_processed()
    first = consume(address, TICKS, at_least=PARTITIONS)
    produce(address, records(OTHERS[4:6]))
    both = consume(address, TICKS, at_least=2 * PARTITIONS)

    assert streamer.stop() == 0
    assert {record.timestamp for record in first} == {OTHERS[1].event_time}
    assert sorted((r.partition, r.timestamp) for r in both) == [
        (number, event.event_time) for number in range(PARTITIONS) for event in (OTHERS[1], OTHERS[5])
    ]


def test_a_store_that_is_ahead_and_a_record_of_a_far_future_pass_no_time_in_other_stores(
    clean_kafka: Connection, address: str, config: Path, tmp_path: Path
) -> None:
    set_topic(address, POS_EVENTS, {"message.timestamp.after.max.ms": str(2**63 - 1)})
    sale_after_its_refund = line(SILENT, "SALE", T + 5 * MINUTE, "t-1")
    events = [*OTHERS[:4], REFUND, line(SILENT, "SALE", T + 1, "x")]
    ahead = [line("ahead", "SALE", T + 50 * MINUTE + n, f"a-{n}") for n in range(4)]
    far = Record(POS_EVENTS, b"{", SILENT.encode(), timestamp=253_370_764_800_000, partition=0)
    streamer = StreamerProcess(clean_kafka, fresh_name("group"), tmp_path, "--config", str(config))
    produce(address, [far, *records(events), *records(ahead, partition=1)])
    streamer.wait_until_processed()
    consume(address, TICKS, at_least=PARTITIONS)

    produce(
        address, records([sale_after_its_refund, *OTHERS[4:], line(SILENT, "REFUND", T + 6 * MINUTE, "t-2")])
    )
    later = [line(store, "SALE", T + 17 * MINUTE, f"b-{n}") for n in range(2) for store in (BUSY, BUSIER)]
    produce(address, records(later))
    found = alerts_in(address, at_least=1)

    assert streamer.stop() == 0
    assert [alert["evidence"]["transactionId"] for alert in found.values()] == ["t-2"]


def test_time_goes_on_with_the_clock_only_behind_events_that_are_live() -> None:
    assert tick_time(T, T + 5 * MINUTE) == T + 4 * MINUTE
    assert tick_time(T, T + LIVE) == T + LIVE - MINUTE
    assert tick_time(T, T + LIVE + 1) == T
    assert tick_time(T, T - 5 * MINUTE) == T
