"""The real pipeline, state store and checkpoint of Quix Streams with no broker under them.

Only the network ends are stand-ins: a producer that keeps its records, and a consumer that
acknowledges commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import copy_context
from pathlib import Path
from typing import Any

import msgspec
from quixstreams.context import set_message_context
from quixstreams.dataframe import DataFrameRegistry, StreamingDataFrame
from quixstreams.models import MessageContext, Topic, TopicConfig, TopicManager
from quixstreams.processing import ProcessingContext
from quixstreams.sinks import SinkManager
from quixstreams.state import StateStoreManager

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import ALERTS, DEAD_LETTERS, INPUT_TOPICS
from retail_anomaly.core.invalid import DeadLetter
from streamer.detection.pipeline import define_pipeline
from streamer.kafka.topic_plan import RULES, SHADOW_ALERTS
from streamer.quix.application import STATE_OPTIONS, JsonValue

PARTITION = 0


class KeptProducer:
    """Keeps the rows that the pipeline produces."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, bytes]] = []
        self.keys: list[object] = []
        self.offsets: dict[Any, int] = {}

    def produce_row(self, row: Any, topic: Topic, key: Any, **_: Any) -> None:
        value = topic.row_serialize(row, key).value
        assert isinstance(value, bytes)
        self.rows.append((topic.name, value))
        self.keys.append(key)

    def flush(self, *_: Any, **__: Any) -> int:
        return 0


class ObedientConsumer:
    """Takes every commit."""

    def commit(self, **_: Any) -> list[Any]:
        return []


class BrokerlessPipeline:
    """A streamer's inside: `send` a record, `commit` when you like, read `alerts`."""

    def __init__(
        self,
        engine: Engine,
        state_dir: Path,
        *,
        consumer: Any = None,
        inputs: Sequence[str] = INPUT_TOPICS,
        **options: Any,
    ) -> None:
        self.producer = KeptProducer()
        registry = DataFrameRegistry()
        self._states = StateStoreManager(group_id="test", state_dir=state_dir, rocksdb_options=STATE_OPTIONS)
        self._states.init()
        self.context = ProcessingContext(
            commit_interval=3600,
            producer=self.producer,  # type: ignore[arg-type]
            consumer=consumer or ObedientConsumer(),  # type: ignore[arg-type]
            state_manager=self._states,
            sink_manager=SinkManager(),
            dataframe_registry=registry,
        )
        self.context.init_checkpoint()
        topics = TopicManager(None, consumer_group="test")  # type: ignore[arg-type]
        frames = {
            name: StreamingDataFrame(
                topic_of_bytes(name),
                topic_manager=topics,
                registry=registry,
                processing_context=self.context,
            )
            for name in (*inputs, *([RULES] if "rules" in options else []))
        }
        for sdf in frames.values():
            registry.register_root(sdf)
        define_pipeline(
            frames,
            alerts=topic_of_bytes(ALERTS, value_serializer=JsonValue()),
            dead_letters=topic_of_bytes(DEAD_LETTERS, value_serializer=JsonValue()),
            shadow=topic_of_bytes(SHADOW_ALERTS, value_serializer=JsonValue()),
            engine=engine,
            **options,
        )
        self.open_state(PARTITION)
        self.topics = registry.consumer_topics
        self.executors = registry.compose_all()
        self._offset = 0

    def send(self, topic: str, value: bytes | None, key: bytes | None, timestamp: int = 1) -> None:
        """Process one record, as Quix's loop does."""
        context = MessageContext(topic, PARTITION, self._offset, size=0)
        run = copy_context()
        run.run(set_message_context, context)
        run.run(self.executors[topic], value, key, timestamp, [])
        self.context.store_offset(topic, PARTITION, self._offset)
        self._offset += 1

    def commit(self) -> None:
        self.context.commit_checkpoint(force=True)

    def open_state(self, partition: int) -> None:
        for stream_id in self._states.stores:
            self._states.on_partition_assign(stream_id, partition, committed_offsets={})

    def close_state(self, partition: int) -> None:
        for stream_id in self._states.stores:
            self._states.on_partition_revoke(str(stream_id), partition)

    def close(self) -> None:
        self._states.close()

    @property
    def alerts(self) -> list[Alert]:
        return [msgspec.json.decode(v, type=Alert) for topic, v in self.producer.rows if topic == ALERTS]

    @property
    def shadow_alerts(self) -> list[Alert]:
        rows = self.producer.rows
        return [msgspec.json.decode(v, type=Alert) for topic, v in rows if topic == SHADOW_ALERTS]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        return [
            msgspec.json.decode(value, type=DeadLetter)
            for topic, value in self.producer.rows
            if topic == DEAD_LETTERS
        ]


def send_all(pipeline: BrokerlessPipeline, records: Sequence[tuple[str, bytes]]) -> None:
    """Send values keyed by the store they name."""
    for topic, value in records:
        store: str = msgspec.json.decode(value)["storeId"]
        pipeline.send(topic, value, store.encode())


def topic_of_bytes(name: str, value_serializer: Any = "bytes") -> Topic:
    topic = Topic(
        name,
        key_serializer="bytes",
        key_deserializer="bytes",
        value_serializer=value_serializer,
        value_deserializer="bytes",
    )
    topic.broker_config = TopicConfig(
        num_partitions=1,
        replication_factor=1,
        extra_config={"retention.ms": "-1", "retention.bytes": "-1"},
    )
    return topic
