"""Files are repeatable; the Kafka writer loses nothing silently."""

import os
import subprocess
import sys
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from data_gen import Faults, Incident, Simulation
from data_gen.kafka import BrokerError, KafkaWriter, Report
from data_gen.pace import Pace
from data_gen.parquet import ParquetFiles
from data_gen.records import SimulatedRecord
from data_gen.writers import write_files
from retail_anomaly.core.codec import decode, encode, topic_of
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.events import INPUT_TOPICS, CountEvent, time_of
from retail_anomaly.sources import open_input

FILES = ("events.jsonl", "incidents.jsonl")
PARQUET_FILES = ("incidents.jsonl", *(f"{topic}.parquet" for topic in INPUT_TOPICS))
RECORD = SimulatedRecord.of(CountEvent("store-1", "sku-1", 3, 1_760_000_000_000))
FAULTS = Faults(late=0.01, duplicates=0.01, malformed=0.005, skew=0.5)


def written(folder: Path, layout: str = "jsonl", **arguments) -> tuple[bytes, ...]:
    write_files(Simulation(**arguments), folder, layout)
    names = FILES if layout == "jsonl" else PARQUET_FILES
    return tuple((folder / name).read_bytes() for name in names)


@pytest.mark.parametrize("layout", ["jsonl", "parquet"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path, layout):
    first = written(tmp_path / "a", layout, stores=2, days=2, seed=1, faults=FAULTS)
    assert first == written(tmp_path / "b", layout, stores=2, days=2, seed=1, faults=FAULTS)
    other = written(tmp_path / "c", layout, stores=2, days=2, seed=2, faults=FAULTS)
    assert all(one != another for one, another in zip(first, other, strict=True))
    faults = [(tmp_path / name / "faults.jsonl").read_bytes() for name in "abc"]
    assert faults[0] == faults[1] != faults[2]


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


@pytest.mark.parametrize(("layout", "names"), [("jsonl", FILES), ("parquet", PARQUET_FILES)])
def test_a_failed_run_leaves_no_half_file_and_keeps_the_old_one(tmp_path, layout, names):
    before = written(tmp_path, layout, stores=1, seed=1)

    class Broken(Simulation):
        def records(self):
            yield from islice(super().records(), 100)
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="space"):
        write_files(Broken(stores=1, seed=2), tmp_path, layout)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)
    assert before == tuple((tmp_path / name).read_bytes() for name in names)


def test_parquet_holds_the_same_events_as_the_log(tmp_path):
    arguments: dict[str, Any] = {"stores": 2, "days": 3, "seed": 4, "faults": FAULTS}
    written(tmp_path / "log", **arguments)
    written(tmp_path / "tables", "parquet", **arguments)

    def events(path: Path) -> tuple[set[bytes], int]:
        bad = []
        found = {topic_of(e).encode() + encode(e) for e in open_input(path).events(bad.append)}
        return found, len(bad)

    of_log = events(tmp_path / "log" / "events.jsonl")
    assert of_log == events(tmp_path / "tables")
    assert of_log[1] > 0


def test_a_small_group_of_rows_gives_the_same_table(tmp_path):
    events = list(Simulation(stores=1, seed=3).records())
    tables = []
    for rows in (100, 50_000):
        files = {topic: BytesIO() for topic in INPUT_TOPICS}
        writer = ParquetFiles(files, rows)
        for record in events:
            writer.write(record)
        writer.close()
        tables.append({topic: pq.read_table(file) for topic, file in files.items()})
    assert tables[0] == tables[1]


@pytest.mark.long
def test_memory_does_not_grow_with_the_days(tmp_path):
    program = (
        "import resource, sys; from pathlib import Path; from data_gen import Simulation;"
        "from data_gen.writers import write_files;"
        "world = Simulation(stores=1, days=int(sys.argv[1]), volumes=['small']);"
        "write_files(world, Path(sys.argv[2]), 'parquet');"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def kilobytes(days: int) -> int:
        command = [sys.executable, "-c", program, str(days), str(tmp_path)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    # Long enough for the returns to be in balance, and for full groups of rows: 60,000 lines.
    assert kilobytes(800) < 1.15 * kilobytes(400)


class FakeProducer:
    """Takes `room` records between polls; refuses those whose number is in `refused`."""

    def __init__(self, room: int = 10, refused: tuple[int, ...] = (), silent: bool = False) -> None:
        self.room, self.refused, self.silent = room, refused, silent
        self.queue: list[Report] = []
        self.keys: list[bytes] = []
        self.full = 0

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
        writer.send(RECORD)
    writer.close()
    assert producer.full > 0
    assert writer.acknowledged == {"inventory-counts": 20}
    assert set(producer.keys) == {b"store-1"}


def test_a_refused_record_stops_the_stream():
    writer = KafkaWriter(FakeProducer(refused=(3,)))
    for _ in range(3):
        writer.send(RECORD)
    with pytest.raises(BrokerError, match=r"inventory-counts: .* refused"):
        writer.send(RECORD)


def test_a_record_without_an_answer_is_a_failure():
    writer = KafkaWriter(FakeProducer(silent=True))
    writer.send(RECORD)
    with pytest.raises(BrokerError, match="1 of 1 records"):
        writer.close()


def test_speedup_follows_event_time():
    now = 50.0
    pace = Pace(speedup=60, clock=lambda: now)
    assert pace.wait(1_000_000) == 0
    assert pace.wait(1_060_000) == pytest.approx(1.0)
    now = 53.0
    assert pace.wait(1_120_000) == 0


def test_parquet_without_pyarrow_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'retail-anomaly\[parquet\]'"):
        write_files(Simulation(stores=1, days=1), tmp_path / "out", "parquet")
    assert not (tmp_path / "out").exists()
