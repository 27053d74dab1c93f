"""The embedded broker: librdkafka's mock cluster, good for a demo and for tests.

It speaks Kafka's protocol on the loopback interface, to every process of the machine, and lives in the
process that opens it. Its limits:

- It keeps at most 5 MiB (and 100,000 records) of a partition, and then silently drops the oldest records. Ask
  `streamer.kafka.offsets` whether records were dropped before they were read.
- Everything is in memory, and gone when it is closed. It has no retention and no compaction.
- `read_committed` sees the records of aborted transactions, and a second member of a consumer group is
  handled badly. Use a real Kafka for exactly-once and for more than one consumer.
- It lacks CreateTopics and DescribeConfigs; `EmbeddedAdmin` stands in for them.
"""

import ctypes
import json
import threading
from types import TracebackType
from typing import Any, Final, Self

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from streamer.errors import StreamerError
from streamer.kafka.embedded_admin import QUIET, REQUESTS

_PRODUCER: Final = 0  # librdkafka's rd_kafka_type_t


class EmbeddedBroker:
    """A broker inside this process, for the length of a `with` block.

    Create topics with `EmbeddedAdmin`, from any process.

    Attributes
    ----------
    address
        Host and port for clients: ``127.0.0.1`` and a free port.

    Examples
    --------
    >>> from confluent_kafka.admin import NewTopic
    >>> from streamer.kafka.embedded_admin import EmbeddedAdmin
    >>> with EmbeddedBroker() as broker:
    ...     admin = EmbeddedAdmin({"bootstrap.servers": broker.address})
    ...     _ = admin.create_topics([NewTopic("pos-events", 8, 1)])
    ...     len(admin.list_topics(timeout=5).topics["pos-events"].partitions)
    8
    """

    def __init__(self) -> None:
        self._library = _library()
        self._client, self._cluster = _new_cluster(self._library)
        self.address: str = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        # Members of a first consumer group start at once instead of waiting 3 s for others.
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self._create(REQUESTS, 1)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="embedded-broker", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the broker and drop its records."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._thread.join()
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _serve(self) -> None:
        """Create the topics that `EmbeddedAdmin` asks for, from any process."""
        consumer = Consumer({"bootstrap.servers": self.address, "group.id": REQUESTS, **QUIET})
        try:
            # Otherwise it looks for the leader of the partition half a second later.
            consumer.list_topics(timeout=10)
            consumer.assign([TopicPartition(REQUESTS, 0, OFFSET_BEGINNING)])
            while not self._closing.is_set():
                message = consumer.poll(0.1)
                if message is not None and message.error() is None:
                    request = json.loads(message.value())
                    self._create(request["name"], request["partitions"])
        finally:
            consumer.close()

    def _create(self, name: str, partitions: int) -> None:
        # An existing topic stays as it is.
        self._library.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)


def _library() -> ctypes.CDLL:
    """Return the librdkafka that confluent_kafka has loaded, with the functions of the mock cluster.

    They are declared in librdkafka's public ``rdkafka_mock.h``. The property ``test.mock.num.brokers`` also
    opens a mock cluster, but sets neither numbers of partitions nor a short first join.
    """
    # A look-up through the extension module finds the symbols of the librdkafka that it is linked to.
    library = ctypes.CDLL(confluent_kafka.cimpl.__file__)
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_conf_set": (number, [pointer, text, text, text, ctypes.c_size_t]),
        "rd_kafka_new": (pointer, [number, pointer, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, number]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_topic_create": (number, [pointer, text, number, number]),
        "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [pointer, ctypes.c_int32]),
    }
    try:
        for name, (result, arguments) in signatures.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except AttributeError as error:
        raise StreamerError(
            f"this build of confluent-kafka has no embedded broker ({error}): use a real Kafka (--broker)"
        ) from None
    return library


def _new_cluster(library: ctypes.CDLL) -> tuple[int, int]:
    said = ctypes.create_string_buffer(512)
    config = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(config, b"log_level", b"0", said, len(said))
    client = library.rd_kafka_new(_PRODUCER, config, said, len(said))
    if not client:
        raise StreamerError(f"the embedded broker did not start: {said.value.decode()}")
    cluster = library.rd_kafka_mock_cluster_new(client, 1)
    if not cluster:
        library.rd_kafka_destroy(client)
        raise StreamerError("the embedded broker did not start: is the loopback interface up?")
    return client, cluster
