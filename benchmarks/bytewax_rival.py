"""The engine in a dataflow of Bytewax, which reads the topics as they come and keeps no state."""

import logging
import signal
import threading
import time
from typing import Any

from bytewax import operators
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main
from confluent_kafka import Consumer, TopicPartition

from retail_anomaly.core import codec
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.events import ALERTS, INPUT_TOPICS
from retail_anomaly.core.memory import StoreMemory
from streamer.kafka.connection import Connection
from streamer.observe.counts import ProcessCounts


def read_with_bytewax(connection: Connection, group: str, engine: Engine, counts: ProcessCounts) -> None:
    """Read the topics to their ends in one worker, and wait for SIGTERM.

    Bytewax commits no offsets to Kafka. They are committed once when it is done, since the end of the backlog
    is measured by them.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    logging.getLogger("bytewax").setLevel(logging.ERROR)
    stores: dict[str, StoreMemory] = {}

    # Any: to a type checker each part of a message may be missing, and it may be an error.
    def alerts_of(messages: list[Any]) -> list[KafkaSinkMessage[bytes, bytes]]:
        found = []
        for message in messages:
            event = codec.decode(message.topic, message.value)
            store = stores.get(event.store_id)
            if store is None:
                store = stores[event.store_id] = engine.new_store(event.store_id)
            for alert in engine.process(event, store):
                value = codec.encode(alert.detected(time.time_ns() // 1_000_000))
                found.append(KafkaSinkMessage(event.store_id.encode(), value))
            counts.message(message.topic, message.partition, message.offset)
        return found

    properties = connection.properties()
    brokers = [properties.pop("bootstrap.servers")]
    source = KafkaSource(brokers, INPUT_TOPICS, tail=False, add_config=properties, batch_size=1_000)
    flow = Dataflow("bench")
    alerts = operators.flat_map_batch("engine", operators.input("events", flow, source), alerts_of)
    operators.output("alerts", alerts, KafkaSink(brokers, ALERTS, properties | {"partitioner": "murmur2"}))
    run_main(flow)
    _commit_ends(connection, group)
    stop.wait()


def _commit_ends(connection: Connection, group: str) -> None:
    consumer = Consumer({**connection.properties(), "group.id": group})
    topics = consumer.list_topics().topics
    partitions = [TopicPartition(name, number) for name in INPUT_TOPICS for number in topics[name].partitions]
    for partition in partitions:
        partition.offset = consumer.get_watermark_offsets(partition)[1]
    consumer.commit(offsets=partitions, asynchronous=False)
    consumer.close()
