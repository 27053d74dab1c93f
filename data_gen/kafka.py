"""Simulated events on their way to the topics of a Kafka."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

from data_gen.records import SimulatedRecord
from retail_anomaly.core.credentials import has_credentials
from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.core.events import INPUT_TOPICS

# Long enough for a broker's restart, short enough to learn that it is gone.
DELIVERY_TIMEOUT_MS: Final = 60_000
CONNECT_TIMEOUT_S: Final = 10.0

# Called with an error or None, and the record.
Report: TypeAlias = Callable[[Any, Any], None]


class BrokerError(RetailAnomalyError):
    """The broker does not answer, lacks a topic or did not accept a record."""


class Producer(Protocol):
    """The part of `confluent_kafka.Producer` that `KafkaWriter` uses."""

    def produce(
        self,
        topic: str,
        *,
        key: bytes,
        value: bytes,
        timestamp: int,
        headers: list[tuple[str, bytes]],
        on_delivery: Report,
    ) -> None:
        """Queue a record; raise BufferError when the queue is full."""

    def poll(self, timeout: float) -> int:
        """Serve delivery reports."""

    def flush(self, timeout: float) -> int:
        """Wait for the queue and return how many records are left in it."""


class KafkaWriter:
    """Produces records and counts those that the broker confirms.

    Parameters
    ----------
    producer
        A `confluent_kafka.Producer`, or a stand-in.
    prefix
        Stands before the topics' names in Kafka.
    in_order
        Send a record only after all earlier ones of the other topics are acknowledged. A reader of all the
        topics then never meets a later record first, however fast they are sent.

    Attributes
    ----------
    headers
        Go with each record; none at first.
    acknowledged
        Records that the broker has confirmed, by topic.

    Examples
    --------
    >>> class Fake:
    ...     def produce(self, topic, *, on_delivery, **record):
    ...         print(topic, record["key"], record["timestamp"])
    ...         on_delivery(None, None)
    ...     def poll(self, timeout): return 0
    ...     def flush(self, timeout): return 0
    >>> from retail_anomaly.core.events import CountEvent
    >>> writer = KafkaWriter(Fake())
    >>> writer.send(SimulatedRecord.of(CountEvent("store-1", "sku-1", 3, 1_760_000_000_000)))
    inventory-counts b'store-1' 1760000000000
    >>> writer.close()
    >>> dict(writer.acknowledged)
    {'inventory-counts': 1}
    """

    def __init__(
        self,
        producer: Producer,
        prefix: str = "",
        *,
        in_order: bool = False,
    ) -> None:
        self._producer = producer
        self._prefix = prefix
        self._in_order = in_order
        self._topic = ""
        self._failure: str | None = None
        self.headers: list[tuple[str, bytes]] = []
        self.sent = 0
        self.acknowledged: Counter[str] = Counter()
        self._reports = {topic: self._report_for(topic) for topic in INPUT_TOPICS}

    def _report_for(self, topic: str) -> Report:
        def report(error: Any, _record: Any) -> None:
            if error is None:
                self.acknowledged[topic] += 1
            elif self._failure is None:
                reason = error.str() if hasattr(error, "str") else error
                self._failure = f"{self._prefix}{topic}: the broker did not take a record: {reason}"

        return report

    def send(self, record: SimulatedRecord) -> None:
        """Queue one record, keyed by its store and stamped with its time.

        Raises
        ------
        BrokerError
            The broker did not accept an earlier record: later ones would stand in the wrong order.
        """
        if self._in_order and record.topic != self._topic:
            self.settle()
        self._topic = record.topic
        while True:
            try:
                self._producer.produce(
                    self._prefix + record.topic,
                    key=record.store_id.encode(),
                    value=record.encoded,
                    timestamp=record.timestamp,
                    headers=self.headers,
                    on_delivery=self._reports[record.topic],
                )
                break
            except BufferError:  # Faster than the broker: wait for it to take some.
                self.serve(0.1)
        self.sent += 1
        self.serve(0)

    def serve(self, seconds: float) -> None:
        """Wait for delivery reports for at most that long.

        Raises
        ------
        BrokerError
            A record was not accepted.
        """
        self._producer.poll(seconds)
        if self._failure is not None:
            raise BrokerError(self._failure)

    def settle(self) -> None:
        """Wait until the records sent so far are acknowledged.

        Raises
        ------
        BrokerError
            A record was not accepted.
        """
        self._producer.flush(DELIVERY_TIMEOUT_MS / 1000 + 5)
        self.serve(0)

    def close(self, seconds: float = DELIVERY_TIMEOUT_MS / 1000 + 5) -> None:
        """Wait until everything is acknowledged.

        Parameters
        ----------
        seconds
            For at most this long; by default longer than a record may take.

        Raises
        ------
        BrokerError
            Something was not.
        """
        self._producer.flush(seconds)
        missing = self.sent - self.acknowledged.total()
        # Below zero: stopped after the last record was handed over and before it was counted.
        if missing > 0:
            why = self._failure or "the broker did not answer in time"
            raise BrokerError(f"{missing} of {self.sent} records were not acknowledged; {why}")


def connect(
    broker: str,
    *,
    properties: dict[str, str] | None = None,
    paced: bool = False,
    prefix: str = "",
    in_order: bool = False,
) -> KafkaWriter:
    """Connect to a Kafka whose topics are there.

    Parameters
    ----------
    broker
        Host and port, several separated by commas.
    properties
        Further librdkafka properties, such as ``security.protocol``.
    paced
        Send each record at once instead of waiting a moment for a batch.
    prefix
        Stands before the topics' names in Kafka: the streamer's setting `topic_prefix`.
    in_order
        As for `KafkaWriter`.

    Returns
    -------
    KafkaWriter
        Ready to send.

    Raises
    ------
    BrokerError
        No broker answers, or a topic is missing. Topics are never created here: their retention and
        number of partitions matter, and `retail-streamer topics` knows them.
    ImportError
        The streamer's extra is not installed.
    """
    if has_credentials(broker):
        raise BrokerError(
            "--broker: expected host:port, got a user name or password: give them as --property"
        )
    import confluent_kafka  # Here: files are written without the extra.

    failures: list[str] = []
    settings: dict[str, Any] = {
        "bootstrap.servers": broker,
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": 0 if paced else 5,
        "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
        # As Quix Streams and Java producers choose partitions: one store, one partition everywhere.
        "partitioner": "murmur2",
        # Its own log would be several lines for one error.
        "log_level": 0,
        "error_cb": lambda error: failures.append(error.str()),
        **(properties or {}),
    }
    try:
        producer = confluent_kafka.Producer(settings)
    except (confluent_kafka.KafkaException, ValueError) as error:
        reason = error.args[0].str() if hasattr(error.args[0], "str") else error
        raise BrokerError(f"Kafka's client refuses its settings: {reason}") from None
    try:
        # All topics, not ours by name: asking for a missing one may create it.
        known = producer.list_topics(timeout=CONNECT_TIMEOUT_S).topics
    except confluent_kafka.KafkaException as error:
        producer.poll(0)  # Serves the error reports, which say more.
        reason = failures[0] if failures else error.args[0].str()
        raise BrokerError(
            f"no Kafka answers at {broker} ({reason}); is it running, and is --broker right?"
        ) from None
    missing = [prefix + topic for topic in INPUT_TOPICS if prefix + topic not in known]
    if missing:
        raise BrokerError(
            f"missing on {broker}: {', '.join(missing)}; make them with"
            f" `retail-streamer topics --broker {broker} --create`"
        )
    return KafkaWriter(producer, prefix, in_order=in_order)
