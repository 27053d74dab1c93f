"""Quix's view of topics, made to work on locked clusters and on the embedded broker."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from hashlib import blake2b
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from quixstreams.models import Topic, TopicAdmin, TopicConfig, TopicManager
from quixstreams.models.topics.exceptions import TopicPermissionError

from streamer.kafka.connection import Connection
from streamer.kafka.embedded_admin import EmbeddedAdmin
from streamer.kafka.settled import when_settled

_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05
_LONGEST_FOLDER: Final = 255
_LONGEST_TOPIC: Final = 249
# Quix derives the configuration of its internal topics from this: nothing expires.
_ASSUMED = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


def topic_manager(connection: Connection, group: str, *, create: bool) -> TopicManager | None:
    """Return the ``topic_manager`` for `quixstreams.Application`.

    Parameters
    ----------
    connection
        The broker.
    group
        The consumer group; the names of changelog topics begin with it.
    create
        Create missing topics, those of the state included; False where the cluster is locked.

    Returns
    -------
    TopicManager or None
        None on Quix Cloud, where Quix brings its own.
    """
    if connection.broker is None:
        return None
    return _Topics(_Admin(connection), consumer_group=group, auto_create_topics=create)


class _Topics(TopicManager):
    def stream_id_from_topics(self, topics: Sequence[Topic]) -> str:
        """Name a stream after its topics, unless that is too long for a folder or a changelog's name."""
        name: str = super().stream_id_from_topics(topics)
        changelog: str = self._internal_name("changelog", name, "default")
        if len(name) <= _LONGEST_FOLDER and len(changelog) <= _LONGEST_TOPIC:
            return name
        return f"{len(topics)}-topics-{blake2b(name.encode(), digest_size=8).hexdigest()}"


class _Admin(TopicAdmin):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.application_arguments()["broker_address"])
        self._embedded = connection.embedded

    @property
    def admin_client(self) -> AdminClient:
        # Compared with None: an AdminClient has a length, that of its queue, so an idle one is false. Quix
        # takes it for missing and makes another each time.
        if self._inner_admin is None:
            kind = EmbeddedAdmin if self._embedded else AdminClient
            self._inner_admin = kind(self._config)
            self._inner_admin.poll(0)  # As Quix does, for a token to be fetched.
        return self._inner_admin

    def create_topics(self, topics: list[Topic], timeout: float = 30, finalize_timeout: float = 60) -> None:
        """Create topics without the second that Quix sleeps before it looks whether they are there."""
        known = self.list_topics(timeout)
        missing = [_new_topic(topic) for topic in topics if topic.name not in known]
        if missing:
            made = self.admin_client.create_topics(missing, request_timeout=timeout)
            wait(made.values(), finalize_timeout)
            self._wait_until_listed({name for name, future in made.items() if _is_there(future)})
        # Quix creates those that were refused once more, and says why they are.
        super().create_topics(topics, timeout, finalize_timeout)

    def inspect_topics(self, topic_names: list[str], timeout: float = 30) -> dict[str, TopicConfig | None]:
        """Describe topics; without the permission to, from the cluster's metadata."""
        try:
            return when_settled(lambda: TopicAdmin.inspect_topics(self, topic_names, timeout), _SECONDS)
        except TopicPermissionError:
            known: dict[str, Any] = self.list_topics(timeout)
        return {
            name: TopicConfig(
                num_partitions=len(known[name].partitions),
                replication_factor=len(known[name].partitions[0].replicas),
                extra_config=dict(_ASSUMED),
            )
            if name in known
            else None
            for name in topic_names
        }

    def _wait_until_listed(self, names: set[str]) -> None:
        """Wait until the broker lists topics that its controller has made, which it learns a moment later."""
        deadline = time.monotonic() + _SECONDS
        while not names <= self.list_topics(_SECONDS).keys() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


def _is_there(future: Future[None]) -> bool:
    """Tell whether a topic was made, by us or by another process at the same time."""
    if not future.done():
        return False
    error = future.exception()
    return error is None or (
        isinstance(error, KafkaException) and error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
    )


def _new_topic(topic: Topic) -> NewTopic:
    config = topic.create_config
    if config is None:
        return NewTopic(topic.name)
    return NewTopic(topic.name, config.num_partitions, config.replication_factor, config=config.extra_config)
