"""`retail-streamer sink --check` names a wrong address, token or bucket, and writes one point of its own."""

from __future__ import annotations

import pytest

from streamer import cli
from streamer.sinks.influx_client import CHECK_POINTS
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
    assert capsys.readouterr().out == (
        f"InfluxDB at {influx.url} takes writes to bucket 'retail'; a point was written and read back\n"
    )
    assert influx.query("SHOW MEASUREMENTS") == [{"name": CHECK_POINTS}]
    assert influx.count(CHECK_POINTS, "mark") == 1


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
        (Answer(200, "<html>log in</html>", foreign=True), "'<html>log in</html>') is no InfluxDB"),
        (Answer(400, '{"message":"bad request"}', foreign=True), "is no InfluxDB: is INFLUXDB_URL right"),
        (Answer(400, '{"error":"bad request"}', foreign=True), "is no InfluxDB: is INFLUXDB_URL right"),
        (Answer(204, foreign=True), "204 without a header of InfluxDB"),
        (Answer(400), "refuses a point of measurement 'retail_anomaly_check' (as told)"),
    ],
    ids=["403", "503", "a proxy", "login page", "gateway", "gateway like 1.8", "204 of nobody", "refused"],
)
def test_other_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: Answer, advice: str
) -> None:
    with ScriptedServer(
        judge=lambda _lines: answer, on_query=lambda _query: answer, names_itself=not answer.foreign
    ) as server:
        for name, value in zip(NAMES, (server.url, "t", "b", "o"), strict=True):
            monkeypatch.setenv(name, value)
        assert cli.main(["sink", "--check"]) == 1
    assert advice in capsys.readouterr().err


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (Answer(401, '{"code":"unauthorized","message":"unauthorized access"}'), "401 (unauthorized access)"),
        (Answer(200, '{"results":[{"error":"database not found: b"}]}'), "200 (database not found: b)"),
        (Answer(200, '{"results":[{"statement_id":0}]}'), "a query does not find the point"),
        (Answer(404, "404 page not found"), "404 (404 page not found)"),
    ],
    ids=["may only write", "no database of that name", "not found", "no queries"],
)
def test_it_says_what_it_could_not_verify(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], query: Answer, reason: str
) -> None:
    with ScriptedServer(on_query=lambda _query: query) as server:
        for name, value in zip(NAMES, (server.url, "t", "b", "o"), strict=True):
            monkeypatch.setenv(name, value)
        assert cli.main(["sink", "--check"]) == 0
    said = capsys.readouterr().out
    assert "not verified: the point can't be read back (" in said
    assert reason in said
    assert said.count("\n") == 1
