"""Event time at many times its pace through one streamer: memory and state must stay flat.

`python -m tests.faults.soak` is an hour of event time a second for ten minutes; `--help` for other lengths.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from data_gen import Simulation
from data_gen.world import recorded_at
from retail_anomaly.codec import encode, topic_of
from streamer.connection import Connection
from streamer.topics import Plan, ensure_topics
from tests.kafka import KafkaServer, fresh_name
from tests.support.faults import PARTITIONS, RETENTION_MS, wait_for
from tests.support.processes import StreamerProcess

HOUR_MS = 3_600_000
# What is remembered for a month would still be growing at the end.
MEMORY = {
    "RETAIL__DETECTORS__REFUND_WITHOUT_SALE__SALE_MEMORY": "24h",
    "RETAIL__MAX_LATE": "12h",
    "RETAIL__DEDUPE_MEMORY": "12h",
    # A checkpoint every quarter of an hour of event time.
    "RETAIL__STREAMER__COMMIT_INTERVAL": "250ms",
}


@dataclass(frozen=True)
class Sample:
    """What was measured at one moment."""

    hour: float
    """Hours of event time since the start."""
    resident: int
    state_bytes: int
    state_keys: int


@dataclass(frozen=True)
class Report:
    """What a soak came to."""

    samples: list[Sample]
    records: int
    lag: int
    exit_code: int

    def busiest(self, measure: Callable[[Sample], float]) -> tuple[float, float]:
        """Return the peak in the first and in the second half, without the days of filling up."""
        # Whole days, for a store is busy at the same hours of each.
        last = int(self.samples[-1].hour // 24)
        first = min(3, last // 3)
        middle = (first + last) // 2
        halves: tuple[list[float], list[float]] = ([], [])
        for sample in self.samples:
            if first * 24 <= sample.hour < last * 24:
                halves[sample.hour >= middle * 24].append(measure(sample))
        return max(halves[0]), max(halves[1])


def soak(address: str, folder: Path, *, seconds: float, hours_a_second: float, stores: int) -> Report:
    """Send event time at a pace through a streamer, and look at it four times a second."""
    kafka = Connection(address)
    ensure_topics(kafka, Plan(PARTITIONS, 1, RETENTION_MS), create=True)
    group = fresh_name("soak")
    streamer = StreamerProcess(kafka, group, folder, environment=MEMORY)
    try:
        streamer.wait_until_running()
        process = psutil.Process(streamer.pid)
        over = threading.Event()
        feed = _Feed(address, stores, hours_a_second, over)
        feed.start()
        samples = []
        try:
            with closing(_changelog_sizes(address, group)) as sizes:
                deadline = time.monotonic() + seconds
                while time.monotonic() < deadline:
                    assert streamer.running, streamer.tail()
                    state_bytes, state_keys = next(sizes)
                    samples.append(Sample(feed.hours, process.memory_info().rss, state_bytes, state_keys))
        finally:
            over.set()
            feed.join()
        streamer.wait_until_processed()
        lag = feed.sent - streamer.committed()
        return Report(samples, feed.sent, lag, streamer.stop())
    finally:
        if streamer.running:
            streamer.kill()


class _Feed(threading.Thread):
    """Sends a simulation's events when their time has come."""

    def __init__(self, address: str, stores: int, hours_a_second: float, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self.hours = 0.0
        self.sent = 0
        self._address = address
        self._stores = stores
        self._pace = hours_a_second * HOUR_MS
        self._over = over

    def run(self) -> None:
        producer = Producer({"bootstrap.servers": self._address, "partitioner": "murmur2", "linger.ms": 5})
        begun, first = time.monotonic(), 0
        for event in Simulation(stores=self._stores, days=3650, seed=21).events():
            at = recorded_at(event)
            first = first or at
            ahead = (at - first) / self._pace - (time.monotonic() - begun)
            if ahead > 0.01:
                producer.poll(0)
                if self._over.wait(ahead):
                    break
            elif self._over.is_set():
                break
            producer.produce(topic_of(event), encode(event), event.store_id.encode(), timestamp=at)
            self.hours = (at - first) / HOUR_MS
            self.sent += 1
        assert producer.flush(60) == 0


def _changelog_sizes(address: str, group: str) -> Generator[tuple[int, int], None, None]:
    """Yield, as often as asked, the bytes and the keys of the state that the changelog holds."""

    def changelogs() -> list[TopicPartition]:
        topics = AdminClient({"bootstrap.servers": address}).list_topics(timeout=10).topics
        return [
            TopicPartition(name, number, OFFSET_BEGINNING)
            for name, topic in topics.items()
            if name.startswith(f"changelog__{group}")
            for number in topic.partitions
        ]

    wait_for(lambda: bool(changelogs()), "the changelog")
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "never-joined", "enable.auto.commit": False}
    )
    consumer.assign(changelogs())
    sizes: dict[tuple[int | None, bytes | None], int] = {}
    try:
        while True:
            for message in consumer.consume(10_000, timeout=0.25):
                place = message.partition(), message.key()
                if message.value() is None:
                    sizes.pop(place, None)
                else:
                    sizes[place] = len(message.value() or b"")
            yield sum(sizes.values()), len(sizes)
    finally:
        consumer.close()


def main() -> int:
    """Soak, print what came of it, and return 0 if it is flat."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--hours-a-second", type=float, default=1)
    parser.add_argument("--stores", type=int, default=20)
    parser.add_argument("--output", type=Path, help="Write every sample to this file, as JSON.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = KafkaServer(Path(folder) / "kafka")
        server.start()
        try:
            report = soak(
                server.address,
                Path(folder),
                seconds=options.seconds,
                hours_a_second=options.hours_a_second,
                stores=options.stores,
            )
        finally:
            server.stop()
    if options.output:
        options.output.write_text(json.dumps(asdict(report)))
    print(f"{report.records:,} records, {report.samples[-1].hour / 24:.1f} days, lag {report.lag} at the end")
    flat = True
    for name, measure, slack in MEASURES:
        before, after = report.busiest(measure)
        fine = after <= before * slack
        flat &= fine
        print(
            f"{name}: peak {before:,.0f} in the first half, {after:,.0f} in the second{'' if fine else ': GROWS'}"
        )
    return 0 if flat and report.lag == 0 and report.exit_code == 0 else 1


# What is measured, and by how much the second half may exceed the first.
MEASURES: tuple[tuple[str, Callable[[Sample], float], float], ...] = (
    ("resident bytes", lambda sample: sample.resident, 1.05),
    ("state bytes", lambda sample: sample.state_bytes, 1.10),
    ("state keys", lambda sample: sample.state_keys, 1.10),
)

if __name__ == "__main__":
    sys.exit(main())
