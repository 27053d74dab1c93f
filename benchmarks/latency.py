"""Latency from the producer to the alert in a consumer, through the real streamer's process.

The floor is the latency of the same event to the same consumer straight from its input topic: the time that
Kafka, the producer and the consumer take without a streamer between them.
"""

import json
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks import backlog
from benchmarks.figures import Figure
from benchmarks.load import HOUR
from benchmarks.streamer_process import streamer
from retail_anomaly.core.events import (
    ALERTS,
    POS_EVENTS,
    CountEvent,
    Event,
    GateData,
    PosEvent,
    SecurityEvent,
    ShiftEvent,
)
from streamer.kafka.offsets import GroupOffsets

RATES = (100, 500, 5_000)
STORES = (100, 1_000, 10_000)
_WARM_UP_S = 5
_Times = dict[str, float]


def figures(broker: str, *, seconds: int) -> Iterator[Figure]:
    for rate in RATES:
        floor, alerts = measure(broker, rate=rate, seconds=seconds)
        for name in alerts:
            yield Figure(
                "latency", f"{name}, four topics live; floor: without a streamer", "ms",
                alerts[name], floor[name], rate, "events/s",
            )  # fmt: skip
    for stores in STORES:
        floor, alerts = measure(broker, rate=2_000, seconds=seconds, stores=stores)
        yield Figure(
            "latency", "p99 at 2,000 events/s; floor: without a streamer", "ms",
            alerts["p99"], floor["p99"], stores, "stores",
        )  # fmt: skip
    floor, alerts = measure(broker, rate=500, seconds=seconds, four_topics=False)
    for name in alerts:
        yield Figure("latency", f"{name}, three topics silent, 500 events/s", "ms", alerts[name], floor[name])


def measure(
    broker: str,
    *,
    rate: int,
    seconds: int,
    four_topics: bool = True,
    stores: int = 50,
    settings: Mapping[str, str] | None = None,
) -> tuple[dict[str, float], dict[str, float]]:
    """Send events at a steady rate; return the latency of the events themselves and of their alerts in ms.

    One event in ten, at most 50 a second, is a refund without a sale, so that it raises an alert at once.
    """
    backlog.recreate_topics(broker)
    group = f"bench-{uuid.uuid4().hex[:8]}"
    with (
        tempfile.TemporaryDirectory(prefix="bench-state-") as folder,
        streamer(broker, group, Path(folder), settings),
    ):
        sent, echoed, alerted = exchange(broker, group, rate, seconds, four_topics=four_topics, stores=stores)
    warm = min(sent.values()) + _WARM_UP_S
    counted = [refund for refund in sent if sent[refund] >= warm]
    return _centiles(counted, sent, echoed), _centiles(counted, sent, alerted)


def _centiles(counted: list[str], sent: _Times, received: _Times) -> dict[str, float]:
    latencies = sorted((received[refund] - sent[refund]) * 1_000 for refund in counted)
    centiles = statistics.quantiles(latencies, n=100)
    return {"p50": centiles[49], "p99": centiles[98], "max": latencies[-1]}


def exchange(
    broker: str, group: str, rate: int, seconds: int, *, four_topics: bool = True, stores: int = 50
) -> tuple[_Times, _Times, _Times]:
    """Send events at a steady rate to a group that runs; return when each refund was sent, read, alerted."""
    producer = backlog.new_producer(broker, linger_ms=0)
    echoed: _Times = {}
    alerted: _Times = {}
    stop = threading.Event()
    listeners = [
        threading.Thread(target=_listen, args=(broker, topic, received, stop))
        for topic, received in ((POS_EVENTS, echoed), (ALERTS, alerted))
    ]
    for listener in listeners:
        listener.start()
    try:
        backlog.send(producer, _sale(-1, "first"))
        backlog.flush(producer)  # records that are not there yet have no lag
        with GroupOffsets({"bootstrap.servers": broker}, group) as offsets:
            if any(offsets.wait(60).values()):  # it runs once the first event is committed
                raise RuntimeError("the streamer did not start")
        sent = _send_steadily(producer, rate, seconds, four_topics, stores)
        deadline = time.perf_counter() + 60
        while (sent.keys() - alerted.keys() or sent.keys() - echoed.keys()) and (
            time.perf_counter() < deadline
        ):
            time.sleep(0.1)
    finally:
        stop.set()
        for listener in listeners:
            listener.join()
    if missing := sent.keys() - alerted.keys():
        raise RuntimeError(f"{len(missing)} of {len(sent)} alerts did not come")
    return sent, echoed, alerted


def _send_steadily(producer: Producer, rate: int, seconds: int, four_topics: bool, stores: int) -> _Times:
    sent: _Times = {}
    every = max(10, rate // 50)
    begin = time.perf_counter()
    for n in range(rate * (seconds + _WARM_UP_S)):
        wait = begin + n / rate - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        event = steady_event(n, every=every, four_topics=four_topics, stores=stores)
        if isinstance(event, PosEvent) and event.event_type == "REFUND":
            sent[event.transaction_id] = time.perf_counter()
        backlog.send(producer, event)
    backlog.flush(producer)
    return sent


def steady_event(n: int, *, every: int, four_topics: bool, stores: int = 50) -> Event:
    """Return the n-th event of a steady flow, now; each `every`-th is a refund that raises an alert."""
    store, now = f"store-{n % stores}", time.time_ns() // 1_000_000
    if n % every == 0:
        return PosEvent(f"r{n}", store, "c-1", "sku", 5.0, "REFUND", now, event_id=f"e{n}")
    if four_topics and n % 10 == 1:
        return SecurityEvent(f"g{n}", store, now, "GATE", GateData("gate-1", alarm=False))
    if four_topics and n % 10 == 2:
        return CountEvent(store, f"sku-{n}", 5, now)
    if four_topics and n % 10 == 3:
        return ShiftEvent(f"c-{n % 7}", store, now, now + HOUR)
    return _sale(n, store)


def _sale(n: int, store: str) -> PosEvent:
    now = time.time_ns() // 1_000_000
    return PosEvent(f"t{n}", store, "c-1", f"sku-{n % 500}", 5.0, "SALE", now, event_id=f"e{n}")


def _listen(broker: str, topic: str, received: _Times, stop: threading.Event) -> None:
    """Note when each refund, or the alert about it, comes out of a topic."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "bench-listener", "fetch.wait.max.ms": 5})
    partitions = consumer.list_topics(POS_EVENTS, 10).topics[POS_EVENTS].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    while not stop.is_set():
        message = consumer.poll(0.1)
        if message is None or message.error() is not None:
            continue
        now = time.perf_counter()
        raw = message.value()
        if b"REFUND" in raw:
            value = json.loads(raw)
            refund = value.get("evidence", value).get("transactionId")
            if refund is not None:
                received.setdefault(refund, now)
    consumer.close()
