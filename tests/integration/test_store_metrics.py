"""`store-metrics`: Quix's windows over real topics, complete, once, and across a restart."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from retail_anomaly.core.events import POS_EVENTS
from retail_anomaly.settings import Settings, load
from streamer.kafka.connection import Connection
from streamer.kafka.embedded_broker import EmbeddedBroker
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.topics import STORE_METRICS, TopicPlan, check_topics
from streamer.process import build
from streamer.store_metrics import GRACE_MS, store_metrics_process
from tests.kafka import Record, consume, create_topics, produce

MINUTE = 60_000
START = 1_760_000_100_000 // (5 * MINUTE) * (5 * MINUTE)  # a window's start
WINDOW = 5 * MINUTE


def _line(at: int, kind: str = "SALE", amount: float = 1.0, store: str = "s-1", **other: object) -> Record:
    value = {
        "transactionId": f"t-{at}",
        "storeId": store,
        "cashierId": "c",
        "sku": "k",
        "amount": amount,
        "eventType": kind,
        "eventTime": START + at,
    }
    raw = json.dumps(value | other).encode()
    return Record(POS_EVENTS, raw, store.encode(), START + at)


def _metrics(address: str, at_least: int) -> list[dict[str, object]]:
    records = consume(address, STORE_METRICS, at_least=at_least)
    for record in records:
        value = json.loads(record.value or b"")
        assert record.key == value["storeId"].encode()
        assert record.timestamp == value["windowStart"]
    return sorted(
        (json.loads(record.value or b"") for record in records),
        key=lambda v: (v["storeId"], v["windowStart"]),
    )


@pytest.fixture
def run(tmp_path):
    """Run the application on an embedded broker over some records until so many windows are out."""
    with EmbeddedBroker() as broker:
        connection = Connection(broker.address, embedded=True)
        check_topics(connection, TopicPlan(2, 1, 1_000), create=True)

        def through(records: list[Record], windows: int, **flags: object) -> list[dict[str, object]]:
            flags = {"state_dir": str(tmp_path / "state"), **flags}
            settings = load(environ={}, flags={f"streamer.{k}": v for k, v in flags.items()}).settings
            produce(broker.address, records)
            app = build(store_metrics_process(settings), connection, create_topics=True)
            app.run(count=windows, timeout=20, collect=False)
            return _metrics(broker.address, windows)

        yield through


def test_lines_of_a_window_are_counted_and_summed(run):
    lines = [
        _line(0, amount=0.1),
        _line(1, amount=0.2),
        _line(WINDOW - 1, "refund", 7.5),
        _line(WINDOW, amount=3),
        _line(WINDOW + 1, "VOID", 99),
        _line(2 * WINDOW + GRACE_MS + MINUTE),
    ]
    empty = {"storeId": "s-1", "salesLines": 0, "salesAmount": 0, "refundLines": 0, "refundAmount": 0}
    assert run(lines, 2) == [
        empty
        | {
            "windowStart": START,
            "windowEnd": START + WINDOW,
            "salesLines": 2,
            "salesAmount": 0.3,
            "refundLines": 1,
            "refundAmount": 7.5,
        },
        empty
        | {
            "windowStart": START + WINDOW,
            "windowEnd": START + 2 * WINDOW,
            "salesLines": 1,
            "salesAmount": 3,
        },
    ]


def test_late_line_counts_within_the_grace_and_not_after(run):
    lines = [
        _line(MINUTE),
        _line(WINDOW + GRACE_MS - 1),  # the first window stays open
        _line(2 * MINUTE, amount=10),
        _line(WINDOW + GRACE_MS),  # and closes
        _line(3 * MINUTE, amount=100),
    ]
    (first,) = run(lines, 1)
    assert (first["salesLines"], first["salesAmount"]) == (2, 11)


def test_store_that_is_ahead_does_not_close_another_ones_windows(run):
    stores = [f"s-{number}" for number in range(8)]  # some share one of the two partitions
    ahead = [_line(3_600_000, store=store) for store in stores[::2]]
    behind = [_line(at, store=store) for store in stores[1::2] for at in (0, MINUTE, 2 * WINDOW)]
    found = run(ahead + behind, 4)
    assert [(value["storeId"], value["salesLines"]) for value in found] == [(s, 2) for s in stores[1::2]]


def test_bad_input_is_skipped(run):
    good = _line(0)
    bad = [
        b"",
        b"not json",
        b"[]",
        b"\xff\xfe",
        b'{"storeId": "s-1"}',
        _line(1, amount=-1).value,
        _line(1, eventTime=1).value,
        _line(1, eventTime=START + 10 * 365 * 86_400_000).value,  # would close ten years of windows
    ]
    poison = [Record(POS_EVENTS, value, b"s-1", START + 1) for value in (*bad, None)]
    poison.append(Record(POS_EVENTS, good.value, b"another-store", START + 1))
    poison.append(Record(POS_EVENTS, good.value, None, START + 1))
    (first,) = run([good, *poison, _line(MINUTE), _line(3 * WINDOW)], 1)
    assert (first["storeId"], first["salesLines"]) == ("s-1", 2)


def test_rekey_groups_by_the_line_and_not_by_the_key(run):
    lines = [_line(at, store=store) for at in (0, MINUTE, 3 * WINDOW) for store in ("s-1", "s-2", "s-3")]
    foreign = [Record(POS_EVENTS, r.value, f"till-{i}".encode(), r.timestamp) for i, r in enumerate(lines)]
    # One partition keeps them in order; records of another partition may come first.
    placed = [Record(r.topic, r.value, r.key, r.timestamp, partition=0) for r in foreign]
    found = run(placed, 3, rekey=True)
    assert [(value["storeId"], value["salesLines"]) for value in found] == [
        ("s-1", 2),
        ("s-2", 2),
        ("s-3", 2),
    ]


def test_command_on_a_real_kafka_goes_on_after_a_restart(kafka_server, tmp_path):
    broker = kafka_server()
    address = broker.address
    try:
        create_topics(address, [POS_EVENTS, STORE_METRICS], 3)
        stores = [f"s-{number}" for number in range(6)]
        group = f"{Settings().streamer.consumer_group}-metrics"

        def lines(*times: int) -> list[Record]:
            return [_line(at, store=store) for at in times for store in stores]

        for halves in ((0, MINUTE), (2 * MINUTE, 3 * WINDOW)):
            produce(address, lines(*halves))
            _run_until_read(address, group, tmp_path)

        found = _metrics(address, len(stores))
        assert [(value["storeId"], value["salesLines"]) for value in found] == [(s, 3) for s in stores]
    finally:
        broker.stop()


def _run_until_read(address: str, group: str, folder: Path) -> None:
    """Start the command, wait until its group has committed everything, and stop it with SIGTERM."""
    command = [sys.executable, "-m", "streamer.cli", "metrics", "--broker", address]
    environment = {**os.environ, "RETAIL__STREAMER__COMMIT_INTERVAL": "200ms"}
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stderr=log)
        try:
            with GroupOffsets({"bootstrap.servers": address}, group, [POS_EVENTS]) as offsets:
                assert not any(offsets.wait(60).values()), (folder / "log").read_text()
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, (folder / "log").read_text()
        finally:
            process.kill()
            process.wait()
    # Its log is JSON, one object a line, and says nothing of single events.
    said = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    assert said
    assert len(said) < 40
