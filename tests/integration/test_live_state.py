"""Live state is dropped whenever its changes were not committed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from quixstreams import Application
from quixstreams.sinks import BaseSink
from quixstreams.sinks.base.exceptions import SinkBackpressureError

from retail_anomaly.core import codec
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import (
    ALERTS,
    DEAD_LETTERS,
    INPUT_TOPICS,
    POS_EVENTS,
    CountEvent,
    PosEvent,
)
from retail_anomaly.detectors import RefundBurst, StockDiscrepancy
from streamer.detection.pipeline import define_pipeline
from streamer.kafka.connection import Connection
from streamer.kafka.offsets import GroupOffsets
from streamer.quix.application import JsonValue
from streamer.quix.topic_manager import topic_manager
from tests.kafka import Record, consume, create_topics, fresh_name, produce
from tests.support.waiting import PATIENCE_S

DAY = 86_400_000
START = 1_760_000_000_000
PARTITIONS = 4
STORES = [f"store-{n}" for n in range(40)]


class Backpressure(BaseSink):
    """A sink that asks for a pause at some of its flushes, as a database under load does."""

    def __init__(self, at: set[int]) -> None:
        super().__init__()
        self.flushes = 0
        self.refused = 0
        self._at = at
        self._asked_at = 0

    def flush(self) -> None:
        self.flushes += 1
        if self.flushes in self._at:
            self.refused += 1
            raise SinkBackpressureError(retry_after=0.05)

    def flushed_again(self) -> bool:
        """Whether it was flushed since it was last asked."""
        since, self._asked_at = self._asked_at, self.flushes
        return self.flushes > since

    def add(self, *_: Any, **__: Any) -> None: ...


class Topics:
    """The pipeline's topics under names of their own, so that tests share a broker."""

    def __init__(self, kafka: str) -> None:
        self.kafka = kafka
        self.names = {name: fresh_name(name) for name in (*INPUT_TOPICS, ALERTS, DEAD_LETTERS)}
        create_topics(kafka, self.names.values(), PARTITIONS)

    def produce(self, events: list[Any]) -> None:
        produce(
            self.kafka,
            (
                Record(
                    self.names[codec.topic_of(event)],
                    codec.encode(event),
                    event.store_id.encode(),
                    timestamp=event.event_time,
                )
                for event in events
            ),
        )

    def alerts(self, at_least: int = 0) -> dict[tuple[str, int], dict[str, Any]]:
        """Return the alerts by their identity, checking that repeated ones are equal."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for record in consume(self.kafka, self.names[ALERTS], at_least=at_least):
            alert = json.loads(record.value or b"null")
            del alert["detectedAt"]
            key = alert["alertId"], alert["revision"]
            assert found.setdefault(key, alert) == alert
        return found


@pytest.fixture
def topics(kafka: str) -> Topics:
    return Topics(kafka)


@pytest.fixture
def running(topics: Topics, tmp_path: Path) -> Iterator[Callable[..., Application]]:
    """Run the pipeline in threads of this process; all are stopped at the end."""
    started: list[tuple[Application, threading.Thread]] = []

    def run(
        group: str,
        *,
        inputs: tuple[str, ...] = INPUT_TOPICS,
        sinks: tuple[BaseSink, ...] = (),
        name: str = "a",
    ) -> Application:
        app = Application(
            topics.kafka,
            consumer_group=group,
            auto_offset_reset="earliest",
            commit_interval=0.1,
            consumer_poll_timeout=0.01,
            state_dir=tmp_path / name,
            consumer_extra_config={"fetch.wait.max.ms": 50, "session.timeout.ms": 6000},
            loglevel=None,
            # Quix's own does not wait until a topic that it has created can be seen.
            topic_manager=topic_manager(Connection(topics.kafka), group, create=True),
        )

        def topic(logical: str, value_serializer: Any = "bytes") -> Any:
            return app.topic(
                topics.names[logical],
                key_serializer="bytes",
                key_deserializer="bytes",
                value_serializer=value_serializer,
                value_deserializer="bytes",
            )

        frames = {logical: app.dataframe(topic(logical)) for logical in inputs}
        engine = Engine(
            [
                StockDiscrepancy(StockDiscrepancy.Parameters(threshold=1), DAY),
                RefundBurst(RefundBurst.Parameters(), DAY),
            ]
        )
        raised = define_pipeline(
            frames,
            alerts=topic(ALERTS, JsonValue()),
            dead_letters=topic(DEAD_LETTERS, JsonValue()),
            engine=engine,
        )
        for sink in sinks:
            raised.processing_context.sink_manager.register(sink)
        # Signal handlers belong to the main thread.
        app._setup_signal_handlers = lambda: None  # type: ignore[method-assign]
        thread = threading.Thread(target=app.run, daemon=True)
        thread.start()
        started.append((app, thread))
        return app

    yield run
    for app, thread in started:
        app.stop()
        thread.join(30)
        assert not thread.is_alive()


def counted_then_sold(sales: int) -> list[Any]:
    """Return a count of each store's one sku and then sales of it, one piece each."""
    events: list[Any] = [CountEvent(store, "sku", 1_000, START) for store in STORES]
    for n in range(sales):
        time_of_sale = START + 1 + n
        events += [PosEvent(f"t{n}", store, "c", "sku", 5.0, "SALE", time_of_sale) for store in STORES]
    return events


