"""What a process tells of itself: counts, lag, health, and the same for a person."""

from __future__ import annotations

import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import generate_latest

from retail_anomaly.core.invalid import DeadLetter, InvalidEvent, InvalidKind
from retail_anomaly.settings import Settings
from streamer import cli
from streamer.errors import StreamerError
from streamer.observe import metrics
from streamer.observe.health import served
from streamer.observe.metrics import Metrics
from streamer.observe.status import Status, ask
from tests.support.alerts import TIME, an_alert
from tests.support.events import refund
from tests.support.ports import free_ports
from tests.support.runs import alerts_of, engine_of
from tests.support.waiting import PATIENCE_S


def _statistics(join_state: str = "steady", **partition: Any) -> str:
    """Return librdkafka's statistics of one partition and a changelog's, as far as they are read."""
    active = {"partition": 0, "fetch_state": "active", "lo_offset": 0, "hi_offset": 100, "consumer_lag": 7}
    return json.dumps(
        {
            "name": "rdkafka#consumer-1",
            "cgrp": {"state": "up", "join_state": join_state},
            "topics": {
                "pos-events": {
                    "partitions": {
                        "0": active | partition,
                        "1": active | {"fetch_state": "none", "consumer_lag": -1},
                        "-1": {"fetch_state": "none", "consumer_lag": -1},
                    }
                },
                "changelog__group--x": {"partitions": {"0": active}},
            },
        }
    )


def _value(found: Metrics, name: str, **labels: str) -> float | None:
    return found.registry.get_sample_value(name, labels)


@contextmanager
def _serving(found: Metrics) -> Iterator[str]:
    (port,) = free_ports(1)
    settings = msgspec.structs.replace(Settings().streamer, metrics_port=port)
    with served(found, settings):
        yield f"http://127.0.0.1:{port}"


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_alerts_are_counted_by_type_with_their_latency():
    found = Metrics("run", "g")
    found.raised(an_alert(0, event_time=1_000, detected_at=1_400))
    found.raised(an_alert(0, event_time=1_000, detected_at=900))  # a till's clock that is ahead
    assert _value(found, "retail_alerts_total", type="REFUND_BURST") == 2
    assert _value(found, "retail_alert_latency_seconds_sum") == 0.4
    assert _value(found, "retail_alert_latency_seconds_bucket", le="0.5") == 2


@pytest.mark.parametrize(
    ("error", "label"),
    [
        (InvalidEvent("amount", "amount: expected a number >= 0"), "amount"),
        (InvalidEvent("key", "key_mismatch", InvalidKind.KEY_MISMATCH), "key_mismatch"),
        (InvalidEvent(None, "value: expected JSON in UTF-8 (byte 17)"), "value"),
        (InvalidEvent("rule[...][17]", "rule[...][17]: number out of range"), "rule"),
        (InvalidEvent("[17]", "[17]: number out of range"), "value"),
        (InvalidEvent("eventTime", "eventTime: expected at most 3600000 ms after 5, got 9"), "eventTime"),
        (
            InvalidEvent(None, "InfluxDB refuses it: partial write", InvalidKind.REFUSED),
            "refused by InfluxDB",
        ),
    ],
)
def test_dead_letters_have_few_reasons(error: InvalidEvent, label: str):
    found = Metrics("run", "g")
    found.raised(DeadLetter.of(b"x", error, topic="pos-events"))
    assert _value(found, "retail_dead_letters_total", reason=label) == 1
    assert found.totals()["dead_letters"] == 1


def test_lag_is_of_the_partitions_that_are_ours():
    found = Metrics("run", "g")
    found.statistics(_statistics())
    assert found.lag == {("pos-events", 0): 7}
    assert _value(found, "retail_lag_records", topic="pos-events", partition="0") == 7


def test_before_the_first_commit_the_lag_is_all_there_is():
    found = Metrics("run", "g")
    found.statistics(_statistics(consumer_lag=-1, lo_offset=40))
    assert found.lag == {("pos-events", 0): 60}
    found.statistics(_statistics(consumer_lag=-1, lo_offset=-1001, hi_offset=-1001))
    assert found.lag == {}


def test_ready_means_joined_and_recovered():
    found = Metrics("run", "g")
    said = [found.ready]
    for state in ("wait-sync", "steady"):
        found.statistics(_statistics(state))
        said.append(found.ready)
    found.recovering = lambda: True
    said.append(found.ready)
    assert said == [False, False, True, False]


def test_alive_means_that_the_poll_loop_was_heard_of(monkeypatch: pytest.MonkeyPatch):
    found = Metrics("run", "g")
    found.statistics(_statistics())
    monkeypatch.setattr(metrics, "STALLED_SECONDS", -1.0)
    assert not found.alive
    assert not found.ready
    with _serving(found) as url:
        assert _get(f"{url}/healthz") == (503, "the poll loop is stuck\n")


def test_the_three_paths():
    found = Metrics("sink", "g-sink")
    with _serving(found) as url:
        assert _get(f"{url}/healthz") == (200, "the poll loop is alive\n")
        assert _get(f"{url}/readyz")[0] == 503
        found.statistics(_statistics())
        assert _get(f"{url}/readyz") == (200, "ready\n")
        assert 'retail_info{consumer_group="g-sink",process="sink"} 1.0' in _get(f"{url}/metrics")[1]
        assert _get(f"{url}/other")[0] == 404
    with pytest.raises(StreamerError, match="nobody answers"):
        ask(url)


