"""`retail-streamer sink --check` names a wrong address, token or bucket, and writes nothing."""

from __future__ import annotations

import pytest

from streamer import cli
from tests.influx import Answer, InfluxServer, ScriptedServer
from tests.influx.server import TOKEN

NAMES = ("INFLUXDB_URL", "INFLUXDB_TOKEN", "INFLUXDB_BUCKET", "INFLUXDB_ORG")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_a_database_that_takes_writes(
    influx: InfluxServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in influx.environ.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["sink", "--check"]) == 0
    assert capsys.readouterr().out == f"InfluxDB at {influx.url} takes writes to bucket 'retail'\n"
    assert influx.query("SHOW MEASUREMENTS") == []


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("INFLUXDB_TOKEN", "outdated", "set INFLUXDB_TOKEN to a token that is valid there"),
        ("INFLUXDB_BUCKET", "nobodys", "create bucket 'nobodys' in organization 'shops', or correct"),
        ("INFLUXDB_ORG", "nobody", "or correct INFLUXDB_BUCKET and INFLUXDB_ORG"),
        ("INFLUXDB_URL", "http://127.0.0.1:1", "is it running, and is INFLUXDB_URL right?"),
        ("INFLUXDB_URL", "127.0.0.1:8086", "INFLUXDB_URL: expected an address such as"),
        ("INFLUXDB_TOKEN", "", "not set in the environment: INFLUXDB_TOKEN;"),
    ],
)
def test_a_real_database_that_does_not(
    influx: InfluxServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    advice: str,
) -> None:
    for each, right in (influx.environ | {name: value}).items():
        monkeypatch.setenv(each, right)
    assert cli.main(["sink", "--check"]) == 1
    said = capsys.readouterr().err
    assert advice in said
    assert said.count("\n") == 1
    assert TOKEN not in said


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (Answer(403), "give the token of INFLUXDB_TOKEN write access to bucket 'b'"),
        (Answer(503), "look at its log and its disk"),
        (Answer(400, "<html>a proxy</html>"), "is no InfluxDB: is INFLUXDB_URL right"),
    ],
    ids=["403", "503", "a proxy"],
)
def test_other_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: Answer, advice: str
) -> None:
    with ScriptedServer([answer]) as server:
        for name, value in zip(NAMES, (server.url, "t", "b", "o"), strict=True):
            monkeypatch.setenv(name, value)
        assert cli.main(["sink", "--check"]) == 1
    assert advice in capsys.readouterr().err
