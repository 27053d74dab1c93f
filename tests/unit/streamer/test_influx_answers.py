"""What each answer of a server means, over real HTTP."""

from __future__ import annotations

import dataclasses
import socket

import pytest

from streamer.errors import StreamerError
from streamer.sinks.influx import Influx, RefusedError, Target, TooLargeError, UnavailableError, retry_after
from tests.influx import Answer, ScriptedServer

ENVIRON = {
    "INFLUXDB_URL": "http://db:8086",
    "INFLUXDB_TOKEN": "the-secret",
    "INFLUXDB_BUCKET": "retail",
    "INFLUXDB_ORG": "shops",
}
TARGET = Target.of(ENVIRON)
LINES = ["m f=1 1", "m f=2 2"]


def _write(url: str, timeout: int = 5_000) -> None:
    influx = Influx(dataclasses.replace(TARGET, url=url), timeout)
    try:
        influx.write(LINES)
    finally:
        influx.close()


def _outcome(answer: Answer, timeout: int = 5_000) -> Exception | None:
    with ScriptedServer([answer]) as server:
        try:
            _write(server.url, timeout)
        except Exception as error:  # noqa: BLE001 - the error is the outcome
            return error
        assert server.lines == LINES
    return None


def test_204_is_done():
    assert _outcome(Answer()) is None


@pytest.mark.parametrize("status", [400, 422])
def test_influx_refuses_lines(status: int):
    error = _outcome(Answer(status, '{"error":"field type conflict"}'))
    assert isinstance(error, RefusedError)
    assert str(error) == "field type conflict"


def test_a_400_that_is_not_influxdbs_gives_up_no_line():
    error = _outcome(Answer(400, "<html>The plain HTTP request was sent to HTTPS port</html>"))
    assert isinstance(error, UnavailableError)
    assert "INFLUXDB_URL" in str(error)


def test_413_is_too_large():
    assert isinstance(_outcome(Answer(413)), TooLargeError)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "set INFLUXDB_TOKEN"),
        (403, "give the token of INFLUXDB_TOKEN write access to bucket 'retail'"),
        (404, "create bucket 'retail' in organization 'shops'"),
        (301, "is INFLUXDB_URL the address of InfluxDB itself?"),
        (405, "is INFLUXDB_URL the address of InfluxDB itself?"),
    ],
)
def test_what_an_operator_must_repair_stops_with_one_line(status: int, advice: str):
    error = _outcome(Answer(status))
    assert isinstance(error, StreamerError)
    assert TARGET.token not in str(error)
    assert advice in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (Answer(500), None),
        (Answer(502, "\xff no utf-8"), None),
        (Answer(503), None),
        (Answer(504), None),
        (Answer(503, headers={"Retry-After": "7"}), 7.0),
        (Answer(429), 1.0),
        (Answer(429, headers={"Retry-After": "30"}), 30.0),
        (Answer(429, headers={"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}), 300.0),
        (Answer(429, headers={"Retry-After": "Sat, 01 Jan 2000 00:00:00 GMT"}), 1.0),
        (Answer(429, headers={"Retry-After": "-5"}), 1.0),
        (Answer(429, headers={"Retry-After": "soon"}), 1.0),
        (Answer(how="reset"), None),
    ],
)
def test_what_passes_by_itself_is_waited_for(answer: Answer, wait: float | None):
    error = _outcome(answer)
    assert isinstance(error, UnavailableError)
    assert error.retry_after == wait
    assert not error.timed_out


def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_the_timeout():
    error = _outcome(Answer(how="hang"), timeout=200)
    assert isinstance(error, UnavailableError)
    assert error.timed_out


def test_a_slow_answer_within_the_timeout_is_an_answer():
    assert _outcome(Answer(delay=0.2)) is None


def test_nobody_at_the_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(UnavailableError, match=r"is it running, and is INFLUXDB_URL right\?") as caught:
            _write(f"http://127.0.0.1:{probe.getsockname()[1]}")
    assert not caught.value.timed_out


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", "", "٣"])
def test_retry_after_stays_within_its_limits(value: str):
    from datetime import UTC, datetime

    assert 1.0 <= retry_after(value, datetime.now(UTC)) <= 300.0


@pytest.mark.parametrize("name", ["INFLUXDB_URL", "INFLUXDB_TOKEN", "INFLUXDB_BUCKET"])
def test_what_is_not_set_is_named(name: str):
    with pytest.raises(StreamerError, match=f"not set in the environment: {name};"):
        Target.of({**ENVIRON, name: ""})


@pytest.mark.parametrize("url", ["db:8086", "ftp://db", "http://", "/db"])
def test_what_is_no_address_is_refused(url: str):
    with pytest.raises(StreamerError, match="INFLUXDB_URL: expected an address"):
        Target.of({**ENVIRON, "INFLUXDB_URL": url})


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(StreamerError) as caught:
        Target.of({**ENVIRON, "INFLUXDB_URL": "http://me:hidden@db:8086"})
    assert "hidden" not in str(caught.value)


def test_the_token_is_in_no_repr():
    assert TARGET.token not in repr(TARGET)
