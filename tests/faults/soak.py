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
from array import array
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import plotly.graph_objects as go
import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from plotly.subplots import make_subplots

from data_gen import Simulation
from data_gen.world import recorded_at
from retail_anomaly.core.codec import encode, topic_of
from streamer.kafka.connection import Connection
from streamer.kafka.topics import TopicPlan, ensure_topics
from tests.kafka import KafkaServer, fresh_name
from tests.support.faults import PARTITIONS, RETENTION_MS, wait_for
from tests.support.processes import StreamerProcess
from tests.support.waiting import PATIENCE_S

HOUR_MS = 3_600_000
_BEHIND_HOURS = 24.0
_UNSENT = 10_000  # records
# A memory of a month would still be growing at the end.
MEMORY = {
    "RETAIL__DETECTORS__REFUND_WITHOUT_SALE__SALE_MEMORY": "24h",
    "RETAIL__DETECTORS__REFUND_MATCH__SALE_MEMORY": "24h",
    "RETAIL__MAX_LATE": "12h",
    "RETAIL__DEDUPE_MEMORY": "12h",
    # A checkpoint every quarter of an hour of event time.
    "RETAIL__STREAMER__COMMIT_INTERVAL": "250ms",
}


@dataclass(frozen=True)
class Sample:
    """The measurements of one moment."""

    hour: float
    """Hours of event time since the start, of the records that are processed."""
    resident: int
    """Bytes of memory."""
    state_bytes: int
    """Of all newest records in the changelog."""
    state_keys: int
    disk: int
    """Bytes of the local state."""


@dataclass(frozen=True)
class Report:
    """The outcome of a soak."""

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
    ensure_topics(kafka, TopicPlan(PARTITIONS, 1, RETENTION_MS), create=True)
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
            with closing(_changelog_sizes(address, group)) as sizes, streamer.offsets() as offsets:
                hour = 0.0
                # Until so many hours are processed, not until a deadline: a slow machine takes longer.
                while hour < seconds * hours_a_second and feed.is_alive():
                    assert streamer.running, streamer.tail()
                    hour = feed.reached = feed.hour_of(offsets.progress().processed)
                    state_bytes, state_keys = next(sizes)
                    samples.append(
                        Sample(
                            hour,
                            process.memory_info().rss,
                            state_bytes,
                            state_keys,
                            _disk_bytes(folder / "state"),
                        )
                    )
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
        self._hours = array("d")  # of each record sent
        self._address = address
        self._stores = stores
        self._pace = hours_a_second * HOUR_MS
        self._over = over
        self.reached = 0.0  # the hour that the streamer has reached

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
            hour = (at - first) / HOUR_MS
            # On a slow machine the pace is that of the streamer: a backlog would take memory of its own.
            while hour > self.reached + _BEHIND_HOURS or len(producer) > _UNSENT:
                producer.poll(0.02)
                if self._over.is_set():
                    break
            producer.produce(topic_of(event), encode(event), event.store_id.encode(), timestamp=at)
            self._hours.append(hour)
        assert producer.flush(PATIENCE_S) == 0

    @property
    def sent(self) -> int:
        return len(self._hours)

    def hour_of(self, records: int) -> float:
        """Return the hour of event time that so many of the first records reach."""
        return self._hours[records - 1] if records else 0.0


def _disk_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # RocksDB deletes files that it has merged
            total += path.stat().st_size
    return total


def _changelog_sizes(address: str, group: str) -> Generator[tuple[int, int], None, None]:
    """Yield, as often as asked, the bytes and the keys of the state that the changelog holds."""

    def changelogs() -> list[TopicPartition]:
        topics = AdminClient({"bootstrap.servers": address}).list_topics(timeout=PATIENCE_S).topics
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
    """Soak, print the outcome, and return 0 if it is flat."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--hours-a-second", type=float, default=1)
    parser.add_argument("--stores", type=int, default=20)
    parser.add_argument("--output", type=Path, help="Write every sample to this file, as JSON.")
    parser.add_argument("--page", type=Path, help="Draw memory and state over time into this HTML file.")
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
    if options.page:
        options.page.parent.mkdir(parents=True, exist_ok=True)
        draw(report).write_html(options.page, include_plotlyjs=True)
    return print_verdict(report)


def print_verdict(report: Report) -> int:
    """Print the table and the verdict; return the exit code."""
    days = report.samples[-1].hour / 24
    print(f"{report.records:,} records, {days:.1f} days of event time, lag {report.lag} at the end")
    print(f"{'peak of':<24}{'first half':>14}{'second half':>14}{'ratio':>8}{'limit':>8}")
    growing = []
    for name, measure, slack in MEASURES:
        before, after = report.busiest(measure)
        print(f"{name:<24}{before:>14,.0f}{after:>14,.0f}{after / before:>8.3f}{slack:>8.2f}")
        if after > before * slack:
            growing.append(name)
    if report.lag or report.exit_code:
        print(f"FAILED: lag {report.lag}, exit code {report.exit_code}")
        return 1
    print(f"GROWS: {', '.join(growing)}" if growing else "flat")
    return 1 if growing else 0


def draw(report: Report) -> go.Figure:
    """Draw the measurements over the days of event time, each measure in a row of its own."""
    figure = make_subplots(
        rows=len(MEASURES),
        shared_xaxes=True,
        vertical_spacing=0.06,
        subplot_titles=[name for name, _, _ in MEASURES],
    )
    days = [sample.hour / 24 for sample in report.samples]
    for row, (name, measure, _) in enumerate(MEASURES, 1):
        figure.add_scatter(
            x=days,
            y=[measure(sample) for sample in report.samples],
            name=name,
            hovertemplate="day %{x:.2f}: %{y:,}<extra></extra>",
            row=row,
            col=1,
        )
        figure.update_yaxes(rangemode="tozero", row=row, col=1)
    figure.update_xaxes(title="days of event time", row=len(MEASURES), col=1)
    return figure.update_layout(
        title=f"Soak: {report.records:,} records", showlegend=False, template="plotly_white", height=900
    )


# The measures, and by how much the second half of each may exceed the first.
MEASURES: tuple[tuple[str, Callable[[Sample], float], float], ...] = (
    ("resident bytes", lambda sample: sample.resident, 1.05),
    ("state bytes", lambda sample: sample.state_bytes, 1.10),
    ("state keys", lambda sample: sample.state_keys, 1.10),
    ("state bytes on disk", lambda sample: sample.disk, 1.25),
)

if __name__ == "__main__":
    sys.exit(main())
