"""The embedded broker: topics with the partitions asked for, Quix in another process, loss that shows."""

from __future__ import annotations

import subprocess
import sys

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_admin import EmbeddedAdmin
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.kafka.offsets import GroupOffsets
from tests.kafka import Record, consume, produce
from tests.support.waiting import PATIENCE_S

START = 1_700_000_000_000

# An ordinary stateful Quix application, with a changelog, run as its own process.
COUNTER = """
import sys
from quixstreams import Application
from streamer.kafka.connection import Connection
from streamer.quix.topic_manager import topic_manager

address, folder, expected = sys.argv[1], sys.argv[2], int(sys.argv[3])
connection = Connection(address, embedded=True)
app = Application(
    **connection.application_arguments(),
    consumer_group="counter",
    auto_offset_reset="earliest",
    state_dir=folder,
    topic_manager=topic_manager(connection, "counter", create=True),
    consumer_extra_config={"fetch.wait.max.ms": 20},
    loglevel="ERROR",
)
raw, counts = app.topic("in", value_deserializer="bytes"), app.topic("out", value_serializer="json")

def count(value, state):
    number = state.get("n", 0) + 1
    state.set("n", number)
    return number

app.dataframe(raw).apply(count, stateful=True).to_topic(counts)
app.run(count=expected, timeout=300, collect=False)
"""


@pytest.fixture
def broker():
    with EmbeddedBroker() as embedded:
        yield embedded


@pytest.fixture
def admin(broker):
    return EmbeddedAdmin({"bootstrap.servers": broker.address})


def _create(admin: EmbeddedAdmin, **partitions: int) -> None:
    for future in admin.create_topics([NewTopic(name, n, 1) for name, n in partitions.items()]).values():
        future.result()


def test_topics_have_the_partitions_asked_for(broker, admin):
    _create(admin, one=1, sixteen=16)
    listed = AdminClient({"bootstrap.servers": broker.address}).list_topics(timeout=PATIENCE_S).topics
    assert {name: len(listed[name].partitions) for name in ("one", "sixteen")} == {"one": 1, "sixteen": 16}


def test_existing_topic_stays_as_it_is(admin):
    _create(admin, again=3)
    with pytest.raises(KafkaException) as raised:
        admin.create_topics([NewTopic("again", 5, 1)])["again"].result()
    assert raised.value.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
    assert len(admin.list_topics(timeout=PATIENCE_S).topics["again"].partitions) == 3


def test_configuration_is_what_the_topic_was_created_with(admin):
    admin.create_topics([NewTopic("kept", 1, 1, config={"retention.ms": "1000"})])
    resource = ConfigResource(ResourceType.TOPIC, "kept")
    config = admin.describe_configs([resource])[resource].result()
    assert (config["retention.ms"].value, config["cleanup.policy"].value) == ("1000", "delete")


def test_broker_without_the_owner_thread_is_an_error_that_says_so(kafka, monkeypatch):
    # A real Kafka takes no orders through a topic: the flag was wrong.
    monkeypatch.setattr("streamer.kafka.embedded_admin._TIMEOUT_S", 1.0)
    admin = EmbeddedAdmin({"bootstrap.servers": kafka})
    with pytest.raises(StreamerError, match="leave --embedded-broker out"):
        admin.create_topics([NewTopic("never-there", 1, 1)])


def test_two_brokers_live_side_by_side_and_end(admin):
    with EmbeddedBroker() as other:
        _create(EmbeddedAdmin({"bootstrap.servers": other.address}), elsewhere=1)
        assert "elsewhere" not in admin.list_topics(timeout=PATIENCE_S).topics
    other.close()
    gone = AdminClient({"bootstrap.servers": other.address, "log_level": 0})
    with pytest.raises(KafkaException):
        gone.list_topics(timeout=1)


def test_stateful_quix_application_in_another_process(broker, admin, tmp_path):
    _create(admin, **{"in": 6, "out": 6})
    count = 3000
    sent = [Record("in", b"x", f"store-{i % 40}".encode(), START + i) for i in range(count)]
    produce(broker.address, sent)

    command = [sys.executable, "-c", COUNTER, broker.address, str(tmp_path / "state"), str(count)]
    done = subprocess.run(
        command, cwd=tmp_path, timeout=PATIENCE_S, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

    out = consume(broker.address, "out", at_least=count)
    assert sorted(int(record.value or 0) for record in out) == sorted(list(range(1, 76)) * 40)
    listed = admin.list_topics(timeout=PATIENCE_S).topics
    changelogs = [name for name in listed if name.startswith("changelog__counter")]
    assert [len(listed[name].partitions) for name in changelogs] == [6]
    done_so_far = progress(broker, "counter", ["in"])
    assert done_so_far.complete
    assert done_so_far.produced == done_so_far.processed == count


def progress(broker, group, topics):
    with GroupOffsets({"bootstrap.servers": broker.address}, group, topics) as offsets:
        return offsets.progress()


def test_progress_of_a_group_that_never_came(broker, admin):
    _create(admin, waiting=3)
    produce(broker.address, [Record("waiting", b"x", str(i).encode()) for i in range(10)])
    found = progress(broker, "nobody", ["waiting"])
    assert (found.produced, found.processed, found.dropped, found.complete) == (10, 0, 0, False)


def test_more_than_a_partition_holds_shows_as_dropped(broker, admin):
    _create(admin, small=2)
    # 6 MB into one partition, which holds 5 MiB.
    produce(broker.address, [Record("small", b"x" * 60_000, b"k", partition=0) for _ in range(100)])
    found = progress(broker, "nobody", ["small"])
    assert found.produced == 100
    assert found.dropped > 0
    assert not found.complete


def test_connection_repr_of_an_embedded_broker(broker):
    assert broker.address.startswith("127.0.0.1:")
    assert "embedded=True" in repr(Connection(broker.address, embedded=True))