def test_a_port_that_is_taken_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = msgspec.structs.replace(Settings().streamer, metrics_port=taken.getsockname()[1])
        with (
            pytest.raises(StreamerError, match="choose another --metrics-port"),
            served(Metrics("run", "g"), settings),
        ):
            raise AssertionError("it listened")


def test_the_status_says_what_the_metrics_say(capsys: pytest.CaptureFixture[str]):
    found = Metrics("run", "g")
    for _ in range(1_234):
        found.message("pos-events", 0, 1)
    found.raised(an_alert(0, event_time=0, detected_at=200))
    found.processed_in(8e-6)
    found.checkpoint(0.05, committed=True)
    found.checkpoint(1.0, committed=False)
    found.statistics(_statistics())
    found.entries = lambda: {"shifts": 3, "seen_pos": 4}
    with _serving(found) as url:
        assert cli.main(["status", "--metrics-port", url.rpartition(":")[2]]) == 0
        said = capsys.readouterr().out
        found.recovering = lambda: True
        assert cli.main(["status", "--metrics-port", url.rpartition(":")[2]]) == 1
        assert "not ready" in capsys.readouterr().out
    assert "run of group g: ready, heard of 0 s ago" in said
    assert "records processed: pos-events 1,234" in said
    assert "alerts: REFUND_BURST 1" in said
    assert "dead letters: none" in said
    assert "lag: 7 records in 1 partition, most in pos-events[0]: 7" in said
    assert "half within 0.25 s" in said
    assert "detecting: 8.0 µs an event" in said
    assert "checkpoints: 2, 525.0 ms each, the last committed 0 s ago" in said
    assert "state: 7 entries" in said


def test_the_sinks_status_tells_of_influxdb():
    found = Metrics("sink", "g-sink")
    found.written("anomaly-alerts", 42)
    found.request("written", 0.01)
    found.request("unavailable", 0.01)
    found.checkpoint(0.1, committed=False)
    with _serving(found) as url:
        said = "\n".join(ask(url).lines())
    assert "written to InfluxDB: anomaly-alerts 42" in said
    assert "requests to InfluxDB: unavailable 1, written 1; put off 1 times" in said


def test_status_without_a_port_says_how_to_get_one(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["status"]) == 1
    assert "--metrics-port 9464" in capsys.readouterr().err


def test_another_server_is_no_streamer(http_server: Callable[[bytes], str]):
    for body in (b"up 1\n", b"<html>", b"\xff"):
        with pytest.raises(StreamerError, match="is no retail-streamer"):
            ask(http_server(body))


def test_the_page_names_the_metrics_that_there_are(tmp_path: Path):
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    named = set(re.findall(r"^\| `(retail_\w+)` \|", page, re.MULTILINE))
    served = set()
    for family in Metrics("run", "g", tmp_path).registry.collect():
        if family.name.startswith("retail_"):
            served.add(f"{family.name}_total" if family.type == "counter" else family.name)
    assert named == served


def test_status_takes_the_port_from_the_configuration_of_a_pod(tmp_path, capsys):
    with _serving(Metrics("run", "g")) as url:
        config = tmp_path / "config.yaml"
        config.write_text(f"streamer: {{metrics_port: {url.rpartition(':')[2]}}}")
        assert cli.main(["status", "--config", str(config)]) == 1
    assert "run of group g: not ready" in capsys.readouterr().out


def test_a_latency_beyond_the_last_bucket_is_said_as_such():
    found = Metrics("run", "g")
    for ms in (200, 10**9):
        found.raised(an_alert(detected_at=TIME + 1 + ms))
    lines = "\n".join(Status.read(generate_latest(found.registry).decode(), 0.0).lines())
    assert "event to alert: half within 0.25 s, 99 % over " in lines
    assert "inf" not in lines


def test_an_empty_histogram_has_no_quantile():
    assert Status.read("", 0.0).quantile("retail_alert_latency_seconds", 0.5) == 0.0


@pytest.fixture
def http_server() -> Iterator[Callable[[bytes], str]]:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    started: list[HTTPServer] = []

    def serve(body: bytes) -> str:
        class Request(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Leave the tests' output alone."""

        server = HTTPServer(("127.0.0.1", 0), Request)
        started.append(server)
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in started:
        server.shutdown()
        server.server_close()


def test_refunds_that_could_not_be_judged_are_counted_by_reason():
    engine = engine_of("refund_match")
    found = Metrics("run", "g")
    found.undecided = lambda: engine.undecided
    alerts_of(
        engine,
        refund(transaction_id="r-1", original_transaction_id="t-1"),
        refund(1, transaction_id="r-2", original_transaction_id="t-2", original_store_id="elsewhere"),
        refund(2, transaction_id="r-3", original_transaction_id="t-3"),
    )
    counts = {
        reason: _value(found, "retail_undecided_total", detector="refund_match", reason=reason)
        for reason in ("young log", "other store", "no receipt")
    }
    assert counts == {"young log": 2, "other store": 1, "no receipt": None}
