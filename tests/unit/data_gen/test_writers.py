"""Files are repeatable; the Kafka writer loses nothing silently."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from data_gen import Incident, Simulation
from data_gen.kafka import KafkaError, KafkaWriter, Report
from data_gen.pace import Pace
from data_gen.writers import write_files
from retail_anomaly.codec import decode, encode
from retail_anomaly.events import INPUT_TOPICS, CountEvent, time_of

FILES = ("events.jsonl", "incidents.jsonl")
EVENT = CountEvent("store-1", "sku-1", 3, 1_760_000_000_000)


def written(folder: Path, **arguments) -> tuple[bytes, ...]:
    write_files(Simulation(**arguments), folder)
    return tuple((folder / name).read_bytes() for name in FILES)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    first = written(tmp_path / "a", stores=2, days=2, seed=1)
    assert first == written(tmp_path / "b", stores=2, days=2, seed=1)
    other = written(tmp_path / "c", stores=2, days=2, seed=2)
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_the_bytes_do_not_depend_on_the_process(tmp_path):
    here = written(tmp_path / "here", stores=2, days=1, seed=1)
    for hash_seed in ("0", "1234"):
        out = tmp_path / hash_seed
        command = [sys.executable, "-m", "data_gen", "write", "--stores", "2", "--seed", "1"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": "America/Lima"}
        done = subprocess.run(
            [*command, "--out", str(out)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.count("\n") == 1
        assert done.stderr == ""
        assert here == tuple((out / name).read_bytes() for name in FILES)


def test_every_line_is_an_event_of_its_topic(tmp_path):
    log, truth = written(tmp_path, stores=2, days=2, seed=3)
    topics = set()
    for line in log.splitlines():
        record = msgspec.json.decode(line)
        assert list(record) == ["topic", "value"]
        assert None not in record["value"].values()
        assert time_of(decode(record["topic"], encode(record["value"])))
        topics.add(record["topic"])
    assert topics == set(INPUT_TOPICS)
    for line in truth.splitlines():
        assert "employeeId" in msgspec.json.decode(line)
        assert msgspec.json.decode(line, type=Incident).incident_id


def test_a_failed_run_leaves_no_half_file_and_keeps_the_old_one(tmp_path):
    before = written(tmp_path, stores=1, seed=1)

    class Broken(Simulation):
        def events(self):
            yield from list(super().events())[:100]
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        write_files(Broken(stores=1, seed=2), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(FILES)
    assert before == tuple((tmp_path / name).read_bytes() for name in FILES)


class FakeProducer:
    """Takes `room` records between polls; refuses those whose number is in `refused`."""

    def __init__(self, room: int = 10, refused: tuple[int, ...] = (), silent: bool = False) -> None:
        self.room, self.refused, self.silent = room, refused, silent
        self.queue: list[Report] = []
        self.keys: list[bytes] = []
        self.full = 0

    def produce(self, topic: str, *, key: bytes, value: bytes, timestamp: int, on_delivery: Report) -> None:
        if len(self.queue) >= self.room:
            self.full += 1
            raise BufferError
        self.queue.append(on_delivery)
        self.keys.append(key)

    def poll(self, timeout: float) -> int:
        if not self.silent and (timeout > 0 or len(self.queue) < self.room):
            self._report()
        return 0

    def flush(self, timeout: float) -> int:
        if not self.silent:
            self._report()
        return len(self.queue)

    def _report(self) -> None:
        first = len(self.keys) - len(self.queue)
        for number, on_delivery in enumerate(self.queue, first):
            on_delivery("refused" if number in self.refused else None, None)
        self.queue.clear()


def test_a_full_queue_is_waited_for():
    producer = FakeProducer(room=1)
    writer = KafkaWriter(producer)
    for _ in range(20):
        writer.send(EVENT)
    writer.close()
    assert producer.full > 0
    assert writer.acknowledged == {"inventory-counts": 20}
    assert set(producer.keys) == {b"store-1"}


def test_a_refused_record_stops_the_stream():
    writer = KafkaWriter(FakeProducer(refused=(3,)))
    for _ in range(3):
        writer.send(EVENT)
    with pytest.raises(KafkaError, match=r"inventory-counts: .* refused"):
        writer.send(EVENT)


def test_a_record_without_an_answer_is_a_failure():
    writer = KafkaWriter(FakeProducer(silent=True))
    writer.send(EVENT)
    with pytest.raises(KafkaError, match="1 of 1 records"):
        writer.close()


def test_speedup_follows_event_time():
    now = 50.0
    pace = Pace(speedup=60, clock=lambda: now)
    assert pace.wait(1_000_000) == 0
    assert pace.wait(1_060_000) == pytest.approx(1.0)
    now = 53.0
    assert pace.wait(1_120_000) == 0
