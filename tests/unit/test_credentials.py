"""Each command refuses a password in an address, never repeats it, and says in one line where it goes."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

import data_gen.cli
from data_gen.kafka import BrokerError, connect
from retail_anomaly import cli as package_cli
from retail_anomaly.core.credentials import masked
from streamer import cli as streamer_cli
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.observe import logs
from streamer.sinks.influx_target import Target

BROKER = "me:hunter2/@x@kafka:9092"
COMMANDS = ["run", "metrics", "triage", "notify", "sink", "topics", "lag"]


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    structlog.reset_defaults()


def _only_line(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_refuses_a_password_in_its_flag(command: str, capsys: pytest.CaptureFixture[str]):
    assert streamer_cli.main([command, "--broker", BROKER]) != 0
    said = _only_line(capsys)
    assert "--broker: streamer.broker: expected host:port" in said
    assert "KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD" in said


@pytest.mark.parametrize("name", ["RETAIL__STREAMER__BROKER", "Quix__Broker__Address"])
def test_it_refuses_a_password_in_a_variable(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv(name, BROKER)
    assert streamer_cli.main(["lag"]) != 0
    assert "KAFKA_SASL_PASSWORD" in _only_line(capsys)


def test_it_refuses_a_password_in_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config = tmp_path / "config.yaml"
    config.write_text(f"streamer:\n  broker: {BROKER}\n")
    for main, command in ((streamer_cli.main, ["lag"]), (package_cli.main, ["config", "show"])):
        assert main([*command, "--config", str(config)]) != 0
        assert f"{config}:2: streamer.broker: expected host:port" in _only_line(capsys)


@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (package_cli.main, ["demo", "--broker", BROKER]),
        (data_gen.cli.main, ["stream", "--broker", BROKER]),
        (data_gen.cli.main, ["stream", "-X", "sasl.password hunter2"]),
        (streamer_cli.main, ["run", BROKER]),
        (streamer_cli.main, ["status", "--metrics-port", "1", "--address", "me:hunter2@127.0.0.1"]),
    ],
    ids=["demo", "simulator", "property", "argument", "status"],
)
def test_no_other_command_repeats_it(
    main: Callable[[list[str]], int], arguments: list[str], capsys: pytest.CaptureFixture[str]
):
    assert main(arguments) != 0
    _only_line(capsys)


def test_no_class_takes_it():
    with pytest.raises(StreamerError, match="KAFKA_SASL_PASSWORD") as caught:
        Connection(BROKER)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(BrokerError) as refused:
        connect(BROKER)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hunter2@db:8086",
        "http://hunter2@db:8086",
        "http://me:1/hunter2@db:8086",
        "http://me:hunter2",
        "http://db:8086?token=hunter2",
        "http://db:8086#hunter2",
    ],
)
def test_an_influxdb_address_with_a_secret_is_refused(url: str):
    with pytest.raises(StreamerError, match="INFLUXDB_URL") as caught:
        Target.of({"INFLUXDB_URL": url, "INFLUXDB_TOKEN": "t", "INFLUXDB_BUCKET": "b"})
    assert "hunter2" not in str(caught.value)


def test_each_log_line_masks_it():
    stream = io.StringIO()
    logs.configure("info", stream)
    structlog.stdlib.get_logger("a").info(f"asks {BROKER}", url="https://me:hunter2@db/x")
    logging.getLogger("quixstreams").warning('broker_address="%s"', BROKER)
    try:
        raise ValueError(BROKER)
    except ValueError:
        structlog.stdlib.get_logger("a").exception("broken")
    lines = stream.getvalue().splitlines()
    assert "hunter2" not in stream.getvalue()
    assert json.loads(lines[0])["event"] == "asks ***@kafka:9092"
    assert json.loads(lines[0])["url"] == "***@db/x"


@pytest.mark.parametrize(
    "text", ["an e-mail to a@b.example", "kafka-1:9092,kafka-2:9092", "http://db:8086/x"]
)
def test_other_text_stays(text: str):
    assert masked(text) == text
