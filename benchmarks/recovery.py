"""Starting again over a million remembered sales: from the local state, and from the changelog."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.load import HOUR, START
from benchmarks.process import status_mb
from benchmarks.throughput import recreate_topics
from retail_anomaly import codec
from retail_anomaly.events import ALERTS, PosEvent
from streamer.offsets import GroupOffsets

STORES = 100
DAY = 24 * HOUR
_PATIENCE_S = 900


def measure(broker: str, sales: int) -> dict[str, Any]:
    """Fill the state of one streamer, then start it twice and time its first alert.

    The alert is that of a refund without a sale: to be sure, all that is remembered of its store
    must have been looked through.
    """
    recreate_topics(broker)
    producer = Producer(
        {"bootstrap.servers": broker, "enable.idempotence": True, "linger.ms": 50, "partitioner": "murmur2"}
    )
    for n in range(sales):
        at = START + n * (29 * DAY) // sales
        _send(producer, PosEvent(f"t-{n:012d}", f"store-{n % STORES}", "c-1", "k", 9.0, "SALE", at))
    producer.flush(60)
    group = f"bench-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory(prefix="bench-state-") as folder:
        state = Path(folder) / "state"
        with _streamer(broker, group, state) as pid:
            _wait_until_processed(broker, group)
            memory = status_mb("VmRSS", pid)
        figures: dict[str, Any] = {"entries": sales, "memory_mb": memory, "state_mb": _size_mb(state)}
        figures["from_local_state_s"] = _time_to_alert(broker, group, state, producer, "local")
        shutil.rmtree(state)
        figures["from_changelog_s"] = _time_to_alert(broker, group, state, producer, "changelog")
    return figures


def _time_to_alert(broker: str, group: str, state: Path, producer: Producer, name: str) -> float:
    _send(producer, PosEvent(f"never-{name}", "store-1", "c-1", "k", 5.0, "REFUND", START + 29 * DAY))
    producer.flush(60)
    started = time.perf_counter()
    with _streamer(broker, group, state):
        _wait_for_alert(broker, f"never-{name}")
        return time.perf_counter() - started


def _send(producer: Producer, event: PosEvent) -> None:
    while True:
        try:
            producer.produce(
                codec.topic_of(event), codec.encode(event), event.store_id, timestamp=event.event_time
            )
            break
        except BufferError:
            producer.poll(0.1)
    producer.poll(0)


@contextmanager
def _streamer(broker: str, group: str, state: Path) -> Iterator[int]:
    command = [
        sys.executable, "-m", "streamer", "--broker", broker, "--consumer-group", group,
        "--state-dir", str(state), "--log-level", "error",
    ]  # fmt: skip
    process = subprocess.Popen(command, env={**os.environ, "RETAIL__STREAMER__SESSION_TIMEOUT": "6s"})
    try:
        yield process.pid
    finally:
        process.terminate()
        if process.wait(120):
            raise RuntimeError("the streamer did not end well")


def _wait_until_processed(broker: str, group: str) -> None:
    with GroupOffsets({"bootstrap.servers": broker}, group) as offsets:
        if any(offsets.wait(_PATIENCE_S).values()):
            raise TimeoutError(f"the streamer did not catch up in {_PATIENCE_S} s")


def _wait_for_alert(broker: str, transaction: str) -> None:
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "bench-recovery"})
    try:
        partitions = consumer.list_topics(timeout=10).topics[ALERTS].partitions
        consumer.assign([TopicPartition(ALERTS, number, 0) for number in partitions])
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is None or message.error() is not None:
                continue
            if json.loads(message.value())["evidence"].get("transactionId") == transaction:
                return
        raise TimeoutError(f"no alert about {transaction} in {_PATIENCE_S} s")
    finally:
        consumer.close()


def _size_mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