def second_counts() -> list[Any]:
    """Return a count of nothing for each store: the alert says how many sales were counted."""
    return [CountEvent(store, "sku", 0, START + 10_000_000) for store in STORES]


def sold(alerts: dict[tuple[str, int], dict[str, Any]]) -> dict[str, int]:
    return {alert["storeId"]: alert["evidence"]["sold"] for alert in alerts.values()}


def small_refunds(count: int) -> list[Any]:
    """Return refunds of one unit each, that alone are no burst."""
    return [
        PosEvent(f"t{n}", store, "c", "sku", 1.0, "REFUND", START + n)
        for n in range(count)
        for store in STORES
    ]


def burst(after: int) -> list[Any]:
    """Return the refunds that raise an alert, whose evidence counts those before."""
    return [
        PosEvent(f"high{n}", store, "c", "sku", 100.0, "REFUND", START + after + n)
        for n in range(3)
        for store in STORES
    ]


def test_messages_that_come_again_after_backpressure_are_counted_once(
    topics: Topics, running: Callable[..., Application]
) -> None:
    sink = Backpressure(at={1, 3, 4, 7})
    # One topic: see the decision on aligned reading for why backpressure needs unaligned reading.
    running(fresh_name("group"), inputs=(POS_EVENTS,), sinks=(sink,))
    events = small_refunds(100)
    # In portions, so that there are commits to refuse in between.
    for first in range(0, len(events), 500):
        topics.produce(events[first : first + 500])
        wait_for(sink.flushed_again)
    topics.produce(burst(after=100))

    alerts = topics.alerts(at_least=len(STORES))

    assert sink.refused == 4
    found = {
        alert["storeId"]: (alert["evidence"]["totalRefunds"], alert["evidence"]["averageAmount"])
        for alert in alerts.values()
    }
    # A line that was processed twice would have joined its receipt twice: a higher average.
    assert found == dict.fromkeys(STORES, (103, round(400 / 103, 6)))


def test_state_follows_its_partition_to_another_process_and_back(
    topics: Topics, running: Callable[..., Application]
) -> None:
    group = fresh_name("group")
    first = running(group, name="first")
    produce_in_step(topics, group, counted_then_sold(sales=30))
    second = running(group, name="second")
    wait_for(lambda: assigned(first) and assigned(second))
    more = [event for event in counted_then_sold(sales=60) if event.event_time > START + 30]
    topics.produce(more)
    wait_for(lambda: committed(topics, group))
    second.stop()
    wait_for(lambda: len(assigned(first)) == PARTITIONS)
    topics.produce(second_counts())

    alerts = topics.alerts(at_least=len(STORES))

    assert sold(alerts) == dict.fromkeys(STORES, 60)


def test_a_restart_without_the_local_state_recovers_it_from_the_changelog(
    topics: Topics, running: Callable[..., Application]
) -> None:
    group = fresh_name("group")
    app = running(group, name="before")
    produce_in_step(topics, group, counted_then_sold(sales=20))
    app.stop()
    running(group, name="after")
    topics.produce(second_counts())

    alerts = topics.alerts(at_least=len(STORES))

    assert sold(alerts) == dict.fromkeys(STORES, 20)


def produce_in_step(topics: Topics, group: str, events: list[Any]) -> None:
    """Produce the counts, and the sales once those are processed: live, their order would be open."""
    counts = [event for event in events if isinstance(event, CountEvent)]
    for part in (counts, events[len(counts) :]):
        topics.produce(part)
        wait_for(lambda: committed(topics, group))


def assigned(app: Application) -> set[int]:
    """Return the partitions of the sales topic that a process holds now."""
    partitions = app._consumer.assignment()
    return {part.partition for part in partitions if part.topic.startswith("pos-events")}


def committed(topics: Topics, group: str) -> bool:
    names = [topics.names[name] for name in INPUT_TOPICS]
    with GroupOffsets({"bootstrap.servers": topics.kafka}, group, names) as offsets:
        return not any(offsets.lag().values())


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)
