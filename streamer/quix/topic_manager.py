"""Quix's own look at topics, made to work on locked clusters and on the embedded broker."""

from typing import Any

from confluent_kafka.admin import AdminClient
from quixstreams.models import TopicAdmin, TopicConfig, TopicManager
from quixstreams.models.topics.exceptions import TopicPermissionError

from streamer.kafka.connection import Connection
from streamer.kafka.embedded_admin import EmbeddedAdmin

# What Quix derives its internal topics' configuration from; nothing expires unless said otherwise.
_ASSUMED = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


def topic_manager(connection: Connection, group: str, *, create: bool) -> TopicManager | None:
    """Return what `quixstreams.Application` takes as its ``topic_manager``.

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
    return TopicManager(_Admin(connection), consumer_group=group, auto_create_topics=create)


class _Admin(TopicAdmin):
    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.application_arguments()["broker_address"])
        self._embedded = connection.embedded

    @property
    def admin_client(self) -> AdminClient:
        # Kept here, by identity: an AdminClient has a length, that of its queue, and Quix takes an
        # idle one for none and makes another each time.
        if self._inner_admin is None:
            kind = EmbeddedAdmin if self._embedded else AdminClient
            self._inner_admin = kind(self._config)
            self._inner_admin.poll(0)  # As Quix does, for a token to be fetched.
        return self._inner_admin

    def inspect_topics(self, topic_names: list[str], timeout: float = 30) -> dict[str, TopicConfig | None]:
        """Describe topics; where that is not permitted, by what the metadata tells."""
        try:
            return super().inspect_topics(topic_names, timeout)
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
