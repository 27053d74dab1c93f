"""What each answer of a server means, over real HTTP."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from typing import Any

import pytest

from streamer.errors import StreamerError
from streamer.sinks.influx_answers import RefusedError, TooLargeError, UnavailableError
from streamer.sinks.influx_client import CHECK_POINTS, STOP_SECONDS, Influx
from streamer.sinks.influx_target import Target
from streamer.web.answers import retry_after
from tests.influx import Answer, ScriptedServer
from tests.support.waiting import PATIENCE_S

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


def _outcome(answer: Answer, timeout: int = 5_000, **options: Any) -> Exception | None:
    with ScriptedServer([answer], **options) as server:
        try:
            _write(server.url, timeout)
        except Exception as error:  # noqa: BLE001 - the error is the outcome
            return error
        assert server.lines[:2] == LINES
    return None


def test_204_is_done():
    assert _outcome(Answer()) is None


@pytest.mark.parametrize("status", [400, 422])
def test_influx_refuses_lines(status: int):
    error = _outcome(Answer(status, '{"error":"field type conflict"}'))
    assert isinstance(error, RefusedError)
    assert str(error) == "field type conflict"


LOGIN = Answer(200, "<html>Please log in</html>", {"Content-Type": "text/html"}, foreign=True)
GATEWAYS = [
    LOGIN,
    dataclasses.replace(LOGIN, foreign=False),  # no write of InfluxDB is answered with 200
    Answer(200, '{"code":"ok","message":"fine"}', foreign=True),
    Answer(201, foreign=True),
    Answer(302, "", {"Location": "/login"}, foreign=True),
    Answer(400, '{"error":"bad request"}', foreign=True),
    Answer(400, '{"code":"invalid","message":"bad request"}', foreign=True),
    Answer(422, '{"message":"unprocessable"}', foreign=True),
    Answer(400, '{"message":"bad request"}'),
    Answer(400, '{"code":400,"message":"bad request"}'),
    Answer(400, '{"error":{"code":400}}'),
    Answer(401, '{"message":"No API key found in request"}', foreign=True),
    Answer(403, "<html>forbidden</html>", foreign=True),
    Answer(404, "404 page not found", foreign=True),
    Answer(405, "", foreign=True),
]


@pytest.mark.parametrize("answer", GATEWAYS, ids=lambda answer: f"{answer.status} {answer.body[:30]}")
def test_the_answer_of_another_server_is_an_outage_and_gives_up_no_line(answer: Answer):
    # A gateway that refuses everything, and has no points to read.
    error = _outcome(answer, judge=lambda _lines: answer, on_query=lambda _query: answer)
    assert isinstance(error, UnavailableError)
    assert "is INFLUXDB_URL right, and the proxy before it" in str(error)
    assert f"({answer.status}, " in str(error)
    assert " ".join(answer.body[:80].split()) in str(error)
    assert "\n" not in str(error)


def test_an_answer_of_another_server_is_told_with_its_address_and_type_but_no_token():
    with ScriptedServer(judge=lambda _lines: Answer(200, f"<p>{TARGET.token}", LOGIN.headers)) as server:
        with pytest.raises(UnavailableError) as caught:
            _write(server.url)
        assert f"at {server.url} (200, text/html, '<p>***')" in str(caught.value)


def test_a_204_without_influxdbs_header_is_no_success():
    error = _outcome(Answer(), names_itself=False, on_query=lambda _query: LOGIN)
    assert isinstance(error, UnavailableError)
    assert "204 without a header of InfluxDB" in str(error)


def test_a_server_that_takes_everything_and_has_nothing_is_no_influxdb():
    nothing = Answer(200, '{"results":[{"statement_id":0}]}')
    assert isinstance(
        _outcome(Answer(), names_itself=False, on_query=lambda _query: nothing), UnavailableError
    )


def test_behind_a_proxy_that_removes_headers_a_point_is_read_back_once():
    with ScriptedServer(names_itself=False) as server:
        influx = Influx(dataclasses.replace(TARGET, url=server.url), 5_000)
        influx.write(LINES)
        influx.write(LINES)
        influx.close()
        assert [line.partition(" ")[0] for line in server.lines] == ["m", "m", CHECK_POINTS, "m", "m"]


def test_after_an_outage_a_point_is_read_back_again():
    with ScriptedServer([Answer(), Answer(), Answer(503), Answer(), Answer()], names_itself=False) as server:
        influx = Influx(dataclasses.replace(TARGET, url=server.url), 5_000)
        influx.write(LINES)
        with pytest.raises(UnavailableError):
            influx.write(LINES)
        influx.write(LINES)
        influx.close()
        assert sum(line.startswith(CHECK_POINTS) for line in server.lines) == 2


def test_a_token_that_may_not_read_is_enough_where_the_server_names_itself_elsewhere():
    refused = Answer(401, '{"code":"unauthorized","message":"unauthorized access"}')
    with ScriptedServer([Answer(foreign=True)] * 2, on_query=lambda _query: refused) as server:
        _write(server.url)
        assert server.lines[:2] == LINES


def test_a_refusal_without_influxdbs_header_counts_where_a_good_point_can_be_read_back():
    refused = Answer(400, '{"error":"field type conflict"}', foreign=True)
    assert isinstance(_outcome(refused, names_itself=False), RefusedError)


def test_a_limit_of_a_proxy_is_no_reason_to_give_a_line_up():
    html = Answer(413, "<html>413 Request Entity Too Large</html>", foreign=True)
    error = _outcome(html, judge=lambda _lines: html)
    assert isinstance(error, TooLargeError)
    assert not error.by_influx
    own = _outcome(Answer(413))
    assert isinstance(own, TooLargeError)
    assert own.by_influx


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


def test_an_answer_that_drips_is_waited_for_no_longer_than_the_timeout():
    error = _outcome(Answer(how="drip"), timeout=300)  # the server itself never ends
    assert isinstance(error, UnavailableError)
    assert error.timed_out


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_request_ends_soon_after_the_process_was_asked_to_stop(how: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("streamer.sinks.influx_client.STOP_SECONDS", 0.2)
    assert STOP_SECONDS <= 4
    with ScriptedServer(judge=lambda _lines: Answer(how=how)) as server:
        influx = Influx(dataclasses.replace(TARGET, url=server.url), PATIENCE_S * 1_000)
        begun = time.monotonic()
        threading.Timer(0.1, influx.stop_soon).start()
        for _ in range(3):  # the request that is open, and those of the last commit
            with pytest.raises(UnavailableError, match="asked to stop"):
                influx.write(LINES)
        influx.close()
    assert time.monotonic() - begun < PATIENCE_S  # or else each of the three takes that long


def test_a_connection_that_the_server_has_closed_meanwhile_is_made_anew():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_once_a_connection() -> None:
            for _ in range(2):
                connection, _address = listener.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(b"HTTP/1.1 204 No Content\r\nX-Influxdb-Version: 1.8\r\n\r\n")

        server = threading.Thread(target=answer_once_a_connection)
        server.start()
        influx = Influx(
            dataclasses.replace(TARGET, url=f"http://127.0.0.1:{listener.getsockname()[1]}"), 5_000
        )
        influx.write(LINES)
        influx.write(LINES)
        influx.close()
        server.join()


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
