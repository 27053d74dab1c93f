"""Write and read topics in tests; every wait has a deadline, and a timeout names the missing records."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from tests.support.waiting import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Record:
    """A Kafka record, to be produced or as read (then with `partition` and `offset`)."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    timestamp: int | None = None
    """Milliseconds; None lets the producer stamp it."""
    partition: int | None = None
    """None lets the key decide."""
    offset: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def fresh_name(name: str) -> str:
    """Make a topic or group name unique, for tests that share a broker."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def create_topics(
    address: str, names: Iterable[str], partitions: int = 1, config: Mapping[str, str] | None = None
) -> None:
    """Create topics and wait until the broker lists them.

    They keep records of any age unless `config` says otherwise: event times of tests lie in the past.
    """
    config = {"cleanup.policy": "delete", "retention.ms": "-1"} | dict(config or {})
    admin = AdminClient({"bootstrap.servers": address})
    wanted = [NewTopic(name, partitions, 1, config=config) for name in names]
    for future in admin.create_topics(wanted).values():
        future.result(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while {topic.topic for topic in wanted} - set(admin.list_topics(timeout=PATIENCE_S).topics):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the broker does not list {[topic.topic for topic in wanted]} in time")
        time.sleep(0.05)


def produce(address: str, records: Iterable[Record], **config: object) -> int:
    """Produce in order, wait for every acknowledgement and return how many there were."""
    errors: list[KafkaError] = []
    producer = Producer(
        {
            "bootstrap.servers": address,
            # Kafka's own partitioner, so that a key meets its partition whoever writes.
            "partitioner": "murmur2",
            # Or else a batch that is sent again, as to a topic just made, comes after those behind it.
            "enable.idempotence": True,
            "linger.ms": 5,
        }
        | config
    )

    def acknowledged(error: KafkaError | None, _message: object) -> None:
        if error is not None:
            errors.append(error)

    count = 0
    for record in records:
        where = {} if record.partition is None else {"partition": record.partition}
        when = {} if record.timestamp is None else {"timestamp": record.timestamp}
        while True:
            try:
                producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    headers=list(record.headers),
                    on_delivery=acknowledged,
                    **where,
                    **when,
                )
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
        count += 1
    unsent = producer.flush(PATIENCE_S)
    if errors or unsent:
        raise AssertionError(
            f"{len(errors)} of {count} records refused, {unsent} not acknowledged: {errors[:3]}"
        )
    return count


def consume(
    address: str,
    topics: str | Sequence[str],
    *,
    at_least: int = 0,
    read_uncommitted: bool = False,
    timeout: float = PATIENCE_S,
) -> list[Record]:
    """Read topics from the beginning to the end of every partition, without a consumer group.

    Parameters
    ----------
    at_least
        Keep polling past the end until so many records are there.
    read_uncommitted
        See records of open and aborted transactions too.
    """
    names = [topics] if isinstance(topics, str) else list(topics)
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "never-joined",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_uncommitted" if read_uncommitted else "read_committed",
            "fetch.wait.max.ms": 50,
        }
    )
    try:
        listed = consumer.list_topics(timeout=PATIENCE_S).topics
        if absent := [name for name in names if name not in listed]:
            raise AssertionError(f"no such topic: {absent}; there are {sorted(listed)}")
        unread = {(name, partition) for name in names for partition in listed[name].partitions}
        consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for name, number in unread])
        found: list[Record] = []
        deadline = time.monotonic() + timeout
        while unread or len(found) < at_least:
            for message in consumer.consume(500, timeout=0.1):
                error = message.error()
                if error is None:
                    found.append(_record(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    unread.discard((message.topic(), message.partition()))
                elif error.fatal() or not error.retriable():
                    raise AssertionError(f"reading {names}: {error}")
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{names}: {len(found)} records after {timeout:.0f} s, wanted {at_least}, "
                    f"partitions not read to the end: {sorted(unread)}"
                )
        return found
    finally:
        consumer.close()


def _record(message: Message) -> Record:
    kind, stamp = message.timestamp()
    return Record(
        message.topic(),
        message.value(),
        message.key(),
        stamp if kind else None,
        message.partition(),
        message.offset(),
        tuple(message.headers() or ()),
    )
