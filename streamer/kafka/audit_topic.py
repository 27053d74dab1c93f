"""The audit trail in the topic `retail-audit`: all of it in the first partition, so that it has one order."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from retail_anomaly.cases.audit import AuditRecord, ChainEnd, Verified, sealed, verify
from retail_anomaly.cases.audit.chain import AuditKind
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.newest_records import NewestRecords

_SECONDS: Final = 10.0
_ALL: Final = 2**62
_TRIES: Final = 10
# More than other writers add between two looks.
_END: Final = 64


class AuditTopic:
    """The audit trail of a Kafka.

    Parameters
    ----------
    connection
        The broker.
    topic
        The topic's name in Kafka.
    """

    def __init__(self, connection: Connection, topic: str) -> None:
        self._client = connection.properties()
        self._topic = topic

    def values(self, most: int = _ALL) -> list[bytes]:
        """Return the values of the records, in their order.

        Parameters
        ----------
        most
            Only so many of the newest.

        Raises
        ------
        StreamerError
            The broker does not answer, or the topic is missing.
        """
        return [each.value() or b"" for each in self._records(most)]

    def read(self) -> Verified:
        """Return the records and the faults."""
        return verify(self.values())

    def append(
        self, record_id: str, time: int, kind: AuditKind, by: str, content: Mapping[str, Any]
    ) -> AuditRecord:
        """Add a record; on return Kafka has it, in its place in the chain.

        The trail is kept for ever, so only its end is read; all of it if that is broken.

        Raises
        ------
        StreamerError
            Kafka does not take it.
        """
        producer = Producer({**self._client, "enable.idempotence": True, "log_level": 0})
        for _ in range(_TRIES):
            head = self._end().head
            head = self.read().head if head is None else head
            record = sealed(record_id, time, kind, by, content, head)
            self._write(producer, record)
            # Another writer may have followed the same record, a moment earlier.
            is_there = self._end().has(record)
            if is_there is None:
                is_there = any(each.hash == record.hash for each in self.read().records)
            if is_there:
                return record
        raise StreamerError(f"{self._topic}: others write all the time: try again")

    def _end(self) -> ChainEnd:
        records = self._records(_END)
        oldest = records[0].offset() if records else 0
        return ChainEnd([each.value() or b"" for each in records], is_whole=oldest == 0)

    def _records(self, most: int) -> list[Message]:
        try:
            with closing(NewestRecords(self._client, most)) as newest:
                return list(newest.of([TopicPartition(self._topic, 0)]))
        except KafkaException as error:
            raise StreamerError(
                f"{self._topic} can't be read ({error.args[0].str()}): set privacy.audit, and create it with "
                "`retail-streamer topics --create`"
            ) from None

    def _write(self, producer: Producer, record: AuditRecord) -> None:
        refused: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                refused.append(error)

        producer.produce(self._topic, msgspec.json.encode(record), partition=0, on_delivery=delivered)
        if producer.flush(_SECONDS) or refused:
            why = refused[0].str() if refused else f"no answer in {_SECONDS:.0f} s"
            raise StreamerError(f"{self._topic} can't be written ({why}): nothing was done, try again")
