"""From the producer's hand to the alert in a consumer's: through the real streamer's process."""

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.throughput import recreate_topics
from retail_anomaly import codec
from retail_anomaly.events import (
    ALERTS,
    POS_EVENTS,
    CountEvent,
    Event,
    GateData,
    PosEvent,
    SecurityEvent,
    ShiftEvent,
)
from streamer.offsets import GroupOffsets

WARM_UP_SECONDS = 5
HOUR = 3_600_000


def measure(broker: str, *, per_second: int, seconds: int, four_topics: bool) -> dict[str, Any]:
    """Send events at a steady rate and return the latency of their alerts in milliseconds.

    One event in ten is a refund without a sale, so that it raises an alert at once.
    """
    recreate_topics(broker)
    group = f"bench-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="bench-state-") as folder:
        command = [
            sys.executable, "-m", "streamer", "--broker", broker, "--consumer-group", group,
            "--state-dir", folder, "--log-level", "error",
        ]  # fmt: skip
        streamer = subprocess.Popen(command)
        try:
            sent, received = _exchange(broker, group, per_second, seconds, four_topics)
        finally:
            streamer.terminate()
            if streamer.wait(60):
                raise RuntimeError("the streamer did not end well")
    if missing := sent.keys() - received.keys():
        raise RuntimeError(f"{len(missing)} of {len(sent)} alerts did not come")
    warm = min(sent.values()) + WARM_UP_SECONDS
    latencies = sorted((received[t] - sent[t]) * 1_000 for t in sent if sent[t] >= warm)
    centiles = statistics.quantiles(latencies, n=100)
    return {
        "alerts": len(latencies),
        "p50_ms": centiles[49],
        "p99_ms": centiles[98],
        "max_ms": latencies[-1],
    }


def _exchange(
    broker: str, group: str, per_second: int, seconds: int, four_topics: bool
) -> tuple[dict[str, float], dict[str, float]]:
    producer = Producer(
        {"bootstrap.servers": broker, "linger.ms": 0, "partitioner": "murmur2", "enable.idempotence": True}
    )
    received: dict[str, float] = {}
    stop = threading.Event()
    listener = threading.Thread(target=_listen, args=(broker, received, stop))
    listener.start()
    try:
        _send(producer, _sale(-1, "first"))
        with GroupOffsets({"bootstrap.servers": broker}, group) as offsets:
            if any(offsets.wait(60).values()):  # it runs once the first event is committed
                raise RuntimeError("the streamer did not start")
        sent: dict[str, float] = {}
        begin = time.perf_counter()
        for n in range(per_second * (seconds + WARM_UP_SECONDS)):
            wait = begin + n / per_second - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            event = _event(n, four_topics)
            if isinstance(event, PosEvent) and event.event_type == "REFUND":
                sent[event.transaction_id] = time.perf_counter()
            _send(producer, event)
        producer.flush(30)
        deadline = time.perf_counter() + 30
        while sent.keys() - received.keys() and time.perf_counter() < deadline:
            time.sleep(0.1)
    finally:
        stop.set()
        listener.join()
    return sent, received


def _event(n: int, four_topics: bool) -> Event:
    store, now = f"store-{n % 50}", time.time_ns() // 1_000_000
    if n % 10 == 0:
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


def _send(producer: Producer, event: Event) -> None:
    at = event.shift_start if isinstance(event, ShiftEvent) else event.event_time
    producer.produce(codec.topic_of(event), codec.encode(event), event.store_id, timestamp=at)
    producer.poll(0)


def _listen(broker: str, received: dict[str, float], stop: threading.Event) -> None:
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "bench-listener", "fetch.wait.max.ms": 5})
    partitions = consumer.list_topics(POS_EVENTS, 10).topics[POS_EVENTS].partitions
    consumer.assign([TopicPartition(ALERTS, number, 0) for number in partitions])
    while not stop.is_set():
        message = consumer.poll(0.1)
        if message is None or message.error() is not None:
            continue
        now = time.perf_counter()
        evidence = json.loads(message.value())["evidence"]
        if (transaction := evidence.get("transactionId")) is not None:
            received.setdefault(transaction, now)
    consumer.close()
