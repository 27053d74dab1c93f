"""Starting: with nothing to remember, over the local state, and over the changelog."""

import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks import backlog
from benchmarks.figures import Figure
from benchmarks.load import DAY, START
from benchmarks.process import status_mb
from benchmarks.streamer_process import streamer
from retail_anomaly.core.events import ALERTS, PosEvent
from streamer.kafka.offsets import GroupOffsets

STORES = 100
_PATIENCE_S = 900
# What a process that was not stopped well leaves its successor to wait for.
_SETTINGS = {"SESSION_TIMEOUT": "6s"}


def figures(broker: str, *, sales: int) -> Iterator[Figure]:
    """Fill the state of one streamer, then start it again and time its first alert.

    The alert is that of a refund without a sale: to be sure, all that is remembered of its store
    must have been looked through.
    """
    backlog.recreate_topics(broker)
    producer = backlog.new_producer(broker, linger_ms=50)
    group = f"bench-{uuid.uuid4().hex[:8]}"
    part, unit = "recovery", "s to the first alert"
    with tempfile.TemporaryDirectory(prefix="bench-state-") as folder:
        state = Path(folder) / "state"
        empty = _time_to_alert(broker, group, state, producer, "empty", START)
        yield Figure(part, "start with nothing to remember", unit, empty)
        for n in range(sales):
            at = START + n * (29 * DAY) // sales
            backlog.send(
                producer, PosEvent(f"t-{n:012d}", f"store-{n % STORES}", "c-1", "k", 9.0, "SALE", at)
            )
        backlog.flush(producer)
        with streamer(broker, group, state, _SETTINGS) as pid:
            _wait_until_processed(broker, group)
            memory = status_mb("VmRSS", pid)
        what = f"{sales:,} events and remembered sales"
        yield Figure(part, f"memory of the process after {what}", "MB", memory)
        yield Figure(part, f"local state of {what}", "MB on disk", _size_mb(state))
        end = START + 29 * DAY
        local = _time_to_alert(broker, group, state, producer, "local", end)
        yield Figure(part, f"from local state, {what}; floor: with nothing", unit, local, empty)
        shutil.rmtree(state)
        changelog = _time_to_alert(broker, group, state, producer, "changelog", end)
        yield Figure(part, f"from the changelog, {what}; floor: with nothing", unit, changelog, empty)


def _time_to_alert(
    broker: str, group: str, state: Path, producer: Producer, name: str, event_time: int
) -> float:
    backlog.send(producer, PosEvent(f"never-{name}", "store-1", "c-1", "k", 5.0, "REFUND", event_time))
    backlog.flush(producer)
    started = time.perf_counter()
    with streamer(broker, group, state, _SETTINGS):
        _wait_for_alert(broker, f"never-{name}")
        return time.perf_counter() - started


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
