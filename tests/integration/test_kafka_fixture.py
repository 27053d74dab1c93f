"""The broker that the integration tests stand on: writes, reads, survives a restart and a crash."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.kafka import KafkaServer, Record, consume, create_topics, fresh_name, produce, server
from tests.support.ports import free_ports
from tests.support.waiting import PATIENCE_S

START = 1_700_000_000_000  # years ago: no retention may take it away


def _thousand(topic: str) -> list[Record]:
    return [Record(topic, str(i).encode(), f"store-{i % 7}".encode(), START + i) for i in range(1000)]


def _content(records: list[Record]) -> set[tuple[bytes | None, bytes | None, int | None]]:
    return {(record.value, record.key, record.timestamp) for record in records}


def test_thousand_records_are_read_back_with_their_timestamps(kafka):
    topic = fresh_name("pos-events")
    create_topics(kafka, [topic], partitions=3)
    sent = _thousand(topic)
    assert produce(kafka, sent) == 1000

    read = consume(kafka, topic)
    assert _content(read) == _content(sent)
    # A key stays in one partition, in order.
    stores = {record.key: record.partition for record in read}
    assert all(record.partition == stores[record.key] for record in read)
    assert len(set(stores.values())) > 1


def test_topic_that_was_not_created_is_an_error(kafka):
    with pytest.raises(AssertionError, match="no such topic"):
        consume(kafka, "never-created", timeout=5)


def test_waiting_for_more_than_there_is_ends_at_the_deadline(kafka):
    topic = fresh_name("few")
    create_topics(kafka, [topic])
    produce(kafka, [Record(topic, b"one")])
    with pytest.raises(TimeoutError, match="1 records after 1 s, wanted 2"):
        consume(kafka, topic, at_least=2, timeout=1)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_restart_keeps_the_address_and_the_data(own_broker, end):
    address, topic = own_broker.address, fresh_name("pos-events")
    create_topics(address, [topic], partitions=3)
    sent = _thousand(topic)
    produce(address, sent)

    getattr(own_broker, end)()
    assert not own_broker.running
    own_broker.start()

    assert own_broker.address == address
    assert _content(consume(address, topic)) == _content(sent)


def test_port_taken_at_the_last_moment_is_replaced(kafka, tmp_path, monkeypatch):
    # `kafka` is asked for only so that this test is skipped where there is none.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        clash = taken.getsockname()[1]
        choices = iter([[clash, *free_ports(1)], free_ports(2)])
        monkeypatch.setattr(server, "free_ports", lambda _count: next(choices))
        broker = KafkaServer(tmp_path)
        try:
            broker.start()
            assert not broker.address.endswith(f":{clash}")
        finally:
            broker.stop()


def test_broker_ends_with_the_process_that_started_it(kafka, tmp_path):
    script = (
        "from tests.kafka import *; "
        f"print(KafkaServer(__import__('pathlib').Path({str(tmp_path)!r})).start().pid)"
    )
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        f"{script}; import sys, time; sys.stdout.flush(); time.sleep(60)",
    ]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while _alive(pid):
        assert time.monotonic() < deadline, "the broker outlived the killed test run"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # An orphan that nobody reaps (a container without an init) stays listed as a zombie.
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.fixture(scope="module")
def own_broker(kafka_server):
    broker = kafka_server()
    yield broker
    broker.stop()
