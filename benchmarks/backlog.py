"""Topics full of events on a broker, for the processes that catch up with them."""

import time
from collections.abc import Callable

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.load import events
from retail_anomaly.core import codec
from retail_anomaly.core.events import Event, ShiftEvent
from streamer.kafka.topic_plan import TOPICS

PARTITIONS = 12  # as the topics have by default
_CAREFUL = {"enable.idempotence": True, "partitioner": "murmur2", "queue.buffering.max.messages": 1_000_000}


def recreate_topics(broker: str) -> None:
    """Make the topics empty."""
    admin = AdminClient({"bootstrap.servers": broker})
    existing = set(admin.list_topics(timeout=10).topics)
    if stale := [name for name in TOPICS if name in existing]:
        for future in admin.delete_topics(stale).values():
            future.result(30)
    _wait_until(lambda: not set(TOPICS) & set(admin.list_topics(timeout=10).topics))
    config = {"retention.ms": "-1"}
    topics = [NewTopic(name, PARTITIONS, 1, config=config) for name in TOPICS]
    for future in admin.create_topics(topics).values():
        future.result(30)
    _wait_until(lambda: set(TOPICS) <= set(admin.list_topics(timeout=10).topics))


def new_producer(broker: str, *, linger_ms: int) -> Producer:
    return Producer({"bootstrap.servers": broker, "linger.ms": linger_ms, **_CAREFUL})


def send(producer: Producer, event: Event) -> None:
    """Send an event; a full queue is waited for."""
    at = event.shift_start if isinstance(event, ShiftEvent) else event.event_time
    while True:
        try:
            producer.produce(codec.topic_of(event), codec.encode(event), event.store_id, timestamp=at)
            break
        except BufferError:
            producer.poll(0.1)
    producer.poll(0)


def flush(producer: Producer) -> None:
    if producer.flush(60):
        raise RuntimeError("the broker did not take all events")


def fill(broker: str, count: int, stores: int = 100) -> int:
    """Fill the input topics and return the number of records."""
    recreate_topics(broker)
    producer = new_producer(broker, linger_ms=50)
    records = 0
    for event in events(count, stores=stores):
        send(producer, event)
        records += 1
    flush(producer)
    return records


def _wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the broker did not delete or create the topics in time")
        time.sleep(0.1)
