"""CreateTopics and DescribeConfigs for the embedded broker, which lacks both."""

import json
import time
from concurrent.futures import Future
from typing import Any, Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigEntry, ConfigResource, NewTopic

from streamer.errors import StreamerError

# A topic of the broker itself carries the requests to create topics, and so keeps their configuration.
# Another process needs nothing but the broker's address.
REQUESTS: Final = "__embedded-topics"
# The mock cluster answers a fetch without records only when the wait is over.
QUIET: Final = {"log_level": 0, "fetch.wait.max.ms": 20}
_TIMEOUT_S: Final = 10.0
# Kafka's defaults; the mock cluster behaves nearly so.
_DEFAULTS: Final = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.type": "CreateTime",
}


class EmbeddedAdmin(AdminClient):  # type: ignore[misc]
    """An admin client that can create and describe topics of an `EmbeddedBroker`.

    Parameters
    ----------
    config
        As for `AdminClient`.
    """

    def __init__(self, config: dict[str, Any], **arguments: Any) -> None:
        super().__init__(config, **arguments)
        self._address = config["bootstrap.servers"]

    def create_topics(self, new_topics: list[NewTopic], **_: Any) -> dict[str, Future[None]]:
        """Create topics, as `AdminClient.create_topics` does; the futures are done on return."""
        known = self.list_topics(timeout=_TIMEOUT_S).topics
        producer = Producer({"bootstrap.servers": self._address, "linger.ms": 0, "log_level": 0})
        results: dict[str, Future[None]] = {}
        for topic in new_topics:
            future: Future[None] = Future()
            results[topic.topic] = future
            if topic.topic in known:
                code = KafkaError.TOPIC_ALREADY_EXISTS
                future.set_exception(KafkaException(KafkaError(code, "it is there already")))
                continue
            request = {
                "name": topic.topic,
                "partitions": max(topic.num_partitions, 1),
                "config": topic.config or {},
            }
            producer.produce(REQUESTS, json.dumps(request), partition=0)
        producer.flush(_TIMEOUT_S)
        self._await({name for name, future in results.items() if not future.done()})
        for future in results.values():
            if not future.done():
                future.set_result(None)
        return results

    def describe_configs(
        self, resources: list[ConfigResource], **_: Any
    ) -> dict[ConfigResource, Future[dict[str, ConfigEntry]]]:
        """Return the configuration that topics were created with; the broker itself ignores it."""
        created = self._created()
        results: dict[ConfigResource, Future[dict[str, ConfigEntry]]] = {}
        for resource in resources:
            config = _DEFAULTS | created.get(resource.name, {})
            future: Future[dict[str, ConfigEntry]] = Future()
            results[resource] = future
            future.set_result({name: ConfigEntry(name, value) for name, value in config.items()})
        return results

    def _await(self, names: set[str]) -> None:
        deadline = time.monotonic() + _TIMEOUT_S
        # List all topics, never one by name: a request by name creates the topic, with 4 partitions.
        while names - set(self.list_topics(timeout=_TIMEOUT_S).topics):
            if time.monotonic() > deadline:
                raise StreamerError(
                    f"the broker at {self._address} did not create {', '.join(sorted(names))}: "
                    "it is no embedded broker, or its process is busy; leave --embedded-broker out "
                    "for a real Kafka"
                )
            time.sleep(0.01)

    def _created(self) -> dict[str, dict[str, str]]:
        consumer = Consumer(
            {
                "bootstrap.servers": self._address,
                "group.id": REQUESTS,
                "enable.partition.eof": True,
                **QUIET,
            }
        )
        created: dict[str, dict[str, str]] = {}
        deadline = time.monotonic() + _TIMEOUT_S
        try:
            consumer.list_topics(
                timeout=_TIMEOUT_S
            )  # or it looks for the partition's leader after half a second
            consumer.assign([TopicPartition(REQUESTS, 0, OFFSET_BEGINNING)])
            while time.monotonic() < deadline:
                message = consumer.poll(0.1)
                if message is None:
                    continue
                if message.error() is not None:
                    break
                request = json.loads(message.value())
                created.setdefault(request["name"], request["config"])
        finally:
            consumer.close()
        return created
