"""The command `retail-datagen`: exit codes, one line for an error, and a stream to a broker."""

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from data_gen import SCENARIOS, Simulation, recorded_at
from data_gen.cli import main
from data_gen.kafka import KafkaWriter
from retail_anomaly.core.codec import topic_of
from retail_anomaly.core.events import INPUT_TOPICS
from tests.support.waiting import PATIENCE_S


def test_write(tmp_path, capsys):
    assert main(["write", "--stores", "1", "--out", str(tmp_path / "new" / "folder")]) == 0
    out = capsys.readouterr()
    assert re.match(r"[\d,]+ events and 6 incidents of 1 store and 1 day in ", out.out)
    assert out.err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["write"],
        ["write", "--out", "x", "--stores", "0"],
        ["write", "--out", "x", "--days", "many"],
        ["write", "--out", "x", "--start", "yesterday"],
        ["write", "--out", "x", "--start", "1999-01-01"],
        ["write", "--out", "x", "--time-zone", "Mars/Base"],
        ["write", "--out", "x", "--incident-rate", "2"],
        ["write", "--out", "x", "--unknown"],
        ["write", "--out", "x", "--format", "csv"],
        ["write", "--out", "x", "--volume", "huge"],
        ["write", "--out", "x", "--late", "2"],
        ["write", "--out", "x", "--scenario", "nonsense"],
        ["write", "--out", "x", "--scenario", "refund_burst:most"],
        ["write", "--out", "x", "--scenario", "refund_burst:most=many"],
        ["write", "--out", "x", "--scenario", "refund_burst:speed=1"],
        ["stream"],
        ["stream", "--broker", "x", "--rate", "5", "--speedup", "5"],
        ["stream", "--broker", "x", "-X", "linger"],
        ["stream", "--broker", "x", "--history", "7", "--speedup", "5"],
        ["stream", "--broker", "x", "--history", "7", "--start", "2026-01-05"],
    ],
)
def test_what_is_not_understood_is_one_line_and_2(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_one_line_and_1(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["write", "--out", str(tmp_path / "file" / "folder")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_write_with_every_option(tmp_path, capsys):
    out = tmp_path / "out"
    arguments = [
        "--scenario",
        "refund_burst:most=8,fewest=6",
        "--scenario",
        "shelf_theft",
        "--volume",
        "large",
    ]
    faults = ["--late", "0.01", "--duplicates", "0.01", "--malformed", "0.01", "--clock-skew", "1"]
    world = ["--stores", "1", "--incident-rate", "1", "--distractor-rate", "0", "--earlier-sales"]
    assert main(["write", *arguments, *faults, *world, "--format", "parquet", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert re.match(r"[\d,]+ events and 2 incidents and [\d,]+ faults of 1 store and 1 day in ", said)
    assert {path.name for path in out.iterdir()} == {
        *(f"{topic}.parquet" for topic in INPUT_TOPICS),
        "incidents.jsonl",
        "faults.jsonl",
    }
    faults_made = {json.loads(line)["fault"] for line in (out / "faults.jsonl").read_text().splitlines()}
    assert faults_made == {"late", "duplicate", "malformed", "clock skew"}
    incidents = [json.loads(line) for line in (out / "incidents.jsonl").read_text().splitlines()]
    assert [incident["scenario"] for incident in incidents] == ["refund_burst", "shelf_theft"]
    assert len(incidents[0]["transactionIds"]) >= 6


def test_world_says_what_it_is_and_draws_it(tmp_path, capsys):
    page = tmp_path / "new" / "world.html"
    assert main(["world", "--stores", "3", "--days", "2", "--html", str(page)]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    for words in ("store-3  large", "Catalogue: 200 articles", "Holidays", *INPUT_TOPICS, *SCENARIOS):
        assert words in out.out
    assert page.read_text("utf-8").count("plotly") > 0
    simulation = Simulation(stores=3, days=2)
    events = Counter(topic_of(event) for event in simulation.events())
    assert f"pos-events {events['pos-events']:,}" in out.out
    rows = {line.split()[0]: line.split()[-2] for line in out.out.splitlines() if line.strip()}
    incidents = Counter(incident.scenario for incident in simulation.incidents)
    assert all(rows[name] == str(incidents[name]) for name in SCENARIOS)


@pytest.mark.parametrize("command", ["write", "world", "stream"])
def test_help_has_an_example(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"retail-datagen {command} --" in capsys.readouterr().out


def test_streaming_without_the_extra_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    assert main(["stream", "--broker", "localhost:1"]) == 2
    out = capsys.readouterr()
    assert "pip install 'retail-anomaly[streamer]'" in out.err
    assert out.err.count("\n") == 1


@pytest.fixture
def broker():
    """A broker inside the process: librdkafka's mock cluster lives as long as its producer."""
    kafka = pytest.importorskip("confluent_kafka")
    owner = kafka.Producer({"bootstrap.servers": "", "test.mock.num.brokers": 1, "log_level": 0})
    host = next(iter(owner.list_topics(timeout=PATIENCE_S).brokers.values()))
    yield owner, f"{host.host}:{host.port}"
    owner.flush(1)


def test_missing_topics_are_named_with_the_remedy_and_not_made(broker, capsys):
    owner, address = broker
    for _ in range(2):
        assert main(["stream", "--broker", address]) == 1
        out = capsys.readouterr()
        assert all(topic in out.err for topic in INPUT_TOPICS)
        assert "retail-streamer topics" in out.err
        assert out.err.count("\n") == 1
    assert not set(INPUT_TOPICS) & set(owner.list_topics(timeout=PATIENCE_S).topics)


def test_stream_sends_everything_in_order(broker, tmp_path, capsys):
    kafka = pytest.importorskip("confluent_kafka")
    owner, address = broker
    for topic in INPUT_TOPICS:
        owner.list_topics(topic, timeout=PATIENCE_S)  # The mock makes a topic that is asked for.
    truth = tmp_path / "incidents.jsonl"
    arguments = ["--stores", "1", "--seed", "7", "--incidents", str(truth)]
    assert main(["stream", "--broker", address, *arguments]) == 0
    expected = list(Simulation(stores=1, seed=7).events())
    counts = Counter(topic_of(event) for event in expected)
    out = capsys.readouterr().out
    assert all(f"{topic}: {count:,}\n" in out for topic, count in counts.items())
    assert truth.read_bytes().count(b"\n") == 6

    consumer = kafka.Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "test",
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.subscribe(["staff-shifts"])
    stamps: list[int] = []
    while len(stamps) < counts["staff-shifts"]:
        message = consumer.poll(10)
        assert message is not None
        assert message.key() == b"store-1"
        stamps.append(message.timestamp()[1])
    consumer.close()
    assert stamps == [recorded_at(e) for e in expected if topic_of(e) == "staff-shifts"]


def test_no_broker_is_one_line_and_1(capsys, monkeypatch):
    monkeypatch.setattr("data_gen.kafka.CONNECT_TIMEOUT_S", 1.0)
    assert main(["stream", "--broker", "localhost:1"]) == 1
    out = capsys.readouterr()
    assert "no Kafka answers at localhost:1" in out.err
    assert out.err.count("\n") == 1


def test_a_stopped_stream_counts_what_has_arrived_and_is_1(broker, tmp_path):
    owner, address = broker
    for topic in INPUT_TOPICS:
        owner.list_topics(topic, timeout=PATIENCE_S)
    truth = tmp_path / "incidents.jsonl"
    command = [sys.executable, "-m", "data_gen", "stream", "--broker", address, "--rate", "200"]
    process = subprocess.Popen(
        [*command, "--incidents", str(truth)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (truth.exists() and truth.read_bytes()):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert error == "retail-datagen: stopped before the end\n"
    counted = [int(line.split(": ")[1]) for line in out.splitlines()]
    assert len(counted) == len(INPUT_TOPICS)
    assert sum(counted) > 0


@pytest.fixture
def past(broker):
    """Run a command until it has sent the past, then stop it; give what it said."""
    owner, address = broker
    for topic in INPUT_TOPICS:
        owner.list_topics(topic, timeout=PATIENCE_S)

    def run(*options: str) -> str:
        command = [sys.executable, "-m", "data_gen", "stream", "--broker", address, "--stores", "1", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE_S)
        return first

    return run


def test_the_past_is_sent_at_once_and_the_future_never_and_a_second_run_goes_on(broker, past):
    kafka = pytest.importorskip("confluent_kafka")
    options = ("--volume", "small", "--history", "2", "--resume")

    began = time.time() * 1000
    said = past(*options)
    ended = time.time() * 1000
    again = past(*options)

    consumer = kafka.Consumer(
        {"bootstrap.servers": broker[1], "group.id": "g", "enable.partition.eof": True, "log_level": 0}
    )
    consumer.assign([kafka.TopicPartition(topic, 0, 0) for topic in INPUT_TOPICS])
    stamps: list[int] = []
    at_end = 0
    while at_end < len(INPUT_TOPICS):
        message = consumer.poll(10)
        assert message is not None
        if message.error() is None:
            stamps.append(message.timestamp()[1])
        else:
            at_end += 1
    consumer.close()
    start = (datetime.now(UTC) - timedelta(days=2)).date()
    world = Simulation(stores=1, days=3, volumes=["small"], start=start)
    due = [recorded_at(event) for event in world.events() if recorded_at(event) <= time.time() * 1000]
    assert sorted(stamps) == due[: len(stamps)]
    # The second run sends only what has happened since the first one.
    sent = int(said.split()[0].replace(",", ""))
    assert sum(at <= began for at in due) <= sent <= sum(at <= ended for at in due)
    assert int(again.split()[0]) <= len(due) - sent
    assert "of the past sent" in said


def test_another_world_is_not_mixed_in(past, broker, capsys):
    past("--volume", "small", "--history", "1")
    assert main(["stream", "--broker", broker[1], "--stores", "1", "--seed", "8", "--resume"]) == 1
    assert "the topics hold another world" in capsys.readouterr().err


def test_a_record_waits_for_those_before_it_in_other_topics():
    steps: list[str] = []

    class Slow:
        def produce(self, topic, *, on_delivery, **_record):
            steps.append(topic)
            on_delivery(None, None)

        def poll(self, _timeout):
            return 0

        def flush(self, _timeout):
            steps.append("flushed")
            return 0

    writer = KafkaWriter(Slow(), in_order=True)
    for record in Simulation(stores=1, volumes=["small"]).records():
        writer.send(record)

    topics = [topic for topic in steps if topic != "flushed"]
    assert len(set(topics)) == len(INPUT_TOPICS)
    for before, after in pairwise(steps):
        assert before == after or "flushed" in (before, after)


def test_the_page_shows_what_the_command_prints(capsys):
    page = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text("utf-8")
    shown = page.partition("```text\n")[2].partition("```")[0].splitlines()

    assert main(["world", "--stores", "6", "--days", "28", "--seed", "7"]) == 0

    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in shown if line not in printed] == ["..."]
