"""A record of Kafka as the steps see it, whether Kafka's client made it or a row of a dataframe."""

from typing import NamedTuple, Protocol, Self

from quixstreams import message_context


class KafkaRecord(Protocol):
    """A record; `confluent_kafka.Message` is one."""

    def value(self) -> bytes | None:
        """Return its value."""

    def key(self) -> bytes | None:
        """Return its key."""

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of its timestamp, and the timestamp in epoch milliseconds."""

    def topic(self) -> str:
        """Return its topic."""

    def partition(self) -> int:
        """Return the number of its partition."""

    def offset(self) -> int:
        """Return its offset."""


class RowRecord(NamedTuple):
    """The record of a row, with the methods of `KafkaRecord`."""

    raw: bytes | None
    row_key: bytes | None
    time: int
    place: tuple[str, int, int]

    @classmethod
    def of(cls, value: bytes | None, key: bytes | None, timestamp: int) -> Self:
        """Make the record of the row that is being processed."""
        where = message_context()
        return cls(value, key, timestamp, (where.topic, where.partition, where.offset))

    def value(self) -> bytes | None:
        """Return its value."""
        return self.raw

    def key(self) -> bytes | None:
        """Return its key."""
        return self.row_key

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of its timestamp, which a row does not tell, and the timestamp."""
        return 0, self.time

    def topic(self) -> str:
        """Return its topic."""
        return self.place[0]

    def partition(self) -> int:
        """Return the number of its partition."""
        return self.place[1]

    def offset(self) -> int:
        """Return its offset."""
        return self.place[2]
