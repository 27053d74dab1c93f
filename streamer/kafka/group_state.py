"""Bring a group's state and its offsets together again, while no streamer of the group runs."""

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupState,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from streamer.errors import StreamerError
from streamer.kafka.commit_notes import ADOPTED
from streamer.kafka.connection import Connection
from streamer.kafka.topic_watch import MADE_ANEW

_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.2
_OFFSETS: Final = b"offsets"
_read: Final = msgspec.msgpack.Decoder(dict[str, int]).decode


class GroupState:
    """The state and the offsets of a consumer group that has no members.

    Parameters
    ----------
    connection
        The broker.
    group
        The consumer group.

    Raises
    ------
    StreamerError
        The broker does not answer, or the group has members.
    """

    def __init__(self, connection: Connection, group: str) -> None:
        self._client = {**connection.properties(), "log_level": 0}
        self._group = group
        self._admin = AdminClient(self._client)
        try:
            self._topics = sorted(self._admin.list_topics(timeout=_SECONDS).topics)
            found = self._admin.describe_consumer_groups([group], request_timeout=_SECONDS)[group].result()
        except KafkaException as error:
            raise StreamerError(
                f"the broker does not tell about group {group} ({error.args[0].str()}): is it running, and "
                "is --broker right?"
            ) from None
        if found.state not in (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD):
            raise StreamerError(
                f"group {group} has {len(found.members)} members: stop its streamers first; those with an "
                "instance_id are members until their session_timeout has passed"
            )

    def reset(self, state_dir: Path) -> Iterator[str]:
        """Delete offsets and state, so that the next streamer begins with the oldest records.

        Parameters
        ----------
        state_dir
            The folder of the local state, of all groups.

        Yields
        ------
        str
            What was deleted.

        Raises
        ------
        StreamerError
            The broker refuses it.
        """
        internal = [*self._internal("changelog"), *self._internal("repartition")]
        if internal:
            self._done(self._admin.delete_topics(internal, request_timeout=_SECONDS))
            yield from (f"topic {name}: deleted" for name in internal)
        self._done(self._admin.delete_consumer_groups([self._group], request_timeout=_SECONDS))
        yield f"offsets of group {self._group}: deleted"
        folder = state_dir / self._group
        if folder.exists():
            shutil.rmtree(folder)
            yield f"{folder}: deleted"

    def adopt(self, topics: Iterable[str]) -> Iterator[str]:
        """Commit the offsets that the state stands for; where there is no state, keep the group's.

        Parameters
        ----------
        topics
            The input topics.

        Yields
        ------
        str
            Each partition and where it goes on.

        Raises
        ------
        StreamerError
            The broker refuses it, or a topic does not reach as far as the state.
        """
        stored = self._stored()
        wanted = sorted({*topics, *(topic for topic, _ in stored)} & set(self._topics))
        listed = self._admin.list_topics(timeout=_SECONDS).topics
        settings = {**self._client, "group.id": self._group, "enable.auto.commit": False}
        with closing(Consumer(settings)) as consumer:
            places = [TopicPartition(name, number) for name in wanted for number in listed[name].partitions]
            offsets = []
            for found in consumer.committed(places, _SECONDS):
                place = found.topic, found.partition
                _, end = consumer.get_watermark_offsets(found, _SECONDS)
                offset = stored.get(place, found.offset)
                if offset > end:
                    raise StreamerError(f"topic {found.topic} {MADE_ANEW}")
                if offset < 0:
                    continue
                note = "" if place in stored else ADOPTED
                offsets.append(TopicPartition(*place, offset, metadata=note))
                yield f"{found.topic}[{found.partition}]: goes on at {offset}"
            if offsets:
                consumer.commit(offsets=offsets, asynchronous=False)

    def _internal(self, kind: str) -> list[str]:
        return [name for name in self._topics if name.startswith(f"{kind}__{self._group}--")]

    def _done(self, futures: Mapping[str, Any]) -> None:
        gone = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.GROUP_ID_NOT_FOUND)
        for name, future in futures.items():
            try:
                future.result(_SECONDS)
            except KafkaException as error:
                if error.args[0].code() not in gone:
                    raise StreamerError(f"{name} can't be deleted: {error.args[0].str()}") from None

    def _stored(self) -> dict[tuple[str, int], int]:
        """Return by topic and partition the offsets that the changelogs' state stands for."""
        changelogs = self._internal("changelog")
        listed = self._admin.list_topics(timeout=_SECONDS).topics
        unread = {(name, number) for name in changelogs for number in listed[name].partitions}
        stored: dict[tuple[str, int], int] = {}
        settings = {
            **self._client,
            "group.id": "never-joined",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
        with closing(Consumer(settings)) as consumer:
            consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in unread])
            deadline = time.monotonic() + _SECONDS
            while unread:
                # It waits until the time is over if there are fewer messages.
                messages = consumer.consume(1_000, timeout=_POLL_SECONDS)
                if messages:
                    deadline = time.monotonic() + _SECONDS
                elif time.monotonic() > deadline:
                    raise StreamerError("the broker does not send the changelog: is it running?")
                for message in messages:
                    number = message.partition() or 0
                    error = message.error()
                    if error is not None and error.code() == KafkaError._PARTITION_EOF:
                        unread.discard((message.topic() or "", number))
                    elif error is not None:
                        raise StreamerError(f"the changelog can't be read: {error.str()}")
                    elif message.key() == _OFFSETS and (packed := message.value()):
                        stored |= {(topic, number): at for topic, at in _read(packed).items()}
        return stored
