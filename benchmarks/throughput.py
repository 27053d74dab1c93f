"""Catching up with a backlog: five rules against the same aligned reading with decoding alone.

Run as a module it is one measurement in a process of its own:
``python -m benchmarks.throughput BROKER decode|rules RECORDS``, which prints one JSON object.
"""

import json
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from functools import reduce
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.load import events
from benchmarks.process import status_mb
from retail_anomaly import codec
from retail_anomaly.events import ALERTS, DEAD_LETTERS, INPUT_TOPICS
from retail_anomaly.settings import Settings, load
from streamer import logs
from streamer.connection import Connection

PARTITIONS = 4


def recreate_topics(broker: str) -> None:
    """Make the topics empty."""
    admin = AdminClient({"bootstrap.servers": broker})
    names = [*INPUT_TOPICS, ALERTS, DEAD_LETTERS]
    existing = set(admin.list_topics(timeout=10).topics)
    if stale := [name for name in names if name in existing]:
        for future in admin.delete_topics(stale).values():
            future.result(30)
    _wait_until(lambda: not set(names) & set(admin.list_topics(timeout=10).topics))
    config = {"retention.ms": "-1"}
    topics = [NewTopic(name, PARTITIONS, 1, config=config) for name in names]
    for future in admin.create_topics(topics).values():
        future.result(30)
    _wait_until(lambda: set(names) <= set(admin.list_topics(timeout=10).topics))


def _wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the broker did not delete or create the topics in time")
        time.sleep(0.1)


def produce_backlog(broker: str, count: int) -> int:
    """Fill the input topics and return the number of records."""
    recreate_topics(broker)
    producer = Producer(
        {
            "bootstrap.servers": broker,
            "enable.idempotence": True,
            "linger.ms": 50,
            "partitioner": "murmur2",
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    records = 0
    for event in events(count):
        at = getattr(event, "event_time", None) or event.shift_start  # type: ignore[union-attr]
        producer.produce(codec.topic_of(event), codec.encode(event), event.store_id, timestamp=at)
        records += 1
        if records % 1_000 == 0:
            producer.poll(0)
    if producer.flush(60):
        raise RuntimeError("the broker did not take the whole backlog")
    return records


def measure(broker: str, mode: str, records: int) -> dict[str, Any]:
    """Run one catch-up in a process of its own and return its figures."""
    command = [sys.executable, "-m", "benchmarks.throughput", broker, mode, str(records)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=600)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _catch_up(broker: str, mode: str, records: int) -> dict[str, Any]:
    with logs.without_httpx_notice():
        from quixstreams.dataframe import StreamingDataFrame

        from streamer.app import build_app, new_application, raw_topic
    logs.configure("warning")
    with tempfile.TemporaryDirectory(prefix="bench-state-") as folder:
        flags = {
            "streamer.state_dir": folder,
            "streamer.consumer_group": f"bench-{uuid.uuid4().hex[:8]}",
        }
        settings: Settings = load(environ={}, flags=flags).settings
        connection = Connection(broker)
        if mode == "rules":
            app = build_app(settings, connection=connection, topic_manager=None)
        else:
            app = new_application(settings, connection=connection, topic_manager=None)
            decoded = [
                app.dataframe(raw_topic(app, name)).apply(lambda raw, name=name: codec.decode(name, raw))
                for name in INPUT_TOPICS
            ]
            reduce(StreamingDataFrame.concat, decoded).filter(lambda _event: False)
        seen, started = 0, (0.0, 0.0)

        def processed(_topic: str, _partition: int, _offset: int) -> None:
            nonlocal seen, started
            seen += 1
            if seen == 1:
                started = time.perf_counter(), time.process_time()
            if seen == records:
                app.stop()

        app._on_message_processed = processed  # the public argument is taken by the tally
        app.run()
        seconds = time.perf_counter() - started[0]
        cpu = time.process_time() - started[1]
    return {
        "records_per_second": records / seconds,
        "cpu_seconds_per_million": cpu / records * 1e6,
        "peak_rss_mb": status_mb("VmHWM"),
    }


if __name__ == "__main__":
    print(json.dumps(_catch_up(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
